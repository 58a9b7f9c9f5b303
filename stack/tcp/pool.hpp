// Slab of objects with stable addresses, small indices and generations. Grows by whole chunks up to
// a limit and keeps what it has. Knows nothing of what it holds.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace coax::stack::tcp {

// create() and destroy() are a few instructions; a chunk is taken from the heap only when all
// earlier slots are in use. Objects still alive when the pool ends are destroyed with it.
template <class T, std::uint32_t ChunkSize>
class pool {
    static_assert((ChunkSize & (ChunkSize - 1)) == 0);
    struct slot {
        std::uint32_t generation = 1;  // never 0: 0 names no object
        std::uint32_t next_free = 0;   // index + 1; `in_use` while alive
        alignas(T) std::byte storage[sizeof(T)];
        // The default constructor must not clear storage: pages are touched when used.
        slot() noexcept {}  // NOLINT(modernize-use-equals-default)
    };
    static constexpr std::uint32_t in_use = 0xffffffffU;

  public:
    explicit pool(std::uint32_t limit) noexcept
        : limit_(limit), chunks_(new(std::nothrow) std::unique_ptr<slot[]>[limit / ChunkSize + 1]) {
        if (chunks_ == nullptr) limit_ = 0;
    }
    ~pool() {
        for (std::uint32_t i = 0; i < fresh_; ++i)
            if (slot_at(i).next_free == in_use) at(i)->~T();
    }
    pool(const pool&) = delete;
    pool& operator=(const pool&) = delete;

    // nullptr at the limit, or when the heap is exhausted.
    template <class... Arguments>
    T* create(Arguments&&... arguments) noexcept {
        std::uint32_t index;
        if (free_ != 0) {
            index = free_ - 1;
            free_ = slot_at(index).next_free;
        } else {
            if (fresh_ == limit_) return nullptr;
            index = fresh_;
            auto& chunk = chunks_[index / ChunkSize];
            if (chunk == nullptr) chunk.reset(new (std::nothrow) slot[ChunkSize]);
            if (chunk == nullptr) return nullptr;
            ++fresh_;
        }
        slot& s = slot_at(index);
        s.next_free = in_use;
        ++size_;
        return new (s.storage) T(index, std::forward<Arguments>(arguments)...);
    }
    void destroy(T* object) noexcept {
        const std::uint32_t index = object->index;
        slot& s = slot_at(index);
        assert(s.next_free == in_use && at(index) == object);
        object->~T();
        renew(s);
        s.next_free = free_;
        free_ = index + 1;
        --size_;
    }
    // Makes every id given out for this object stale, while it lives on.
    void forget_ids(T* object) noexcept { renew(slot_at(object->index)); }

    // Visits all that are alive; `visit` must not create or destroy.
    template <class Visit>
    void for_each(Visit&& visit) {
        for (std::uint32_t i = 0; i < fresh_; ++i)
            if (slot_at(i).next_free == in_use) visit(*at(i));
    }

    T* at(std::uint32_t index) noexcept {
        return std::launder(reinterpret_cast<T*>(slot_at(index).storage));
    }
    // nullptr unless it is the very object that `generation` was read from.
    T* find(std::uint32_t index, std::uint32_t generation) noexcept {
        if (index >= fresh_) return nullptr;
        const slot& s = slot_at(index);
        return s.generation == generation && s.next_free == in_use ? at(index) : nullptr;
    }
    std::uint32_t generation_of(const T& object) noexcept {
        return slot_at(object.index).generation;
    }
    std::uint32_t size() const noexcept { return size_; }

  private:
    slot& slot_at(std::uint32_t index) noexcept {
        return chunks_[index / ChunkSize][index % ChunkSize];
    }
    static void renew(slot& s) noexcept {
        if (++s.generation == 0) s.generation = 1;
    }

    std::uint32_t limit_;
    std::uint32_t fresh_ = 0;  // slots ever used
    std::uint32_t free_ = 0;   // index + 1 of the first free one
    std::uint32_t size_ = 0;
    std::unique_ptr<std::unique_ptr<slot[]>[]> chunks_;
};

}  // namespace coax::stack::tcp
