// TCP of one stack: all connections, listeners and their timers (RFC 9293). Values in, values out:
// it never sees a frame, a route or a clock. Ingress calls input(); sockets call the calls; egress
// pulls segments with next_sender()/next_segment() until nothing is left.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "stack/base/flow.hpp"
#include "stack/base/payload.hpp"
#include "stack/base/random.hpp"
#include "stack/base/result.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/wire/tcp.hpp"

namespace coax::stack::tcp {

// Names a socket of this layer; a stale one is answered with error::bad_handle, never with the
// socket that took its place.
struct socket_id {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // 0: no socket
    explicit operator bool() const noexcept { return generation != 0; }
    friend bool operator==(const socket_id&, const socket_id&) noexcept = default;
};

// What became true of a socket since its last event; several bits may come at once. Edge-triggered:
// a bit comes when a call that answered would_block would now answer otherwise, and once for
// connected, failed and peer_closed.
struct readiness {
    bool connected = false;   // active open done
    bool acceptable = false;  // listener: the accept queue is not empty
    bool readable = false;    // data or end of stream
    bool writable = false;    // room in the send buffer
    bool failed = false;      // error_of() tells why; all calls answer it from now on
    bool closed = false;      // all is sent and acknowledged after shutdown/close (for linger)
    explicit operator bool() const noexcept {
        return connected || acceptable || readable || writable || failed || closed;
    }
};

struct event {
    socket_id socket;
    readiness ready;
    void* user = nullptr;  // as set by set_user()
};

struct accepted {
    socket_id socket;
    flow ends;
};

enum class shutdown_side : std::uint8_t { receive, send, both };

// What happened to an incoming segment; each value but the first two is also a counter.
enum class disposition : std::uint8_t {
    consumed,
    consumed_ack_only,  // nothing but an acknowledgement
    no_listener,        // answered with RST, RFC 9293 3.10.7.1
    out_of_window,
    bad_ack,
    backlog_full,
    blind_reset,  // RFC 5961 3: challenged
    paws,         // RFC 7323 5.3
    limit,        // a limit of config.hpp
    invalid,      // flags that no state accepts
};

// What an ICMP error says of a segment we sent (RFC 9293 3.9.2.2).
enum class icmp_verdict : std::uint8_t { soft, hard, packet_too_big };

// Anything that has segments to send: a connection, a half-open one, or a reply without state.
// Egress keeps the resolved path in it.
class sender;

// One segment to put on the wire. `payload` points into the send buffer and is valid until the
// next call of the layer. With gso_bytes != 0 it is a super-segment to be cut by the device.
struct segment {
    flow ends;
    wire::tcp_header header;
    std::array<const_bytes, 4> payload{};
    std::uint8_t payload_pieces = 0;
    std::uint32_t payload_size = 0;
    std::uint16_t gso_bytes = 0;
};

}  // namespace coax::stack::tcp
