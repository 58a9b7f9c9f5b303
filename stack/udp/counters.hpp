// Counters of UDP, by name.
#pragma once

#include "stack/base/counters.hpp"

namespace coax::stack::udp {

struct udp_counters {
    std::uint64_t truncated = 0;
    std::uint64_t bad_length = 0;
    std::uint64_t bad_checksum = 0;
    std::uint64_t no_port = 0;        // answered with port unreachable, unless sent to all
    std::uint64_t port_zero = 0;      // to port 0, which nobody has (RFC 6335 6): not answered
    std::uint64_t queue_full = 0;     // the socket does not read fast enough
    std::uint64_t memory_full = 0;    // all sockets together
    std::uint64_t undeliverable = 0;  // to send, but no way there any more

    static constexpr auto fields() noexcept {
        using c = udp_counters;
        return std::to_array<counter_field<c>>({
            {"udp.truncated", &c::truncated},
            {"udp.bad_length", &c::bad_length},
            {"udp.bad_checksum", &c::bad_checksum},
            {"udp.no_port", &c::no_port},
            {"udp.port_zero", &c::port_zero},
            {"udp.queue_full", &c::queue_full},
            {"udp.memory_full", &c::memory_full},
            {"udp.undeliverable", &c::undeliverable},
        });
    }
};

}  // namespace coax::stack::udp
