// A virtual Ethernet segment in memory: who is connected, and the channels between any two. Frames
// do not pass through here; a port takes the lock only when somebody joined or left.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "backends/driver.hpp"
#include "backends/wire/channel.hpp"
#include "backends/wire/doorbell.hpp"
#include "stack/base/address.hpp"
#include "stack/device.hpp"

namespace coax::backends::wire {

class port;

inline constexpr unsigned ports_max = 64;
inline constexpr std::uint32_t mtu_min = 576;
inline constexpr std::uint32_t mtu_max = 65521;  // a frame's length fits 16 bits

struct segment_options {
    bool gso = false;             // TCP super-frames pass whole
    bool drop_when_full = false;  // else a sender gets no slot before a receiver gave frames back
    std::uint32_t port_frames = 1024;  // frames of one port, in all its channels together
    std::uint32_t queue_frames = 256;  // drop_when_full: frames waiting in one channel
    friend bool operator==(const segment_options&, const segment_options&) noexcept = default;
};

struct port_options {
    std::uint32_t mtu = 1500;                   // bytes of IP packet
    bool trusted = false;                       // neither compute nor verify transport checksums
    bool can_sleep = false;                     // makes a doorbell; else the port is polled
    std::optional<stack::mac_address> address;  // generated when absent
    std::vector<stack::ip_prefix> addresses;    // no two ports of a segment may have the same
    bool automatic_address = false;  // when addresses is empty: the next of 198.18.0.0/24
    // With several queues, what chooses the queue of a frame that comes in: its flow, as a network
    // card does, or its turn, so that every flow comes by all of them.
    bool spread_frames = false;
};

class segment : public std::enable_shared_from_this<segment> {
  public:
    // A segment without a name: for tests and simulations.
    static std::shared_ptr<segment> create(const segment_options& options = {});
    // The one segment of that name in this process; made when nobody holds it. Thread-safe.
    static std::variant<std::shared_ptr<segment>, failure> named(const std::string& name,
                                                                 const segment_options& options);

    // A new port, which leaves when it is destroyed. Thread-safe.
    std::variant<std::unique_ptr<port>, failure> join(port_options options);
    // One host with several queues, as a network card has them: ports with one address, each for a
    // thread of its own. A frame to the host comes in by one of them; they don't hear one another.
    std::variant<std::vector<std::unique_ptr<port>>, failure> join_queues(port_options options,
                                                                          unsigned count);
    // As join(), for tests: a failure is a bug of theirs.
    std::unique_ptr<port> connect(const port_options& options = {});

    const segment_options& options() const noexcept { return options_; }
    const std::string& name() const noexcept { return name_; }

  private:
    friend class port;
    struct member {
        stack::mac_address address;
        std::uint32_t mtu = 0;  // 0: no port here
        unsigned host = 0;  // of a port with several queues: the index of the first; else its own
        bool spread_frames = false;
        std::shared_ptr<doorbell> bell;
        std::shared_ptr<frame_pool> frames;
        std::vector<stack::ip_prefix> addresses;
    };
    struct channels_of_port {
        std::array<std::shared_ptr<channel>, ports_max> to;  // by receiver
    };

    segment(std::string name, const segment_options& options);

    // `first`: what queue of the host this is not; null: it is.
    std::variant<std::unique_ptr<port>, failure> join(port_options options, const port* first);
    std::optional<failure> settle_addresses(port_options& options) const;
    void leave(unsigned index) noexcept;
    std::uint32_t channel_capacity() const noexcept;

    const std::string name_;
    const segment_options options_;
    mutable std::mutex mutex_;  // guards what follows, but for changes_
    std::array<member, ports_max> members_;
    std::array<channels_of_port, ports_max> channels_;  // by sender
    std::atomic<std::uint64_t> changes_{0};             // joins and leaves so far
};

}  // namespace coax::backends::wire
