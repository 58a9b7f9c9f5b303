// Bytes as they are typed: PING\r\n, \x00\xff.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace coax::services {

// \r \n \t \0 \\ and \xHH stand for the bytes they stand for in C; everything else for itself.
// Nothing if a backslash is followed by something else.
std::optional<std::string> parse_escapes(std::string_view text);

}  // namespace coax::services
