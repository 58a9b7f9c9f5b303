// The same calls, right and wrong ones, on Asio's own sockets, on coax with the kernel's, and on
// coax's stack: the error codes are the same, and of the same category.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using coax_test::world;

namespace {

class outcomes {
  public:
    void note(std::string name, error_code ec) {
        all_.push_back(std::move(name) + ": " + ec.category().name() + ' ' +
                       std::to_string(ec.value()) + " (" + ec.message() + ')');
    }
    void check_same(const outcomes& expected) const {
        REQUIRE(all_.size() == expected.all_.size());
        for (std::size_t i = 0; i < all_.size(); ++i) CHECK(all_[i] == expected.all_[i]);
    }

  private:
    std::vector<std::string> all_;
};

std::string text(const asio::socket_base::linger& l) {
    return std::to_string(l.enabled()) + ' ' + std::to_string(l.timeout());
}
template <class Option>
std::string text(const Option& option) {
    return std::to_string(option.value());
}

// What both protocols' sockets answer while they are not open.
template <class Socket, class Endpoint>
void use_closed(outcomes& o, Socket& s, const Endpoint& own) {
    error_code ec;
    std::array<char, 4> data{};
    o.note("closed: cancel", s.cancel(ec));
    o.note("closed: bind", s.bind(own, ec));
    o.note("closed: shutdown", s.shutdown(s.shutdown_both, ec));
    o.note("closed: wait", s.wait(s.wait_read, ec));
    s.receive(asio::buffer(data), 0, ec);
    o.note("closed: receive", ec);
    s.send(asio::buffer(data), 0, ec);
    o.note("closed: send", ec);
    s.available(ec);
    o.note("closed: available", ec);
    s.local_endpoint(ec);
    o.note("closed: local_endpoint", ec);
    s.remote_endpoint(ec);
    o.note("closed: remote_endpoint", ec);
    asio::socket_base::reuse_address reuse;
    o.note("closed: set_option", s.set_option(reuse, ec));
    o.note("closed: get_option", s.get_option(reuse, ec));
    asio::socket_base::bytes_readable readable;
    o.note("closed: io_control", s.io_control(readable, ec));
    o.note("closed: non_blocking", s.non_blocking(true, ec));
    o.note("closed: native_non_blocking", s.native_non_blocking(true, ec));
    o.note("closed: close", s.close(ec));
}

template <class Protocol, class Socket, class Endpoint>
void use_open(outcomes& o, Socket& s, const Endpoint& own) {
    error_code ec;
    o.note("open", s.open(Protocol::v4(), ec));
    o.note("open: open", s.open(Protocol::v4(), ec));
    o.note("open: cancel", s.cancel(ec));
    s.remote_endpoint(ec);
    o.note("open: remote_endpoint", ec);
    o.note("open: bind to a stranger's address",
           s.bind(Endpoint(asio::ip::make_address("203.0.113.9"), 0), ec));
    o.note("open: non_blocking", s.non_blocking(true, ec));
    o.note("open: native_non_blocking off", s.native_non_blocking(false, ec));
    o.note("open: non_blocking off", s.non_blocking(false, ec));
    o.note("open: bind", s.bind(own, ec));
    o.note("bound: bind", s.bind(own, ec));
    o.note("bound: connect to another family",
           s.connect(Endpoint(asio::ip::address_v6::loopback(), 9), ec));
}

// Of UDP alone: Linux ends reading and writing of a TCP socket that is not connected as well, while
// it says that it does not.
template <class Socket>
void use_shut_down(outcomes& o, Socket s) {
    error_code ec;
    std::array<char, 4> data{};
    s.open(Socket::protocol_type::v4());
    o.note("shut down: shutdown", s.shutdown(s.shutdown_both, ec));
    s.receive(asio::buffer(data), 0, ec);
    o.note("shut down: receive", ec);
    s.send(asio::buffer(data), 0, ec);
    o.note("shut down: send", ec);
}

template <class Acceptor, class Socket, class Context>
void use_acceptors(outcomes& o, Context& io, const asio::ip::address& own) {
    using protocol = typename Acceptor::protocol_type;
    error_code ec;
    Acceptor a(io);
    Socket peer(io);
    o.note("acceptor, closed: listen", a.listen(5, ec));
    o.note("acceptor, closed: accept", a.accept(peer, ec));
    a.local_endpoint(ec);
    o.note("acceptor, closed: local_endpoint", ec);
    a.open(protocol::v4());
    a.non_blocking(true);
    o.note("acceptor, open: accept", a.accept(peer, ec));
    a.bind({own, 0});
    o.note("acceptor, bound: accept", a.accept(peer, ec));
    o.note("acceptor: listen", a.listen(5, ec));
    o.note("acceptor: listen again", a.listen(9, ec));
    o.note("acceptor: accept, nobody there", a.accept(peer, ec));
    o.note("acceptor: bind again", a.bind({own, 0}, ec));
    Acceptor second(io, protocol::v4());
    o.note("second acceptor: bind", second.bind(a.local_endpoint(), ec));
    peer.open(protocol::v4());
    o.note("acceptor: accept into an open socket", a.accept(peer, ec));
    peer.close();
    const auto where = a.local_endpoint();
    a.close();
    o.note("connect where nobody listens", peer.connect(where, ec));
}

template <class Acceptor, class Socket, class Context>
void use_connections(outcomes& o, Context& io, const asio::ip::address& own) {
    error_code ec;
    std::array<char, 4> data{};
    Acceptor a(io, {own, 0});
    Socket near(io);
    o.note("connect", near.connect(a.local_endpoint(), ec));
    Socket far = a.accept();
    o.note("connected: connect", near.connect(a.local_endpoint(), ec));
    o.note("connected: bind", near.bind({own, 0}, ec));
    near.non_blocking(true);
    near.read_some(asio::buffer(data), ec);
    o.note("connected: read, nothing there", ec);
    near.read_some(asio::mutable_buffer(), ec);
    o.note("connected: empty read", ec);
    near.receive(asio::buffer(data), near.message_out_of_band, ec);
    o.note("connected: receive out of band, nothing there", ec);
    o.note("connected: shutdown of sending", near.shutdown(near.shutdown_send, ec));
    o.note("connected: shutdown of sending again", near.shutdown(near.shutdown_send, ec));
    near.write_some(asio::buffer(data), ec);
    o.note("shut down: write", ec);
    near.write_some(asio::const_buffer(), ec);
    o.note("shut down: empty write", ec);
    far.read_some(asio::buffer(data), ec);
    o.note("peer: read to the end", ec);
    far.read_some(asio::buffer(data), ec);
    o.note("peer: read behind the end", ec);
    far.read_some(asio::mutable_buffer(), ec);
    o.note("peer: empty read behind the end", ec);
    far.set_option(asio::socket_base::linger(true, 0));
    o.note("peer: reset", far.close(ec));
    near.non_blocking(false);
    near.read_some(asio::buffer(data), ec);
    o.note("reset: read", ec);
    near.read_some(asio::buffer(data), ec);
    o.note("reset: read again", ec);
    near.write_some(asio::buffer(data), ec);
    o.note("reset: write", ec);
    near.remote_endpoint(ec);
    o.note("reset: remote_endpoint", ec);
    o.note("reset: connect", near.connect(a.local_endpoint(), ec));
}

template <class Tcp, class Context>
outcomes use_tcp(Context& io, const asio::ip::address& own) {
    using socket = typename Tcp::socket;
    using acceptor = typename Tcp::acceptor;
    using endpoint = typename Tcp::endpoint;
    outcomes o;
    error_code ec;
    std::array<char, 4> data{};
    socket s(io);
    use_closed(o, s, endpoint(own, 0));
    s.read_some(asio::mutable_buffer(), ec);
    o.note("closed: empty read", ec);
    use_open<Tcp>(o, s, endpoint(own, 0));
    s.read_some(asio::buffer(data), ec);
    o.note("open: read", ec);
    s.write_some(asio::buffer(data), ec);
    o.note("open: write", ec);
    use_acceptors<acceptor, socket>(o, io, own);
    use_connections<acceptor, socket>(o, io, own);
    return o;
}

template <class Udp, class Context>
outcomes use_udp(Context& io, const asio::ip::address& own) {
    using socket = typename Udp::socket;
    using endpoint = typename Udp::endpoint;
    outcomes o;
    error_code ec;
    std::array<char, 4> data{};
    socket s(io);
    use_closed(o, s, endpoint(own, 0));
    use_open<Udp>(o, s, endpoint(own, 0));
    s.send(asio::buffer(data), 0, ec);
    o.note("not connected: send", ec);
    s.send_to(asio::buffer(data), endpoint(own, 0), 0, ec);
    o.note("send_to port 0", ec);
    s.send_to(asio::buffer(data), endpoint(asio::ip::address_v6::loopback(), 9), 0, ec);
    o.note("send_to another family", ec);
    const std::vector<char> large(65'508);
    s.send_to(asio::buffer(large), s.local_endpoint(), 0, ec);
    o.note("send_to, too large", ec);
    s.non_blocking(true);
    endpoint sender;
    s.receive_from(asio::buffer(data), sender, 0, ec);
    o.note("receive, nothing there", ec);
    socket second(io, Udp::v4());
    o.note("second: bind", second.bind(s.local_endpoint(), ec));
    o.note("connect", second.connect(s.local_endpoint(), ec));
    o.note("connect again", second.connect(s.local_endpoint(), ec));
    o.note("shutdown", second.shutdown(second.shutdown_send, ec));
    second.send(asio::buffer(data), 0, ec);
    o.note("shut down: send", ec);
    use_shut_down(o, socket(io));
    return o;
}

// Asked for, set, and asked for again.
template <class Option, class Socket>
void use_option(outcomes& o, const std::string& name, Socket& s, const Option& value) {
    error_code ec;
    Option got;
    s.get_option(got, ec);
    o.note(name + ", at first", ec);
    if (!ec) o.note(name + " was " + text(got), {});
    o.note(name + ", set", s.set_option(value, ec));
    s.get_option(got, ec);
    if (!ec) o.note(name + " is " + text(got), {});
}

template <class Socket>
outcomes use_options(Socket s) {
    using base = asio::socket_base;
    outcomes o;
    s.open(Socket::protocol_type::v4());
    use_option(o, "reuse_address", s, base::reuse_address(true));
    use_option(o, "keep_alive", s, base::keep_alive(true));
    use_option(o, "broadcast", s, base::broadcast(true));
    use_option(o, "do_not_route", s, base::do_not_route(true));
    use_option(o, "out_of_band_inline", s, base::out_of_band_inline(true));
    use_option(o, "linger", s, base::linger(true, 7));
    use_option(o, "receive_low_watermark", s, base::receive_low_watermark(5));
    use_option(o, "send_low_watermark", s, base::send_low_watermark(5));
    use_option(o, "enable_connection_aborted", s, base::enable_connection_aborted(true));
    use_option(o, "hops", s, asio::ip::unicast::hops(33));
    use_option(o, "no hops", s, asio::ip::unicast::hops(0));
    use_option(o, "usual hops", s, asio::ip::unicast::hops(-1));
    return o;
}

asio::ip::address own_address(const world& w) {
    return asio::ip::make_address(w.has_virtual_time() ? "198.18.7.2" : "127.0.0.1");
}

}  // namespace

TEST_CASE("tcp: every call fails as Asio's does") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    asio::io_context plain;
    const outcomes expected = use_tcp<asio::ip::tcp>(plain, asio::ip::address_v4::loopback());
    world w(kind);
    use_tcp<coax::tcp>(w.client(), own_address(w)).check_same(expected);
}

TEST_CASE("udp: every call fails as Asio's does") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    asio::io_context plain;
    const outcomes expected = use_udp<asio::ip::udp>(plain, asio::ip::address_v4::loopback());
    world w(kind);
    use_udp<coax::udp>(w.client(), own_address(w)).check_same(expected);
}

TEST_CASE("tcp: options have the values that they have on Linux") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    asio::io_context plain;
    const outcomes expected = use_options(asio::ip::tcp::socket(plain));
    world w(kind);
    use_options(coax::tcp::socket(w.client())).check_same(expected);
}
