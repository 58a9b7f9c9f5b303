// Field by field, from the stack's names to the public ones.
#include "framework/transport/stack_info.hpp"

#include <limits>

namespace coax::detail {

namespace {

void fill_totals(const stack::tcp::connection_info& from, connection_info& to) {
    to.bytes_acknowledged = from.bytes_acknowledged;
    to.bytes_received = from.bytes_received;
    to.bytes_sent = from.bytes_sent;
    to.bytes_retransmitted = from.bytes_retransmitted;
    if (from.least_rtt != stack::duration::zero()) to.round_trip_min = from.least_rtt;
    to.segments_retransmitted = from.retransmitted_segments;
    to.bytes_lost = from.lost;
    to.bytes_sacked = from.sacked;
    to.reordering_seen = from.reordering_seen;
    if (from.bytes_acknowledged != 0 || from.outstanding != 0)
        to.since_data_sent = from.since_data_sent;
    if (from.current < stack::tcp::state::established) return;
    if (from.bytes_received != 0) to.since_data_received = from.since_data_received;
    to.since_acknowledged = from.since_acknowledged;
    to.busy = from.busy;
    to.receiver_limited = from.receiver_limited;
    to.send_buffer_limited = from.send_buffer_limited;
}

}  // namespace

connection_info to_public(const stack::tcp::connection_info& from) {
    connection_info to;
    static_assert(static_cast<int>(tcp_state::time_wait) ==
                  static_cast<int>(stack::tcp::state::time_wait));
    static_assert(static_cast<int>(congestion_phase::loss) ==
                  static_cast<int>(stack::tcp::sender_phase::loss));
    to.state = static_cast<tcp_state>(from.current);
    to.algorithm = from.congestion;
    to.phase = static_cast<congestion_phase>(from.phase);
    to.round_trip = from.smoothed_rtt;
    to.round_trip_variation = from.rtt_variation;
    to.retransmission_timeout = from.retransmission_timeout;
    to.retries = from.retries;
    to.congestion_window = from.congestion_window;
    if (from.slow_start_threshold != std::numeric_limits<std::uint32_t>::max())
        to.slow_start_threshold = from.slow_start_threshold;
    to.send_window = from.send_window;
    if (from.pacing_rate != 0) to.pacing_rate = from.pacing_rate;
    if (from.delivery_rate != 0) to.delivery_rate = from.delivery_rate;
    to.bytes_in_flight = from.in_flight;
    to.bytes_unsent = from.unsent;
    to.send_buffer_max = from.send_capacity;
    to.receive_window = from.receive_window;
    to.receive_buffered = from.receive_buffered;
    to.receive_buffer_max = from.receive_capacity;
    fill_totals(from, to);
    to.send_maximum_segment = from.send_mss;
    to.receive_maximum_segment = from.receive_mss;
    to.path_mtu = from.path_mtu;
    to.timestamps = from.timestamps;
    to.selective_acknowledgments = from.sack;
    to.window_scaling = from.window_scaling;
    to.congestion_notification = from.congestion_notification;
    to.send_window_scale = from.send_window_scale;
    to.receive_window_scale = from.receive_window_scale;
    return to;
}

}  // namespace coax::detail
