// Expected failures as values: the error codes of the stack's calls and a result that holds
// either a value or one of them. Knows nothing of errno; the framework maps the codes.
#pragma once

#include <cassert>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

namespace coax::stack {

enum class error : std::uint8_t {
    none = 0,
    would_block,    // nothing to do now; an event will tell when to ask again
    end_of_stream,  // peer's FIN reached and everything before it was read
    not_connected,
    already_connected,
    connection_refused,   // RST in answer to our SYN
    connection_reset,     // RST on a synchronised connection
    connection_aborted,   // aborted by this side
    broken_pipe,          // send after our own FIN, or after a reset was reported
    timed_out,            // user timeout or retransmission limit (RFC 9293 3.8.3)
    host_unreachable,     // neighbour not resolved, or ICMP said so
    network_unreachable,  // no route, or ICMP said so
    address_in_use,
    address_not_available,  // not an address of this stack
    address_family_not_supported,
    invalid_argument,
    bad_handle,        // stale or foreign socket id
    no_buffer_space,   // a limit of config.hpp is reached
    message_too_long,  // datagram larger than the path or the protocol carries
    operation_not_supported,
    access_denied,  // broadcast, without having said so
};

// A short lower-case English phrase; static storage.
std::string_view to_string(error code) noexcept;

// A value or an error. T must be cheap to move.
template <class T>
class [[nodiscard]] result {
  public:
    result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    result(error code) : content_(std::in_place_index<1>, code) { assert(code != error::none); }

    bool has_value() const noexcept { return content_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    T& operator*() noexcept { return *std::get_if<0>(&content_); }
    const T& operator*() const noexcept { return *std::get_if<0>(&content_); }
    T* operator->() noexcept { return std::get_if<0>(&content_); }
    const T* operator->() const noexcept { return std::get_if<0>(&content_); }
    // error::none when there is a value.
    error code() const noexcept { return has_value() ? error::none : *std::get_if<1>(&content_); }

  private:
    std::variant<T, error> content_;
};

// Success, or why not.
template <>
class [[nodiscard]] result<void> {
  public:
    result() = default;
    result(error code) noexcept : code_(code) {}
    bool has_value() const noexcept { return code_ == error::none; }
    explicit operator bool() const noexcept { return has_value(); }
    error code() const noexcept { return code_; }

  private:
    error code_ = error::none;
};

using status = result<void>;

}  // namespace coax::stack
