// A context that sleeps in Asio's reactor, because a foreign object lives on it, is woken by what
// happens on its ring, again and again.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

namespace asio = boost::asio;

// Seen with an eventfd as doorbell: the first wake worked, the second never came, because the
// kernel defers the ring's own eventfd when it is signalled from within the write of another.
TEST_CASE("posts from outside wake a context that sleeps beside a signal set") {
    coax::context_options options;
    options.spin = std::chrono::nanoseconds(0);
    coax::io_context io(options);
    asio::signal_set signals(io, SIGUSR1);
    signals.async_wait([](const boost::system::error_code&, int) {});
    std::thread runner([&io] { io.run(); });
    int woken = 0;
    for (; woken != 20; ++woken) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));  // so that it sleeps again
        std::promise<void> ran;
        auto done = ran.get_future();
        asio::post(io, [&ran] { ran.set_value(); });
        if (done.wait_for(std::chrono::seconds(20)) != std::future_status::ready) break;
        // A post may find the context awake; then it proves nothing, but does no harm.
    }
    if (woken != 20) {
        std::fputs("the context was not woken and hangs\n", stderr);
        std::_Exit(1);
    }
    asio::post(io, [&signals] { signals.cancel(); });
    runner.join();
    CHECK(woken == 20);
}
