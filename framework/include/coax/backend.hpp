// What a context is asked to run on, what it really runs on, and what it counts. Knows no socket,
// no loop and no stack.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <coax/clock.hpp>

namespace coax {

// How a context is made. All values are read in its constructor only.
struct context_options {
    // KIND[:NAME][,key=value...]: "kernel", "xdp:IFACE,ip=A.B.C.D/LEN", "wire", ...
    // available_backends() tells what this build and machine offer.
    std::string backend = "kernel";
    // How long an idle context looks for work before it sleeps. 0: sleeps at once. What it costs is
    // a busy core for that time after each burst of work; what it saves is a wake-up (5..50 us).
    std::chrono::nanoseconds spin{0};
    // Seed of everything random (ports, sequence numbers, faults). 0: the system's randomness.
    // Anything else makes sequence numbers predictable: for tests.
    std::uint64_t seed = 0;
    // The context's time. Null: CLOCK_MONOTONIC. Not owned; must outlive the context.
    coax::clock* clock = nullptr;
    // How long the destructor goes on to deliver what closed sockets still have to send, on a
    // userspace stack and the system's clock (the kernel does that for its own sockets).
    std::chrono::milliseconds linger{300};
    // Entries of the context's io_uring submission queue, a power of two up to 32768.
    std::uint32_t ring_entries = 512;
};

// What a context really runs on, never what was asked for.
struct backend_description {
    std::string kind;                    // "kernel", "xdp", "wire", "tap"
    std::string interface;               // name, or empty
    std::string mode;                    // xdp: "native copy", "skb copy", ...
    std::vector<unsigned> queues;        // NIC queues in use
    std::vector<std::string> offloads;   // "tx-checksum", ...
    unsigned mtu = 0;                    // bytes of IP packet; 0: not known here
    std::vector<std::string> addresses;  // "198.18.0.2/24"; empty: the kernel's
    std::vector<std::string> notes;      // what the user should know, a sentence each

    std::string to_line() const;  // one line for people
};

// One kind of backend: usable here, or the reason why not.
struct backend_availability {
    std::string kind;
    bool available = false;
    std::string reason;   // empty if available
    std::string example;  // a specification string
};

// Every kind that coax knows. Opens nothing that stays open. Any thread.
std::vector<backend_availability> available_backends();

// A context could not be made. what() is one line: what is wrong and what to do.
class backend_error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// One counter of a context ("ip.bad_checksum", "loop.sleeps"); the name has static storage.
struct counter {
    std::string_view name;
    std::uint64_t value = 0;
};

}  // namespace coax
