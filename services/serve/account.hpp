// What a server and its context have counted, as values that may travel between threads, and as
// text.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "services/serve/server.hpp"

namespace coax::services {

struct account {
    traffic counts;
    std::string details;  // of the protocol; may be empty
    // All that are not zero. The names have static storage.
    std::map<std::string_view, std::uint64_t> counters;
    std::vector<unsigned> queues;
};

// On the thread of the context, or while none runs it.
account account_of(const coax::io_context& io, const server& s);

// The sum; details only if there is one.
account total_of(const std::vector<account>& all);

// "12 connections, 345 messages, ..."; `unit`: what its requests are.
std::string traffic_text(const account& a, const char* unit);
// "shard 1 (queue 1): " and what it carried, with frames and those handed over where there are any.
std::string shard_text(std::size_t number, const account& a, const char* unit);
// name=value of every counter; empty if there is none.
std::string counters_text(const account& a);

}  // namespace coax::services
