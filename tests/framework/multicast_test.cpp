// Groups through Asio's options, the same body on every transport; and what only several hosts on
// one wire can show.
#include <array>
#include <string>

#include <unistd.h>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/datagrams.hpp"

namespace asio = boost::asio;
namespace multicast = boost::asio::ip::multicast;
using boost::system::error_code;
using coax_test::at;
using coax_test::client_at;
using coax_test::each_world;
using coax_test::until_readable;
using coax_test::world;
using udp = coax::udp;

namespace {

// Of this process alone: the kernel's groups are the whole machine's.
const asio::ip::address_v4 group(0xefc0'0000U + (static_cast<unsigned>(::getpid()) & 0x3fffU) * 32);

// Where groups are joined and sent to: on the kernel it must be named, since loopback is not where
// they are by themselves.
asio::ip::address_v4 server_interface(const world& w) { return at(w).address().to_v4(); }
asio::ip::address_v4 client_interface(const world& w) { return client_at(w).address().to_v4(); }

udp::socket bound(coax::io_context& io, std::uint16_t port, bool shared = false) {
    udp::socket s(io, udp::v4());
    s.set_option(udp::socket::reuse_address(shared));
    s.bind({udp::v4(), port});
    return s;
}

udp::socket sender(world& w) {
    udp::socket s(w.client(), client_at(w));
    s.set_option(multicast::outbound_interface(client_interface(w)));
    return s;
}

// What `s` has received up to a last datagram that comes to it alone.
std::string heard(world& w, udp::socket& s, const asio::ip::address& host) {
    udp::socket last(w.client(), client_at(w));
    last.send_to(asio::buffer(".", 1), {host, s.local_endpoint().port()});
    std::string all;
    while (!all.ends_with('.')) {
        until_readable(w, s);
        std::array<char, 16> data{};
        all.append(data.data(), s.receive(asio::buffer(data)));
    }
    return all;
}

}  // namespace

TEST_CASE("multicast: join, hear, leave, hear no more") {
    each_world w;
    udp::socket member = bound(w.server(), 0);
    const auto server = at(w).address();
    const udp::endpoint to(group, member.local_endpoint().port());
    udp::socket source = sender(w);
    member.set_option(multicast::join_group(group, server_interface(w)));
    CHECK(source.send_to(asio::buffer("a", 1), to) == 1);
    until_readable(w, member);
    std::array<char, 4> data{};
    udp::endpoint from;
    CHECK(member.receive_from(asio::buffer(data), from) == 1);
    CHECK(from == source.local_endpoint());
    member.set_option(multicast::leave_group(group, server_interface(w)));
    source.send_to(asio::buffer("b", 1), to);
    CHECK(heard(w, member, server) == ".");
    // An asynchronous receive is served as by any other datagram.
    member.set_option(multicast::join_group(group, server_interface(w)));
    std::string got;
    member.async_receive(asio::buffer(data), [&](error_code ec, std::size_t n) {
        CHECK(!ec);
        got.assign(data.data(), n);
    });
    source.send_to(asio::buffer("c", 1), to);
    w.run_until([&] { return !got.empty(); });
    CHECK(got == "c");
    // Closing leaves; whoever has the port next hears nothing of it.
    const std::uint16_t port = member.local_endpoint().port();
    member.close();
    w.run();
    udp::socket next = bound(w.server(), port);
    source.send_to(asio::buffer("d", 1), to);
    CHECK(heard(w, next, server) == ".");
}

TEST_CASE("multicast: errors") {
    each_world w;
    const auto here = server_interface(w);
    udp::socket s = bound(w.server(), 0);
    error_code ec;
    s.set_option(multicast::join_group(asio::ip::make_address_v4("198.18.7.1"), here), ec);
    CHECK(ec == asio::error::invalid_argument);
    s.set_option(multicast::join_group(group, asio::ip::make_address_v4("203.0.113.9")), ec);
    CHECK(ec == boost::system::errc::no_such_device);
    s.set_option(multicast::leave_group(group, here), ec);
    CHECK(ec == boost::system::errc::address_not_available);
    s.set_option(multicast::join_group(group, here), ec);
    CHECK(!ec);
    s.set_option(multicast::join_group(group, here), ec);
    CHECK(ec == asio::error::address_in_use);
    s.set_option(multicast::outbound_interface(asio::ip::make_address_v4("203.0.113.9")), ec);
    CHECK(ec == boost::system::errc::address_not_available);
    s.set_option(asio::ip::unicast::hops(0), ec);
    CHECK(ec == asio::error::invalid_argument);
    s.set_option(multicast::hops(0), ec);
    CHECK(!ec);
    // As many as the kernel allows one socket, too.
    for (unsigned i = 1; i < 20; ++i)
        s.set_option(multicast::join_group(asio::ip::address_v4(group.to_uint() + i), here));
    s.set_option(multicast::join_group(asio::ip::address_v4(group.to_uint() + 20), here), ec);
    CHECK(ec == asio::error::no_buffer_space);
}

TEST_CASE("multicast: several sockets share a port, and each hears the groups") {
    each_world w;
    udp::socket one = bound(w.server(), 0, true);
    const std::uint16_t port = one.local_endpoint().port();
    udp::socket two = bound(w.server(), port, true);
    CHECK_THROWS(bound(w.server(), port));
    for (udp::socket* s : {&one, &two})
        s->set_option(multicast::join_group(group, server_interface(w)));
    udp::socket source = sender(w);
    source.send_to(asio::buffer("both", 4), {group, port});
    std::array<char, 8> data{};
    for (udp::socket* s : {&one, &two}) {
        until_readable(w, *s);
        CHECK(s->receive(asio::buffer(data)) == 4);
    }
    // To one host: the last one bound.
    source.send_to(asio::buffer("one", 3), {at(w).address(), port});
    until_readable(w, two);
    CHECK(two.receive(asio::buffer(data)) == 3);
    CHECK(one.available() == 0);
}

TEST_CASE("multicast: a socket bound to the group hears nothing else") {
    each_world w;
    udp::socket s(w.server(), udp::endpoint(group, 0));
    const udp::endpoint to = s.local_endpoint();
    CHECK(to.address() == group);
    s.set_option(multicast::join_group(group, server_interface(w)));
    udp::socket source = sender(w);
    source.send_to(asio::buffer("one", 3), {at(w).address(), to.port()});
    source.send_to(asio::buffer("group", 5), to);
    until_readable(w, s);
    std::array<char, 8> data{};
    CHECK(s.receive(asio::buffer(data)) == 5);
}

TEST_CASE("multicast: the sender's own host hears it, unless it does not want so") {
    each_world w;
    udp::socket member = bound(w.client(), 0);
    member.set_option(multicast::join_group(group, client_interface(w)));
    const udp::endpoint to(group, member.local_endpoint().port());
    udp::socket source = sender(w);
    const auto own = client_at(w).address();
    source.send_to(asio::buffer("a", 1), to);
    CHECK(heard(w, member, own) == "a.");
    source.set_option(multicast::hops(0));
    source.send_to(asio::buffer("b", 1), to);
    CHECK(heard(w, member, own) == "b.");
    if (!w.has_virtual_time()) return;  // what is sent to the loopback interface comes back anyway
    source.set_option(multicast::enable_loopback(false));
    source.send_to(asio::buffer("c", 1), to);
    CHECK(heard(w, member, own) == ".");
}

TEST_CASE("multicast: hosts on one wire hear the groups they are in") {
    world w("wire");
    udp::socket far = bound(w.server(), 7);
    udp::socket near = bound(w.client(), 7);
    udp::socket outsider = bound(w.server(), 8);
    for (udp::socket* s : {&far, &near}) s->set_option(multicast::join_group(group));
    udp::socket source(w.client(), udp::v4());
    const auto everywhere = [&](char what) {
        source.send_to(asio::buffer(&what, 1), {group, 7});
        source.send_to(asio::buffer(&what, 1), {group, 8});
    };
    const auto server = at(w).address();
    const auto client = client_at(w).address();
    everywhere('a');
    CHECK(heard(w, far, server) == "a.");
    CHECK(heard(w, near, client) == "a.");
    CHECK(heard(w, outsider, server) == ".");
    // Not beyond this host.
    source.set_option(multicast::hops(0));
    everywhere('b');
    CHECK(heard(w, far, server) == ".");
    CHECK(heard(w, near, client) == "b.");
    // To others alone.
    source.set_option(multicast::hops(1));
    source.set_option(multicast::enable_loopback(false));
    everywhere('c');
    CHECK(heard(w, far, server) == "c.");
    CHECK(heard(w, near, client) == ".");
    const auto count = [&](coax::io_context& io, std::string_view name) {
        for (const coax::counter& c : io.counters())
            if (c.name == name) return c.value;
        return std::uint64_t{0};
    };
    CHECK(count(w.server(), "igmp.reports_sent") >= 1);
    far.close();
    near.close();
    w.run();
    CHECK(count(w.server(), "igmp.reports_sent") >= 2);
}
