// A connection's snapshot in the words of Linux's struct tcp_info (segments where Linux counts
// segments, microseconds for times unless a name says otherwise).
#include <algorithm>
#include <climits>
#include <cstring>

#include <linux/tcp.h>

#include "tests/packetdrill/adapter/host.hpp"

namespace coax::packetdrill {

namespace {

using stack::tcp::connection_info;

std::uint8_t linux_state(stack::tcp::state s) {
    using stack::tcp::state;
    switch (s) {
        case state::established: return 1;
        case state::syn_sent: return 2;
        case state::syn_received: return 3;
        case state::fin_wait_1: return 4;
        case state::fin_wait_2: return 5;
        case state::time_wait: return 6;
        case state::closed: return 7;
        case state::close_wait: return 8;
        case state::last_ack: return 9;
        case state::listen: return 10;
        case state::closing: return 11;
    }
    return 7;
}

std::uint32_t microseconds(stack::duration d) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(d).count());
}

std::uint32_t milliseconds(stack::duration d) { return microseconds(d) / 1000; }

}  // namespace

void fill_tcp_info(const connection_info& from, void* value, socklen_t* length) {
    const std::uint32_t mss = std::max(from.send_mss, 1U);
    const auto segments = [mss](std::uint32_t bytes) { return (bytes + mss - 1) / mss; };
    tcp_info to{};
    to.tcpi_state = linux_state(from.current);
    to.tcpi_options = static_cast<std::uint8_t>((from.timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
                                                (from.sack ? TCPI_OPT_SACK : 0) |
                                                (from.window_scaling ? TCPI_OPT_WSCALE : 0) |
                                                (from.congestion_notification ? TCPI_OPT_ECN : 0));
    to.tcpi_snd_wscale = from.send_window_scale & 0xf;
    to.tcpi_rcv_wscale = from.receive_window_scale & 0xf;
    to.tcpi_rto = microseconds(from.retransmission_timeout);
    to.tcpi_snd_mss = from.send_mss;
    to.tcpi_rcv_mss = from.receive_mss;
    to.tcpi_advmss = from.announced_mss;
    to.tcpi_pmtu = from.path_mtu;
    to.tcpi_ca_state = static_cast<std::uint8_t>(from.phase) & 0x7;
    to.tcpi_retransmits = to.tcpi_backoff = from.retries;
    to.tcpi_last_data_sent = milliseconds(from.since_data_sent);
    to.tcpi_last_data_recv = milliseconds(from.since_data_received);
    to.tcpi_last_ack_recv = milliseconds(from.since_acknowledged);
    to.tcpi_busy_time = microseconds(from.busy);
    to.tcpi_rwnd_limited = microseconds(from.receiver_limited);
    to.tcpi_sndbuf_limited = microseconds(from.send_buffer_limited);
    to.tcpi_bytes_acked = from.bytes_acknowledged;
    to.tcpi_bytes_received = from.bytes_received;
    to.tcpi_notsent_bytes = from.unsent;
    to.tcpi_pacing_rate = from.pacing_rate;
    to.tcpi_reordering = 3;  // RFC 8985 6.2 (DupThresh); RACK has no other measure of it
    to.tcpi_lost = segments(from.lost);
    to.tcpi_sacked = segments(from.sacked);
    to.tcpi_reord_seen = from.reordering_seen ? 1 : 0;
    to.tcpi_unacked = segments(from.outstanding);
    to.tcpi_rtt = microseconds(from.smoothed_rtt);
    to.tcpi_rttvar = microseconds(from.rtt_variation);
    to.tcpi_snd_cwnd = from.congestion_window / mss;
    to.tcpi_snd_ssthresh = from.slow_start_threshold > INT_MAX ? static_cast<std::uint32_t>(INT_MAX)
                                                               : from.slow_start_threshold / mss;
    to.tcpi_total_retrans = from.retransmitted_segments;
    to.tcpi_snd_wnd = from.send_window;
    // What this host's headers do not know of the structure stays zero.
    std::memset(value, 0, *length);
    std::memcpy(value, &to, std::min<std::size_t>(*length, sizeof to));
}

}  // namespace coax::packetdrill
