// Whether a received IPv4 packet is passed on: what a host must check (RFC 1122 3.2.1) and what no
// honest packet looks like. Counts every refusal by its reason.
#pragma once

#include "stack/ip/addresses.hpp"
#include "stack/ip/counters.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::stack::ip {

// How the packet came.
struct arrival {
    bool link_broadcast = false;  // its frame went to all
    bool loopback = false;        // from this host itself
};

enum class acceptance : std::uint8_t {
    refused,
    unicast,    // to an own address
    broadcast,  // to all on the link: for datagrams only
};

acceptance accept(const wire::ipv4_parsed& parsed, const arrival& how,
                  const address_table& addresses, ip_counters& counters) noexcept;

}  // namespace coax::stack::ip
