// The receive buffers that all kernel sockets of a context share: the kernel picks one for each
// multishot receive (a provided-buffer ring). Bounded: when all are taken, receives end with
// ENOBUFS. Knows no socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include <sys/uio.h>

#include "backends/ring.hpp"

namespace coax::detail {

// Received bytes that wait for a reader, in order: the buffers of one socket, linked by number.
struct parked_chain {
    static constexpr std::uint16_t none = 0xffff;
    std::uint16_t first = none;
    std::uint16_t last = none;
    std::uint16_t buffers = 0;
    std::size_t bytes = 0;
};

class receive_buffers {
  public:
    static constexpr std::uint16_t group = 0xc0a;

    receive_buffers() = default;
    receive_buffers(const receive_buffers&) = delete;
    receive_buffers& operator=(const receive_buffers&) = delete;
    ~receive_buffers();

    // `count`: a power of two up to 32768. Fails where the kernel has no buffer rings (before 5.19)
    // or gives no memory.
    std::error_code open(backends::ring& ring, std::uint16_t count, std::uint32_t bytes) noexcept;
    bool is_open() const noexcept { return entries_ != nullptr; }
    // The kernel has them; false after the ring moved to another thread, until renew().
    bool known_to(const backends::ring& ring) const noexcept {
        return entries_ != nullptr && moves_ == ring.moves();
    }
    // Makes them known to a ring that moved. What is parked stays parked.
    std::error_code renew(backends::ring& ring) noexcept;
    // The kernel must not use them any more (nothing in flight), or the ring must be closed.
    void close(backends::ring& ring) noexcept;

    std::uint32_t buffer_bytes() const noexcept { return bytes_; }
    // Not parked, as far as completions were reaped.
    std::uint32_t available() const noexcept { return count_ - taken_; }

    // The kernel filled `buffer` with `length` bytes.
    void park(parked_chain& chain, std::uint16_t buffer, std::uint32_t length) noexcept;
    // The kernel chose `buffer` and put nothing into it.
    void take_back(std::uint16_t buffer) noexcept {
        ++taken_;
        give(buffer);
    }
    // Copies from the front of the chain, as much as fits; unless `peek`, the emptied buffers go
    // back to the kernel.
    std::size_t read(parked_chain& chain, std::span<const iovec> to, bool peek) noexcept;
    void drop(parked_chain& chain) noexcept;

  private:
    struct parked {
        std::uint32_t offset = 0;
        std::uint32_t length = 0;  // left; 0: not parked
        std::uint16_t next = parked_chain::none;
    };

    std::byte* at(std::uint16_t buffer) const noexcept {
        return memory_ + std::size_t{buffer} * bytes_;
    }
    void give(std::uint16_t buffer) noexcept;
    void give_all() noexcept;
    int make_known(backends::ring& ring) noexcept;
    void unmap() noexcept;
    void unpark_first(parked_chain& chain) noexcept;

    io_uring_buf* entries_ = nullptr;
    std::byte* memory_ = nullptr;
    std::vector<parked> parked_;
    std::uint32_t bytes_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t taken_ = 0;
    unsigned moves_ = 0;
    std::uint16_t tail_ = 0;
};

}  // namespace coax::detail
