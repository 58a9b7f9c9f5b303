// What each command was asked to do, as values: the command line writes them, the commands read
// them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <coax/coax.hpp>

namespace coax::services {

struct backend_options {
    std::string specification = "kernel";
    std::optional<std::chrono::microseconds> spin;  // --spin; nothing: the library's default
};

// PEM: a certificate with the chain behind it, and its private key.
struct tls_files {
    std::string certificate;
    std::string key;
};

struct serve_options {
    backend_options backend;
    coax::tcp::endpoint listen;
    std::size_t connections = 16'384;           // --max-connections
    std::chrono::milliseconds silence{30'000};  // --timeout
    std::chrono::milliseconds farewell{500};    // --farewell
    std::chrono::milliseconds report_every{0};  // --statistics; zero: never
    std::string directory;                      // http only
    bool datagrams = false;                     // echo only: --udp
    std::size_t largest_message = 1'048'576;    // websocket only: bytes
    std::optional<tls_files> tls;               // --tls
    coax::shard_options shards;                 // --shards, --pin
};

struct upstream_target {
    coax::tcp::endpoint endpoint;
    std::chrono::milliseconds connect_timeout{10'000};
};

struct proxy_options {
    serve_options serve;
    upstream_target target;
    std::optional<std::string> upstream_backend;  // specification; nothing: that of the clients
};

struct fetch_options {
    backend_options backend;
    std::string url;
    std::string output = "-";  // file; "-": standard output
    std::chrono::milliseconds timeout{10'000};
    bool head = false;  // show the response's header on standard error
};

struct push_options {
    backend_options backend;
    std::string input = "-";  // file; "-": standard input
    coax::tcp::endpoint connect;
    std::string output;  // where to put what comes back; empty: nowhere
    std::chrono::milliseconds timeout{10'000};
};

}  // namespace coax::services
