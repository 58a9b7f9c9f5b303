// Whom to ask, how often and under which names: what resolv.conf(5) says, as values.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <coax/detail/socket_state.hpp>

namespace coax::detail::dns {

struct settings {
    std::vector<ip_endpoint> servers;  // at most 8, asked in this order
    std::vector<std::string> search;   // at most 16 domains, as to_host_name() gives them
    // Names with so many dots are asked for as they stand first, others with the search list first.
    unsigned dots = 1;                // 0..15
    std::chrono::seconds timeout{5};  // 1..30, for a server's first try; doubled for each next
    unsigned attempts = 2;            // 1..5, of all servers
    bool rotate = false;              // begin each time with another server
};

// nameserver, domain, search, options ndots timeout attempts rotate; everything else is not for us.
// Servers on the loopback interface are left out: they are the kernel's, and a stack of our own
// does not reach them.
settings parse_resolver_configuration(std::string_view text);

}  // namespace coax::detail::dns
