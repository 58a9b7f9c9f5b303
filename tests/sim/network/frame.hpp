// Frames and where they come from: a pool that knows how many are out, so that a leak is seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "stack/base/payload.hpp"

namespace coax::sim {

struct frame {
    std::vector<std::byte> room;
    std::uint32_t length = 0;  // of room, the Ethernet frame without FCS
    bool damaged = false;      // a bit was flipped on the way

    std::byte* data() noexcept { return room.data(); }
    stack::const_bytes bytes() const noexcept { return stack::const_bytes(room).first(length); }
};

class frame_pool;

struct return_to_pool {
    frame_pool* pool = nullptr;
    void operator()(frame* f) const noexcept;
};
using frame_ptr = std::unique_ptr<frame, return_to_pool>;

// Must outlive its frames. Grows as needed: the bounds are those of queues and rings.
class frame_pool {
  public:
    // A frame with room for at least `bytes`; contents and length are whatever they were.
    frame_ptr take(std::size_t bytes) {
        auto& spare = bytes <= small_bytes ? small_ : large_;
        frame* f = nullptr;
        if (spare.empty()) {
            f = new frame;
        } else {
            f = spare.back().release();
            spare.pop_back();
        }
        if (f->room.size() < bytes) f->room.resize(bytes <= small_bytes ? small_bytes : bytes);
        f->length = 0;
        f->damaged = false;
        ++out_;
        return {f, return_to_pool{this}};
    }
    frame_ptr copy(const frame& original);
    std::size_t out() const noexcept { return out_; }  // frames not given back

  private:
    friend struct return_to_pool;
    static constexpr std::size_t small_bytes = 2048;

    void give_back(frame* f) {
        auto& spare = f->room.size() <= small_bytes ? small_ : large_;
        spare.emplace_back(f);
        --out_;
    }

    std::vector<std::unique_ptr<frame>> small_;
    std::vector<std::unique_ptr<frame>> large_;
    std::size_t out_ = 0;
};

inline void return_to_pool::operator()(frame* f) const noexcept { pool->give_back(f); }

inline frame_ptr frame_pool::copy(const frame& original) {
    frame_ptr made = take(original.length);
    std::copy(original.room.begin(), original.room.begin() + original.length, made->data());
    made->length = original.length;
    made->damaged = original.damaged;
    return made;
}

// Whoever takes in frames at the end of a lane.
class receiver {
  public:
    virtual void on_frame(frame_ptr arrived) = 0;

  protected:
    receiver() = default;
    ~receiver() = default;
    receiver(const receiver&) = default;
    receiver& operator=(const receiver&) = default;
};

}  // namespace coax::sim
