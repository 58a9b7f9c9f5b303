// A program over UDP, written once for Asio's interface: tests run one end of it on coax and the
// other on plain Boost.Asio. Every wait is bounded.
//
//   echo ADDRESS PORT                    says "ready", then sends back what comes until SIGTERM
//   ask ADDRESS PORT COUNT SIZE...       sends COUNT datagrams of each size, one after the other,
//                                        and compares what comes back; a lost one is sent again
//   refused ADDRESS PORT                 nobody is there: connection_refused, also to a second try
//   hear GROUP PORT INTERFACE            joins the group, says "ready", and tells what it hears and
//                                        from whom, until SIGTERM
//   say GROUP PORT INTERFACE TEXT...     sends each text to the group
//
// Exit status 0: all was as expected.
#pragma once

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

namespace datagram_program {

namespace asio = boost::asio;
using boost::system::error_code;

inline std::vector<unsigned char> content(std::uint32_t number, std::size_t size) {
    std::vector<unsigned char> bytes(size);
    std::uint32_t state = number * 2'654'435'761U + static_cast<std::uint32_t>(size);
    for (unsigned char& b : bytes) {
        state = state * 1'664'525U + 1'013'904'223U;
        b = static_cast<unsigned char>(state >> 24);
    }
    return bytes;
}

template <class Udp>
class program {
    using socket = typename Udp::socket;
    using endpoint = typename Udp::endpoint;

  public:
    explicit program(asio::any_io_executor where) : where_(std::move(where)) {}

    asio::awaitable<int> run(std::vector<std::string> words) {
        if (words.size() < 3) co_return 2;
        const endpoint at(asio::ip::make_address(words[1]),
                          static_cast<std::uint16_t>(std::stoi(words[2])));
        if (words[0] == "echo") co_return co_await echo(at);
        if (words[0] == "refused") co_return co_await refused(at);
        if (words[0] == "ask" && words.size() > 4)
            co_return co_await ask(at, {words.begin() + 3, words.end()});
        if (words[0] == "hear" && words.size() == 4) co_return co_await hear(at, words[3]);
        if (words[0] == "say" && words.size() > 4)
            co_return co_await say(at, words[3], {words.begin() + 4, words.end()});
        co_return 2;
    }

