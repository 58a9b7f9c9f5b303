// What a stranger must not guess: keys of the demux table, initial sequence numbers (RFC 6528),
// ephemeral ports (RFC 6056) and timestamp offsets (RFC 7323 5.4). Drawn once per layer.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "stack/base/flow.hpp"
#include "stack/base/random.hpp"
#include "stack/base/siphash.hpp"
#include "stack/base/time.hpp"
#include "stack/tcp/sequence.hpp"
#include "stack/wire/plain_segment.hpp"

namespace coax::stack::tcp {

inline bool is_ipv4(const flow& f) noexcept {
    return f.local.address.is_v4() && f.remote.address.is_v4();
}

// The key of the segments that come in on an IPv4 flow.
inline wire::ipv4_key ipv4_key_of(const flow& f) noexcept {
    std::array<std::byte, 12> bytes{};  // as they stand on the wire
    std::memcpy(bytes.data(), f.remote.address.octets().data() + 12, 4);
    std::memcpy(bytes.data() + 4, f.local.address.octets().data() + 12, 4);
    wire::store_16(bytes.data() + 8, f.remote.port);
    wire::store_16(bytes.data() + 10, f.local.port);
    return {wire::load_native<std::uint64_t>(bytes.data()),
            wire::load_native<std::uint32_t>(bytes.data() + 8)};
}

inline flow flow_of(const wire::ipv4_key& key) noexcept {
    const std::uint64_t addresses = wire::network_order(key.addresses);
    const std::uint32_t ports = wire::network_order(key.ports);
    return {
        {ip_address::v4(static_cast<std::uint32_t>(addresses)), static_cast<std::uint16_t>(ports)},
        {ip_address::v4(static_cast<std::uint32_t>(addresses >> 32)),
         static_cast<std::uint16_t>(ports >> 16)}};
}

// The words of a key, in one fixed order: two for IPv4, five for IPv6.
template <class Hash>
std::uint64_t hash_flow(Hash hash, const flow& f, std::uint32_t ports) noexcept {
    const std::uint64_t local = f.local.address.low();
    const std::uint64_t remote = f.remote.address.low();
    if (is_ipv4(f)) {
        // Both low words have the same mapped half; the address is the other one.
        hash.word(std::rotl(local, 32) ^ remote);
        return hash.finish(ports, 4);
    }
    hash.word(f.local.address.high());
    hash.word(local);
    hash.word(f.remote.address.high());
    hash.word(remote);
    return hash.finish(ports, 4);
}

class secrets {
  public:
    explicit secrets(random_source& randomness) noexcept
        : demux_{randomness.next(), randomness.next()},
          beginning_{randomness.next(), randomness.next()},
          port_{randomness.next(), randomness.next()},
          cookie_{randomness.next(), randomness.next()} {}

    // For the demux table: of a flow, and of the key that its segments carry.
    std::uint32_t demux_hash(const flow& f) const noexcept {
        if (is_ipv4(f)) return demux_hash(ipv4_key_of(f));
        return static_cast<std::uint32_t>(hash_flow(siphash_1_3(demux_), f, ports_of(f)));
    }
    std::uint32_t demux_hash(const wire::ipv4_key& key) const noexcept {
        siphash_1_3 hash(demux_);
        hash.word(key.addresses);
        return static_cast<std::uint32_t>(hash.finish(key.ports, 4));
    }
    // Where the numbers of a connection begin, both from one hash: its halves tell nothing of each
    // other, nor of the key.
    struct beginnings {
        seq sequence;
        std::uint32_t timestamp_offset = 0;
    };
    // RFC 9293 3.4.1 (MUST-8, SHLD-1), RFC 6528 3: a 4 us clock plus a keyed hash of the flow; the
    // key never leaves this object (MUST-9). RFC 7323 5.4: an offset per flow, so that the clock
    // does not tell hosts apart or uptime.
    beginnings beginnings_of(const flow& f, instant now) const noexcept {
        const std::uint64_t hash = hash_flow(siphash_2_4(beginning_), f, ports_of(f));
        const auto clock = static_cast<std::uint64_t>(now.time_since_epoch().count()) / 4000;
        return {seq(static_cast<std::uint32_t>(hash + clock)),
                static_cast<std::uint32_t>(hash >> 32)};
    }
    // RFC 6056 3.3.4: F over (local, remote, remote port).
    std::uint64_t port_offset(const flow& f) const noexcept {
        return hash_flow(siphash_2_4(port_), f, f.remote.port);
    }
    // That of beginnings_of(), of which a SYN cookie keeps nothing.
    std::uint32_t timestamp_offset(const flow& f) const noexcept {
        return beginnings_of(f, {}).timestamp_offset;
    }

    // RFC 4987 3.6: the hash of a SYN cookie. `period` makes it old; see syn_cookie.hpp.
    std::uint32_t cookie(const flow& f, seq peer_iss, std::uint32_t period,
                         std::uint32_t mss_class) const noexcept {
        siphash_2_4 hash(cookie_);
        hash.word(std::uint64_t{peer_iss.value()} << 32 | (period << 2 | mss_class));
        return static_cast<std::uint32_t>(hash_flow(hash, f, ports_of(f)));
    }

  private:
    static std::uint32_t ports_of(const flow& f) noexcept {
        return (std::uint32_t{f.local.port} << 16) | f.remote.port;
    }
    siphash_key demux_, beginning_, port_, cookie_;
};

}  // namespace coax::stack::tcp
