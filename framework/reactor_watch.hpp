// The ring's eye on Asio's reactor: a poll of its epoll descriptor, so that one sleep, in the ring,
// serves both, and a reactor in which nothing happened costs no system call. Knows no Asio.
#pragma once

#include <cstdint>

#include "backends/ring.hpp"

namespace coax::detail {

class reactor_watch final : public backends::completion {
  public:
    reactor_watch() = default;
    reactor_watch(const reactor_watch&) = delete;
    reactor_watch& operator=(const reactor_watch&) = delete;

    // Whether the epoll descriptor may have become readable since the last call (at the first one,
    // and after the ring has moved: yes). Then it is watched anew, so who is told looks now:
    // what comes later, or is left, ends the next sleep.
    bool has_news(backends::ring& ring, int epoll) noexcept;
    void shut_down(backends::ring& ring) noexcept;
    bool idle() const noexcept { return !armed_; }

    void on_completion(std::int32_t result, std::uint32_t flags) noexcept override;

  private:
    bool armed_ = false;
};

}  // namespace coax::detail
