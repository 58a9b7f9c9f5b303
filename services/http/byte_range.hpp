// The Range field (RFC 9110 14.2): which bytes of a representation a request wants.
#pragma once

#include <cstdint>
#include <string_view>

namespace coax::services {

struct byte_range {
    std::uint64_t first = 0;   // offset in bytes
    std::uint64_t length = 0;  // bytes

    bool operator==(const byte_range&) const = default;
};

enum class range_choice : std::uint8_t {
    whole,          // no range, one we may ignore, or several: status 200
    part,           // one satisfiable range: status 206
    unsatisfiable,  // status 416
};

struct chosen_range {
    range_choice choice = range_choice::whole;
    byte_range range;  // what to send; nothing if unsatisfiable
};

// `field` is the value of Range, empty if there is none; `size` the representation's bytes.
chosen_range choose_range(std::string_view field, std::uint64_t size);

}  // namespace coax::services
