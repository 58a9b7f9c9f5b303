// UDP sockets through Asio's interface, the same body on every transport: data and options.
#include <array>
#include <span>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/datagrams.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::at;
using coax_test::client_at;
using coax_test::datagram_pair;
using coax_test::each_world;
using coax_test::until_readable;
using coax_test::world;
using udp = coax::udp;

TEST_CASE("udp: datagrams there and back, with the sender's name") {
    each_world w;
    udp::socket server(w.server(), at(w));
    udp::socket client(w.client(), udp::v4());
    CHECK(server.local_endpoint().port() != 0);
    CHECK(client.local_endpoint() == udp::endpoint(udp::v4(), 0));
    asio::co_spawn(
        w.server(),
        [&]() -> asio::awaitable<void> {
            std::array<char, 64> data{};
            for (int i = 0; i < 3; ++i) {
                udp::endpoint from;
                const std::size_t n = co_await server.async_receive_from(asio::buffer(data), from,
                                                                         asio::use_awaitable);
                co_await server.async_send_to(asio::buffer(data, n), from, asio::use_awaitable);
            }
        },
        asio::detached);
    std::vector<std::string> got;
    asio::co_spawn(
        w.client(),
        [&]() -> asio::awaitable<void> {
            for (const std::string text : {"one", "", "three"}) {
                co_await client.async_send_to(asio::buffer(text), server.local_endpoint(),
                                              asio::use_awaitable);
                std::string data(10, '?');
                udp::endpoint from;
                data.resize(co_await client.async_receive_from(asio::buffer(data), from,
                                                               asio::use_awaitable));
                CHECK(from == server.local_endpoint());
                got.push_back(data);
            }
        },
        asio::detached);
    w.run();
    CHECK(got == std::vector<std::string>{"one", "", "three"});
    CHECK(client.local_endpoint().port() != 0);
}

TEST_CASE("udp: connected sockets, several operations outstanding, in order") {
    each_world w;
    datagram_pair p(w);
    CHECK(p.near.remote_endpoint() == p.far.local_endpoint());
    std::array<std::array<char, 8>, 4> in{};
    std::string order;
    for (auto& buffer : in)
        p.far.async_receive(asio::buffer(buffer), [&](error_code ec, std::size_t n) {
            CHECK(!ec);
            CHECK(n == 1);
            order += buffer[0];
        });
    const std::string text = "abcd";
    for (const char& c : text)
        p.near.async_send(asio::buffer(&c, 1), [](error_code ec, std::size_t n) {
            CHECK(!ec);
            CHECK(n == 1);
        });
    w.run();
    CHECK(order == "abcd");
}

TEST_CASE("udp: a connected socket hears its peer alone") {
    each_world w;
    datagram_pair p(w);
    udp::socket stranger(w.client(), client_at(w));
    stranger.send_to(asio::buffer("stranger", 8), p.far.local_endpoint());
    p.near.send(asio::buffer("peer", 4));
    until_readable(w, p.far);
    std::array<char, 16> data{};
    CHECK(p.far.receive(asio::buffer(data)) == 4);
    p.far.non_blocking(true);
    error_code ec;
    p.far.receive(asio::buffer(data), 0, ec);
    CHECK(ec == asio::error::would_block);
}

TEST_CASE("udp: asynchronous connect opens the socket; a new peer may be named") {
    each_world w;
    udp::socket one(w.server(), at(w));
    udp::socket two(w.server(), at(w));
    udp::socket s(w.client());
    int done = 0;
    s.async_connect(one.local_endpoint(), [&](error_code ec) {
        CHECK(!ec);
        ++done;
    });
    w.run();
    CHECK(done == 1);
    CHECK(s.local_endpoint().address() == client_at(w).address());
    s.connect(two.local_endpoint());
    CHECK(s.remote_endpoint() == two.local_endpoint());
    s.send(asio::buffer("x", 1));
    until_readable(w, two);
    CHECK(two.available() == 1);
}

