// A hand-made TCP peer: what it saw of the other end, and segments whose numbers are right, nearly
// right or anything, as the input chooses. Payload bytes are the low octet of their sequence
// number, so that whoever reads the stream sees a byte at the wrong place.
#pragma once

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "stack/wire/tcp.hpp"
#include "tests/fuzz/input.hpp"

namespace coax::fuzz {

inline bool is_before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

struct peer {
    std::uint16_t port = 0;
    std::uint32_t next = 0;        // what it would send next
    std::uint32_t first = 0;       // the other end's initial number, from its last SYN
    std::uint32_t seen = 0;        // one past the highest it saw of the other end
    std::uint32_t stamp = 1;       // its clock
    std::uint32_t stamp_seen = 0;  // TSval last seen
    std::uint8_t shift_max = 0;    // largest window scale in a SYN of its own
    std::uint64_t allowed = 0;     // right edge it ever offered, from `first` on
    bool answers = false;          // the other end sent a SYN

    // Reads a segment that the other end sent.
    void takes(const stack::wire::tcp_header& h, std::uint32_t payload) {
        if (h.flags.syn) {
            if (!answers || h.sequence != first) {
                first = h.sequence;
                seen = first;
                allowed = std::max<std::uint64_t>(allowed_by_syn, 1);
            }
            answers = true;
        }
        const std::uint32_t end =
            h.sequence + payload + (h.flags.syn ? 1U : 0U) + (h.flags.fin ? 1U : 0U);
        if (!h.flags.rst && is_before(seen, end)) seen = end;
        if (h.options.timestamps) stamp_seen = h.options.timestamps->value;
    }

    // Remembers what a segment it sends permits the other end to send.
    void offers(const stack::wire::tcp_header& h) {
        if (h.flags.syn && h.options.window_scale)
            shift_max = std::max(shift_max, std::min<std::uint8_t>(*h.options.window_scale, 14));
        if (h.flags.syn) allowed_by_syn = std::max(allowed_by_syn, std::uint64_t{h.window} + 1);
        if (!h.flags.ack || !answers || h.acknowledgment - first > seen - first) return;
        allowed = std::max(allowed, (h.acknowledgment - first) +
                                        (std::uint64_t{h.window} << (h.flags.syn ? 0 : shift_max)));
    }

    std::uint64_t allowed_by_syn = 0;
};

// `value`, or something near it, or anything.
inline std::uint32_t number_near(input& in, std::uint32_t mode, std::uint32_t value) {
    switch (mode & 7U) {
        case 4: return value + in.u8() - 128;
        case 5: return value + (in.u8() - 128U) * 256;
        case 6: return in.u32();
        case 7: return value + in.u16() - 32768;
        default: return value;
    }
}

// One line for a replayed input: "in  port 100 S... seq 0 ack 0 win 65535 length 0".
inline void trace_segment(const char* way, std::uint16_t port, const stack::wire::tcp_header& h,
                          std::uint32_t length) {
    if (!is_tracing()) return;
    std::fprintf(stderr,
                 "%s port %d %s%s%s%s%s seq %" PRIu32 " ack %" PRIu32
                 " win %d scale %d length %" PRIu32 "%s\n",
                 way, port, h.flags.syn ? "S" : "", h.flags.fin ? "F" : "", h.flags.rst ? "R" : "",
                 h.flags.ack ? "A" : "", h.flags.urg ? "U" : "", h.sequence, h.acknowledgment,
                 h.window, h.options.window_scale ? int{*h.options.window_scale} : -1, length,
                 h.options.timestamps ? " ts" : "");
}

// The octet of flags in the header's order, FIN lowest.
inline stack::wire::tcp_flags flags_of(std::uint32_t bits) {
    const auto bit = [bits](unsigned at) { return (bits >> at & 1U) != 0; };
    return {bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6), bit(7)};
}

struct peer_segment {
    stack::wire::tcp_header header;
    std::uint32_t length = 0;  // bytes of payload
    bool in_order = false;     // begins where the last one ended
};

inline void choose_options(input& in, const peer& p, std::uint32_t how,
                           stack::wire::tcp_header& h) {
    if ((how & 0x40U) != 0) {
        const std::uint32_t mode = in.below(32);
        h.options.timestamps =
            stack::wire::tcp_timestamps{number_near(in, mode < 28 ? 0 : mode & 7U, p.stamp),
                                        number_near(in, mode == 27 ? 4 : 0, p.stamp_seen)};
    }
    if (h.flags.syn) {
        const std::uint32_t which = in.u8();
        if ((which & 1U) != 0) h.options.maximum_segment_size = in.u16();
        if ((which & 2U) != 0) h.options.window_scale = static_cast<std::uint8_t>(in.below(20));
        h.options.sack_permitted = (which & 4U) != 0;
    } else if ((how & 0x80U) != 0) {
        h.options.sack_count = static_cast<std::uint8_t>(1 + in.below(4));
        for (std::size_t i = 0; i < h.options.sack_count; ++i) {
            const std::uint32_t left = p.seen - in.u16();
            h.options.sack[i] = {left, left + in.u16()};
        }
    }
}

// Eight bytes of input or a few more.
inline peer_segment choose_segment(input& in, const peer& p, std::uint16_t to) {
    peer_segment made;
    stack::wire::tcp_header& h = made.header;
    h.source_port = p.port;
    h.destination_port = to;
    h.flags = flags_of(in.u8());
    const std::uint32_t how = in.u8();
    h.sequence = number_near(in, how, p.next);
    h.acknowledgment = number_near(in, how >> 3, p.seen);
    const std::uint32_t window = in.u8();
    h.window = static_cast<std::uint16_t>((window == 0 ? 0U : 0x1ffU + window * 255U) >>
                                          (window & 7U) * 2);
    const std::uint32_t size = in.u8();
    made.length = size < 128 ? 0 : (size - 127) * 24;
    if (h.flags.urg) h.urgent_pointer = in.u16();
    choose_options(in, p, how, h);
    made.in_order = h.sequence == p.next;
    return made;
}

// After it was sent, or lost on the way.
inline void advance_peer(peer& p, const peer_segment& sent) {
    p.offers(sent.header);
    ++p.stamp;
    if (!sent.in_order && !sent.header.flags.syn) return;
    if (sent.header.flags.rst) return;
    p.next = sent.header.sequence + sent.length + (sent.header.flags.syn ? 1U : 0U) +
             (sent.header.flags.fin ? 1U : 0U);
}

// Payload for any sequence number: low octets in a row.
inline const_bytes counting_bytes(std::uint32_t from, std::size_t size) {
    static const bytes all = [] {
        bytes made(256 + 8192);
        for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::byte>(i);
        return made;
    }();
    return const_bytes(all).subspan(from & 0xffU, size);
}

}  // namespace coax::fuzz
