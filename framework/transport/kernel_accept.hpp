// The listening side of one kernel socket: accepts in their order, fed by a multishot accept that
// is armed only while somebody waits. Connections that come beyond that are parked, a bounded
// number; the rest waits in the kernel's backlog.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "framework/transport/kernel_flight.hpp"

namespace coax::detail {

class kernel_listener {
  public:
    kernel_listener(kernel_stream& stream, int backlog) noexcept;
    kernel_listener(const kernel_listener&) = delete;
    kernel_listener& operator=(const kernel_listener&) = delete;
    ~kernel_listener();

    void start(accept_operation& o);
    std::unique_ptr<stream_state> try_accept(tcp_endpoint& remote, error_code& ec);
    bool cancel(const socket_operation* o) noexcept;
    void cancel_all() noexcept;
    // Parked connections are closed, flights land without owner.
    void abandon() noexcept;
    bool in_flight() const noexcept { return armed_ != nullptr || pause_ != nullptr; }
    bool ready() const noexcept { return !parked_.empty(); }

    void on_accept(flight& f, std::int32_t result, std::uint32_t flags) noexcept;
    void on_pause_over() noexcept;

  private:
    void arm() noexcept;
    void take(int descriptor) noexcept;
    void hand_over(accept_operation& o, int descriptor);
    void on_refusal(bool cancelled, int number) noexcept;
    void pause() noexcept;

    kernel_stream& stream_;
    std::size_t limit_;  // parked
    operation_queue accepts_;
    std::deque<int> parked_;
    flight* armed_ = nullptr;
    flight* pause_ = nullptr;
};

}  // namespace coax::detail
