// http://ADDR[:PORT][/path], as `coax fetch` takes it. Addresses are numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <coax/coax.hpp>

namespace coax::services {

struct http_url {
    coax::tcp::endpoint endpoint;
    std::string host;    // as the Host field wants it
    std::string target;  // begins with a slash; no fragment
};

std::optional<http_url> parse_url(std::string_view text);

}  // namespace coax::services
