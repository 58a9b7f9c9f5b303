// What happened, counted: one number per disposition of input, and one per thing the layer did or
// refused. Names are what observers see, "tcp." before them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stack/tcp/layer.hpp"

namespace coax::stack::tcp {

// Counters that are not dispositions.
enum class counted : std::uint8_t {
    active_opens,
    passive_opens,
    established,
    failed_opens,
    resets_received,
    resets_sent,
    resets_suppressed,  // rate limit or full queue
    segments_sent,
    retransmitted,
    timeouts,
    fast_recoveries,
    // loss recovery
    dsacks_sent,              // RFC 2883: something came twice, and the peer was told
    dsacks_received,          // the peer told so
    sack_recoveries,          // fast recoveries with SACK; those without are fast_recoveries
    lost_segments,            // found lost, by RACK or by counting
    tail_loss_probes,         // RFC 8985 7
    tail_losses,              // repaired by such a probe
    sack_reneges,             // the peer dropped what it had SACKed
    spurious_by_timestamp,    // recoveries begun for nothing: RFC 3522
    spurious_by_dsack,        // RFC 3708
    spurious_by_forward_rto,  // RFC 5682
    // others
    window_probes,
    keep_alive_probes,
    challenge_acks,
    challenges_suppressed,
    out_of_order,
    duplicate_data,
    syn_queue_evicted,
    // SYN cookies
    syn_cookies_sent,
    syn_cookies_accepted,
    syn_cookies_failed,  // not one of ours, or too old
    reassembly_pruned,   // out-of-order data of a connection given up for data in order
    // Flags and ends that no honest segment has; what became of it is counted besides
    null_flags,
    xmas,
    fin_without_ack,
    syn_fin,
    syn_rst,
    land,               // from itself
    port_zero,          // of either end
    bad_peer,           // no unicast address
    replies_evicted,    // without state, waiting to be sent: the oldest gave way
    accept_refused,     // handshake complete, accept queue full
    time_wait_evicted,  // time_wait_max reached
    no_memory,          // a pool was empty
    user_timeouts,
    black_holes,  // full segments vanished: smaller ones are tried
    mtu_probes,   // RFC 4821
    mtu_probes_lost,
    orphans_killed,
    icmp_ignored,  // sequence number not in flight, or no such connection
    icmp_obeyed,
    // congestion control
    window_reductions,     // loss, timeout or ECE
    window_restorations,   // a reduction turned out to be a mistake
    hystart_exits,         // slow start ended because round trips grew (RFC 9406)
    ecn_negotiated,        // connections
    ecn_marks_received,    // data segments with CE
    ecn_reductions,        // window reductions for ECE, also among window_reductions
    ecn_reductions_told,   // segments with CWR
    paced_waits,           // data had to wait for its moment
    non_validated_phases,  // begun (RFC 7661 4.4): the window is larger than what shows it right
    listener_full,         // data refused: its connections that wait hold listener_bytes_max
    urgent_marks,          // received, or moved (RFC 9293 3.8.5)
    congestion_fallbacks,  // connections whose control had no memory: they have newreno
    end
};

inline constexpr std::size_t disposition_count =
    static_cast<std::size_t>(disposition::elsewhere) + 1;
inline constexpr std::size_t counter_total =
    disposition_count + static_cast<std::size_t>(counted::end);

inline constexpr std::array<std::string_view, counter_total> counter_names{
    "tcp.consumed",
    "tcp.consumed_ack_only",
    "tcp.no_listener",
    "tcp.out_of_window",
    "tcp.bad_ack",
    "tcp.backlog_full",
    "tcp.blind_reset",
    "tcp.blind_syn",
    "tcp.paws",
    "tcp.after_close",
    "tcp.limit",
    "tcp.invalid",
    "tcp.elsewhere",
    "tcp.active_opens",
    "tcp.passive_opens",
    "tcp.established",
    "tcp.failed_opens",
    "tcp.resets_received",
    "tcp.resets_sent",
    "tcp.resets_suppressed",
    "tcp.segments_sent",
    "tcp.retransmitted",
    "tcp.timeouts",
    "tcp.fast_recoveries",
    "tcp.dsacks_sent",
    "tcp.dsacks_received",
    "tcp.sack_recoveries",
    "tcp.lost_segments",
    "tcp.tail_loss_probes",
    "tcp.tail_losses",
    "tcp.sack_reneges",
    "tcp.spurious_by_timestamp",
    "tcp.spurious_by_dsack",
    "tcp.spurious_by_forward_rto",
    "tcp.window_probes",
    "tcp.keep_alive_probes",
    "tcp.challenge_acks",
    "tcp.challenges_suppressed",
    "tcp.out_of_order",
    "tcp.duplicate_data",
    "tcp.syn_queue_evicted",
    "tcp.syn_cookies_sent",
    "tcp.syn_cookies_accepted",
    "tcp.syn_cookies_failed",
    "tcp.reassembly_pruned",
    "tcp.null_flags",
    "tcp.xmas",
    "tcp.fin_without_ack",
    "tcp.syn_fin",
    "tcp.syn_rst",
    "tcp.land",
    "tcp.port_zero",
    "tcp.bad_peer",
    "tcp.replies_evicted",
    "tcp.accept_refused",
    "tcp.time_wait_evicted",
    "tcp.no_memory",
    "tcp.user_timeouts",
    "tcp.black_holes",
    "tcp.mtu_probes",
    "tcp.mtu_probes_lost",
    "tcp.orphans_killed",
    "tcp.icmp_ignored",
    "tcp.icmp_obeyed",
    "tcp.window_reductions",
    "tcp.window_restorations",
    "tcp.hystart_exits",
    "tcp.ecn_negotiated",
    "tcp.ecn_marks_received",
    "tcp.ecn_reductions",
    "tcp.ecn_reductions_told",
    "tcp.paced_waits",
    "tcp.non_validated_phases",
    "tcp.listener_full",
    "tcp.urgent_marks",
    "tcp.congestion_fallbacks",
};

class counters {
  public:
    void add(disposition d) noexcept { ++values_[static_cast<std::size_t>(d)]; }
    void add(counted c, std::uint64_t n = 1) noexcept {
        values_[disposition_count + static_cast<std::size_t>(c)] += n;
    }
    std::uint64_t at(std::size_t index) const noexcept { return values_[index]; }

  private:
    std::array<std::uint64_t, counter_total> values_{};
};

}  // namespace coax::stack::tcp
