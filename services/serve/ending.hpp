// The wish that a conversation end, as its coroutine sees it: nothing that it sends is interrupted,
// but what it awaits of the peer ends at once. Knows no stream and no protocol.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>

#include "services/asio.hpp"

namespace coax::services {

class ending {
  public:
    bool is_wished() const noexcept { return wished_; }
    // Once is enough.
    void wish() {
        if (std::exchange(wished_, true)) return;
        if (do_) do_();
        else signal_.emit(asio::cancellation_type::terminal);
    }

    // Awaits an operation that needs the peer; `start` starts it with the token it is given. It
    // ends with timed_out at its limit, with operation_aborted at the wish (with timed_out at once
    // where that was there before), and leaves the connection open.
    template <class Start>
    auto wait(std::chrono::milliseconds limit, Start start) {
        return coax::timeout(wished_ ? std::chrono::milliseconds(0) : limit, std::move(start),
                             asio::bind_cancellation_slot(signal_.slot(), as_awaited_value()));
    }

    // The wish does this from now on, instead of ending what is awaited; empty: no longer.
    void when_wished(std::function<void()> what) { do_ = std::move(what); }

  private:
    asio::cancellation_signal signal_;
    std::function<void()> do_;
    bool wished_ = false;
};

}  // namespace coax::services
