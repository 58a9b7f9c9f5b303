// A device around a device that loses, doubles, delays, reorders and damages frames on their way
// in and out, the same way each time for the same seed. Knows nothing of protocols, but that ARP
// has no checksum and is therefore never damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "backends/driver.hpp"
#include "backends/faults/frame_hold.hpp"
#include "backends/faults/impairment.hpp"
#include "backends/faults/options.hpp"
#include "stack/base/time.hpp"
#include "stack/device.hpp"

namespace coax::backends {

struct fault_counters {  // of one direction
    std::uint64_t frames = 0;
    std::uint64_t lost = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    std::uint64_t corrupted = 0;
    std::uint64_t delayed = 0;
    std::uint64_t hold_full = 0;  // lost for want of room to keep them
};

class faulty_device final : public stack::device {
  public:
    using clock = std::function<stack::instant()>;

    // A reordered frame that too few others follow leaves after this time.
    static constexpr stack::duration overtaken_wait{10'000'000};  // 10 ms

    // `inner` must outlive the device. `now` is asked once per call.
    faulty_device(stack::device& inner, const fault_options& options, clock now);
    // Faults of each direction on their own.
    faulty_device(stack::device& inner, const fault_options& receiving,
                  const fault_options& sending, clock now);

    const stack::device_capabilities& capabilities() const noexcept override {
        return capabilities_;
    }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override;
    void release() noexcept override;
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override;
    void transmit(std::span<const stack::tx_slot> slots) noexcept override;
    void cancel(std::span<const stack::tx_slot> slots) noexcept override;
    stack::error want_group(const stack::ip_address& group, bool wanted) noexcept override {
        return inner_.want_group(group, wanted);
    }

    // Sends held frames that are due; true if it sent one. receive() and transmit() do it too: this
    // is for whoever would otherwise sleep.
    bool send_due() noexcept;
    // receive() would give a held frame now.
    bool receivable() const noexcept { return receiving_.hold.ready(now_()); }
    // When held frames of either direction become due; `never` when none is held.
    stack::instant next_due() const noexcept;
    // Slots of transmit() went back unused: there is room although reserve() gave none.
    bool take_room_made() noexcept { return std::exchange(room_made_, false); }
    std::size_t held() const noexcept { return receiving_.hold.size() + sending_.hold.size(); }

    const fault_counters& received() const noexcept { return receiving_.counters; }
    const fault_counters& sent() const noexcept { return sending_.counters; }
    std::vector<counter> named_counters() const;

  private:
    struct direction {
        direction(const fault_options& options, std::uint64_t which) : faults(options, which) {}
        impairment faults;
        frame_hold hold;
        fault_counters counters;
        std::uint64_t next_number = 0;
    };

    bool keep(direction& way, held_frame frame, const verdict& what, stack::instant now);
    void keep_twin(direction& way, held_frame frame, std::uint64_t number, stack::instant now);
    std::size_t give_held(std::span<stack::rx_frame> frames, stack::instant now);
    bool let_in(stack::rx_frame& frame, stack::instant now);
    bool let_out(const stack::tx_slot& slot, stack::instant now);
    stack::rx_frame lend(held_frame frame);

    stack::device& inner_;
    stack::device_capabilities capabilities_;
    clock now_;
    direction receiving_;
    direction sending_;
    std::vector<held_frame> lent_;  // to the stack, until release()
    std::vector<stack::tx_slot> passing_;
    std::vector<stack::tx_slot> returning_;
    bool room_made_ = false;
};

}  // namespace coax::backends
