// Super-segments of TCP, which AF_XDP can't send: by a packet socket with a virtio header, through
// the ring. The device cuts them, or the kernel in its place; a veth passes them on whole. Knows of
// a frame only where its TCP header ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "backends/driver.hpp"
#include "backends/ring.hpp"
#include "backends/xdp/memory.hpp"
#include "stack/device.hpp"

namespace coax::backends {

class super_sender {
  public:
    // The largest payload: with all headers below 64 KB, which is what IPv4 and the kernel allow.
    static constexpr std::uint32_t payload_max = 65280;

    // On the interface with this index. The text says what does not go.
    static std::variant<std::unique_ptr<super_sender>, failure> open(unsigned interface_index);
    // Sends by `descriptor`, which is its own from then on, from `memory` of slots_bytes().
    super_sender(int descriptor, mapping memory);
    ~super_sender();
    super_sender(const super_sender&) = delete;
    super_sender& operator=(const super_sender&) = delete;
    static std::size_t slots_bytes() noexcept;

    // As stack::device. A slot of ours is told by its token.
    static bool owns(const stack::tx_slot& slot) noexcept { return (slot.token & ours) != 0; }
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept;
    void transmit(const stack::tx_slot& slot) noexcept;
    void cancel(const stack::tx_slot& slot) noexcept;

    // Some are still to leave: a frame that must not overtake them has to follow them.
    bool busy() const noexcept { return under_way_ != 0 || !waiting_.empty(); }
    // Lets a frame follow, in a slot of somebody else's with room before it. False: there are too
    // many.
    bool follow(const stack::tx_slot& slot) noexcept;
    // The next of these slots that comes back, by its token.
    bool take_back(std::uint64_t& token) noexcept;
    static constexpr std::size_t room_before = 10;  // bytes that following writes before a frame

    // Sends what transmit() was given, with the ring's next submission.
    void submit(ring& r) noexcept;
    void shut_down(ring& r) noexcept;
    bool idle() const noexcept { return under_way_ == 0; }

    // The kernel said that the interface is down or gone. Cleared by asking.
    bool take_trouble() noexcept;

    std::uint64_t sent() const noexcept { return sent_; }
    std::uint64_t followed() const noexcept { return followed_; }  // by other frames that left
    // Given up by the kernel, for want of room or with the link down; of a super-segment, all its
    // segments are lost.
    std::uint64_t dropped() const noexcept { return dropped_; }

  private:
    static constexpr std::uint64_t ours = std::uint64_t{1} << 63;

    // A frame on its way through the ring.
    struct passage final : completion {
        explicit passage(super_sender& o) noexcept : owner(o) {}
        void on_completion(std::int32_t result, std::uint32_t) noexcept override {
            owner.on_sent(*this, result);
        }
        super_sender& owner;
        const std::byte* start = nullptr;  // of what is sent, the virtio header in front
        std::uint32_t length = 0;
        std::uint64_t token = 0;  // of its slot
        bool under_way = false;
    };

    void enqueue(const stack::tx_slot& slot) noexcept;
    void on_sent(passage& which, std::int32_t result) noexcept;

    int descriptor_;
    mapping memory_;
    std::deque<passage> passages_;
    std::vector<passage*> idle_passages_;
    std::vector<std::uint32_t> free_;  // the one that came back last is likely still in the cache
    std::vector<passage*> waiting_;    // for submit(), in order
    std::vector<std::uint64_t> back_;  // slots of followers, for take_back()
    std::uint32_t under_way_ = 0;
    bool ended_ = false;
    bool trouble_ = false;
    std::uint64_t sent_ = 0;
    std::uint64_t followed_ = 0;
    std::uint64_t dropped_ = 0;
};

}  // namespace coax::backends
