// What a load was asked to be: the command line writes it, the load reads it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "services/program/options.hpp"

namespace coax::services {

enum class load_protocol : std::uint8_t { echo, http, tcp_stream, tcp_churn, udp_echo };
std::string to_text(load_protocol protocol);  // as on the command line: "udp-echo"

// A request in the user's own words, and how its reply is known to be whole: one of the three.
struct raw_exchange {
    std::string request;
    std::string reply;           // these bytes, and no others
    std::size_t reply_size = 0;  // so many bytes, whichever
    std::string reply_end;       // whatever ends with these
};

// Of a stream, as this program sees it.
enum class stream_direction : std::uint8_t { send, receive, both };

struct load_options {
    load_protocol protocol = load_protocol::echo;
    backend_options backend;
    coax::tcp::endpoint connect;
    std::size_t connections = 1;
    std::size_t size = 64;     // bytes of a message; tcp-stream: of a write
    std::size_t pipeline = 1;  // most messages without a reply, per connection
    std::size_t threads = 1;   // each with a context of its own; connections are dealt out
    double rate = 0;           // messages a second, all connections together; 0: closed loop
    std::chrono::nanoseconds duration = std::chrono::seconds(5);
    std::chrono::nanoseconds warmup{0};      // not measured, before the duration
    std::chrono::nanoseconds think_time{0};  // closed loop: from a reply to the next message
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds timeout{10'000};  // silence of a server that owes a reply
    std::string json;  // file; empty: none; "-": standard output, instead of the table
    std::string hgrm;  // file; empty: none

    std::optional<raw_exchange> raw;                      // echo, tcp-churn
    std::string host;                                     // http: the field
    std::string target = "/";                             // http
    stream_direction direction = stream_direction::send;  // tcp-stream
    bool reset = false;                                   // tcp-churn: closes by a reset
};

}  // namespace coax::services
