// A socket option as one number, for the tables of options: its level and its name.
#pragma once

#include <cstdint>

namespace coax::detail {

constexpr std::uint64_t option_key(int level, int name) noexcept {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(level)) << 32) |
           static_cast<std::uint32_t>(name);
}

}  // namespace coax::detail
