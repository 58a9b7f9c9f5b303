// What two oracles must let pass, and no more of it than the stack counted.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

namespace coax::sim {

// RFC 8985 7.3: a tail loss probe is one segment of new data whatever the window says, also when
// that was just reduced and more is under way than it. Of one host.
class probe_excuse {
  public:
    // After each turn, with the probes the host has counted so far.
    void turn(std::uint64_t counted) noexcept { now_ = counted - std::exchange(seen_, counted); }
    // Bytes beyond the window that the probes of this turn explain.
    std::uint64_t bytes(std::uint32_t segment) const noexcept { return now_ * segment; }

  private:
    std::uint64_t seen_ = 0;
    std::uint64_t now_ = 0;
};

// A cookie is good again when its connection is gone: a late copy of the client's segment brings it
// back (RFC 4987 3.6). Of one host; dialogues by their number.
class cookie_excuse {
  public:
    // Its connection was accepted when the host had counted so many good cookies.
    void accepted(std::size_t dialogue, std::uint64_t counted) { seen_[dialogue] = counted; }
    // Is another one of this dialogue explained? Each good cookie since then explains one.
    bool again(std::size_t dialogue, std::uint64_t counted) {
        std::uint64_t& seen = seen_[dialogue];
        if (counted <= seen) return false;
        ++seen;
        return true;
    }

  private:
    std::map<std::size_t, std::uint64_t> seen_;  // looked up, never walked
};

}  // namespace coax::sim
