// The bytes of a simulated stream: a function of the connection, the direction and the position, so
// that anybody who sees a byte on the way can tell whether it is the right one, and no copies are
// kept. Knows nothing of segments.
#pragma once

#include <cstdint>

#include "stack/base/address.hpp"
#include "stack/base/payload.hpp"

namespace coax::sim {

// The port where what comes is sent back: there both directions have the same bytes.
inline constexpr std::uint16_t echo_port = 7;

class stream_pattern {
  public:
    stream_pattern() = default;
    // The direction between these ends. `from_server`: towards the client.
    stream_pattern(const stack::endpoint& client, const stack::endpoint& server,
                   bool from_server) noexcept;

    static constexpr std::size_t piece_max = 65536;
    // The bytes from `offset` on, as many as asked for, at most piece_max.
    stack::const_bytes bytes(std::uint64_t offset, std::size_t count) const noexcept;
    bool matches(std::uint64_t offset, stack::const_bytes seen) const noexcept;

  private:
    std::uint64_t start_ = 0;
};

}  // namespace coax::sim
