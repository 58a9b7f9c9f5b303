// A closed loop of echo messages over many connections: connect all, exchange until the time is up,
// compare every reply. Knows nothing of tables and files.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "services/asio.hpp"
#include "services/load/histogram.hpp"
#include "services/program/options.hpp"

namespace coax::services {

struct load_result {
    std::uint64_t messages = 0;    // replies that were compared and equal
    std::uint64_t mismatches = 0;  // replies that were not
    std::uint64_t errors = 0;      // connections that were refused, lost or did not answer in time
    std::size_t connected = 0;
    double seconds = 0;      // from the first message to the last reply, at least the duration
    double cpu_seconds = 0;  // of this process in that time, user and system
    histogram latency;       // nanoseconds
    std::string first_error;

    double messages_per_second() const {
        return seconds > 0 ? static_cast<double>(messages) / seconds : 0;
    }
    bool clean() const { return errors == 0 && mismatches == 0 && messages > 0; }
};

class echo_load {
  public:
    echo_load(coax::io_context& io, const load_options& options);

    // Once; runs the context until all is over: at most the connect timeout, the duration and ten
    // seconds (two, if replies were fast), whatever the server does.
    load_result run();
    // Ends the exchange early, in order; from a handler of the context.
    void stop() { stopped_ = true; }
    // What has been counted so far; from a handler of the context.
    const load_result& progress() const noexcept { return result_; }
    bool exchanging() const noexcept { return exchanging_; }

  private:
    struct client {
        explicit client(coax::io_context& io) : socket(io) {}
        coax::fast_socket socket;
        bool connected = false;
    };
    using clock = std::chrono::steady_clock;

    coax::awaitable<void> run_phases();
    coax::awaitable<void> connect_some();
    coax::awaitable<void> exchange(std::size_t index);
    // One message there and back; the error of either direction.
    coax::awaitable<error_code> round_trip(coax::fast_socket& socket, std::vector<char>& sent,
                                           std::vector<char>& received);
    // Waits until no coroutine is active or the time is over; then closes what is left, which
    // ends it.
    coax::awaitable<void> wait_for_idle(clock::time_point until);
    void lose(const error_code& error);

    coax::io_context& io_;
    const load_options& options_;
    std::vector<client> clients_;
    std::size_t next_to_connect_ = 0;
    std::size_t active_ = 0;  // coroutines of this phase
    bool exchanging_ = false;
    bool stopped_ = false;    // no more messages
    bool timed_out_ = false;  // what is lost now is lost to a silent server
    load_result result_;
};

}  // namespace coax::services
