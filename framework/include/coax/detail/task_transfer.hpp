// co_await of one buffer's transfer on a TCP socket in a coax::task: async_read_some(),
// async_write_some(), and Asio's async_read() and async_write() of the whole buffer. It is tried
// before the coroutine is suspended, and what then has to wait is an operation without a handler,
// which resumes the coroutine itself. Means the same as the general way (task_operation.hpp), which
// is taken for everything else: several buffers, flags, a socket of another context.
#pragma once

#include <algorithm>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/completion_condition.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <coax/detail/stream_core.hpp>
#include <coax/detail/task_operation.hpp>

namespace coax::detail {

// --- which operations these are

// What async_read_some() and async_write_some() of a TCP socket are started with.
template <class Initiation>
concept starts_some = requires(const Initiation& i) {
    { i.core() } -> std::same_as<stream_core&>;
    { Initiation::reads } -> std::convertible_to<bool>;
};
template <class Buffers, bool Read>
concept one_buffer =
    std::is_convertible_v<const Buffers&, std::conditional_t<Read, boost::asio::mutable_buffer,
                                                             boost::asio::const_buffer>>;

// A token that answers with what an operation would be started with.
struct ask_initiation {};
template <class T>
struct told_initiation {
    using type = T;
};

}  // namespace coax::detail

template <class Signature>
class boost::asio::async_result<coax::detail::ask_initiation, Signature> {
  public:
    template <class Initiation, class... Args>
    static coax::detail::told_initiation<std::decay_t<Initiation>> initiate(
        Initiation&&, coax::detail::ask_initiation, Args&&...);
};

namespace coax::detail {

// What asio::async_read() and async_write() of a TCP socket are started with.
template <class Stream, bool Read>
struct whole_initiation
    : decltype(boost::asio::async_write(std::declval<Stream&>(),
                                        std::declval<const boost::asio::const_buffer&>(),
                                        std::declval<ask_initiation>())){};
template <class Stream>
struct whole_initiation<Stream, true>
    : decltype(boost::asio::async_read(std::declval<Stream&>(),
                                       std::declval<const boost::asio::mutable_buffer&>(),
                                       std::declval<ask_initiation>())){};

template <class Initiation, bool Read>
inline constexpr bool starts_whole = false;
template <template <class> class Initiation, class Executor, bool Read>
inline constexpr bool
    starts_whole<Initiation<boost::asio::basic_stream_socket<tcp, Executor>>, Read> =
        std::is_same_v<
            Initiation<boost::asio::basic_stream_socket<tcp, Executor>>,
            typename whole_initiation<boost::asio::basic_stream_socket<tcp, Executor>, Read>::type>;

// Asio's initiation knows the socket and does not tell. Started with this handler its first step
// comes by our async_read_some() or async_write_some(), which answers and does nothing else.
struct socket_seeker {
    struct allocator_type {
        stream_core** found;
    };
    stream_core** found;
    allocator_type get_allocator() const noexcept { return {found}; }
    void operator()(const error_code&, std::size_t) const noexcept {}
};
template <class Handler>
concept seeks_socket =
    std::same_as<boost::asio::associated_allocator_t<Handler>, socket_seeker::allocator_type>;

// --- the transfer

// The coroutine that waits for one; lives in its frame.
class task_transfer : public task_wait_for<error_code, std::size_t> {
    using base = task_wait_for<error_code, std::size_t>;

  public:
    using base::base;
    // The result; of the general way it is in `values`.
    error_code failure;
    std::size_t transferred = 0;

  protected:
    // `all`: until the buffer is full, or empty. False: that is for the general way.
    bool aim(stream_core& core, const void* data, std::size_t size, bool reads, bool all) noexcept {
        loop& where = core.get_loop();
        if (size == 0 || root().get_executor() != executor(where) ||
            !where.running_in_this_thread())
            return false;
        core_ = &core;
        rest_ = {const_cast<void*>(data), size};
        reads_ = reads;
        all_ = all;
        return true;
    }
    bool is_aimed() const noexcept { return core_ != nullptr; }
    // As far as it comes at once. True: to the end.
    bool go_on() {
        for (;;) {
            std::size_t n = 0;
            const iovec step = next_step();
            const auto how = reads_ ? core_->read_at_once({&step, 1}, n, failure)
                                    : core_->write_at_once({&step, 1}, n, failure);
            would_wait_ = how == early_end::would_wait;
            if (how != early_end::ended) return false;
            if (has_ended(n)) return true;
        }
    }
    // The rest, later; on the loop's thread. Throws what a slot throws that cannot be connected.
    void wait(std::coroutine_handle<> caller) {
        auto* const o = ::new (root().allocate(sizeof(operation_in_flight)))
            operation_in_flight(*this, core_->get_loop());
        if (auto slot = root().slot(); slot.is_connected()) [[unlikely]]
            o->connect(slot);
        stays_suspended(caller);
        o->start();
    }

  private:
    // Beside the first coroutine's frame, as all operations of a task.
    class operation_in_flight final : public transfer_operation {
      public:
        operation_in_flight(task_transfer& wait, loop& where) noexcept
            : transfer_operation(&operation_in_flight::end), wait_(wait), loop_(where) {}

        void start() {
            buffers[0] = wait_.next_step();
            buffer_count = 1;
            would_wait = wait_.would_wait_;
            wait_.core_->aim(*this);
            loop_.work_started();
            if (wait_.reads_) stream_core::start_read(loop_, this, 0);
            else stream_core::start_write(loop_, this, 0);
        }
        void connect(boost::asio::cancellation_slot& slot) {
            try {
                key_ = loop_.remember(this, &operation_in_flight::cancel);
                slot.emplace<canceller>(loop_, key_, wait_.all_);
            } catch (...) {
                release();
                throw;
            }
        }

