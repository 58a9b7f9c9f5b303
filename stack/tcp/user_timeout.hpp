// The user timeout option (RFC 5482): how long a side will wait for an acknowledgment, told to the
// other one in its SYN, so that both can wait as long. Off unless configured.
#pragma once

#include <algorithm>

#include "stack/tcp/core.hpp"

namespace coax::stack::tcp {

// What a SYN of a socket with this rare state tells (RFC 5482 3); 0: nothing.
inline std::uint16_t told_user_timeout(const core& k, const rare_state* rare) noexcept {
    if (!k.config.user_timeout_option || rare == nullptr || rare->user_timeout == 0) return 0;
    constexpr std::uint32_t most = 0x7fff;  // 15 bits
    const std::uint32_t seconds = (rare->user_timeout - 1) / 1000 + 1;
    if (seconds <= most) return static_cast<std::uint16_t>(seconds);
    return static_cast<std::uint16_t>(0x8000U | std::min((seconds - 1) / 60 + 1, most));
}

// What the peer's SYN told (RFC 5482 3.1): the longer of both, within the limit, unless the user
// has set one.
inline void take_user_timeout(core& k, connection& c, std::uint16_t told) noexcept {
    const std::uint32_t value = told & 0x7fffU;
    if (!k.config.user_timeout_option || value == 0) return;
    if (c.rare != nullptr && c.rare->user_timeout != 0) return;
    const duration remote = std::chrono::seconds(std::uint64_t{value} * (told > 0x7fff ? 60 : 1));
    const duration wait = std::min(remote, k.config.user_timeout_max);
    if (wait <= k.config.user_timeout || rare_of(k, c) == nullptr) return;
    c.rare->user_timeout = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(wait).count());
}

}  // namespace coax::stack::tcp
