// One AF_XDP socket, bound to one queue of one interface, with its frame memory and its four rings.
// Knows neither the frames' life (queue.hpp) nor the program that steers packets here.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "backends/driver.hpp"
#include "backends/xdp/memory.hpp"
#include "backends/xdp/rings.hpp"

namespace coax::backends {

struct socket_options {
    std::string interface;  // for texts
    unsigned interface_index = 0;
    unsigned queue = 0;
    std::uint32_t chunks = 0;          // of the frame memory
    std::uint32_t receive_chunks = 0;  // of these, handed to the fill ring (queue.cpp does)
    std::uint32_t ring_entries = 0;    // receive and transmit ring, power of two
    bool transmit_checksum = true;     // ask for metadata
    bool multi_buffer_needed = false;  // fail where the kernel has no multi-buffer packets
};

class xsk_socket {
  public:
    // Makes the memory and the rings, all but binding. The text says what to do.
    static std::variant<xsk_socket, failure> open(const socket_options& options);

    xsk_socket(xsk_socket&&) noexcept = default;
    xsk_socket& operator=(xsk_socket&&) noexcept = default;

    // Binds to the queue, waiting for a predecessor that was killed to be cleaned up. The fill ring
    // should be filled before. Empty text: done.
    std::string bind(const socket_options& options);

    int descriptor() const noexcept { return descriptor_.value; }
    // What the frames go through. Valid as long as this socket, also when it is moved.
    const xsk_rings& rings() const noexcept { return rings_; }
    bool has_metadata() const noexcept { return rings_.metadata; }
    bool has_multi_buffer() const noexcept { return has_multi_buffer_; }
    bool is_zero_copy() const noexcept;
    std::vector<counter> counters() const;  // XDP_STATISTICS

  private:
    struct owned_descriptor {
        int value = -1;
        owned_descriptor() = default;
        explicit owned_descriptor(int fd) noexcept : value(fd) {}
        owned_descriptor(owned_descriptor&& other) noexcept : value(other.value) {
            other.value = -1;
        }
        owned_descriptor& operator=(owned_descriptor&& other) noexcept;
        ~owned_descriptor();
    };

    xsk_socket() = default;
    int set_option(int name, const void* data, std::size_t size) noexcept;
    std::string register_frames(const socket_options& options);
    std::string make_rings(const socket_options& options);
    template <class Entry>
    bool map_ring(mapping& target, ring_memory<Entry>& memory, const xdp_ring_offset& offsets,
                  std::uint64_t page_offset, std::uint32_t entries);

    // The order is that of the destruction, backwards: rings are unmapped before the descriptor is
    // closed, as a queue stays busy while any of them is mapped.
    mapping frames_;
    owned_descriptor descriptor_;
    mapping ring_mappings_[4];
    xsk_rings rings_;
    bool has_multi_buffer_ = false;
};

}  // namespace coax::backends
