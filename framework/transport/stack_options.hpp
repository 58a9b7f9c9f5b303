// Socket options of a socket on the userspace stack: what it understands, and what it only
// remembers, so that programs which set it work and read back what they set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <coax/detail/stream_state.hpp>

#include "framework/transport/remembered_options.hpp"
#include "stack/tcp/layer.hpp"

namespace coax::detail {

class stack_options {
  public:
    // As setsockopt(2), getsockopt(2). Unknown: no_protocol_option; too short: invalid_argument.
    error_code set(int level, int name, const void* data, std::size_t size);
    error_code get(int level, int name, void* data, std::size_t* size) const;

    bool no_delay() const noexcept { return no_delay_; }
    bool cork() const noexcept { return cork_; }
    bool keep_alive() const noexcept { return keep_alive_; }
    bool urgent_inline() const noexcept { return urgent_inline_; }
    std::uint8_t traffic_class() const noexcept {
        return static_cast<std::uint8_t>(traffic_class_);
    }
    std::uint8_t hops() const noexcept { return hops_; }
    // Zero: the stack's default.
    stack::tcp::keep_alive_times keep_alive_times() const noexcept;
    stack::duration user_timeout() const noexcept { return std::chrono::milliseconds(timeout_ms_); }
    // How long close() lets the connection deliver what it has; zero: no bound.
    stack::duration linger_time() const noexcept;
    bool reuse_address() const noexcept { return reuse_address_; }
    // close() resets the connection.
    bool abort_on_close() const noexcept { return linger_on_ && linger_seconds_ == 0; }
    // Bytes; 0: the stack's default.
    std::uint32_t send_buffer() const noexcept { return send_buffer_; }
    std::uint32_t receive_buffer() const noexcept { return receive_buffer_; }
    // Empty: the stack's default.
    const std::string& congestion() const noexcept { return congestion_; }
    // Unset: as the stack is configured.
    std::optional<bool> ecn() const noexcept { return ecn_; }
    std::optional<bool> pacing() const noexcept { return pacing_; }
    std::optional<stack::idle_window> idle() const noexcept { return idle_; }

  private:
    error_code set_congestion(const void* data, std::size_t size);

    error_code set_value(std::uint64_t which, int value);

    bool no_delay_ = false;
    bool cork_ = false;
    bool keep_alive_ = false;
    bool urgent_inline_ = false;
    int traffic_class_ = 0;  // of DSCP and ECN, DSCP
    std::uint8_t hops_ = 0;  // time to live; 0: the stack's default
    bool reuse_address_ = false;
    bool linger_on_ = false;
    int linger_seconds_ = 0;
    // 0: the stack's default
    int keep_alive_idle_seconds_ = 0;
    int keep_alive_interval_seconds_ = 0;
    int keep_alive_count_ = 0;
    int timeout_ms_ = 0;
    std::uint32_t send_buffer_ = 0;
    std::uint32_t receive_buffer_ = 0;
    std::string congestion_;
    std::optional<bool> ecn_;
    std::optional<bool> pacing_;
    std::optional<stack::idle_window> idle_;
    remembered_options remembered_;
};

}  // namespace coax::detail
