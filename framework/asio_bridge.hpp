// Lets Boost.Asio's own objects (asio::steady_timer, signal_set, ssl::stream, resolvers, kernel
// sockets) live on a coax context without a hidden thread: Asio's scheduler is installed as a
// service of the context before any of them asks for it, and is driven by the context's loop.
// asio_bridge.cpp is the only file that names boost::asio::detail.
#pragma once

#include <cstddef>
#include <memory>

#include <boost/asio/execution_context.hpp>

namespace coax::detail {

class asio_bridge {
  public:
    // How the loop sleeps. Called from wait(), on the loop's thread.
    class sleeper {
      public:
        // Sleeps in the ring until a completion comes or the loop's deadline is reached.
        virtual void sleep_in_ring() = 0;
        // Whether something may have happened in Asio's reactor since the last call; what happens
        // from now on ends the sleep.
        virtual bool reactor_has_news(int epoll_descriptor) noexcept = 0;
        virtual void wake() noexcept = 0;

      protected:
        ~sleeper() = default;
    };

    // Both references outlive the bridge.
    asio_bridge(boost::asio::execution_context& context, sleeper& how);
    ~asio_bridge();
    asio_bridge(const asio_bridge&) = delete;
    asio_bridge& operator=(const asio_bridge&) = delete;

    // While one of these lives on a thread, Asio recycles the memory of handlers and coroutine
    // frames on it, in a cache that belongs to the context.
    class presence {
      public:
        explicit presence(asio_bridge& bridge);
        ~presence();
        presence(const presence&) = delete;
        presence& operator=(const presence&) = delete;

      private:
        alignas(void*) std::byte storage_[4 * sizeof(void*)];
    };

    // A foreign object has something pending or ready; else poll() would find nothing. One load.
    bool has_work() const noexcept;
    // There is an object that waits in Asio's reactor. Cheap once true. Throws system_error if that
    // reactor found no descriptor for its timers.
    bool reactor_in_use();
    // Runs ready handlers of foreign objects: at most one, or all. Their exceptions come through.
    std::size_t poll(bool one);
    // Sleeps in the ring until something happens there or in Asio's reactor; runs at most one
    // handler of a foreign object, and returns how many.
    std::size_t wait();

  private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace coax::detail
