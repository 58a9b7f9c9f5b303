// What a connection keeps that validates its congestion window (RFC 7661). Data only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/base/time.hpp"
#include "stack/tcp/sequence.hpp"

namespace coax::stack::tcp {

struct validation_state {
    explicit validation_state(std::uint32_t pool_index) noexcept : index(pool_index) {}

    // RFC 7661 4.5.1: the sampling period in so many equal parts, of which each keeps its highest.
    static constexpr std::size_t parts = 5;

    std::uint32_t index;
    std::uint8_t part = 0;    // the one that lasts until part_end
    std::uint8_t silent = 0;  // ends of parts since the last sample; not above `parts`
    bool defined = false;     // pipeACK is: there was a sample since the last recovery
    bool sampling = false;    // one is being taken:
    seq sample_from;          // what was acknowledged when it began (HighACK)
    seq sample_end;           // what was sent by then; acknowledged, the sample is complete
    std::array<std::uint32_t, parts> highest{};  // bytes
    instant part_end{};                          // instant{}: the first part has not begun
    // When the non-validated phase began, or the last of its periods; `never`: validated.
    instant unvalidated_since = never;
    // Recovering from a loss in that phase: max(pipeACK, LossFlightSize), bytes. 0: not.
    std::uint32_t used = 0;

    std::uint32_t pipe_ack() const noexcept {
        return *std::max_element(highest.begin(), highest.end());
    }
};

}  // namespace coax::stack::tcp
