// A backend that moves frames for one stack: the device it offers and its part in sleeping and
// waking. The framework's loop is its only caller.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "backends/ring.hpp"
#include "stack/base/siblings.hpp"
#include "stack/device.hpp"

namespace coax::backends {

// What a backend really runs on, printed at start and by `coax backends`; never what was asked for.
struct description {
    std::string kind;                    // "xdp", "wire", "tap", "kernel"
    std::string interface;               // name, or empty
    std::string mode;                    // xdp: "native" or "skb" and "copy" or "zero-copy"
    std::vector<unsigned> queues;        // NIC queues in use
    std::vector<std::string> offloads;   // "tx-checksum", "gso", "rx-superframes", ...
    unsigned mtu = 0;                    // bytes of IP packet
    std::vector<std::string> addresses;  // "198.18.0.2/24"
    std::vector<std::string> notes;      // anything the user should know, one sentence each

    std::string to_line() const;  // one line for people
};

// A counter of a backend by name ("wire.dropped_queue_full"); the name has static storage.
struct counter {
    std::string_view name;
    std::uint64_t value;
};

// An error with a text that says what is wrong and what to do about it.
struct failure {
    std::string message;
};

class driver {
  public:
    virtual ~driver() = default;

    virtual stack::device& device() noexcept = 0;
    // The other stacks of this host; null: there are none.
    virtual stack::siblings* siblings() noexcept { return nullptr; }
    virtual const description& describe() const noexcept = 0;

    // True if receive() would find frames now. Reads memory, makes no system call.
    virtual bool frames_waiting() noexcept = 0;
    // Called once per busy turn after egress: tells the medium that descriptors wait (xdp: puts a
    // zero-length SEND on the ring, which the caller flushes; wire: rings the peers' doorbells).
    virtual void kick(ring& ring) noexcept = 0;
    // Called just before sleeping: arms whatever ends the sleep when frames come or the transmit
    // path has room again, and kicks if descriptors wait. Returns false if frames came meanwhile:
    // don't sleep.
    virtual bool prepare_to_sleep(ring& ring) noexcept = 0;
    // Set when the medium died (interface removed, ENETDOWN): the text for the user. The context
    // then fails its sockets with network_down and ends accept loops in order.
    virtual const std::string* dead() const noexcept = 0;
    // Cancels what is armed on the ring; the driver may be destroyed when idle(ring) answers true.
    virtual void shut_down(ring& ring) noexcept = 0;
    virtual bool idle() const noexcept = 0;
    // What the backend counted so far. On the context's thread.
    virtual std::vector<counter> counters() const { return {}; }

  protected:
    driver() = default;
    driver(const driver&) = default;
    driver& operator=(const driver&) = default;
};

}  // namespace coax::backends
