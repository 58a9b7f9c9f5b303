// One connection of a host to a segment: the device that a stack drives. Frames are written and
// read in place; they go by destination MAC, multicast and broadcast to all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/driver.hpp"
#include "backends/wire/channel.hpp"
#include "backends/wire/doorbell.hpp"
#include "backends/wire/segment.hpp"
#include "stack/device.hpp"

namespace coax::backends::wire {

// At every moment: the frames put into channels are either received or still under way;
// sent = frames of transmit(); dropped_* of them reached nobody (or, when flooded, not everybody).
struct port_counters {
    std::uint64_t sent = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t delivered = 0;  // sent frames put into channels; a flooded one counts for each
    std::uint64_t received = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t flooded = 0;  // sent frames to a group address
    std::uint64_t dropped_queue_full = 0;
    std::uint64_t dropped_unknown_destination = 0;
    std::uint64_t dropped_oversize = 0;  // longer than the receiver's MTU
    std::uint64_t dropped_runt = 0;      // shorter than an Ethernet header
};

// One thread at a time uses a port; ports of one segment may be used by different threads.
class port final : public stack::device {
  public:
    ~port() override;
    port(const port&) = delete;
    port& operator=(const port&) = delete;

    const stack::device_capabilities& capabilities() const noexcept override {
        return capabilities_;
    }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override;
    void release() noexcept override;
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override;
    void transmit(std::span<const stack::tx_slot> slots) noexcept override;
    void cancel(std::span<const stack::tx_slot> slots) noexcept override;

    const port_counters& counters() const noexcept { return counters_; }
    std::vector<counter> named_counters() const;
    const std::vector<stack::ip_prefix>& addresses() const noexcept { return addresses_; }
    // Frames of this port that are lent to the stack or under way. At rest: 0.
    std::size_t frames_in_use() noexcept;

    // --- sleeping, for a driver; all on the port's thread
    bool frames_waiting() noexcept;
    // Wakes the ports that wait for what happened here since the last call.
    void ring_doorbells() noexcept;
    // False: frames or room are there already, or the segment changed. True: the doorbell's
    // descriptor becomes readable when they come.
    bool prepare_to_wait() noexcept;
    int doorbell_descriptor() const noexcept { return bell_->descriptor(); }

  private:
    friend class segment;
    static constexpr std::uint64_t no_address = ~std::uint64_t{0};  // more than 48 bits

    struct alignas(32) peer {  // what transmit() needs of a neighbour
        channel* out = nullptr;
        std::uint64_t address = no_address;  // as address_key(); of a host with one queue
        std::uint64_t mark = 0;              // its bit in the sets below
        std::uint32_t mtu = 0;
    };
    struct host {                            // by the index of its first queue
        std::uint64_t address = no_address;  // as address_key()
        std::uint64_t queues = 0;            // all that are there, of a host with several; else 0
        bool spread_frames = false;
    };
    struct incoming {
        std::shared_ptr<channel> from;
        unsigned index = 0;      // of the sender; ports_max: it has left
        bool lent = false;       // frames of it are in the burst
        std::uint64_t mark = 0;  // the sender's bit in the sets below
    };

    port(std::shared_ptr<segment> on, unsigned index, const port_options& options,
         std::shared_ptr<doorbell> bell, std::shared_ptr<frame_pool> frames,
         const stack::mac_address& address);

    // Somebody joined or left.
    bool has_changed() const noexcept {
        return segment_->changes_.load(std::memory_order_acquire) != changes_seen_;
    }
    void follow_changes() noexcept {
        if (has_changed()) synchronize();
    }
    [[gnu::noinline]] void synchronize() noexcept;
    void synchronize_hosts() noexcept;
    void synchronize_incoming();
    void find_lone_sender() noexcept;
    void harvest() noexcept;
    const stack::tx_slot* transmit_row(const stack::tx_slot* slot,
                                       const stack::tx_slot* end) noexcept;
    [[gnu::noinline]] void transmit_mixed(const stack::tx_slot* slot,
                                          const stack::tx_slot* end) noexcept;
    void transmit_one(const stack::tx_slot& slot) noexcept;
    bool forward(const stack::tx_slot& slot) noexcept;
    bool put(unsigned to, const stack::tx_slot& slot) noexcept;
    void flood(const stack::tx_slot& slot) noexcept;
    unsigned search(std::uint64_t address) const noexcept;
    unsigned choose_queue(const host& to, const stack::tx_slot& slot) noexcept;
    std::size_t take(incoming& from, std::span<stack::rx_frame> frames) noexcept;
    [[gnu::noinline]] std::size_t take_further(channel& from,
                                               std::span<stack::rx_frame> frames) noexcept;
    std::size_t take_in_turn(std::span<stack::rx_frame> frames) noexcept;
    [[gnu::noinline]] std::size_t receive_mixed(std::span<stack::rx_frame> frames) noexcept;
    [[gnu::noinline]] void release_each() noexcept;
    void forget_drained() noexcept;

    const std::shared_ptr<segment> segment_;
    const unsigned index_;
    stack::device_capabilities capabilities_;
    std::vector<stack::ip_prefix> addresses_;
    const std::shared_ptr<doorbell> bell_;
    const std::shared_ptr<frame_pool> frames_;

    std::uint64_t changes_seen_ = 0;
    std::array<peer, ports_max> peers_;
    std::array<host, ports_max> known_hosts_;
    std::array<std::shared_ptr<channel>, ports_max> outgoing_;
    std::array<std::shared_ptr<doorbell>, ports_max> bells_;
    std::vector<incoming> incoming_;
    incoming* lone_ = nullptr;       // the one of these, if there is but one and it is still there
    std::uint64_t present_ = 0;      // peers, one bit each
    std::uint64_t hosts_ = 0;        // of these, without the further queues of one host
    std::uint64_t turns_ = 0;        // frames to hosts that spread them
    std::uint64_t outstanding_ = 0;  // peers that hold frames of ours
    std::uint64_t freed_ = 0;        // peers whose frames were given back since ring_doorbells()
    std::uint64_t told_ = 0;         // peers with frames published since then
    std::size_t next_incoming_ = 0;  // where the next burst starts, for fairness
    bool burst_lent_ = false;
    bool starved_ = false;  // reserve() gave less than asked for
    bool waiting_ = false;  // the doorbell may say so
    port_counters counters_;
};

}  // namespace coax::backends::wire
