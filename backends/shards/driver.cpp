// A shard's driver around that of its queue: sleeps for both, and wakes the others.
#include "backends/shards/driver.hpp"

#include <utility>

#include "backends/shards/device.hpp"
#include "backends/wrapping_driver.hpp"

namespace coax::backends::shards {

namespace {

class shard_driver final : public wrapping_driver, private completion {
  public:
    shard_driver(std::unique_ptr<driver> inner, std::shared_ptr<exchange> all, unsigned shard)
        : wrapping_driver(std::move(inner)),
          device_(this->inner().device(), std::move(all), shard) {}

    stack::device& device() noexcept override { return device_; }
    stack::siblings* siblings() noexcept override { return &device_; }
    bool frames_waiting() noexcept override {
        return device_.handed_over_waiting() || inner().frames_waiting();
    }
    void kick(ring& ring) noexcept override {
        inner().kick(ring);
        device_.ring_bells();
    }
    bool prepare_to_sleep(ring& ring) noexcept override {
        if (!inner().prepare_to_sleep(ring) || !device_.prepare_to_wait()) return false;
        if (armed_ || closing_) return true;
        armed_ = true;
        ring.submit(this, [this](io_uring_sqe* entry) {
            io_uring_prep_read(entry, device_.bell_descriptor(), &rung_, sizeof rung_, 0);
        });
        return true;
    }
    void shut_down(ring& ring) noexcept override {
        closing_ = true;
        device_.leave();
        device_.ring_bells();
        inner().shut_down(ring);
        if (!armed_) return;
        completion* const read = this;
        ring.submit(nullptr, [read](io_uring_sqe* entry) { io_uring_prep_cancel(entry, read, 0); });
    }
    bool idle() const noexcept override { return !armed_ && inner().idle(); }
    std::vector<counter> counters() const override {
        std::vector<counter> list = inner().counters();
        add_counters(list, device_.counters());
        return list;
    }

  private:
    void on_completion(std::int32_t, std::uint32_t) noexcept override { armed_ = false; }

    shard_device device_;
    std::uint64_t rung_ = 0;  // what was written; nobody needs it
    bool armed_ = false;
    bool closing_ = false;
};

}  // namespace

std::vector<std::unique_ptr<driver>> join(std::vector<std::unique_ptr<driver>> queues,
                                          const std::shared_ptr<exchange>& all) {
    for (unsigned i = 0; i != all->shards(); ++i)
        queues[i] = std::make_unique<shard_driver>(std::move(queues[i]), all, i);
    return queues;
}

}  // namespace coax::backends::shards
