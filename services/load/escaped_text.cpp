// Reads escapes.
#include "services/load/escaped_text.hpp"

#include <charconv>

namespace coax::services {
namespace {

std::optional<char> simple_escape(char letter) {
    switch (letter) {
        case 'r': return '\r';
        case 'n': return '\n';
        case 't': return '\t';
        case '0': return '\0';
        case '\\': return '\\';
        default: return std::nullopt;
    }
}

std::optional<char> hexadecimal(std::string_view digits) {
    unsigned value = 0;
    const auto [end, problem] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (problem != std::errc{} || digits.size() != 2 || end != digits.data() + 2)
        return std::nullopt;
    return static_cast<char>(static_cast<unsigned char>(value));
}

}  // namespace

std::optional<std::string> parse_escapes(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        const std::size_t plain = text.find('\\');
        bytes += text.substr(0, plain);
        if (plain == std::string_view::npos) break;
        text.remove_prefix(plain + 1);
        if (text.empty()) return std::nullopt;
        const bool is_hex = text.front() == 'x';
        const auto byte = is_hex ? hexadecimal(text.substr(1, 2)) : simple_escape(text.front());
        if (!byte) return std::nullopt;
        bytes += *byte;
        text.remove_prefix(is_hex ? 3 : 1);
    }
    return bytes;
}

}  // namespace coax::services
