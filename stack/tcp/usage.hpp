// What a TCP layer holds at this moment: the counterpart of its counters. When the last socket has
// ended and all its timers have passed, every number is zero again; a test asks for just that.
#pragma once

#include "stack/base/counters.hpp"

namespace coax::stack::tcp {

struct layer_usage {
    std::uint64_t connections = 0;  // listeners included
    std::uint64_t half_open = 0;
    std::uint64_t time_wait = 0;
    std::uint64_t replies = 0;        // resets not sent yet
    std::uint64_t bindings = 0;       // claims on local endpoints
    std::uint64_t rare_states = 0;    // blocks of connections that need more than the usual
    std::uint64_t recoveries = 0;     // scoreboards
    std::uint64_t pacings = 0;        // paced connections
    std::uint64_t models = 0;         // of paths, by connections with BBR
    std::uint64_t tunings = 0;        // receive buffers being measured
    std::uint64_t sender_totals = 0;  // of connections that sent something again
    std::uint64_t validations = 0;    // of connections that validate their window
    std::uint64_t demux_entries = 0;  // flows that somebody has
    std::uint64_t ports = 0;          // local ports with bindings or connections
    std::uint64_t buffer_blocks = 0;  // of all send and receive buffers
    std::uint64_t timers = 0;         // armed in the wheel
    std::uint64_t events = 0;         // not fetched yet
    std::uint64_t senders = 0;        // in the queue of those who may have something to send

    static constexpr auto fields() noexcept {
        using u = layer_usage;
        return std::to_array<counter_field<u>>({
            {"tcp.connections", &u::connections},
            {"tcp.half_open", &u::half_open},
            {"tcp.time_wait", &u::time_wait},
            {"tcp.replies", &u::replies},
            {"tcp.bindings", &u::bindings},
            {"tcp.rare_states", &u::rare_states},
            {"tcp.recoveries", &u::recoveries},
            {"tcp.pacings", &u::pacings},
            {"tcp.models", &u::models},
            {"tcp.tunings", &u::tunings},
            {"tcp.sender_totals", &u::sender_totals},
            {"tcp.validations", &u::validations},
            {"tcp.demux_entries", &u::demux_entries},
            {"tcp.ports", &u::ports},
            {"tcp.buffer_blocks", &u::buffer_blocks},
            {"tcp.timers", &u::timers},
            {"tcp.events", &u::events},
            {"tcp.senders", &u::senders},
        });
    }
};

}  // namespace coax::stack::tcp
