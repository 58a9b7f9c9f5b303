// TCP_INFO in our words: segments become bytes, microseconds durations. It knows the kernel's own
// header, which does not go together with the C library's, so nothing else is included here.
#include "framework/transport/kernel_info.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace coax::detail {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

tcp_state state_of(std::uint8_t kernel) noexcept {
    using enum tcp_state;
    static constexpr std::array names{
        closed, established, syn_sent, syn_received, fin_wait_1, fin_wait_2,  time_wait,
        closed, close_wait,  last_ack, listen,       closing,    syn_received};
    return kernel < names.size() ? names[kernel] : closed;
}

congestion_phase phase_of(std::uint8_t kernel) noexcept {
    return kernel < 5 ? static_cast<congestion_phase>(kernel) : congestion_phase::open;
}

void fill_sender(const tcp_info& from, connection_info& to) {
    const std::uint64_t mss = from.tcpi_snd_mss;
    to.round_trip = microseconds(from.tcpi_rtt);
    to.round_trip_variation = microseconds(from.tcpi_rttvar);
    if (from.tcpi_min_rtt != UINT32_MAX) to.round_trip_min = microseconds(from.tcpi_min_rtt);
    to.retransmission_timeout = microseconds(from.tcpi_rto);
    to.retries = std::max(from.tcpi_retransmits, from.tcpi_probes);
    to.phase = phase_of(from.tcpi_ca_state);
    to.congestion_window = from.tcpi_snd_cwnd * mss;
    if (from.tcpi_snd_ssthresh < INT_MAX) to.slow_start_threshold = from.tcpi_snd_ssthresh * mss;
    if (from.tcpi_pacing_rate != UINT64_MAX) to.pacing_rate = from.tcpi_pacing_rate;
    if (from.tcpi_delivery_rate != 0) to.delivery_rate = from.tcpi_delivery_rate;
    const std::uint64_t gone = std::uint64_t{from.tcpi_sacked} + from.tcpi_lost;
    const std::uint64_t flying = std::uint64_t{from.tcpi_unacked} + from.tcpi_retrans;
    to.bytes_in_flight = flying > gone ? (flying - gone) * mss : 0;
    to.bytes_unsent = from.tcpi_notsent_bytes;
    to.bytes_sent = from.tcpi_bytes_sent;
    // The kernel counts our SYN in.
    to.bytes_acknowledged = from.tcpi_bytes_acked == 0 ? 0 : from.tcpi_bytes_acked - 1;
    to.bytes_retransmitted = from.tcpi_bytes_retrans;
    to.segments_retransmitted = from.tcpi_total_retrans;
    to.bytes_lost = from.tcpi_lost * mss;
    to.bytes_sacked = from.tcpi_sacked * mss;
    to.reordering_seen = from.tcpi_reord_seen != 0;
    to.send_window = from.tcpi_snd_wnd;
    to.busy = microseconds(from.tcpi_busy_time);
    to.receiver_limited = microseconds(from.tcpi_rwnd_limited);
    to.send_buffer_limited = microseconds(from.tcpi_sndbuf_limited);
    if (from.tcpi_bytes_sent != 0) to.since_data_sent = milliseconds(from.tcpi_last_data_sent);
    to.since_acknowledged = milliseconds(from.tcpi_last_ack_recv);
}

void fill_receiver(const tcp_info& from, connection_info& to) {
    to.bytes_received = from.tcpi_bytes_received;
    to.receive_window = from.tcpi_rcv_space;
    if (from.tcpi_bytes_received != 0)
        to.since_data_received = milliseconds(from.tcpi_last_data_recv);
}

void fill_options(const tcp_info& from, connection_info& to) {
    to.send_maximum_segment = from.tcpi_snd_mss;
    to.receive_maximum_segment = from.tcpi_rcv_mss;
    to.path_mtu = from.tcpi_pmtu;
    to.timestamps = (from.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0;
    to.selective_acknowledgments = (from.tcpi_options & TCPI_OPT_SACK) != 0;
    to.window_scaling = (from.tcpi_options & TCPI_OPT_WSCALE) != 0;
    to.congestion_notification = (from.tcpi_options & TCPI_OPT_ECN) != 0;
    to.send_window_scale = from.tcpi_snd_wscale;
    to.receive_window_scale = from.tcpi_rcv_wscale;
}

std::uint64_t buffer_size(int descriptor, int name) noexcept {
    int bytes = 0;
    socklen_t size = sizeof bytes;
    if (::getsockopt(descriptor, SOL_SOCKET, name, &bytes, &size) != 0) return 0;
    return static_cast<std::uint64_t>(bytes) / 2;  // socket(7): doubled for its bookkeeping
}

}  // namespace

int read_kernel_info(int descriptor, connection_info& out) noexcept {
    tcp_info from{};
    socklen_t size = sizeof from;
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &from, &size) != 0) return errno;
    out = {};
    out.state = state_of(from.tcpi_state);
    if (out.state != tcp_state::listen) {  // whose numbers are of its queue
        fill_sender(from, out);
        fill_receiver(from, out);
        fill_options(from, out);
    }
    std::array<char, 32> name{};
    size = name.size() - 1;
    if (::getsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, name.data(), &size) == 0)
        out.algorithm = name.data();
    out.send_buffer_max = buffer_size(descriptor, SO_SNDBUF);
    out.receive_buffer_max = buffer_size(descriptor, SO_RCVBUF);
    return 0;
}

}  // namespace coax::detail
