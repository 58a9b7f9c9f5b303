// A capture around a driver: what is buffered reaches the file before each sleep.

#include "backends/capture/driver.hpp"

#include <ctime>
#include <utility>

#include "backends/capture/device.hpp"
#include "backends/capture/pcapng.hpp"
#include "backends/wrapping_driver.hpp"

namespace coax::backends {

namespace {

std::uint64_t wall_time() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
           static_cast<std::uint64_t>(now.tv_nsec);
}

class capturing_driver final : public wrapping_driver {
  public:
    capturing_driver(std::unique_ptr<driver> inner, std::unique_ptr<pcapng_writer> file,
                     const std::string& path)
        : wrapping_driver(std::move(inner)),
          file_(std::move(file)),
          device_(this->inner().device(), *file_, wall_time) {
        add_note("frames are captured to " + path);
    }

    stack::device& device() noexcept override { return device_; }
    bool prepare_to_sleep(ring& ring) noexcept override {
        if (!inner().prepare_to_sleep(ring)) return false;
        file_->flush();
        return true;
    }
    void shut_down(ring& ring) noexcept override {
        file_->flush();
        inner().shut_down(ring);
    }
    std::vector<counter> counters() const override {
        std::vector<counter> all = inner().counters();
        add_counters(all, {{"capture.written", file_->written()}, {"capture.lost", file_->lost()}});
        return all;
    }

  private:
    std::unique_ptr<pcapng_writer> file_;
    capturing_device device_;
};

}  // namespace

std::variant<std::unique_ptr<driver>, failure> add_capture(std::unique_ptr<driver> inner,
                                                           const std::string& path) {
    if (path.empty()) return inner;
    auto file = std::make_unique<pcapng_writer>();
    if (const std::error_code error = file->open(path, inner->describe().interface))
        return failure{"capture=" + path + ": " + error.message() +
                       ": give a file that can be written"};
    return std::make_unique<capturing_driver>(std::move(inner), std::move(file), path);
}

}  // namespace coax::backends
