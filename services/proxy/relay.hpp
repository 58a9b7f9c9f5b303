// Two connections made one: a client's and the one to its upstream, each on the thread of its own
// context. Ends are passed on as ends, resets as resets.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "services/asio.hpp"
#include "services/proxy/pipe.hpp"

namespace coax::services {

// Calls are made on the client's thread, but where another is named.
class relay : public std::enable_shared_from_this<relay> {
  public:
    enum class outcome : std::uint8_t { in_order, reset, stopped };
    // Of the client's connection: bytes that came, bytes that went.
    struct bytes {
        std::uint64_t& in;
        std::uint64_t& out;
    };

    // `counted` must live as long as the relay runs.
    relay(coax::fast_socket client, const coax::executor& upstream, bytes counted);

    // Reaches the upstream, or says why not after `limit` at the latest.
    coax::awaitable<error_code> connect(coax::tcp::endpoint to, std::chrono::milliseconds limit);
    // Carries bytes both ways until both ways have ended, or one was reset.
    coax::awaitable<outcome> run();
    // Any thread: resets both connections. The first reason counts.
    void abort(outcome why);

    coax::fast_socket& client() noexcept { return client_.socket; }

  private:
    // One of the two connections; used on its socket's thread.
    struct side {
        coax::fast_socket socket;
        bool our_end_sent = false;
        coax::fast_timer* watch = nullptr;  // of watch_for_reset(), while that runs
    };

    // On the thread of their socket.
    coax::awaitable<void> fill(side& source, pipe& to, std::uint64_t* counted);
    coax::awaitable<void> drain(pipe& from, side& sink, std::uint64_t* counted);
    // A side that has ended its stream can still be reset: until we end ours, and then until the
    // peer has all that we sent (or most_settling has passed).
    coax::awaitable<void> watch_for_reset(side& ended);
    // Of a connection that is over: aborts if that was not in order.
    coax::awaitable<void> check(side& ended);
    coax::awaitable<error_code> connect_here(coax::tcp::endpoint to,
                                             std::chrono::milliseconds limit);
    void start(const coax::executor& where, coax::awaitable<void> work);

    side client_;
    side upstream_;
    coax::executor here_;   // the client's
    coax::executor there_;  // the upstream's
    pipe up_;
    pipe down_;
    bytes counted_;
    coax::fast_timer ended_;   // for ever; cancelled when nothing runs any more
    int running_ = 0;          // of fill and drain, both ways
    bool connecting_ = false;  // the upstream's thread
    bool late_ = false;        // the upstream's thread: it did not answer in time
    std::atomic<outcome> how_{outcome::in_order};
};

// Ends a connection by RST. On the thread of its context.
void reset_quietly(coax::fast_socket& socket);

}  // namespace coax::services
