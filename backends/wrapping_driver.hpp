// A driver around a driver: passes every call on. What wraps a device (faults, capture) derives
// from it and changes what it must. Knows nothing of the medium inside.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/driver.hpp"

namespace coax::backends {

class wrapping_driver : public driver {
  public:
    stack::device& device() noexcept override { return inner_->device(); }
    stack::siblings* siblings() noexcept override { return inner_->siblings(); }
    const description& describe() const noexcept override { return description_; }
    bool frames_waiting() noexcept override { return inner_->frames_waiting(); }
    void kick(ring& ring) noexcept override { inner_->kick(ring); }
    bool prepare_to_sleep(ring& ring) noexcept override { return inner_->prepare_to_sleep(ring); }
    const std::string* dead() const noexcept override { return inner_->dead(); }
    void shut_down(ring& ring) noexcept override { inner_->shut_down(ring); }
    bool idle() const noexcept override { return inner_->idle(); }
    std::vector<counter> counters() const override { return inner_->counters(); }

  protected:
    explicit wrapping_driver(std::unique_ptr<driver> inner)
        : inner_(std::move(inner)), description_(inner_->describe()) {}

    driver& inner() noexcept { return *inner_; }
    const driver& inner() const noexcept { return *inner_; }
    void add_note(std::string note) { description_.notes.push_back(std::move(note)); }
    void add_counters(std::vector<counter>& to, std::vector<counter> own) const {
        to.insert(to.end(), own.begin(), own.end());
    }

  private:
    std::unique_ptr<driver> inner_;
    description description_;
};

}  // namespace coax::backends
