// What the coroutines of one spawned coax::task share: the executor, how it is cancelled, and the
// memory of the operation that they wait for. A task waits for one operation at a time, so that
// there is one place, beside the first coroutine's frame, and no allocation per operation.
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <type_traits>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/system/system_error.hpp>

#include <coax/executor.hpp>

namespace coax::detail {

class task_root {
  public:
    explicit task_root(const executor& e) noexcept : executor_(e) {
        executor_.get_loop().work_started();
    }
    task_root(const task_root&) = delete;
    task_root& operator=(const task_root&) = delete;
    ~task_root() { executor_.get_loop().work_finished(); }

    const executor& get_executor() const noexcept { return executor_; }
    // The first coroutine, whose frame owns this object and, as arguments and temporaries, those
    // of all others.
    void set_frame(std::coroutine_handle<> frame) noexcept { frame_ = frame; }
    // The operation is gone, and nobody will ever resume the task. Not while memory of the
    // operation is in use: some are freed later than the handler they held.
    void abandon() noexcept {
        if (used_) abandoned_ = true;
        else frame_.destroy();
    }

    // --- memory of the operation; recycled memory for a second one beside it
    void* allocate(std::size_t size) {
        if (!used_ && size <= sizeof memory_) {
            used_ = true;
            return memory_;
        }
        return recycled_memory().allocate(size);
    }
    void deallocate(void* place, std::size_t size) noexcept {
        if (place != memory_)
            return recycled_memory().deallocate(static_cast<std::byte*>(place), size);
        used_ = false;
        if (abandoned_) frame_.destroy();
    }

    // --- cancellation, as asio::awaitable has it: terminal, until told otherwise
    template <class... Filters>
    void connect(const boost::asio::cancellation_slot& parent, Filters... filters) {
        parent_ = parent;
        reset_cancellation(filters...);
    }
    template <class... Filters>
    void reset_cancellation(Filters... filters) {
        cancellation_ = boost::asio::cancellation_state(parent_, filters...);
    }
    boost::asio::cancellation_state cancellation() const noexcept { return cancellation_; }
    boost::asio::cancellation_slot slot() const noexcept { return cancellation_.slot(); }
    bool throws_if_cancelled() const noexcept { return throws_; }
    void throw_if_cancelled(bool on) noexcept { throws_ = on; }
    void check_cancelled() const {
        if (throws_ && cancellation_.cancelled() != boost::asio::cancellation_type::none)
            throw boost::system::system_error(boost::asio::error::operation_aborted);
    }

    // Whether it ever waited: else it is still inside co_spawn().
    bool has_waited() const noexcept { return waited_; }
    void waits() noexcept { waited_ = true; }

    // Enough for a read, a write or a datagram of sixteen buffers, with a composed operation of
    // Asio around its handler.
    static constexpr std::size_t memory_size = 512;

  private:
    static boost::asio::recycling_allocator<std::byte> recycled_memory() noexcept { return {}; }

    executor executor_;
    std::coroutine_handle<> frame_;
    boost::asio::cancellation_slot parent_;
    boost::asio::cancellation_state cancellation_;
    bool throws_ = true;
    bool waited_ = false;
    bool used_ = false;
    bool abandoned_ = false;
    alignas(std::max_align_t) std::byte memory_[memory_size];
};

template <class T>
class task_allocator {
  public:
    using value_type = T;

    explicit task_allocator(task_root& root) noexcept : root_(&root) {}
    template <class U>
    task_allocator(const task_allocator<U>& other) noexcept : root_(&other.root()) {}

    T* allocate(std::size_t count) {
        static_assert(alignof(T) <= alignof(std::max_align_t));
        return static_cast<T*>(root_->allocate(count * sizeof(T)));
    }
    void deallocate(T* place, std::size_t count) noexcept {
        root_->deallocate(place, count * sizeof(T));
    }
    task_root& root() const noexcept { return *root_; }

    friend bool operator==(const task_allocator& a, const task_allocator& b) noexcept {
        return a.root_ == b.root_;
    }

  private:
    task_root* root_;
};
template <>
class task_allocator<void> {
  public:
    using value_type = void;

    explicit task_allocator(task_root& root) noexcept : root_(&root) {}
    template <class U>
    task_allocator(const task_allocator<U>& other) noexcept : root_(&other.root()) {}
    task_root& root() const noexcept { return *root_; }
    friend bool operator==(const task_allocator& a, const task_allocator& b) noexcept {
        return a.root_ == b.root_;
    }

  private:
    task_root* root_;
};

}  // namespace coax::detail
