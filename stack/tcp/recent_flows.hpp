// Who had the last segments: a small table with one place for each key, asked before the demux
// table, whose keyed hash costs more than all the rest of a look-up. Nothing in it is secret: who
// aims at a place makes others take the demux table, and nothing more. Only of IPv4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "stack/tcp/demux.hpp"
#include "stack/wire/plain_segment.hpp"

namespace coax::stack::tcp {

class recent_flows {
  public:
    // None: ask the demux table.
    reference find(const wire::ipv4_key& key) const noexcept {
        const entry& e = entries_[place_of(key)];
        return e.is(key) ? e.to : reference();
    }
    // The demux table has `key` as `to`.
    void note(const wire::ipv4_key& key, reference to) noexcept {
        entries_[place_of(key)] = {key.addresses, key.ports, to};
    }
    // It has it no more.
    void forget(const wire::ipv4_key& key) noexcept {
        entry& e = entries_[place_of(key)];
        if (e.is(key)) e.to = reference();
    }

  private:
    static constexpr int bits = 9;
    struct entry {
        std::uint64_t addresses = 0;
        std::uint32_t ports = 0;
        reference to;
        bool is(const wire::ipv4_key& key) const noexcept {
            return addresses == key.addresses && ports == key.ports;
        }
    };
    // Fibonacci hashing (Knuth, volume 3, 6.4).
    static std::size_t place_of(const wire::ipv4_key& key) noexcept {
        const std::uint64_t both = key.addresses ^ std::uint64_t{key.ports} * 0x1'0000'0001U;
        return both * 0x9e37'79b9'7f4a'7c15U >> (64 - bits);
    }

    std::array<entry, 1U << bits> entries_;
};

}  // namespace coax::stack::tcp