      private:
        // Lives in the slot, longer than the operation: it knows only the key. Asio's operations
        // of several steps don't obey a signal that wants no effect: some bytes are through.
        struct canceller {
            canceller(loop& l, cancel_key k, bool all) noexcept : where(l), key(k), steps(all) {}
            void operator()(boost::asio::cancellation_type_t type) {
                using boost::asio::cancellation_type;
                auto obeyed = cancellation_type::terminal | cancellation_type::partial;
                if (!steps) obeyed |= cancellation_type::total;
                if ((type & obeyed) != cancellation_type::none) where.cancel(key);
            }
            loop& where;
            cancel_key key;
            bool steps;
        };
        static void cancel(loop& where, operation* base) {
            static_cast<operation_in_flight*>(base)->wait_.cancelled_ = true;
            socket_core::cancel_operation(where, base);
        }
        static void end(operation* base, bool run) {
            auto* const self = static_cast<operation_in_flight*>(base);
            task_transfer& wait = self->wait_;
            if (run) {
                wait.failure = self->result;
                if (!wait.has_ended(self->transferred) && !wait.go_on()) return self->start();
            }
            self->release();
            if (!run) return wait.abandon();
            if (auto slot = wait.root().slot(); slot.is_connected()) [[unlikely]]
                slot.clear();
            wait.resume();
        }

        void release() noexcept {
            loop_.forget(key_);
            task_root& root = wait_.root();
            this->~operation_in_flight();
            root.deallocate(this, sizeof(operation_in_flight));
        }

        task_transfer& wait_;
        loop& loop_;
        cancel_key key_;
    };

    // Asio's largest step of a transfer of all.
    static constexpr std::size_t step_size = 65536;

    iovec next_step() const noexcept {
        return {rest_.iov_base, all_ ? std::min(rest_.iov_len, step_size) : rest_.iov_len};
    }
    // After a step that ended with `failure` and `n` bytes.
    bool has_ended(std::size_t n) noexcept {
        transferred += n;
        if (!all_ || failure || n == 0 || n == rest_.iov_len) return true;
        rest_ = {static_cast<std::byte*>(rest_.iov_base) + n, rest_.iov_len - n};
        if (cancelled_) failure = boost::asio::error::operation_aborted;
        return cancelled_;
    }

    stream_core* core_ = nullptr;  // null: the general way
    iovec rest_{};
    bool reads_ = false;
    bool all_ = false;
    bool would_wait_ = false;
    bool cancelled_ = false;
};

// The awaiter of such a transfer; `Last` is what its initiation takes behind the buffer. Not
// movable.
template <bool Read, class Initiation, class Buffers, class Last>
class task_transfer_operation : public task_transfer {
  public:
    template <class I, class B, class L>
    task_transfer_operation(task_root& root, I&& initiation, B&& buffers, L&& last)
        : task_transfer(root),
          initiation_(std::forward<I>(initiation)),
          buffers_(std::forward<B>(buffers)),
          last_(std::forward<L>(last)) {}

    bool await_ready() { return find_socket() && this->go_on(); }
    bool await_suspend(std::coroutine_handle<> caller) {
        if (this->is_aimed()) [[likely]] {
            this->wait(caller);
            return true;
        }
        return this->suspend(caller, [this] {
            std::move(initiation_)(task_handler<error_code, std::size_t>(*this),
                                   std::move(buffers_), std::move(last_));
        });
    }
    std::size_t await_resume() {
        if (this->values) [[unlikely]]
            return unwrap(*std::move(this->values));
        throw_failure(this->failure);
        return this->transferred;
    }

  private:
    bool find_socket() {
        using buffer =
            std::conditional_t<Read, boost::asio::mutable_buffer, boost::asio::const_buffer>;
        const buffer one(buffers_);
        if constexpr (starts_some<Initiation>) {
            return last_ == 0 && this->aim(initiation_.core(), one.data(), one.size(), Read, false);
        } else {
            stream_core* found = nullptr;
            initiation_(socket_seeker{&found}, buffers_, last_);
            return found != nullptr && this->aim(*found, one.data(), one.size(), Read, true);
        }
    }

    Initiation initiation_;
    Buffers buffers_;
    [[no_unique_address]] Last last_;
};

template <class Initiation, class Buffers>
    requires starts_some<Initiation> && one_buffer<Buffers, Initiation::reads>
class task_operation<void(error_code, std::size_t), Initiation, Buffers, int>
    : public task_transfer_operation<Initiation::reads, Initiation, Buffers, int> {
  public:
    using task_operation::task_transfer_operation::task_transfer_operation;
};

using transfer_all = decltype(boost::asio::transfer_all());

template <class Initiation, class Buffers>
    requires starts_whole<Initiation, true> && one_buffer<Buffers, true>
class task_operation<void(error_code, std::size_t), Initiation, Buffers, transfer_all>
    : public task_transfer_operation<true, Initiation, Buffers, transfer_all> {
  public:
    using task_operation::task_transfer_operation::task_transfer_operation;
};
template <class Initiation, class Buffers>
    requires starts_whole<Initiation, false> && one_buffer<Buffers, false>
class task_operation<void(error_code, std::size_t), Initiation, Buffers, transfer_all>
    : public task_transfer_operation<false, Initiation, Buffers, transfer_all> {
  public:
    using task_operation::task_transfer_operation::task_transfer_operation;
};

}  // namespace coax::detail
