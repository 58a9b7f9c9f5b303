// Percent-decoding and dot-segment removal of request targets.
#include "services/http/target.hpp"

#include <cctype>
#include <vector>

#include <fmt/format.h>

namespace coax::services {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// One segment between slashes, decoded.
// RFC 3986 2.1. A decoded slash would change the structure of the path and a NUL would cut it:
// both are refused.
std::optional<std::string> decode_segment(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || c == '/') return std::nullopt;
        decoded.push_back(c);
    }
    return decoded;
}

// RFC 9112 3.2.2 (MUST accept): absolute-form; the authority is dropped, as one root serves all.
std::string_view path_of(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!target.starts_with(scheme)) continue;
        target.remove_prefix(scheme.size());
        const std::size_t slash = target.find_first_of("/?#");
        target = slash == std::string_view::npos ? "/" : target.substr(slash);
        if (target.front() != '/') target = "/";
        break;
    }
    return target.substr(0, target.find_first_of("?#"));
}

}  // namespace

std::optional<document_path> parse_target(std::string_view target) {
    std::string_view path = path_of(target);
    if (path.empty() || path.front() != '/') return std::nullopt;
    path.remove_prefix(1);

    std::vector<std::string> segments;
    document_path result;
    for (;;) {
        const std::size_t slash = path.find('/');
        auto segment = decode_segment(path.substr(0, slash));
        if (!segment) return std::nullopt;
        // RFC 3986 5.2.4, on decoded segments, so that %2e%2e is no way around.
        const bool dot = segment->empty() || *segment == ".";
        const bool up = *segment == "..";
        if (up) {
            if (segments.empty()) return std::nullopt;
            segments.pop_back();
        } else if (!dot) {
            segments.push_back(std::move(*segment));
        }
        result.directory = dot || up;
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    for (const std::string& segment : segments) {
        if (!result.relative.empty()) result.relative.push_back('/');
        result.relative += segment;
    }
    return result;
}

std::string to_target(const document_path& path) {
    std::string target = "/";
    for (const char c : path.relative) {
        const auto byte = static_cast<unsigned char>(c);
        // RFC 3986 2.3: unreserved characters, and the slashes between segments.
        if (std::isalnum(byte) != 0 || std::string_view("-._~/").find(c) != std::string_view::npos)
            target.push_back(c);
        else target += fmt::format("%{:02X}", byte);
    }
    if (path.directory && target.back() != '/') target.push_back('/');
    return target;
}

}  // namespace coax::services
