// One table of noise; a stream is a place to begin in it.
#include "tests/sim/swarm/pattern.hpp"

#include <cstring>
#include <vector>

#include "tests/sim/network/random.hpp"

namespace coax::sim {

namespace {

// Prime: no length of segment, buffer or window divides it, so what is shifted by one is seen.
constexpr std::size_t period = 65521;

// A period, and as much again as one piece needs.
const std::vector<std::byte>& noise() {
    static const std::vector<std::byte> table = [] {
        std::vector<std::byte> bytes(period + stream_pattern::piece_max);
        seeded_random random(0xC0A0);
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = i < period ? static_cast<std::byte>(random.next()) : bytes[i - period];
        return bytes;
    }();
    return table;
}

std::uint64_t place_of(const stack::endpoint& e) noexcept {
    return std::uint64_t{e.address.to_v4()} << 16 | e.port;
}

}  // namespace

stream_pattern::stream_pattern(const stack::endpoint& client, const stack::endpoint& server,
                               bool from_server) noexcept {
    const bool own = from_server && server.port != echo_port;
    seeded_random mixed(place_of(client) * 0x9e37'79b9'7f4a'7c15U ^ place_of(server) ^
                        (own ? 0xffff'0000'0000'0000U : 0));
    start_ = mixed.below(period);
}

stack::const_bytes stream_pattern::bytes(std::uint64_t offset, std::size_t count) const noexcept {
    const std::size_t at = (start_ + offset) % period;
    return stack::const_bytes(noise()).subspan(at, count < piece_max ? count : piece_max);
}

bool stream_pattern::matches(std::uint64_t offset, stack::const_bytes seen) const noexcept {
    while (!seen.empty()) {
        const auto expected = bytes(offset, seen.size());
        if (std::memcmp(expected.data(), seen.data(), expected.size()) != 0) return false;
        offset += expected.size();
        seen = seen.subspan(expected.size());
    }
    return true;
}

}  // namespace coax::sim
