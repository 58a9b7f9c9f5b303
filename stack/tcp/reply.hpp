// A segment that no connection owes: a reset in answer to a stranger, or the last word of an
// aborted connection. Data only.
#pragma once

#include <cstdint>

#include "stack/tcp/layer.hpp"

namespace coax::stack::tcp {

struct reply final : sender {
    explicit reply(std::uint32_t pool_index) noexcept : sender(kind::reply), index(pool_index) {}
    using sender::ends_;
    using sender::parked_;

    std::uint32_t index;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgment = 0;
    bool ack = false;
    bool sent = false;
    bool has_timestamps = false;
    wire::tcp_timestamps timestamps;
};

}  // namespace coax::stack::tcp
