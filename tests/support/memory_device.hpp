// A device whose frames are vectors: a test puts in what shall be received and looks at what was
// sent. Capabilities, room and the cutting of frames into pieces are the test's to choose.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "stack/base/random.hpp"
#include "stack/device.hpp"

namespace coax::test {

using bytes = std::vector<std::byte>;

// A frame as the stack gave it to the device.
struct sent_frame {
    bytes data;
    stack::tx_slot slot;  // what the stack said of it; slot.data is not valid any more
};

class memory_device final : public stack::device {
  public:
    memory_device() { caps.address = {{0x02, 0, 0, 0, 0, 0x01}}; }
    ~memory_device() override { assert(lent_.empty()); }

    stack::device_capabilities caps;
    std::size_t room =
        1'000'000;  // transmit slots in all; a test lowers it to make the device full
    std::size_t large_room = 1'000'000;  // the same for large slots
    std::size_t slot_bytes = 0;          // capacity of slots; 0: as device.hpp promises
    std::size_t head_bytes = 0;          // cut received frames: the first piece; 0: whole
    std::size_t piece_bytes = 100;       // and the further ones
    std::deque<sent_frame> sent;
    std::vector<stack::ip_address> groups;            // wanted
    stack::error group_refusal = stack::error::none;  // what a test lets want_group() say

    // Counted calls, for tests of batching.
    std::size_t reserve_calls = 0;
    std::size_t transmit_calls = 0;

    void deliver(bytes frame, stack::checksum_state checksum = stack::checksum_state::unknown) {
        incoming_.push_back({std::move(frame), checksum, {}});
    }
    std::optional<sent_frame> take_sent() {
        if (sent.empty()) return {};
        sent_frame frame = std::move(sent.front());
        sent.pop_front();
        return frame;
    }
    std::size_t waiting() const { return incoming_.size(); }
    std::size_t lent() const { return lent_.size(); }

    const stack::device_capabilities& capabilities() const noexcept override { return caps; }

    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override {
        assert(in_hand_.empty());
        const std::size_t count = std::min(frames.size(), incoming_.size());
        for (std::size_t i = 0; i < count; ++i) {
            in_hand_.push_back(std::move(incoming_.front()));
            incoming_.pop_front();
        }
        for (std::size_t i = 0; i < count; ++i) frames[i] = cut(in_hand_[i]);
        return count;
    }
    void release() noexcept override { in_hand_.clear(); }

    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override {
        ++reserve_calls;
        const std::size_t count = std::min(slots.size(), room - std::min(room, lent_.size()));
        const std::size_t frame = caps.mtu + std::size_t{14};
        const std::size_t promised =
            caps.large_slots ? frame : std::max(frame, caps.gso_max_bytes + std::size_t{128});
        for (auto& slot : slots.first(count)) lend(slot, slot_bytes == 0 ? promised : slot_bytes);
        return count;
    }
    std::size_t reserve_large(std::span<stack::tx_slot> slots) noexcept override {
        assert(caps.large_slots);
        const std::size_t count = std::min(slots.size(), large_room);
        for (auto& slot : slots.first(count)) lend(slot, caps.gso_max_bytes + std::size_t{128});
        large_room -= count;
        return count;
    }
    void transmit(std::span<const stack::tx_slot> slots) noexcept override {
        ++transmit_calls;
        for (const auto& slot : slots) {
            assert(slot.length <= slot.capacity);
            const bytes storage = take_back(slot);
            sent.push_back({bytes(storage.begin(), storage.begin() + slot.length), slot});
        }
        room -= std::min(room, slots.size());
    }
    void cancel(std::span<const stack::tx_slot> slots) noexcept override {
        for (const auto& slot : slots) take_back(slot);
    }

    stack::error want_group(const stack::ip_address& group, bool wanted) noexcept override {
        if (wanted && group_refusal != stack::error::none) return group_refusal;
        if (wanted) groups.push_back(group);
        else std::erase(groups, group);
        return stack::error::none;
    }

  private:
    struct received {
        bytes data;
        stack::checksum_state checksum;
        std::vector<stack::const_bytes> rest;
    };

    stack::rx_frame cut(received& frame) const {
        stack::rx_frame out;
        const stack::const_bytes all(frame.data);
        const std::size_t head = head_bytes == 0 ? all.size() : std::min(head_bytes, all.size());
        for (std::size_t at = head; at < all.size(); at += piece_bytes)
            frame.rest.push_back(all.subspan(at, std::min(piece_bytes, all.size() - at)));
        out.head = all.first(head);
        out.rest = frame.rest;
        out.checksum = frame.checksum;
        return out;
    }
    void lend(stack::tx_slot& slot, std::size_t capacity) {
        lent_.push_back(bytes(capacity));
        slot = {};
        slot.data = lent_.back().data();
        slot.capacity = static_cast<std::uint32_t>(capacity);
        slot.token = next_token_++;
    }
    bytes take_back(const stack::tx_slot& slot) {
        const auto found = std::find_if(lent_.begin(), lent_.end(),
                                        [&](const bytes& b) { return b.data() == slot.data; });
        assert(found != lent_.end());
        bytes storage = std::move(*found);
        lent_.erase(found);
        return storage;
    }

    std::deque<received> incoming_;
    std::vector<received> in_hand_;
    std::deque<bytes> lent_;
    std::uint64_t next_token_ = 1;
};

// The same numbers in every run.
class seeded_random final : public stack::random_source {
  public:
    explicit seeded_random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() noexcept override {
        std::uint64_t x = state_ += 0x9e37'79b9'7f4a'7c15U;
        x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9U;
        x = (x ^ x >> 27) * 0x94d0'49bb'1331'11ebU;
        return x ^ x >> 31;
    }

  private:
    std::uint64_t state_;
};

}  // namespace coax::test