  private:
    static constexpr std::chrono::milliseconds patience{1'000};

    // Bytes of the datagram that comes; an error, timed_out among others.
    asio::awaitable<std::size_t> receive(socket& s, std::vector<unsigned char>& room,
                                         error_code& ec) {
        using namespace asio::experimental::awaitable_operators;
        asio::steady_timer timer(where_, patience);
        const auto got =
            co_await (s.async_receive(asio::buffer(room), asio::as_tuple(asio::use_awaitable)) ||
                      timer.async_wait(asio::use_awaitable));
        if (got.index() == 1) {
            ec = asio::error::timed_out;
            co_return 0;
        }
        ec = std::get<0>(std::get<0>(got));
        co_return std::get<1>(std::get<0>(got));
    }

    asio::awaitable<int> echo(endpoint at) {
        socket s(where_, at);
        asio::signal_set signals(where_, SIGTERM);
        signals.async_wait([&s](const error_code& ec, int) {
            if (!ec) s.close();
        });
        std::puts("ready");
        std::fflush(stdout);
        std::vector<unsigned char> room(65'536);
        unsigned long count = 0;
        for (;;) {
            endpoint from;
            const auto [ec, size] = co_await s.async_receive_from(
                asio::buffer(room), from, asio::as_tuple(asio::use_awaitable));
            if (ec) break;
            co_await s.async_send_to(asio::buffer(room, size), from, asio::use_awaitable);
            ++count;
        }
        std::printf("answered %lu\n", count);
        co_return 0;
    }

    asio::awaitable<int> ask(endpoint at, std::vector<std::string> words) {
        socket s(where_, Udp::v4());
        co_await s.async_connect(at, asio::use_awaitable);
        const auto count = static_cast<std::uint32_t>(std::stoul(words[0]));
        std::uint32_t number = 0;
        unsigned again = 0;
        unsigned right = 0;
        std::vector<unsigned char> room(65'536);
        for (std::size_t i = 1; i < words.size(); ++i) {
            const std::size_t size = std::stoul(words[i]);
            for (std::uint32_t n = 0; n < count; ++n) {
                const auto bytes = content(++number, size);
                for (int attempt = 0;; ++attempt) {
                    if (attempt == 5) {
                        std::printf("no answer to %zu bytes\n", size);
                        co_return 1;
                    }
                    again += attempt != 0;
                    co_await s.async_send(asio::buffer(bytes), asio::use_awaitable);
                    error_code ec;
                    const std::size_t got = co_await receive(s, room, ec);
                    if (ec == asio::error::timed_out) continue;
                    if (ec || got != size ||
                        !std::equal(bytes.begin(), bytes.end(), room.begin())) {
                        std::printf("%zu bytes of %zu come back, or others: %s\n", got, size,
                                    ec.message().c_str());
                        co_return 1;
                    }
                    ++right;
                    break;
                }
            }
        }
        std::printf("right %u again %u\n", right, again);
        co_return again <= 3 ? 0 : 1;
    }

    asio::awaitable<int> refused(endpoint at) {
        socket s(where_, Udp::v4());
        co_await s.async_connect(at, asio::use_awaitable);
        std::vector<unsigned char> room(16);
        for (int i = 0; i < 2; ++i) {
            co_await s.async_send(asio::buffer("x", 1), asio::use_awaitable);
            error_code ec;
            co_await receive(s, room, ec);
            if (ec != asio::error::connection_refused) {
                std::printf("not refused, but: %s\n", ec.message().c_str());
                co_return 1;
            }
        }
        co_return 0;
    }

    asio::awaitable<int> hear(endpoint group, std::string interface) {
        socket s(where_, Udp::v4());
        s.set_option(asio::socket_base::reuse_address(true));
        s.bind({Udp::v4(), group.port()});
        s.set_option(asio::ip::multicast::join_group(group.address().to_v4(),
                                                     asio::ip::make_address_v4(interface)));
        asio::signal_set signals(where_, SIGTERM);
        signals.async_wait([&s](const error_code& ec, int) {
            if (!ec) s.close();
        });
        std::puts("ready");
        std::vector<char> room(65'536);
        for (;;) {
            std::fflush(stdout);
            endpoint from;
            const auto [ec, size] = co_await s.async_receive_from(
                asio::buffer(room), from, asio::as_tuple(asio::use_awaitable));
            if (ec) break;
            std::printf("heard %zu bytes, %.*s, from %s\n", size,
                        static_cast<int>(std::min<std::size_t>(size, 20)), room.data(),
                        from.address().to_string().c_str());
        }
        // Time for the last words of the stack.
        asio::steady_timer timer(where_, std::chrono::milliseconds{50});
        co_await timer.async_wait(asio::use_awaitable);
        co_return 0;
    }

    asio::awaitable<int> say(endpoint group, std::string interface,
                             std::vector<std::string> texts) {
        socket s(where_, Udp::v4());
        s.set_option(asio::ip::multicast::outbound_interface(asio::ip::make_address_v4(interface)));
        for (const std::string& text : texts)
            co_await s.async_send_to(asio::buffer(text), group, asio::use_awaitable);
        asio::steady_timer timer(where_, std::chrono::milliseconds{50});
        co_await timer.async_wait(asio::use_awaitable);
        co_return 0;
    }

    asio::any_io_executor where_;
};

// Runs it on `io`, to its end.
template <class Udp, class Context>
int run(Context& io, int count, char** words) {
    program<Udp> p(io.get_executor());
    int status = 3;
    asio::co_spawn(io, p.run({words, words + count}),
                   [&](const std::exception_ptr& thrown, int result) {
                       status = result;
                       try {
                           if (thrown) std::rethrow_exception(thrown);
                       } catch (const std::exception& e) {
                           std::printf("%s\n", e.what());
                           status = 1;
                       }
                   });
    io.run();
    return status;
}

}  // namespace datagram_program
