// What a connection needs to know while something is, or may be, lost: the sums of its scoreboard,
// and the states of RACK-TLP, PRR, F-RTO and undo. It comes with the first sign and goes when all
// is well again; a connection without losses has none. Data only.
#pragma once

#include <cstdint>

#include "stack/base/time.hpp"
#include "stack/tcp/congestion/congestion.hpp"
#include "stack/tcp/rate_reduction.hpp"
#include "stack/tcp/sequence.hpp"

namespace coax::stack::tcp {

struct recovery_state {
    recovery_state(std::uint32_t pool_index, seq una) noexcept
        : index(pool_index),
          recover(una),
          resend_from(una),
          resent_to(una),
          fack(una),
          counted_to(una),
          rack_end(una) {}

    enum class mode : std::uint8_t {
        none,     // nothing is lost, as far as is known
        fast,     // fast recovery: RFC 6675 5, RFC 6582 3.2
        timeout,  // after a retransmission timeout: RFC 5681 3.1
    };
    enum class spurious_check : std::uint8_t {  // RFC 5682
        none,
        first,   // step 2: the first acknowledgment after the timeout is awaited
        second,  // step 3: new data was sent instead of retransmissions
    };

    std::uint32_t index;
    mode in = mode::none;
    spurious_check forward = spurious_check::none;
    std::uint8_t duplicates = 0;      // in a row, of a peer without SACK
    bool must_resend : 1 = false;     // the first retransmission goes whatever the window says
    bool guarded : 1 = false;         // RFC 6582 3.2 step 1: una has not passed `recover`
    bool new_data_first : 1 = false;  // RFC 5682 2.1 (2b): before retransmissions
    bool undoable : 1 = false;        // `before` is what to go back to
    bool rack_advanced : 1 = false;   // by this acknowledgment
    bool probe_new : 1 = false;       // tail loss probe to be sent: new data,
    bool probe_tail : 1 = false;      // or the last segment again
    bool probing : 1 = false;         // probe_end is not yet acknowledged
    bool probe_resent : 1 = false;    // TLP.is_retrans
    bool reneged : 1 = false;         // the peer dropped what it had SACKed
    bool in_dsack_round : 1 = false;
    bool resent_any : 1 = false;     // since recovery began
    bool rescued : 1 = false;        // RFC 6675 4 (4): once per recovery
    bool spares_window : 1 = false;  // of this fast recovery: a path probe was lost, nothing else

    // --- the scoreboard's sums, in bytes: RFC 6675 4 (SetPipe) is a subtraction
    std::uint32_t sacked = 0;
    std::uint32_t lost = 0;     // not sacked
    std::uint32_t due = 0;      // lost, and not sent again since
    std::uint32_t again = 0;    // sent again and not sacked
    std::uint32_t counted = 0;  // left the network, by duplicate acknowledgments without SACK
    std::uint32_t sacked_segments = 0;  // RACK.segs_sacked
    std::uint32_t repaired = 0;  // sent again since recovery began, each byte once (RFC 7661: R)

    seq recover;      // RecoveryPoint: SND.NXT when recovery began
    seq resend_from;  // nothing that is due lies before
    seq resent_to;    // nothing at or behind it was sent again (HighRxt + 1)
    seq fack;         // highest edge known to have arrived (RACK.fack)
    seq counted_to;   // RFC 6675 IsLost has been asked up to here

    // --- RACK (RFC 8985 5.2)
    instant rack_sent_at{};  // RACK.xmit_ts
    seq rack_end;            // RACK.end_seq
    duration rack_rtt{};     // RACK.rtt
    seq dsack_round;         // RACK.dsack_round
    seq probe_end;           // TLP.end_seq

    // --- undo (RFC 4015, RFC 3522, D-SACK)
    std::uint32_t resent_bytes = 0;  // since recovery began, less what D-SACKs brought back
    std::uint32_t resent_stamp = 0;  // timestamp of the first retransmission; 0: none
    seq undo_marker;                 // SND.UNA when recovery began
    seq undo_limit;                  // after recovery: undone only until this is acknowledged

    rate_reduction reduction;
    congestion_state before;  // when recovery began

    // No sign that anything is wrong, and no probe under way: a tail loss probe may be due.
    bool is_undisturbed() const noexcept {
        return in == mode::none && (sacked | lost) == 0 && !probing && !probe_new && !probe_tail;
    }
    // Nothing here is worth keeping.
    bool is_idle() const noexcept {
        return in == mode::none && (sacked | lost | again | counted | duplicates) == 0 &&
               !undoable && !guarded && !probing && !probe_new && !probe_tail && !in_dsack_round;
    }
};

// What outlives a recovery: how much reordering there is (RFC 8985 6.2 step 4).
struct rack_memory {
    static constexpr std::uint8_t persistence = 16;  // recoveries without a D-SACK
    std::uint8_t multiplier = 1;                     // RACK.reo_wnd_mult
    std::uint8_t persist : 7 = persistence;          // RACK.reo_wnd_persist
    bool reordering_seen : 1 = false;
};

}  // namespace coax::stack::tcp
