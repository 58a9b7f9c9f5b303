// Adds counts up, and names errors.
#include "services/load/load_counts.hpp"

#include <boost/asio/error.hpp>

namespace coax::services {
namespace {

namespace error = boost::asio::error;

std::string kind_of(const boost::system::error_code& e) {
    if (e == error::eof) return "closed by the server";
    if (e == error::connection_reset) return "reset by the server";
    if (e == error::connection_refused) return "connection refused";
    return e.message();
}

}  // namespace

void load_counts::fail(const boost::system::error_code& error) {
    if (error == error::timed_out) time_out();
    else fail(kind_of(error));
}

std::uint64_t load_counts::all_errors() const noexcept {
    std::uint64_t all = 0;
    for (const auto& [kind, times] : errors) all += times;
    return all;
}

void load_counts::add(const load_counts& other) {
    messages += other.messages;
    mismatches += other.mismatches;
    bytes_sent += other.bytes_sent;
    bytes_received += other.bytes_received;
    latency.add(other.latency);
    for (const auto& [kind, times] : other.errors) errors[kind] += times;
    timeouts += other.timeouts;
    for (const auto& [status, times] : other.statuses) statuses[status] += times;
    reconnects += other.reconnects;
    late += other.late;
    last_reply = std::max(last_reply, other.last_reply);
}

}  // namespace coax::services
