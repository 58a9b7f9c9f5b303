// The AF_XDP backend: its device, its sleeping and waking, and its end when the interface goes.
// Knows nothing of how it was opened (open.hpp).
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/driver.hpp"
#include "backends/xdp/device.hpp"
#include "backends/xdp/group_door.hpp"
#include "backends/xdp/link_watch.hpp"
#include "backends/xdp/member_completion.hpp"
#include "backends/xdp/socket.hpp"
#include "backends/xdp/steering.hpp"
#include "backends/xdp/waker.hpp"

namespace coax::backends {

class xdp_driver final : public driver {
  public:
    // Everything opened, bound and attached. `largest_mtu`: what the transmit slots hold.
    // Sockets and the device's queues in the same order. The program and the door may be shared
    // with drivers of other queues.
    xdp_driver(description text, std::vector<xsk_socket> sockets,
               std::unique_ptr<xdp_device> device, std::shared_ptr<steering> program,
               std::shared_ptr<group_door> groups, std::unique_ptr<link_watch> watch,
               unsigned largest_mtu);

    stack::device& device() noexcept override { return *device_; }
    const description& describe() const noexcept override { return description_; }
    bool frames_waiting() noexcept override { return device_->frames_waiting(); }
    void kick(ring& r) noexcept override;
    bool prepare_to_sleep(ring& r) noexcept override;
    const std::string* dead() const noexcept override { return dead_ ? &*dead_ : nullptr; }
    void shut_down(ring& r) noexcept override;
    bool idle() const noexcept override;
    std::vector<counter> counters() const override;

  private:
    waker& sender() noexcept { return wakers_.front(); }
    void look_for_trouble() noexcept;
    void on_link_message(std::int32_t result) noexcept;
    void apply_link() noexcept;
    void die(const std::string& text) noexcept;

    description description_;
    std::vector<xsk_socket> sockets_;
    std::unique_ptr<xdp_device> device_;
    std::shared_ptr<steering> program_;  // behind sockets_: the last one detaches it
                                         // before it closes them
    std::shared_ptr<group_door> groups_;
    std::unique_ptr<link_watch> watch_;
    std::deque<waker> wakers_;  // one for each queue of the device, in its order
    member_completion<xdp_driver> link_message_;
    unsigned largest_mtu_;
    bool watch_armed_ = false;
    bool ended_ = false;
    bool death_told_ = false;
    std::optional<std::string> dead_;
};

}  // namespace coax::backends
