// Reads the values of a specification string. Knows neither keys nor kinds.
#include "backends/spec_value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

namespace coax::backends {

namespace {

constexpr std::array<std::pair<std::string_view, bool>, 2> switches{{{"on", true}, {"off", false}}};

struct unit {
    std::string_view name;
    double nanoseconds;
};
constexpr std::array<unit, 4> units{{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}};
constexpr double longest_nanoseconds = 3600e9;

// The whole of `text`, nothing before or behind it.
template <class Number>
bool read_whole(std::string_view text, Number& target) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, target);
    return error == std::errc{} && stop == end && !text.empty();
}

bool read_fraction(std::string_view text, double& target) {
    // Neither inf nor nan; and libstdc++ 12 would read behind the end of such a word.
    return text.find_first_of("iInN") == std::string_view::npos && read_whole(text, target);
}

std::string decimal(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
    return {text.data(), end};
}

// All bits behind the prefix equal `bit`: the network's own address, or its broadcast address.
bool host_part_is(const stack::ip_prefix& prefix, bool bit) {
    const auto& octets = prefix.address.octets();
    for (unsigned at = 96U + prefix.length; at != 128; ++at) {
        const bool set = (octets[at / 8] >> (7 - at % 8) & 1) != 0;
        if (set != bit) return false;
    }
    return true;
}

}  // namespace

std::string read_number(std::string_view text, std::uint64_t least, std::uint64_t most,
                        std::uint64_t& target) {
    std::uint64_t value = 0;
    if (!read_whole(text, value) || value < least || value > most)
        return "must be a whole number, " + std::to_string(least) + ".." + std::to_string(most);
    target = value;
    return {};
}

std::string read_number(std::string_view text, unsigned least, unsigned most, unsigned& target) {
    std::uint64_t value = target;
    std::string wrong = read_number(text, std::uint64_t{least}, std::uint64_t{most}, value);
    target = static_cast<unsigned>(value);
    return wrong;
}

std::string read_share(std::string_view text, double& target) {
    double value = 0;
    if (!read_fraction(text, value) || value < 0 || value > 1)
        return "must be a share between 0 and 1, such as 0.02";
    target = value;
    return {};
}

std::string read_factor(std::string_view text, double least, double& target) {
    double value = 0;
    if (!read_fraction(text, value) || value < least || value > 1e6)
        return "must be a number of at least " + decimal(least);
    target = value;
    return {};
}

std::string read_duration(std::string_view text, stack::duration& target) {
    const std::string wrong = "must be a duration with its unit (ns, us, ms, s), such as 10ms";
    const auto letters = text.find_first_not_of("0123456789.");
    if (letters == std::string_view::npos) return wrong;
    double value = 0;
    if (!read_fraction(text.substr(0, letters), value)) return wrong;
    for (const auto& unit : units) {
        if (unit.name != text.substr(letters)) continue;
        if (value * unit.nanoseconds > longest_nanoseconds) return "must be at most 3600s";
        target = stack::duration{std::llround(value * unit.nanoseconds)};
        return {};
    }
    return wrong;
}

std::string read_switch(std::string_view text, bool& target) {
    return read_word(text, switches, target);
}

std::string read_host(std::string_view text, stack::ip_address& target) {
    const auto address = stack::ip_address::parse(text);
    if (!address) return "is not an IP address, such as 198.18.0.2";
    if (address->is_unspecified() || address->is_loopback() || address->is_multicast() ||
        address->is_limited_broadcast())
        return "is not an address that a host on a network can have";
    target = *address;
    return {};
}

std::string read_host_endpoint(std::string_view text, std::uint16_t default_port,
                               stack::endpoint& target) {
    std::string_view host = text;
    std::string_view port;
    if (const auto bracket = text.find(']'); text.starts_with('[')) {
        if (bracket == std::string_view::npos) return "lacks a ] behind the address";
        host = text.substr(1, bracket - 1);
        port = text.substr(bracket + 1);
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        host = text.substr(0, text.find(':'));
        port = text.substr(host.size());
    }
    stack::endpoint read{{}, default_port};
    std::string wrong = read_host(host, read.address);
    if (!wrong.empty()) return wrong;
    if (!port.empty()) {
        unsigned number = 0;
        if (port.starts_with(':')) port.remove_prefix(1);
        else return "has something else than a port behind the ]";
        wrong = read_number(port, 1U, 65535U, number);
        if (!wrong.empty()) return "has a bad port, which " + wrong;
        read.port = static_cast<std::uint16_t>(number);
    }
    target = read;
    return {};
}

bool is_domain(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    for (;;) {
        const auto dot = text.find('.');
        const std::string_view label = text.substr(0, dot);
        const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
        const auto is_fit = [&](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                   c == '_';
        };
        if (label.empty() || label.size() > 63) return false;
        if (!std::all_of(label.begin(), label.end(), is_fit)) return false;
        // RFC 1123 2.1: the last label tells names from numbers.
        if (dot == std::string_view::npos)
            return !std::all_of(label.begin(), label.end(), is_digit);
        text.remove_prefix(dot + 1);
    }
}

std::string read_host_prefix(std::string_view text, stack::ip_prefix& target) {
    const auto slash = text.find('/');
    stack::ip_prefix prefix;
    std::string wrong = read_host(text.substr(0, slash), prefix.address);
    if (!wrong.empty()) return wrong;
    const unsigned bits = prefix.address.is_v4() ? 32 : 128;
    if (slash == std::string_view::npos)
        return "lacks the length of the network's prefix: write " + std::string(text) +
               (bits == 32 ? "/24" : "/64") + " or what your network has";
    unsigned length = 0;
    wrong = read_number(text.substr(slash + 1), 1U, bits, length);
    if (!wrong.empty()) return "has a bad prefix length, which " + wrong;
    prefix.length = static_cast<std::uint8_t>(length);
    // RFC 1122 3.2.1.3 (c), (e): no host has these; RFC 3021: a /31 has no such addresses.
    if (prefix.address.is_v4() && length < 31) {
        if (host_part_is(prefix, false)) return "is the address of the network, not of a host";
        if (host_part_is(prefix, true)) return "is the broadcast address, not that of a host";
    }
    target = prefix;
    return {};
}

}  // namespace coax::backends
