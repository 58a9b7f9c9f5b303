// Names of hosts: what is one, in which form DNS is asked for it, and the names of addresses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace coax::detail::dns {

// A name in lower case without the dot at its end; nothing if it cannot be that of a host: labels
// of 1..63 letters, digits, '-' and '_', at most 253 bytes together (RFC 1123 2.1, RFC 1035 2.3.4),
// the last one not a number.
std::optional<std::string> to_host_name(std::string_view text);

// A number in any form that inet_aton(3) and inet_pton(3) read: "198.18.0.1", "127.1", "fd00::1".
std::optional<boost::asio::ip::address> numeric_address(std::string_view text);

// localhost and what is below it: this host, and never a question for DNS (RFC 6761 6.3).
bool is_localhost(std::string_view name) noexcept;

// The name under which DNS keeps the name of an address (RFC 1035 3.5, RFC 3596 2.5).
std::string reverse_name(const boost::asio::ip::address& address);

// As bytes of ASCII: locales have no part in names (RFC 4343).
std::string to_lower(std::string_view text);

}  // namespace coax::detail::dns
