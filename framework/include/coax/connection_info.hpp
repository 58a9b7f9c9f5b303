// What a TCP connection knows of itself at one moment: socket.info(). A snapshot by value; knows no
// socket. Both transports fill it, the userspace stack from its own variables and kernel sockets
// from TCP_INFO. What a transport does not know is empty (std::optional): on the stack that is
// delivery_rate, unless the congestion control is bbr. A closed socket and a listener tell their
// state and little more.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coax {

// RFC 9293 3.3.2
enum class tcp_state : std::uint8_t {
    closed,
    listen,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    close_wait,
    closing,
    last_ack,
    time_wait,
};
std::string_view to_string(tcp_state state) noexcept;  // "established"

// What the sender makes of the acknowledgments it gets.
enum class congestion_phase : std::uint8_t {
    open,      // nothing unusual
    disorder,  // duplicate acknowledgments or SACKs, no loss is known of
    reduced,   // the window is reduced for a congestion mark (ECN)
    recovery,  // fast recovery: lost segments go again (RFC 6675, RFC 8985)
    loss,      // after a retransmission timeout (RFC 5681 3.1)
};
std::string_view to_string(congestion_phase phase) noexcept;  // "recovery"

// Counts are since the connection began, of this side, and without SYN and FIN. Bytes are of
// payload, rates bytes per second, durations of the context's clock.
struct connection_info {
    using duration = std::chrono::nanoseconds;

    tcp_state state = tcp_state::closed;
    std::string algorithm;  // of congestion control: "cubic"
    congestion_phase phase = congestion_phase::open;

    // --- time (RFC 6298). Zero: not measured yet.
    duration round_trip{};                   // smoothed
    duration round_trip_variation{};         // RTTVAR
    std::optional<duration> round_trip_min;  // the smallest seen lately
    duration retransmission_timeout{};       // RTO, backed off
    std::uint32_t retries = 0;               // timeouts or window probes in a row without an answer

    // --- what may go
    std::uint64_t congestion_window = 0;                // bytes
    std::optional<std::uint64_t> slow_start_threshold;  // bytes; empty: none was set yet
    std::uint64_t send_window = 0;                      // bytes the peer permits
    std::optional<std::uint64_t> pacing_rate;           // empty: not paced
    std::optional<std::uint64_t> delivery_rate;         // the latest measured (stack: with bbr)
    std::uint64_t bytes_in_flight = 0;  // sent, not acknowledged, and not known to be lost or there
    std::uint64_t bytes_unsent = 0;     // given by the user and not sent yet
    std::uint64_t send_buffer_max = 0;  // bytes the user may have in the send buffer

    // --- what may come
    std::uint64_t receive_window = 0;      // bytes offered to the peer
    std::uint64_t receive_buffered = 0;    // bytes to be read
    std::uint64_t receive_buffer_max = 0;  // bytes the offer may grow to

    // --- totals
    std::optional<std::uint64_t> bytes_sent;  // those sent again included
    std::uint64_t bytes_acknowledged = 0;
    std::uint64_t bytes_received = 0;  // in order
    std::optional<std::uint64_t> bytes_retransmitted;
    std::uint64_t segments_retransmitted = 0;

    // --- the scoreboard now
    std::uint64_t bytes_lost = 0;    // taken for lost and not acknowledged
    std::uint64_t bytes_sacked = 0;  // the peer holds them beyond a gap
    bool reordering_seen = false;    // segments came late that were not lost

    // --- since when. In steps of about a millisecond; wrong after 49 days of silence.
    std::optional<duration> since_data_sent;      // empty: never
    std::optional<duration> since_data_received;  // in order; empty: never
    std::optional<duration> since_acknowledged;   // by any acceptable segment, new data or not
    // --- for how long, in all since the connection began, as tcpi_busy_time, tcpi_rwnd_limited and
    // tcpi_sndbuf_limited of Linux. Empty before the handshake is done. With data in the send
    // buffer (in steps of about a millisecond: a shorter time counts as none or a whole one, many
    // of them as long as they were);
    std::optional<duration> busy;
    // of it, with data that the peer's window did not take, though the congestion window would;
    std::optional<duration> receiver_limited;
    // and with all of it sent and room in both windows, while the user waited for space.
    std::optional<duration> send_buffer_limited;

    // --- agreed on in the handshake
    std::uint32_t send_maximum_segment = 0;     // bytes of payload in a full segment
    std::uint32_t receive_maximum_segment = 0;  // largest seen from the peer
    std::uint32_t path_mtu = 0;                 // bytes of IP packet; 0: not known
    bool timestamps = false;                    // RFC 7323
    bool selective_acknowledgments = false;     // RFC 2018
    bool window_scaling = false;                // RFC 7323
    bool congestion_notification = false;       // RFC 3168
    std::uint8_t send_window_scale = 0;
    std::uint8_t receive_window_scale = 0;

    // One line for people: what is not zero, in the units of `ss -i`.
    std::string to_line() const;
};

}  // namespace coax
