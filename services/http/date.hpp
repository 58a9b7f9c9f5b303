// Dates as HTTP writes them (RFC 9110 5.6.7).
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace coax::services {

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string to_http_date(std::time_t time);

// Any of the three forms that a recipient must accept; `now` decides the century of the form with
// two digits. Nothing if the text is none of them.
std::optional<std::time_t> parse_http_date(std::string_view text, std::time_t now);

}  // namespace coax::services
