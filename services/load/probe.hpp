// Whether there is a server at all: one of a part's connections finds out, and the others wait for
// what it learns. For protocols that have no connection to tell.
#pragma once

#include "services/asio.hpp"

namespace coax::services {

class probe {
  public:
    explicit probe(coax::io_context& io) : waiting_(io) {
        waiting_.expires_at(coax::clock::time_point::max());
    }

    // True for the first one to ask: it has to find out, and call end().
    bool begin() noexcept { return !std::exchange(begun_, true); }
    void end(const error_code& learned) {
        learned_ = learned;
        ended_ = true;
        waiting_.cancel();
    }
    // What was learned.
    coax::task<error_code> wait() {
        while (!ended_) co_await waiting_.async_wait(as_value);
        co_return learned_;
    }

  private:
    coax::fast_timer waiting_;  // never expires; all wait for its end
    error_code learned_;
    bool begun_ = false;
    bool ended_ = false;
};

}  // namespace coax::services
