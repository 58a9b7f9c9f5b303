// Text forms and classes of addresses. Knows no packet and no route.
#include "stack/base/address.hpp"

#include <algorithm>
#include <charconv>

namespace coax::stack {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

int hex_value(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// A decimal number without sign or leading zero that takes the whole text.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned max) noexcept {
    if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return {};
    unsigned value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc{} || end != text.data() + text.size() || value > max) return {};
    return value;
}

std::optional<std::uint32_t> parse_v4(std::string_view text) noexcept {
    std::uint32_t value = 0;
    for (int part = 0; part < 4; ++part) {
        const auto dot = part < 3 ? text.find('.') : text.size();
        if (dot == std::string_view::npos) return {};
        const auto octet = parse_decimal(text.substr(0, dot), 255);
        if (!octet) return {};
        value = value << 8 | *octet;
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return value;
}

// Groups of up to four hex digits, the last two perhaps as dotted quad; returns how many 16-bit
// groups `text` held, or nothing. `text` may be empty.
std::optional<std::size_t> parse_groups(std::string_view text,
                                        std::array<std::uint16_t, 8>& groups) noexcept {
    std::size_t count = 0;
    while (!text.empty()) {
        const auto colon = text.find(':');
        const auto part = text.substr(0, colon);
        if (colon == std::string_view::npos && part.find('.') != std::string_view::npos) {
            const auto quad = parse_v4(part);
            if (!quad || count > 6) return {};
            groups[count++] = static_cast<std::uint16_t>(*quad >> 16);
            groups[count++] = static_cast<std::uint16_t>(*quad);
            return count;
        }
        if (part.empty() || part.size() > 4 || count == 8) return {};
        unsigned group = 0;
        for (const char c : part) {
            const int digit = hex_value(c);
            if (digit < 0) return {};
            group = group << 4 | static_cast<unsigned>(digit);
        }
        groups[count++] = static_cast<std::uint16_t>(group);
        if (colon == std::string_view::npos) return count;
        text.remove_prefix(colon + 1);
        if (text.empty()) return {};  // a single colon at the end
    }
    return count;
}

std::optional<std::array<std::uint8_t, 16>> parse_v6(std::string_view text) noexcept {
    std::array<std::uint16_t, 8> front{};
    std::array<std::uint16_t, 8> back{};
    const auto gap = text.find("::");
    if (gap == std::string_view::npos) {
        if (parse_groups(text, front) != 8U) return {};
    } else {
        const auto before = text.substr(0, gap);
        if (before.find('.') != std::string_view::npos) return {};  // dotted quad only at the end
        const auto front_count = parse_groups(before, front);
        const auto back_count = parse_groups(text.substr(gap + 2), back);
        if (!front_count || !back_count || *front_count + *back_count > 7) return {};
        std::copy_n(back.begin(), *back_count, front.end() - std::ptrdiff_t(*back_count));
    }
    std::array<std::uint8_t, 16> octets{};
    for (std::size_t i = 0; i < 8; ++i) {
        octets[2 * i] = static_cast<std::uint8_t>(front[i] >> 8);
        octets[2 * i + 1] = static_cast<std::uint8_t>(front[i]);
    }
    return octets;
}

// RFC 5952 4: lower case, no leading zeros, the longest run of two or more zero groups as "::".
std::string print_v6(const std::array<std::uint8_t, 16>& octets) {
    std::array<unsigned, 8> groups{};
    for (std::size_t i = 0; i < 8; ++i)
        groups[i] = static_cast<unsigned>(octets[2 * i] << 8 | octets[2 * i + 1]);
    std::size_t best = 8;
    std::size_t best_length = 1;
    for (std::size_t i = 0; i < 8; ++i) {
        std::size_t end = i;
        while (end < 8 && groups[end] == 0) ++end;
        if (end - i > best_length) {
            best = i;
            best_length = end - i;
        }
    }
    std::string text;
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == best) {
            text += "::";
            i += best_length - 1;
            continue;
        }
        if (!text.empty() && text.back() != ':') text += ':';
        std::array<char, 4> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + 4, groups[i], 16).ptr;
        text.append(digits.data(), end);
    }
    return text;
}

}  // namespace

std::optional<mac_address> mac_address::parse(std::string_view text) noexcept {
    mac_address mac;
    if (text.size() != 17) return {};
    for (std::size_t i = 0; i < 6; ++i) {
        const int high = hex_value(text[3 * i]);
        const int low = hex_value(text[3 * i + 1]);
        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':')) return {};
        mac.octets[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return mac;
}

std::string mac_address::to_string() const {
    std::string text;
    for (const auto octet : octets) {
        if (!text.empty()) text += ':';
        text += hex_digits[octet >> 4];
        text += hex_digits[octet & 15];
    }
    return text;
}

std::optional<ip_address> ip_address::parse(std::string_view text) noexcept {
    if (text.find(':') == std::string_view::npos) {
        const auto value = parse_v4(text);
        if (!value) return {};
        return v4(*value);
    }
    const auto octets = parse_v6(text);
    if (!octets) return {};
    return v6(*octets);
}

bool ip_address::is_unspecified() const noexcept {
    return high() == 0 && (low() == 0 || *this == any_v4());
}

bool ip_address::is_loopback() const noexcept {
    if (is_v4()) return octets_[12] == 127;
    return high() == 0 &&
           std::all_of(octets_.begin() + 8, octets_.end() - 1, [](auto o) { return o == 0; }) &&
           octets_[15] == 1;
}

bool ip_address::is_multicast() const noexcept {
    return is_v4() ? (octets_[12] & 0xf0U) == 0xe0 : octets_[0] == 0xff;
}

std::string ip_address::to_string() const {
    if (!is_v4()) return print_v6(octets_);
    std::string text;
    for (std::size_t i = 12; i < 16; ++i) {
        if (i > 12) text += '.';
        text += std::to_string(octets_[i]);
    }
    return text;
}

bool ip_prefix::contains(const ip_address& other) const noexcept {
    if (address.is_v4() != other.is_v4()) return false;
    const std::size_t bits = length + (address.is_v4() ? 96U : 0U);
    const auto& a = address.octets();
    const auto& b = other.octets();
    if (std::memcmp(a.data(), b.data(), bits / 8) != 0) return false;
    const unsigned left = bits % 8;
    return left == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - left)) == 0;
}

bool ip_prefix::is_broadcast_of(const ip_address& other) const noexcept {
    if (!address.is_v4() || !other.is_v4() || length >= 31) return false;
    const std::uint32_t host = 0xffff'ffffU >> length;
    return other.to_v4() == (address.to_v4() | host);
}

std::optional<ip_prefix> ip_prefix::parse(std::string_view text) noexcept {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return {};
    const auto address = ip_address::parse(text.substr(0, slash));
    if (!address) return {};
    const auto length = parse_decimal(text.substr(slash + 1), address->is_v4() ? 32 : 128);
    if (!length) return {};
    return ip_prefix{*address, static_cast<std::uint8_t>(*length)};
}

std::string ip_prefix::to_string() const {
    return address.to_string() + '/' + std::to_string(length);
}

std::string endpoint::to_string() const {
    const std::string host = address.to_string();
    return (address.is_v4() ? host : '[' + host + ']') + ':' + std::to_string(port);
}

}  // namespace coax::stack
