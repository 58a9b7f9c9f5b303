// The device that the stack sees: one or several AF_XDP queues of one interface as one, and what
// sends super-segments. Makes no system call, but when groups are joined or left, and knows no
// io_uring.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "backends/xdp/group_door.hpp"
#include "backends/xdp/queue.hpp"
#include "backends/xdp/super_sender.hpp"
#include "stack/device.hpp"

namespace coax::backends {

class xdp_device final : public stack::device {
  public:
    // Frames are received from all queues and sent by the first; super-segments by `supers`, which
    // may be null.
    xdp_device(std::vector<std::unique_ptr<queue>> queues, std::unique_ptr<super_sender> supers,
               const stack::device_capabilities& capabilities)
        : queues_(std::move(queues)), supers_(std::move(supers)), capabilities_(capabilities) {}

    const stack::device_capabilities& capabilities() const noexcept override {
        return capabilities_;
    }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override;
    void release() noexcept override;
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override;
    std::size_t reserve_large(std::span<stack::tx_slot> slots) noexcept override {
        return failed_ ? 0 : supers_->reserve(slots);
    }
    void transmit(std::span<const stack::tx_slot> slots) noexcept override;
    void cancel(std::span<const stack::tx_slot> slots) noexcept override;
    stack::error want_group(const stack::ip_address& group, bool wanted) noexcept override;

    bool frames_waiting() noexcept;
    std::span<const std::unique_ptr<queue>> queues() const noexcept { return queues_; }
    queue& sender() noexcept { return *queues_.front(); }
    super_sender* supers() const noexcept { return supers_.get(); }

    // The link changed under us: its MTU now, as far as the slots allow, and its MAC.
    void set_link(unsigned mtu, const stack::mac_address& mac, unsigned largest_mtu) noexcept;
    // Who lets groups in; must outlive the device.
    void set_groups(group_door& groups) noexcept { groups_ = &groups; }
    // The interface is gone: nothing is received or lent from now on.
    void set_failed() noexcept { failed_ = true; }

  private:
    std::vector<std::unique_ptr<queue>> queues_;
    std::unique_ptr<super_sender> supers_;
    stack::device_capabilities capabilities_;
    group_door* groups_ = nullptr;
    std::size_t next_queue_ = 0;  // where the next burst starts, so that no queue starves
    bool failed_ = false;
};

}  // namespace coax::backends
