// Names and text of a connection's snapshot.
#include <array>

#include <fmt/format.h>

#include <coax/connection_info.hpp>

namespace coax {

std::string_view to_string(tcp_state state) noexcept {
    static constexpr std::array<std::string_view, 11> names{
        "closed",     "listen",     "syn-sent", "syn-received", "established", "fin-wait-1",
        "fin-wait-2", "close-wait", "closing",  "last-ack",     "time-wait"};
    return names[static_cast<std::size_t>(state)];
}

std::string_view to_string(congestion_phase phase) noexcept {
    static constexpr std::array<std::string_view, 5> names{"open", "disorder", "reduced",
                                                           "recovery", "loss"};
    return names[static_cast<std::size_t>(phase)];
}

std::string connection_info::to_line() const {
    using milliseconds = std::chrono::duration<double, std::milli>;
    std::string line{to_string(state)};
    const auto add = [&line](std::string_view name, const auto& value) {
        if (value != 0) line += fmt::format(" {}={}", name, value);
    };
    const auto add_time = [&line](std::string_view name, const std::optional<duration>& value) {
        if (value && *value != duration::zero())
            line += fmt::format(" {}={:.3f}ms", name, milliseconds(*value).count());
    };
    line += fmt::format(" {} {}", algorithm, to_string(phase));
    add_time("rtt", round_trip);
    add_time("rttvar", round_trip_variation);
    add_time("minrtt", round_trip_min);
    add_time("rto", retransmission_timeout);
    add("mss", send_maximum_segment);
    add("cwnd", congestion_window);
    add("ssthresh", slow_start_threshold.value_or(0));
    add("pacing", pacing_rate.value_or(0));
    add("delivery", delivery_rate.value_or(0));
    add("in-flight", bytes_in_flight);
    add("unsent", bytes_unsent);
    add("sent", bytes_sent.value_or(0));
    add("acked", bytes_acknowledged);
    add("received", bytes_received);
    add("retrans", segments_retransmitted);
    add("lost", bytes_lost);
    add("sacked", bytes_sacked);
    add("send-window", send_window);
    add("receive-window", receive_window);
    add_time("busy", busy);
    add_time("receiver-limited", receiver_limited);
    add_time("buffer-limited", send_buffer_limited);
    return line;
}

}  // namespace coax
