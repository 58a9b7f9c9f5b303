// ADDR:PORT as people write it: 198.18.0.2:80, [fd00:c0a0::2]:80. Numbers only, no names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <coax/coax.hpp>

namespace coax::services {

// Nothing unless the whole text is an address and a port of 0 to 65535.
std::optional<coax::tcp::endpoint> parse_endpoint(std::string_view text);

// The form that parse_endpoint reads.
std::string to_text(const coax::tcp::endpoint& endpoint);

}  // namespace coax::services
