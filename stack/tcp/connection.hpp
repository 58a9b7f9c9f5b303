// The transmission control block (RFC 9293 3.3.1): the state of one connection, in one place, with
// the RFC's names. Data only; what is done with it stands in input, output, timers and calls.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "stack/tcp/coarse_time.hpp"
#include "stack/tcp/congestion/congestion.hpp"
#include "stack/tcp/flight.hpp"
#include "stack/tcp/layer.hpp"
#include "stack/tcp/rare_state.hpp"
#include "stack/tcp/receive_buffer.hpp"
#include "stack/tcp/recovery_state.hpp"
#include "stack/tcp/round_trip.hpp"
#include "stack/tcp/send_buffer.hpp"
#include "stack/tcp/sequence.hpp"
#include "stack/tcp/wheel.hpp"

namespace coax::stack::tcp {

struct binding;

// All timers of a connection. One node in the wheel stands for the earliest of them or for an
// earlier moment: moving a deadline back costs one store.
enum class timer : std::uint8_t {
    retransmission,  // RFC 6298; also the SYN's
    persist,         // RFC 9293 3.8.6.1; also what the cork holds back
    delayed_ack,     // RFC 9293 3.8.6.3
    keep_alive,      // RFC 9293 3.8.4
    // An orphan is not kept alive: there stands its end, of FIN-WAIT-2 or of lingering.
    lifetime = keep_alive,
};
inline constexpr std::size_t timer_count = 4;

struct send_sequence {
    seq una;
    seq nxt;  // one past the highest sent, SYN and FIN included
    seq wl1;
    seq wl2;
    std::uint32_t wnd = 0;       // bytes from una (RFC 9293 3.1, REC-1: 32 bits)
    std::uint32_t wnd_max = 0;   // largest ever seen (RFC 9293 3.8.6.2.1, RFC 5961 5.2)
    seq small_end;               // end of the last segment smaller than mss (Nagle, Minshall)
    std::uint32_t capacity = 0;  // bytes the user may have in the send buffer
    std::uint16_t mss = 536;     // payload of a full segment: Eff.snd.MSS (RFC 9293 3.7.1)
    std::uint16_t peer_mss = 0;  // as offered, MSS.option minus nothing
    std::uint16_t mtu = 0;       // the route's when mss was computed
    std::uint8_t scale = 0;      // shift of the peer's window field
    bool fixed = false;          // the user sized the buffer
};

struct receive_sequence {
    seq nxt;
    seq edge;                    // right edge of the window as last advertised; never moves left
    seq acked;                   // acknowledgment last sent (Last.ACK.sent of RFC 7323)
    std::uint32_t capacity = 0;  // bytes
    std::uint16_t mss = 536;     // largest segment seen: what "full-sized" means from this peer
    std::uint16_t announced_mss = 0;
    std::uint8_t scale = 0;          // shift of our window field
    bool fixed = false;              // the user sized the buffer
    std::uint8_t quick_acks = 0;     // segments to be acknowledged at once
    std::uint8_t traffic_class = 0;  // of all that is sent: here, where a byte is left
};

// What the retransmission timer stands for (retransmission_timer.hpp).
enum class retransmission_cause : std::uint8_t {
    timeout,     // RFC 6298
    probe,       // RFC 8985 7
    reordering,  // RFC 8985 6.2 step 5
};

struct timestamp_state {
    std::uint32_t recent = 0;  // TS.Recent
    std::uint32_t offset = 0;  // added to our clock
};

// When TS.Recent was set: in steps of 2^42 ns (73 minutes) it is told whether that is more than 24
// days ago (RFC 7323 5.5) for nine years.
class timestamp_age {
  public:
    timestamp_age() noexcept = default;
    explicit timestamp_age(instant now) noexcept : steps_(steps_of(now)) {}
    bool is_outdated(instant now) const noexcept {
        constexpr auto limit =
            static_cast<std::uint64_t>(duration(std::chrono::hours(24 * 24)).count()) >> bits;
        return static_cast<std::uint16_t>(steps_of(now) - steps_) > limit;
    }

  private:
    static constexpr int bits = 42;
    static std::uint16_t steps_of(instant now) noexcept {
        return static_cast<std::uint16_t>(
            static_cast<std::uint64_t>(now.time_since_epoch().count()) >> bits);
    }
    std::uint16_t steps_ = 0;
};

// What the sender of a lone message has none of: together one byte, so one question.
struct sending_extras {
    bool fin_queued : 1 = false;  // the user will send no more
    bool keep_alive_pending : 1 = false;
    bool syn_pending : 1 = false;    // SYN or SYN-ACK is to be (re)sent
    bool probe_pending : 1 = false;  // window probe
    bool wants_write : 1 = false;    // send() took less than was offered
    bool is_held_back : 1 = false;   // sender_totals::limit is not none
    std::uint8_t unused : 2 = 0;

