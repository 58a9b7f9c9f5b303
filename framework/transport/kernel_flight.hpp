// One submission of the kernel transport that is in flight on the ring. It outlives the socket that
// made it: the record stays until its last completion, and holds what the kernel reads meanwhile.
// Knows nothing of what its completion means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include <coax/detail/stream_state.hpp>

#include "backends/ring.hpp"

namespace coax::detail {

class kernel_socket;
class kernel_stream;
class kernel_transport;

class flight final : public backends::completion {
  public:
    enum class purpose : std::uint8_t {
        receive,       // multishot, into the shared buffers
        receive_into,  // into the buffers of `operation`
        send,
        receive_datagram,
        send_datagram,
        wait_datagrams,  // a poll, of a transfer of several
        connect,
        accept,       // multishot, or one
        pause,        // before accepting again
        wait,         // poll
        wait_urgent,  // the same, of a read of the urgent octet
        close,        // of `descriptor`
    };
    // What the kernel reads, at the latest when the submission is handed over.
    union argument {
        msghdr message;
        sockaddr_in6 address;  // or the shorter sockaddr_in
        __kernel_timespec limit;
        int descriptor;
    };

    flight() = default;
    flight(const flight&) = delete;
    flight& operator=(const flight&) = delete;
    ~flight() = default;

    void on_completion(std::int32_t result, std::uint32_t flags) noexcept override;

    kernel_transport* home = nullptr;
    kernel_socket* owner = nullptr;         // null: the socket is gone, or lost interest
    socket_operation* operation = nullptr;  // ends with this flight
    flight* next = nullptr;                 // of the free ones; the owner's while in use
    purpose what = purpose::receive;
    bool in_use = false;
    bool cancelled = false;  // by us: -ECANCELED is what was asked for
    argument with{};
};

// Flights are made in slabs and used again; the memory is returned with the pool.
class flight_pool {
  public:
    explicit flight_pool(kernel_transport& home) noexcept : home_(home) {}

    flight& take(flight::purpose what, kernel_socket* owner, socket_operation* operation);
    void give_back(flight& f) noexcept;
    std::size_t in_use() const noexcept { return in_use_; }
    // Each flight in use; `visit` may give it back.
    template <class Visit>
    void for_each(Visit&& visit) {
        for (const auto& slab : slabs_)
            for (std::size_t i = 0; i != slab_size; ++i)
                if (slab[i].in_use) visit(slab[i]);
    }

  private:
    static constexpr std::size_t slab_size = 64;

    kernel_transport& home_;
    std::vector<std::unique_ptr<flight[]>> slabs_;
    flight* free_ = nullptr;
    std::size_t in_use_ = 0;
};

}  // namespace coax::detail
