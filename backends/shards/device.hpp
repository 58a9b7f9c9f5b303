// The device of one shard: the frames of its own queue, and those that other shards hand over; and
// the stack's door to these others. Makes no system call but to wake a shard that sleeps.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backends/driver.hpp"
#include "backends/shards/exchange.hpp"
#include "stack/base/siblings.hpp"
#include "stack/device.hpp"

namespace coax::backends::shards {

// One thread at a time uses it.
class shard_device final : public stack::device, public stack::siblings {
  public:
    // `inner`: the device of this shard's queue; must outlive it.
    shard_device(stack::device& inner, std::shared_ptr<exchange> all, unsigned shard);
    // No other shard gives it anything any more.
    ~shard_device() override { leave(); }

    // --- device
    const stack::device_capabilities& capabilities() const noexcept override {
        return inner_.capabilities();
    }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override;
    void release() noexcept override;
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override {
        return inner_.reserve(slots);
    }
    std::size_t reserve_large(std::span<stack::tx_slot> slots) noexcept override {
        return inner_.reserve_large(slots);
    }
    void transmit(std::span<const stack::tx_slot> slots) noexcept override {
        inner_.transmit(slots);
    }
    void cancel(std::span<const stack::tx_slot> slots) noexcept override { inner_.cancel(slots); }
    stack::error want_group(const stack::ip_address& group, bool wanted) noexcept override {
        return inner_.want_group(group, wanted);
    }

    // --- siblings
    claim claim_flow(const stack::flow& ends) noexcept override;
    void release_flow(const stack::flow& ends) noexcept override;
    set owner_of(const stack::flow& ends) noexcept override;
    void set_listening(std::uint16_t port, bool yes) noexcept override;
    set listeners_on(std::uint16_t port) noexcept override;
    set set_hearing(std::uint16_t port, bool yes) noexcept override;
    set hearers_on(std::uint16_t port) noexcept override;
    void set_cookies_until(stack::instant when) noexcept override;
    set cookie_senders(stack::instant now) noexcept override;
    void take_in_hand(const stack::rx_frame* frame) noexcept override { in_hand_ = frame; }
    bool is_handed_over() const noexcept override {
        return in_hand_ != nullptr && in_hand_->handed_over;
    }
    bool offer(set candidates) noexcept override;
    void copy_to(set whom) noexcept override;
    bool pass_fragment(const stack::ip_address& source, const stack::ip_address& destination,
                       std::uint16_t identification, std::uint8_t protocol) noexcept override;

    // --- for the driver
    bool handed_over_waiting() const noexcept;
    // Wakes the shards that were given something since the last call.
    void ring_bells() noexcept;
    // False: something is there already. True: the bell's descriptor becomes readable when it
    // comes.
    bool prepare_to_wait() noexcept;
    int bell_descriptor() const noexcept { return all_->bell(shard_).descriptor(); }
    void leave() noexcept { all_->where().leave(shard_); }
    std::vector<counter> counters() const;

  private:
    set others(set whom) const noexcept { return whom & others_ & ~all_->where().gone(); }
    // The first of them behind this shard, in a circle.
    unsigned next_of(set candidates) const noexcept;
    void give(unsigned to, set left) noexcept;
    std::size_t take_handed_over(std::span<stack::rx_frame> frames) noexcept;

    stack::device& inner_;
    const std::shared_ptr<exchange> all_;
    const unsigned shard_;
    const set others_;
    const stack::rx_frame* in_hand_ = nullptr;
    unsigned next_way_ = 0;  // whose ring is read first
    set told_ = 0;           // given something since ring_bells()
    bool waiting_ = false;   // the bell may say so

    std::uint64_t handed_over_ = 0;
    std::uint64_t copied_ = 0;
    std::uint64_t taken_over_ = 0;
    std::uint64_t dropped_ring_full_ = 0;
    std::uint64_t flows_contested_ = 0;
    std::uint64_t flows_without_place_ = 0;
};

}  // namespace coax::backends::shards