    bool has_extras() const noexcept { return std::bit_cast<std::uint8_t>(*this) != 0; }
};

struct connection final : sender, timer_node, sending_extras {
    connection(std::uint32_t pool_index, const tcp_config& config) noexcept
        : sender(kind::connection, pool_index),
          timer_node(timer_node::owner::connection),
          rtt(config) {
        snd.capacity = config.send_buffer_bytes;
        rcv.capacity = config.receive_buffer_bytes;
        rcv.quick_acks = config.quick_acks;
        congestion.algorithm = config.congestion;
        congestion.ecn_choice = config.ecn;
        congestion.wants_pacing = config.pacing;
        congestion.idle = config.after_idle;
    }
    using sender::ends_;
    using sender::hash;
    using sender::index;
    using sender::parked_;

    // --- what every segment touches
    state current = state::closed;
    bool ack_now = false;  // output owes an acknowledgment
    bool fin_sent = false;
    bool timestamps = false;
    retransmission_cause timer_cause = retransmission_cause::timeout;
    bool attached = false;  // the user has its id
    // --- what few touch
    bool keep_alive : 1 = false;
    bool no_delay : 1 = false;
    bool fin_received : 1 = false;
    bool fin_seen : 1 = false;         // a FIN stands at fin_at, perhaps behind a gap
    bool in_accept_queue : 1 = false;  // of *bound_to
    bool receive_shut : 1 = false;     // shutdown(receive): nothing to read is the end
    bool in_table : 1 = false;         // demux
    bool probing : 1 = false;          // the persist timer rules (RFC 9293 3.8.6.1)
    bool active_open : 1 = false;
    bool window_scaling : 1 = false;
    bool in_burst : 1 = false;     // another full segment follows the last one sent at once
    bool sack : 1 = false;         // RFC 2018: both sides permit it
    std::uint8_t retries = 0;      // of the retransmission or persist timer in a row
    std::uint8_t probes_sent = 0;  // keep-alive
    readiness pending;             // not yet delivered
    error failure = error::none;
    error soft_error = error::none;

    send_sequence snd;
    receive_sequence rcv;
    timestamp_state ts;
    timestamp_age ts_recent_age;
    rack_memory rack;
    coarse_instant last_heard;           // a segment without data came that was acceptable
    flight flying;                       // what was sent and not acknowledged
    recovery_state* recovery = nullptr;  // while something is, or may be, lost
    congestion_state congestion;
    round_trip rtt;
    seq fin_at;                       // with fin_seen: sequence number of the peer's FIN
    std::uint32_t challenged_at = 0;  // ms clock of the last challenge; 0: never
    std::uint32_t last_sent = 0;      // ms clock of the last data segment
    coarse_instant last_received;     // data came, or else it was established
    std::uint32_t totals = 0;         // index + 1 of the sender_totals; 0: none
    std::uint32_t stalled_since = 0;  // ms clock of the first retransmission or probe without
                                      // progress (R2); 0: it goes on
    std::uint32_t tuning = 0;         // index + 1 of the receive_tuning; 0: none
    rare_state* rare = nullptr;       // nullptr for nearly all: see rare_state.hpp

    send_buffer sending;
    receive_buffer receiving;

    std::array<instant, timer_count> deadlines{never, never, never, never};

    // --- sockets
    void* user = nullptr;
    binding* bound_to = nullptr;  // own binding; while in_accept_queue: the listener's
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>
        event_hook;  // events, or an accept queue

    instant& deadline(timer t) noexcept { return deadlines[static_cast<std::size_t>(t)]; }
    // One past the last byte the user gave. Valid once our SYN is acknowledged.
    seq data_end() const noexcept { return snd.una + sending.size(); }
    std::uint32_t outstanding() const noexcept { return snd.nxt - snd.una; }
    bool is_orphan() const noexcept { return !attached && !in_accept_queue; }
};

// The same at any time after the SYN's number is chosen.
inline seq stream_end(const connection& c) noexcept {
    return c.data_end() + (c.current <= state::syn_received ? 1U : 0U);
}

using event_list = boost::intrusive::list<
    connection,
    boost::intrusive::member_hook<connection,
                                  boost::intrusive::list_member_hook<
                                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>,
                                  &connection::event_hook>,
    boost::intrusive::constant_time_size<false>>;

// Time to live of what it sends; 0: as configured.
inline std::uint8_t hops_of(const connection& c) noexcept {
    return c.rare == nullptr ? 0 : c.rare->hops;
}

}  // namespace coax::stack::tcp