TEST_CASE("udp: peek, truncation, available, empty datagrams and scattered ones") {
    each_world w;
    datagram_pair p(w);
    p.near.send(asio::buffer("truncated", 9));
    p.near.send(asio::buffer("", 0));
    p.near.send(std::array{asio::buffer("scat", 4), asio::buffer("", 0), asio::buffer("tered", 5)});
    until_readable(w, p.far);
    CHECK(p.far.available() == 9);
    std::array<char, 5> few{};
    CHECK(p.far.receive(asio::buffer(few), udp::socket::message_peek) == 5);
    udp::endpoint from;
    CHECK(p.far.receive_from(asio::buffer(few), from) == 5);  // the rest is lost
    CHECK(from == p.near.local_endpoint());
    CHECK(std::string(few.data(), 5) == "trunc");
    CHECK(p.far.available() == 0);
    CHECK(p.far.receive(asio::buffer(few)) == 0);
    std::array<char, 3> head{};
    std::array<char, 9> tail{};
    CHECK(p.far.receive(std::array{asio::buffer(head), asio::buffer(tail)}) == 9);
    CHECK(std::string(head.data(), 3) + std::string(tail.data(), 6) == "scattered");
    // A receive without room takes a datagram all the same.
    p.near.send(asio::buffer("gone", 4));
    until_readable(w, p.far);
    CHECK(p.far.receive(asio::mutable_buffer()) == 0);
    CHECK(p.far.available() == 0);
}

TEST_CASE("udp: what is too large is refused, what is large arrives whole") {
    each_world w;
    datagram_pair p(w);
    std::string large(65507, 'L');
    CHECK(p.near.send(asio::buffer(large)) == large.size());
    until_readable(w, p.far);
    std::string got(70000, '?');
    CHECK(p.far.receive(asio::buffer(got)) == large.size());
    CHECK(got.substr(0, large.size()) == large);
    large += 'x';
    error_code ec;
    CHECK(p.near.send(asio::buffer(large), 0, ec) == 0);
    CHECK(ec == asio::error::message_size);
    p.near.async_send(asio::buffer(large), [&](error_code e, std::size_t n) {
        CHECK(e == asio::error::message_size);
        CHECK(n == 0);
    });
    const std::vector<asio::const_buffer> pieces(17, asio::buffer("p", 1));
    p.near.send(pieces, 0, ec);
    CHECK(ec == asio::error::message_size);
    p.near.async_send(pieces,
                      [&](error_code e, std::size_t) { CHECK(e == asio::error::message_size); });
    w.run();
    if (!w.has_virtual_time()) return;  // the loopback's MTU is larger than any datagram
    p.near.set_option(udp::mtu_discovery(IP_PMTUDISC_DO));
    p.near.send(asio::buffer(large.data(), 1473), 0, ec);
    CHECK(ec == asio::error::message_size);
}

TEST_CASE("udp: options") {
    each_world w;
    udp::socket s(w.client(), udp::v4());
    s.set_option(udp::socket::reuse_address(true));
    udp::socket::reuse_address reuse;
    s.get_option(reuse);
    CHECK(reuse.value());
    for (const int bytes : {1, 50000, 100000}) {
        s.set_option(udp::socket::receive_buffer_size(bytes));
        udp::socket::receive_buffer_size receive;
        s.get_option(receive);
        CHECK(receive.value() == std::max(bytes, 1152));
        s.set_option(udp::socket::send_buffer_size(bytes));
        udp::socket::send_buffer_size send;
        s.get_option(send);
        CHECK(send.value() == std::max(bytes, 2304));
    }
    s.set_option(udp::type_of_service(0xb8));
    udp::type_of_service service;
    s.get_option(service);
    CHECK(service.value() == 0xb8);
    asio::ip::unicast::hops hops;
    s.get_option(hops);
    CHECK(hops.value() == 64);
    s.set_option(asio::ip::unicast::hops(7));
    s.get_option(hops);
    CHECK(hops.value() == 7);
    // Multicast begins with one hop and hears itself; its hops are an octet to some programs.
    asio::ip::multicast::hops far;
    s.get_option(far);
    CHECK(far.value() == 1);
    s.set_option(asio::ip::multicast::hops(3));
    s.get_option(far);
    CHECK(far.value() == 3);
    asio::ip::multicast::enable_loopback heard;
    s.get_option(heard);
    CHECK(heard.value());
    error_code ec;
    s.set_option(coax::tcp::no_delay(true), ec);
    CHECK(ec);
    s.set_option(udp::socket::send_low_watermark(1), ec);
    CHECK(ec == asio::error::no_protocol_option);
}

TEST_CASE("udp: broadcast only for those who said so") {
    each_world w;
    udp::socket server(w.server(), udp::endpoint(udp::v4(), 0));
    const udp::endpoint all(
        asio::ip::make_address(w.has_virtual_time() ? "198.18.7.255" : "127.255.255.255"),
        server.local_endpoint().port());
    udp::socket s(w.client(), udp::v4());
    error_code ec;
    s.send_to(asio::buffer("all", 3), all, 0, ec);
    CHECK(ec == asio::error::access_denied);
    s.set_option(udp::socket::broadcast(true));
    s.send_to(asio::buffer("all", 3), all, 0, ec);
    CHECK(!ec);
    until_readable(w, server);
    std::array<char, 8> data{};
    udp::endpoint from;
    CHECK(server.receive_from(asio::buffer(data), from) == 3);
    CHECK(from.port() == s.local_endpoint().port());
}

