// Sees every frame of the hosts: hands it to the flow watch, adds it to the digest of the run, and
// writes it to a capture if there is one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "backends/capture/pcapng.hpp"
#include "tests/sim/network/nic.hpp"
#include "tests/sim/swarm/flow_watch.hpp"

namespace coax::sim {

class witness final : public frame_observer {
  public:
    witness(const schedule& time, flow_watch& flows) : time_(time), flows_(flows) {}

    // Frames of this card go to the file from now on. False: the file could not be made.
    bool capture(const std::string& path, const nic& of);

    void on_sent(nic& by, const frame& sent) override;
    void on_taken(nic& by, const frame& taken) override;

    std::uint64_t digest() const noexcept { return digest_; }
    std::uint64_t frames() const noexcept { return frames_; }

  private:
    void add(std::uint64_t word) noexcept {
        digest_ = (digest_ ^ word) * 0x9e37'79b9'7f4a'7c15U;
        digest_ ^= digest_ >> 32;
    }
    void add(stack::const_bytes bytes) noexcept;
    std::uint64_t wall_time() const noexcept;

    const schedule& time_;
    flow_watch& flows_;
    std::unique_ptr<backends::pcapng_writer> file_;
    const nic* captured_ = nullptr;
    std::uint64_t digest_ = 0xc0a0;
    std::uint64_t frames_ = 0;
};

}  // namespace coax::sim
