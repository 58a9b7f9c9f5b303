// Faults around a driver: the context must also wake when a held frame is due.

#include "backends/faults/driver.hpp"

#include <chrono>
#include <ctime>
#include <utility>

#include "backends/faults/device.hpp"
#include "backends/wrapping_driver.hpp"

namespace coax::backends {

namespace {

stack::instant monotonic_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return stack::instant{std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec}};
}

class faulty_driver final : public wrapping_driver, private completion {
  public:
    faulty_driver(std::unique_ptr<driver> inner, const fault_options& faults)
        : wrapping_driver(std::move(inner)),
          device_(this->inner().device(), faults, monotonic_now) {
        add_note("faults are injected in both directions, seed " + std::to_string(faults.seed));
    }

    stack::device& device() noexcept override { return device_; }
    // Also true when held frames were sent: who looks for frames kicks after a true answer.
    bool frames_waiting() noexcept override {
        return device_.send_due() || device_.receivable() || inner().frames_waiting();
    }
    void kick(ring& ring) noexcept override {
        device_.send_due();
        inner().kick(ring);
    }
    bool prepare_to_sleep(ring& ring) noexcept override {
        if (device_.send_due()) inner().kick(ring);
        if (device_.receivable() || device_.take_room_made()) return false;
        return inner().prepare_to_sleep(ring) && arm(ring, device_.next_due());
    }
    void shut_down(ring& ring) noexcept override {
        closing_ = true;
        disarm(ring);
        inner().shut_down(ring);
    }
    bool idle() const noexcept override { return !armed_ && inner().idle(); }
    std::vector<counter> counters() const override {
        std::vector<counter> all = inner().counters();
        add_counters(all, device_.named_counters());
        return all;
    }

  private:
    void on_completion(std::int32_t, std::uint32_t) noexcept override { armed_ = false; }

    // A timeout on the ring ends the sleep when a held frame is due. False: not now.
    bool arm(ring& ring, stack::instant due) noexcept {
        if (due == stack::never || closing_) return true;
        if (armed_ && armed_for_ <= due) return true;
        if (armed_) {
            disarm(ring);  // its completion comes first
            return false;
        }
        armed_ = true;
        armed_for_ = due;
        const auto since_epoch = due.time_since_epoch();
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
        deadline_.tv_sec = seconds.count();
        deadline_.tv_nsec = (since_epoch - seconds).count();
        ring.submit(this, [this](io_uring_sqe* entry) {
            io_uring_prep_timeout(entry, &deadline_, 0, IORING_TIMEOUT_ABS);
        });
        return true;
    }
    void disarm(ring& ring) noexcept {
        if (!armed_) return;
        completion* timeout = this;
        ring.submit(nullptr,
                    [timeout](io_uring_sqe* entry) { io_uring_prep_cancel(entry, timeout, 0); });
    }

    faulty_device device_;
    __kernel_timespec deadline_{};
    stack::instant armed_for_{};
    bool armed_ = false;
    bool closing_ = false;
};

}  // namespace

std::unique_ptr<driver> add_faults(std::unique_ptr<driver> inner, const fault_options& faults) {
    if (!faults.any()) return inner;
    return std::make_unique<faulty_driver>(std::move(inner), faults);
}

}  // namespace coax::backends
