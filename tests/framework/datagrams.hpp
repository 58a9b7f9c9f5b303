// UDP sockets on the two contexts of a world.
#pragma once

#include <cstdint>
#include <string>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/world.hpp"

namespace coax_test {

namespace asio = boost::asio;
using boost::system::error_code;
using udp = coax::udp;

// A world of each kind, in one run of a test case after the other; what fails says in which.
class each_world : public world {
  public:
    each_world() : each_world(GENERATE(as<std::string>{}, "wire", "kernel")) {}

  private:
    explicit each_world(const std::string& kind)
        : world(kind),
          told_(Catch::MessageBuilder("each_world", CATCH_INTERNAL_LINEINFO, Catch::ResultWas::Info)
                << "on " << kind) {}

    Catch::ScopedMessage told_;
};

inline udp::endpoint at(const world& w, std::uint16_t port = 0) {
    return {w.listen_address().address(), port};
}
// The client's own address.
inline udp::endpoint client_at(const world& w) {
    return {asio::ip::make_address(w.has_virtual_time() ? "198.18.7.2" : "127.0.0.1"), 0};
}

// Both contexts turn until `s` has something to read.
inline void until_readable(world& w, udp::socket& s) {
    bool readable = false;
    s.async_wait(udp::socket::wait_read, [&](error_code ec) { readable = !ec; });
    w.run_until([&] { return readable; });
}

// Two sockets, connected to each other.
struct datagram_pair {
    explicit datagram_pair(world& w) : far(w.server(), at(w)), near(w.client(), client_at(w)) {
        near.connect(far.local_endpoint());
        far.connect(near.local_endpoint());
    }
    // After it the neighbours know each other: what waits for that is bounded.
    void greet(world& w) {
        near.send(asio::buffer("hello", 5));
        until_readable(w, far);
        far.receive(asio::mutable_buffer());
    }
    udp::socket far;
    udp::socket near;
};

}  // namespace coax_test
