// What a paced connection keeps. Data only.
#pragma once

#include <cstdint>

#include "stack/base/time.hpp"
#include "stack/tcp/wheel.hpp"

namespace coax::stack::tcp {

struct connection;

struct pacing_state final : timer_node {
    pacing_state(std::uint32_t pool_index, connection& whose) noexcept
        : timer_node(timer_node::owner::pacing), index(pool_index), owner(&whose) {}

    std::uint32_t index;
    std::uint32_t quantum = 0;     // bytes that may leave at once
    std::uint32_t validation = 0;  // index + 1 of the validation_state; 0: none
    connection* owner;
    std::uint64_t rate = 0;  // bytes per second; 0: not known yet
    instant next_send{};     // when what has left so far will be through at this rate
};

}  // namespace coax::stack::tcp
