// The memory of frames (UMEM) and of rings: mappings that end with their object. Knows no socket.
#pragma once

#include <cstddef>
#include <cstdint>

namespace coax::backends {

// One mmap, unmapped on destruction. Movable.
class mapping {
  public:
    mapping() = default;
    mapping(void* address, std::size_t length) noexcept : address_(address), length_(length) {}
    mapping(mapping&& other) noexcept;
    mapping& operator=(mapping&& other) noexcept;
    ~mapping();

    // Zeroed pages of our own, present from the start, on huge pages where the system gives some.
    // Empty if there is no memory.
    static mapping anonymous(std::size_t length) noexcept;

    explicit operator bool() const noexcept { return address_ != nullptr; }
    std::byte* data() const noexcept { return static_cast<std::byte*>(address_); }
    std::size_t size() const noexcept { return length_; }
    void reset() noexcept;

  private:
    void* address_ = nullptr;
    std::size_t length_ = 0;
};

}  // namespace coax::backends
