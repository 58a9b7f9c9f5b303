// Mappings for frames and rings. Knows no socket.
#include "backends/xdp/memory.hpp"

#include <utility>

#include <sys/mman.h>

namespace coax::backends {

mapping::mapping(mapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), length_(std::exchange(other.length_, 0)) {}

mapping& mapping::operator=(mapping&& other) noexcept {
    if (this == &other) return *this;
    reset();
    address_ = std::exchange(other.address_, nullptr);
    length_ = std::exchange(other.length_, 0);
    return *this;
}

mapping::~mapping() { reset(); }

void mapping::reset() noexcept {
    if (address_ != nullptr) munmap(address_, length_);
    address_ = nullptr;
    length_ = 0;
}

mapping mapping::anonymous(std::size_t length) noexcept {
    void* address =
        mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) return {};
    // Before the first touch. Advice only: small pages do as well.
    madvise(address, length, MADV_HUGEPAGE);
    // A child of fork() gets no copy: the kernel writes to the pages of the parent alone.
    madvise(address, length, MADV_DONTFORK);
    for (std::size_t at = 0; at < length; at += 4096)
        static_cast<volatile std::byte*>(address)[at] = std::byte{0};
    return {address, length};
}

}  // namespace coax::backends
