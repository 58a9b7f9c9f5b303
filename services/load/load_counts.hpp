// What a load counts while it runs. One per thread; added up at the end.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include <boost/system/error_code.hpp>

#include "services/load/histogram.hpp"
#include "services/load/send_gate.hpp"

namespace coax::services {

struct load_counts {
    // What is measured: from the end of the warm-up to the last reply.
    std::uint64_t messages = 0;    // replies that were what they should be; tcp-stream: writes
    std::uint64_t mismatches = 0;  // replies that were whole, and not what was sent
    std::uint64_t bytes_sent = 0;  // of payload
    std::uint64_t bytes_received = 0;
    histogram latency;  // of messages, nanoseconds
    // Of all phases.
    std::map<std::string, std::uint64_t> errors;  // by kind
    std::uint64_t timeouts = 0;                   // of these: no answer in time
    std::map<unsigned, std::uint64_t> statuses;   // http: replies by status
    std::uint64_t reconnects = 0;                 // http: the server ended a connection in order
    std::uint64_t late = 0;  // udp-echo: answers after their time, or twice; also in no other count
    send_gate::time_point last_reply{};

    void fail(const std::string& kind, std::uint64_t times = 1) { errors[kind] += times; }
    void time_out(std::uint64_t times = 1) {
        timeouts += times;
        fail("no answer in time", times);
    }
    // The kind is what the system calls it, in a few words for the usual ones.
    void fail(const boost::system::error_code& error);

    std::uint64_t all_errors() const noexcept;
    bool clean() const noexcept { return errors.empty() && mismatches == 0 && messages > 0; }
    void add(const load_counts& other);
};

}  // namespace coax::services
