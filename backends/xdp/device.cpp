// Several AF_XDP queues as one device. Makes no system call.
#include "backends/xdp/device.hpp"

#include <algorithm>

namespace coax::backends {

std::size_t xdp_device::receive(std::span<stack::rx_frame> frames) noexcept {
    if (failed_) return 0;
    std::size_t count = 0;
    for (std::size_t turn = 0; turn != queues_.size() && count != frames.size(); ++turn) {
        const std::size_t at = (next_queue_ + turn) % queues_.size();
        count += queues_[at]->receive(frames.subspan(count));
    }
    next_queue_ = (next_queue_ + 1) % queues_.size();
    return count;
}

void xdp_device::release() noexcept {
    for (const auto& q : queues_) q->release();
}

std::size_t xdp_device::reserve(std::span<stack::tx_slot> slots) noexcept {
    if (failed_) return 0;
    if (supers_ != nullptr)
        for (stack::tx_slot slot; supers_->take_back(slot.token);) sender().cancel({&slot, 1});
    return sender().reserve(slots);
}

// Runs of frames for the queue, but for what would overtake a super-segment of its stream.
void xdp_device::transmit(std::span<const stack::tx_slot> slots) noexcept {
    if (supers_ == nullptr) return sender().transmit(slots);
    const auto with_supers = [&](const stack::tx_slot& slot) {
        if (super_sender::owns(slot)) {
            supers_->transmit(slot);
            return true;
        }
        return supers_->busy() && supers_->follow(slot);
    };
    std::size_t run = 0;
    for (std::size_t i = 0; i != slots.size(); ++i) {
        if (!with_supers(slots[i])) {
            ++run;
            continue;
        }
        if (run != 0) sender().transmit(slots.subspan(i - run, run));
        run = 0;
    }
    if (run != 0) sender().transmit(slots.last(run));
}

void xdp_device::cancel(std::span<const stack::tx_slot> slots) noexcept {
    for (const auto& slot : slots)
        if (super_sender::owns(slot)) supers_->cancel(slot);
        else sender().cancel({&slot, 1});
}

bool xdp_device::frames_waiting() noexcept {
    return !failed_ && std::any_of(queues_.begin(), queues_.end(),
                                   [](const auto& q) { return q->frames_waiting(); });
}

void xdp_device::set_link(unsigned mtu, const stack::mac_address& mac,
                          unsigned largest_mtu) noexcept {
    capabilities_.mtu = static_cast<std::uint16_t>(std::min(mtu, largest_mtu));
    capabilities_.address = mac;
}

stack::error xdp_device::want_group(const stack::ip_address& group, bool wanted) noexcept {
    if (groups_ == nullptr) return stack::error::operation_not_supported;
    return groups_->set(group, wanted);
}

}  // namespace coax::backends
