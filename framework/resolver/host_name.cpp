// Names of hosts, and numbers in their place.
#include "framework/resolver/host_name.hpp"

#include <algorithm>

#include <arpa/inet.h>

namespace coax::detail::dns {

namespace {

constexpr std::size_t longest_name = 253;  // RFC 1035 2.3.4: 255 bytes with lengths and root
constexpr std::size_t longest_label = 63;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

bool is_of_a_label(char c) noexcept {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

bool is_label(std::string_view label) noexcept {
    return !label.empty() && label.size() <= longest_label &&
           std::all_of(label.begin(), label.end(), is_of_a_label);
}

void append_hex_digit(std::string& text, unsigned value) {
    text += "0123456789abcdef"[value & 15U];
    text += '.';
}

}  // namespace

std::string to_lower(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

std::optional<std::string> to_host_name(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty() || text.size() > longest_name) return std::nullopt;
    std::string name = to_lower(text);
    std::string_view rest = name;
    for (;;) {
        const auto dot = rest.find('.');
        const std::string_view label = rest.substr(0, dot);
        if (!is_label(label)) return std::nullopt;
        if (dot == std::string_view::npos) {
            // RFC 1123 2.1: the last label tells names from numbers.
            if (std::all_of(label.begin(), label.end(), is_digit)) return std::nullopt;
            return name;
        }
        rest.remove_prefix(dot + 1);
    }
}

std::optional<boost::asio::ip::address> numeric_address(std::string_view text) {
    boost::system::error_code ec;
    const std::string whole(text);
    const auto address = boost::asio::ip::make_address(whole, ec);
    if (!ec) return address;
    // inet_aton() stops at a blank without a word about what follows.
    if (whole.find_first_not_of("0123456789abcdefABCDEFxX.") != std::string::npos)
        return std::nullopt;
    in_addr number{};
    if (::inet_aton(whole.c_str(), &number) == 0) return std::nullopt;
    return boost::asio::ip::address_v4(ntohl(number.s_addr));
}

bool is_localhost(std::string_view name) noexcept {
    return name == "localhost" || name.ends_with(".localhost");
}

std::string reverse_name(const boost::asio::ip::address& address) {
    std::string name;
    if (address.is_v4()) {
        const auto octets = address.to_v4().to_bytes();
        for (std::size_t i = octets.size(); i-- != 0;) name += std::to_string(octets[i]) + ".";
        return name + "in-addr.arpa";
    }
    const auto octets = address.to_v6().to_bytes();
    for (std::size_t i = octets.size(); i-- != 0;) {
        append_hex_digit(name, octets[i]);
        append_hex_digit(name, octets[i] >> 4U);
    }
    return name + "ip6.arpa";
}

}  // namespace coax::detail::dns
