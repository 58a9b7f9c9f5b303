// The frames of one port: memory, free list and reference counts. Only the sending port allocates
// and frees; receivers only read, and keep the pool alive as long as they might.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define COAX_WIRE_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COAX_WIRE_POISON 1
#endif
#endif
#ifdef COAX_WIRE_POISON
#include <sanitizer/asan_interface.h>
#endif

namespace coax::backends::wire {

class frame_pool {
  public:
    // `frame_bytes`: the longest frame, Ethernet header included.
    frame_pool(std::uint32_t frames, std::uint32_t frame_bytes)
        : stride_(stride_of(frame_bytes)),
          frame_bytes_(frame_bytes),
          memory_(static_cast<std::byte*>(
              ::operator new(std::size_t{frames} * stride_, std::align_val_t{cache_line}))),
          references_(frames, 0),
          free_(std::make_unique_for_overwrite<std::uint32_t[]>(frames)) {
        for (std::uint32_t i = frames; i-- > 0;) {
            free_[free_count_++] = i;
            poison(i);
        }
    }
    ~frame_pool() {
        for (std::uint32_t i = 0; i < references_.size(); ++i) unpoison(i);
    }
    frame_pool(const frame_pool&) = delete;
    frame_pool& operator=(const frame_pool&) = delete;

    std::byte* data(std::uint32_t frame) const noexcept {
        return memory_.get() + std::size_t{frame} * stride_;
    }
    std::uint32_t frame_bytes() const noexcept { return frame_bytes_; }
    std::size_t free_count() const noexcept { return free_count_; }
    std::size_t size() const noexcept { return references_.size(); }

    // Visits (frame, its bytes) `count` of the free ones, which are now in use. The frame just
    // freed comes first: it is still in the cache.
    template <class Visit>
    void allocate(std::size_t count, Visit&& visit) noexcept {
        assert(count <= free_count_);
        std::byte* const memory = memory_.get();
        const std::size_t stride = stride_;
        const std::uint32_t* next = free_.get() + free_count_;
        free_count_ -= count;
        for (const std::uint32_t* const last = next - count; next != last;) {
            const std::uint32_t frame = *--next;
            references_[frame] = 1;
            unpoison(frame);
            visit(frame, memory + frame * stride);
        }
    }
    void add_reference(std::uint32_t frame) noexcept {
        assert(references_[frame] != 0 && references_[frame] != 255);
        ++references_[frame];
    }
    void drop_reference(std::uint32_t frame) noexcept {
        drop_references(1, [frame]() noexcept { return frame; });
    }
    // One of each of `count` frames that next() names.
    template <class Next>
    void drop_references(std::uint32_t count, Next&& next) noexcept {
        std::uint32_t* free = free_.get() + free_count_;
        for (; count != 0; --count) {
            const std::uint32_t frame = next();
            assert(references_[frame] != 0);
            if (--references_[frame] != 0) continue;
            poison(frame);
            *free++ = frame;
        }
        free_count_ = static_cast<std::size_t>(free - free_.get());
    }

  private:
    static constexpr std::uint32_t cache_line = 64;

    // An odd number of cache lines: the headers of consecutive frames fall into different sets.
    static std::uint32_t stride_of(std::uint32_t frame_bytes) noexcept {
        const std::uint32_t lines = (frame_bytes + cache_line - 1) / cache_line;
        return (lines | 1U) * cache_line;
    }
    // A free frame is no one's: who still reads it is told so by the address sanitizer.
    void poison([[maybe_unused]] std::uint32_t frame) const noexcept {
#ifdef COAX_WIRE_POISON
        ASAN_POISON_MEMORY_REGION(data(frame), stride_);
#endif
    }
    void unpoison([[maybe_unused]] std::uint32_t frame) const noexcept {
#ifdef COAX_WIRE_POISON
        ASAN_UNPOISON_MEMORY_REGION(data(frame), stride_);
#endif
    }

    struct release_memory {
        void operator()(std::byte* memory) const noexcept {
            ::operator delete(memory, std::align_val_t{cache_line});
        }
    };

    std::uint32_t stride_;
    std::uint32_t frame_bytes_;
    std::unique_ptr<std::byte, release_memory> memory_;
    std::vector<std::uint8_t> references_;   // 0: free
    std::unique_ptr<std::uint32_t[]> free_;  // a stack: [0, free_count_)
    std::size_t free_count_ = 0;
};

}  // namespace coax::backends::wire
