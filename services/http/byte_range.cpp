// Parses the Range field and applies it to a size.
#include "services/http/byte_range.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>

#include <boost/beast/core/string.hpp>

namespace coax::services {
namespace {

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

// One range-spec: first-, first-last or -suffix.
struct range_spec {
    std::optional<std::uint64_t> first;
    std::optional<std::uint64_t> last;  // without first: the suffix length
};

std::string_view trim(std::string_view text) {
    constexpr std::string_view blank = " \t";
    const std::size_t begin = text.find_first_not_of(blank);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

// Digits only; a number that does not fit is as large as possible, not an error.
bool parse_digits(std::string_view text, std::optional<std::uint64_t>& number) {
    if (text.empty()) return true;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        value = value > (unlimited - digit) / 10 ? unlimited : value * 10 + digit;
    }
    number = value;
    return true;
}

// RFC 9110 14.1.2; nothing if it is not a valid range-spec.
std::optional<range_spec> parse_spec(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    range_spec spec;
    if (!parse_digits(text.substr(0, dash), spec.first)) return std::nullopt;
    if (!parse_digits(text.substr(dash + 1), spec.last)) return std::nullopt;
    if (!spec.first && !spec.last) return std::nullopt;
    // RFC 9110 14.1.1: "An int-range is invalid if the last-pos value is present and less than
    // first-pos."
    if (spec.first && spec.last && *spec.last < *spec.first) return std::nullopt;
    return spec;
}

// Nothing if unsatisfiable.
std::optional<byte_range> apply(const range_spec& spec, std::uint64_t size) {
    if (!spec.first) {
        const std::uint64_t suffix = std::min(*spec.last, size);
        if (*spec.last == 0) return std::nullopt;
        return byte_range{size - suffix, suffix};
    }
    if (*spec.first >= size) return std::nullopt;
    const std::uint64_t last = std::min(spec.last.value_or(unlimited), size - 1);
    return byte_range{*spec.first, last - *spec.first + 1};
}

}  // namespace

chosen_range choose_range(std::string_view field, std::uint64_t size) {
    const chosen_range whole{range_choice::whole, {0, size}};
    constexpr std::string_view unit = "bytes=";
    // RFC 9110 14.2 (MUST ignore): a Range in a unit we don't know. Units are case-insensitive.
    if (!boost::beast::iequals(field.substr(0, unit.size()), unit)) return whole;
    field.remove_prefix(unit.size());

    std::size_t specs = 0;
    std::optional<byte_range> satisfiable;
    for (bool more = true; more;) {
        const std::size_t comma = field.find(',');
        const std::string_view element = trim(field.substr(0, comma));
        more = comma != std::string_view::npos;
        if (more) field.remove_prefix(comma + 1);
        if (element.empty()) continue;  // RFC 9110 5.6.1: empty list elements are legal
        const auto spec = parse_spec(element);
        if (!spec) return whole;
        ++specs;
        if (const auto range = apply(*spec, size)) satisfiable = range;
    }
    if (specs == 0) return whole;
    if (!satisfiable) return {range_choice::unsatisfiable, {}};
    // Several ranges would be multipart/byteranges; RFC 9110 14.2 lets a server ignore the field.
    // A suffix of nothing has no Content-Range form, so an empty document goes out whole.
    if (specs > 1 || satisfiable->length == 0) return whole;
    return {range_choice::part, *satisfiable};
}

}  // namespace coax::services
