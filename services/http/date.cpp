// Writes and reads HTTP dates. The program never sets a locale, so the names are English.
#include "services/http/date.hpp"

#include <array>

namespace coax::services {

std::string to_http_date(std::time_t time) {
    std::tm broken_down{};
    gmtime_r(&time, &broken_down);
    std::array<char, 40> text{};
    const std::size_t n =
        std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &broken_down);
    return {text.data(), n};
}

std::optional<std::time_t> parse_http_date(std::string_view text, std::time_t now) {
    struct form {
        const char* pattern;
        bool two_digits;
    };
    // RFC 9110 5.6.7 (MUST accept all three): IMF-fixdate, rfc850-date, asctime-date.
    constexpr std::array<form, 3> forms{{{"%a, %d %b %Y %H:%M:%S GMT", false},
                                         {"%A, %d-%b-%y %H:%M:%S GMT", true},
                                         {"%a %b %e %H:%M:%S %Y", false}}};
    const std::string whole(text);
    for (const form& f : forms) {
        std::tm broken_down{};
        const char* end = strptime(whole.c_str(), f.pattern, &broken_down);
        if (end == nullptr || end != whole.c_str() + whole.size()) continue;
        std::time_t time = timegm(&broken_down);
        // RFC 9110 5.6.7 (MUST): two digits that seem more than 50 years ahead mean the past.
        constexpr std::time_t fifty_years = std::time_t{50} * 31'556'952;
        if (f.two_digits && time > now + fifty_years) {
            broken_down.tm_year -= 100;
            time = timegm(&broken_down);
        }
        return time;
    }
    return std::nullopt;
}

}  // namespace coax::services
