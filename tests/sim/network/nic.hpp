// The network card of a simulated host: stack/device.hpp on one side, two lanes on the other. Its
// rings are bounded; it finishes checksums and cuts super-segments when it is told to offer that.
// Knows nothing of what the frames mean.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "stack/device.hpp"
#include "tests/sim/network/frame.hpp"
#include "tests/sim/network/lane.hpp"
#include "tests/sim/network/schedule.hpp"

namespace coax::sim {

struct nic_options {
    std::uint16_t mtu = 1500;
    std::uint32_t transmit_ring = 256;  // frames lent to the stack or waiting for the wire
    std::uint32_t receive_ring = 1024;  // frames that wait for the host; more are lost
    bool transmit_checksum = false;     // offers to finish checksums
    bool receive_checksum = false;      // tells the stack which frames are whole
    std::uint32_t gso_max_bytes = 0;    // offers to cut super-segments up to this payload
    std::uint32_t piece_bytes = 0;      // received frames lie in pieces of this size; 0: in one
};

struct nic_counters {
    std::uint64_t sent = 0;       // frames given to the lane, after cutting
    std::uint64_t taken = 0;      // frames the stack gave, before cutting
    std::uint64_t delivered = 0;  // frames the stack took
    std::uint64_t overrun = 0;    // lost: the receive ring was full
};

class nic;

// Sees every frame of every host, complete, at the moment the stack sends or takes it.
class frame_observer {
  public:
    virtual void on_sent(nic& by, const frame& sent) = 0;
    virtual void on_taken(nic& by, const frame& taken) = 0;

  protected:
    frame_observer() = default;
    ~frame_observer() = default;
    frame_observer(const frame_observer&) = default;
    frame_observer& operator=(const frame_observer&) = default;
};

class nic final : public stack::device, public receiver {
  public:
    nic(schedule& time, frame_pool& frames, const nic_options& options,
        const stack::mac_address& address);
    nic(const nic&) = delete;
    nic& operator=(const nic&) = delete;

    // Before the first turn of the host. `on_arrival` is called for each frame that came.
    void connect(lane& out, std::function<void()> on_arrival) {
        out_ = &out;
        on_arrival_ = std::move(on_arrival);
    }
    void watch_with(frame_observer* observer) noexcept { observer_ = observer; }

    bool has_received() const noexcept { return !waiting_.empty(); }
    // When a transmit slot becomes free; now, if one is.
    stack::instant next_room();
    std::size_t lent() const noexcept { return lent_.size() - free_slots_.size(); }
    const nic_counters& counters() const noexcept { return count_; }
    const nic_options& options() const noexcept { return options_; }

    void on_frame(frame_ptr arrived) override;

    const stack::device_capabilities& capabilities() const noexcept override {
        return capabilities_;
    }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override;
    void release() noexcept override;
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override;
    void transmit(std::span<const stack::tx_slot> slots) noexcept override;
    void cancel(std::span<const stack::tx_slot> slots) noexcept override;

  private:
    struct taken_frame {
        frame_ptr whole;
        std::vector<stack::const_bytes> rest;
    };
    stack::rx_frame cut(taken_frame& taken) const;
    frame_ptr take_back(const stack::tx_slot& slot);
    void put_on_wire(frame_ptr sent);
    void forget_departed();

    schedule& time_;
    frame_pool& frames_;
    nic_options options_;
    stack::device_capabilities capabilities_;
    std::function<void()> on_arrival_;
    lane* out_ = nullptr;
    frame_observer* observer_ = nullptr;
    nic_counters count_;
    std::deque<frame_ptr> waiting_;
    std::vector<taken_frame> in_hand_;
    std::vector<frame_ptr> lent_;  // by token
    std::vector<std::uint32_t> free_slots_;
    std::deque<stack::instant> departures_;  // of frames that still stand in the transmit ring
};

}  // namespace coax::sim
