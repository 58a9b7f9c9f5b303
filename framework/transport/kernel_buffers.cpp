// Provided-buffer ring: registration, and the buffers between kernel, sockets and readers.
#include "framework/transport/kernel_buffers.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

#include <sys/mman.h>

namespace coax::detail {

namespace {

void* map(std::size_t size) noexcept {
    void* const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

receive_buffers::~receive_buffers() { assert(entries_ == nullptr); }

std::error_code receive_buffers::open(backends::ring& ring, std::uint16_t count,
                                      std::uint32_t bytes) noexcept {
    assert(entries_ == nullptr && (count & (count - 1)) == 0);
    entries_ = static_cast<io_uring_buf*>(map(count * sizeof(io_uring_buf)));
    memory_ = static_cast<std::byte*>(map(std::size_t{count} * bytes));
    bytes_ = bytes;
    count_ = count;
    const int result = entries_ != nullptr && memory_ != nullptr ? make_known(ring) : -ENOMEM;
    if (result < 0) {
        unmap();
        return {-result, std::system_category()};
    }
    parked_.assign(count, parked{});
    give_all();
    return {};
}

std::error_code receive_buffers::renew(backends::ring& ring) noexcept {
    const int result = make_known(ring);
    if (result < 0) return {-result, std::system_category()};
    give_all();
    return {};
}

int receive_buffers::make_known(backends::ring& ring) noexcept {
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries_);
    registration.ring_entries = count_;
    registration.bgid = group;
    int result = io_uring_register_buf_ring(&ring.native(), &registration, 0);
    if (result == -EEXIST) {  // another thread's ring
        ring.take_over();
        result = io_uring_register_buf_ring(&ring.native(), &registration, 0);
    }
    if (result >= 0) moves_ = ring.moves();
    return result;
}

// All that are not parked, to a ring that has none yet.
void receive_buffers::give_all() noexcept {
    tail_ = 0;
    taken_ = count_;
    for (std::uint32_t i = 0; i != count_; ++i)
        if (parked_[i].length == 0) give(static_cast<std::uint16_t>(i));
}

void receive_buffers::unmap() noexcept {
    if (entries_ != nullptr) ::munmap(entries_, count_ * sizeof(io_uring_buf));
    if (memory_ != nullptr) ::munmap(memory_, std::size_t{count_} * bytes_);
    entries_ = nullptr;
    memory_ = nullptr;
}

void receive_buffers::close(backends::ring& ring) noexcept {
    if (entries_ == nullptr) return;
    if (ring.is_open() && known_to(ring)) io_uring_unregister_buf_ring(&ring.native(), group);
    unmap();
}

// io_uring_register_buf_ring(3): the tail overlays the reserved field of the first entry, so the
// other fields of an entry are written one by one.
void receive_buffers::give(std::uint16_t buffer) noexcept {
    io_uring_buf& entry = entries_[tail_ & (count_ - 1)];
    entry.addr = reinterpret_cast<std::uintptr_t>(at(buffer));
    entry.len = bytes_;
    entry.bid = buffer;
    io_uring_smp_store_release(&entries_[0].resv, ++tail_);
    --taken_;
}

void receive_buffers::park(parked_chain& chain, std::uint16_t buffer,
                           std::uint32_t length) noexcept {
    ++taken_;
    parked_[buffer] = {0, length, parked_chain::none};
    if (chain.first == parked_chain::none) chain.first = buffer;
    else parked_[chain.last].next = buffer;
    chain.last = buffer;
    ++chain.buffers;
    chain.bytes += length;
}

void receive_buffers::unpark_first(parked_chain& chain) noexcept {
    const std::uint16_t buffer = chain.first;
    chain.first = parked_[buffer].next;
    if (chain.first == parked_chain::none) chain.last = parked_chain::none;
    --chain.buffers;
    chain.bytes -= parked_[buffer].length;
    parked_[buffer].length = 0;
    give(buffer);
}

std::size_t receive_buffers::read(parked_chain& chain, std::span<const iovec> to,
                                  bool peek) noexcept {
    std::size_t total = 0;
    std::uint16_t buffer = chain.first;
    std::uint32_t taken = 0;  // of `buffer`
    for (const iovec& into : to) {
        std::size_t filled = 0;
        while (filled != into.iov_len && buffer != parked_chain::none) {
            const parked& from = parked_[buffer];
            const std::size_t n = std::min<std::size_t>(into.iov_len - filled, from.length - taken);
            std::memcpy(static_cast<std::byte*>(into.iov_base) + filled,
                        at(buffer) + from.offset + taken, n);
            filled += n;
            taken += static_cast<std::uint32_t>(n);
            if (taken != from.length) continue;
            buffer = from.next;
            taken = 0;
        }
        total += filled;
    }
    if (peek) return total;
    while (chain.first != buffer) unpark_first(chain);
    if (taken != 0) {
        parked_[buffer].offset += taken;
        parked_[buffer].length -= taken;
        chain.bytes -= taken;
    }
    return total;
}

void receive_buffers::drop(parked_chain& chain) noexcept {
    while (chain.first != parked_chain::none) unpark_first(chain);
}

}  // namespace coax::detail