TEST_CASE("udp: many at once, there and back") {
    each_world w;
    udp::socket server(w.server(), at(w));
    datagram_pair p(w);
    p.greet(w);
    constexpr std::size_t count = 70;  // more than one system call takes
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) texts.push_back("datagram " + std::to_string(i));
    std::vector<coax::outgoing_datagram> out;
    for (const std::string& text : texts) out.push_back({asio::buffer(text), {}});
    out[1].to = server.local_endpoint();  // not to the peer
    std::size_t sent = 0;
    p.near.async_send_many(out, [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        sent = n;
    });
    std::vector<std::string> got;
    std::vector<std::array<char, 11>> rooms(32);
    std::vector<coax::incoming_datagram> in(rooms.size());
    asio::co_spawn(
        w.server(),
        [&]() -> asio::awaitable<void> {
            while (got.size() != count - 1) {
                for (std::size_t i = 0; i < in.size(); ++i) in[i].room = asio::buffer(rooms[i]);
                const std::size_t n = co_await p.far.async_receive_many(in, asio::use_awaitable);
                REQUIRE(n >= 1);
                for (std::size_t i = 0; i < n; ++i) {
                    CHECK(in[i].from == p.near.local_endpoint());
                    CHECK(!in[i].truncated);
                    got.emplace_back(rooms[i].data(), in[i].size);
                }
            }
        },
        asio::detached);
    w.run();
    CHECK(sent == count);
    texts.erase(texts.begin() + 1);
    CHECK(got == texts);
    CHECK(server.available() == 10);
    // Blocking ones, truncation, an error behind the first, none at all.
    std::array<char, 3> few{};
    std::array<coax::incoming_datagram, 2> two{{{asio::buffer(few)}, {asio::buffer(few)}}};
    CHECK(server.receive_many(two) == 1);
    CHECK(two[0].truncated);
    CHECK(two[0].size == 3);
    const std::string huge(65508, 'h');
    const std::array<coax::outgoing_datagram, 2> bad{
        {{asio::buffer("ok", 2), {}}, {asio::buffer(huge), {}}}};
    error_code ec;
    CHECK(p.near.send_many(bad, ec) == 1);
    CHECK(!ec);
    CHECK(p.near.send_many(std::span(bad).subspan(1), ec) == 0);
    CHECK(ec == asio::error::message_size);
    CHECK(p.near.send_many({}, ec) == 0);
    CHECK(!ec);
    int none = 0;
    p.far.async_receive_many({}, [&](error_code e, std::size_t n) { none += !e && n == 0; });
    w.run();
    CHECK(none == 1);
}

TEST_CASE("udp: a receive of many waits its turn and can be cancelled") {
    each_world w;
    datagram_pair p(w);
    std::array<char, 4> first{};
    std::array<char, 4> room{};
    std::array<coax::incoming_datagram, 1> one{{{asio::buffer(room)}}};
    std::string order;
    p.far.async_receive(asio::buffer(first), [&](error_code ec, std::size_t) {
        CHECK(!ec);
        order += first[0];
    });
    p.far.async_receive_many(one, [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        CHECK(n == 1);
        order += room[0];
    });
    p.near.send(asio::buffer("1", 1));
    p.near.send(asio::buffer("2", 1));
    w.run();
    CHECK(order == "12");
    asio::cancellation_signal signal;
    bool aborted = false;
    p.far.async_receive_many(
        one, asio::bind_cancellation_slot(signal.slot(), [&](error_code ec, std::size_t n) {
            aborted = ec == asio::error::operation_aborted && n == 0;
        }));
    w.run_until([&, turns = 0]() mutable { return ++turns > 3; });
    signal.emit(asio::cancellation_type::terminal);
    w.run();
    CHECK(aborted);
}

TEST_CASE("udp: a reader who does not keep up loses datagrams, and they are counted") {
    world w("wire");
    datagram_pair p(w);
    p.greet(w);
    p.far.set_option(udp::socket::receive_buffer_size(4000));
    const std::string text(1000, 'x');
    for (int i = 0; i < 20; ++i) p.near.send(asio::buffer(text));
    until_readable(w, p.far);
    p.far.non_blocking(true);
    error_code ec;
    int got = 0;
    for (std::array<char, 1000> data; !ec; ++got) p.far.receive(asio::buffer(data), 0, ec);
    CHECK(got - 1 == 3);
    std::uint64_t lost = 0;
    for (const coax::counter& c : w.server().counters())
        if (c.name == "udp.queue_full") lost = c.value;
    CHECK(lost == 17);
}
