// Two layers back to back: streams arrive byte for byte, whatever the cable does.
#include <catch2/catch.hpp>

#include "tests/tcp/cable.hpp"

using namespace coax::stack;
using namespace coax::tests;

namespace {

std::byte pattern(std::size_t at, unsigned salt) {
    return static_cast<std::byte>((at * 2654435761U + salt * 97U) >> 13);
}

// Sends `total` patterned bytes into one socket as room allows, and checks what the other reads.
class stream {
  public:
    stream(tcp::layer& from, tcp::socket_id out, tcp::layer& to, tcp::socket_id in,
           std::size_t total, unsigned salt)
        : from_(from), to_(to), out_(out), in_(in), total_(total), salt_(salt) {}

    void turn(instant now) {
        std::array<std::byte, 16384> chunk;
        while (sent_ < total_) {
            const std::size_t n = std::min(chunk.size(), total_ - sent_);
            for (std::size_t i = 0; i < n; ++i) chunk[i] = pattern(sent_ + i, salt_);
            const const_bytes piece(chunk.data(), n);
            const auto r = from_.send(out_, {&piece, 1}, now);
            if (!r) {
                REQUIRE(r.code() == error::would_block);
                break;
            }
            sent_ += *r;
        }
        if (sent_ == total_ && !shut_)
            shut_ = from_.shutdown(out_, tcp::shutdown_side::send, now).has_value();
        for (;;) {
            const mutable_bytes piece(chunk);
            const auto r = to_.receive(in_, {&piece, 1}, now);
            if (!r) {
                if (r.code() == error::end_of_stream) ended_ = true;
                else REQUIRE(r.code() == error::would_block);
                break;
            }
            for (std::size_t i = 0; i < *r; ++i)
                if (chunk[i] != pattern(received_ + i, salt_)) ++wrong_;
            received_ += *r;
        }
    }
    bool done() const { return ended_; }
    std::size_t received() const { return received_; }
    std::size_t wrong() const { return wrong_; }

  private:
    tcp::layer& from_;
    tcp::layer& to_;
    tcp::socket_id out_, in_;
    std::size_t total_;
    unsigned salt_;
    std::size_t sent_ = 0, received_ = 0, wrong_ = 0;
    bool shut_ = false, ended_ = false;
};

struct established_pair {
    tcp::socket_id listener, server, client;
};

established_pair connect_over(cable& c) {
    established_pair p;
    p.listener = *c.side(1).open(nullptr);
    REQUIRE(c.side(1).bind(p.listener, {ip_address::any_v4(), 80}, true));
    REQUIRE(c.side(1).listen(p.listener, 16));
    p.client = *c.side(0).open(nullptr);
    REQUIRE(c.side(0).connect(p.client, {cable::address(1), 80}, cable::address(0), c.now()));
    bool accepted = false;
    REQUIRE(c.run([&] {
        if (const auto a = c.side(1).accept(p.listener)) {
            p.server = a->socket;
            accepted = true;
        }
        return accepted && c.side(0).info(p.client)->current == tcp::state::established;
    }));
    return p;
}

void transfer(std::uint64_t seed, const cable_faults& faults, std::size_t bytes) {
    cable c(seed, faults);
    const established_pair p = connect_over(c);
    stream up(c.side(0), p.client, c.side(1), p.server, bytes, 1);
    stream down(c.side(1), p.server, c.side(0), p.client, bytes, 2);
    const bool finished = c.run(
        [&] {
            up.turn(c.now());
            down.turn(c.now());
            return up.done() && down.done();
        },
        36000s);
    INFO("seed " << seed << " up " << up.received() << " down " << down.received() << " carried "
                 << c.carried << " lost " << c.lost << " t "
                 << std::chrono::duration<double>(c.now().time_since_epoch()).count());
    CHECK(finished);
    CHECK(up.received() == bytes);
    CHECK(down.received() == bytes);
    CHECK(up.wrong() == 0);
    CHECK(down.wrong() == 0);
    c.side(0).close(p.client, c.now());
    c.side(1).close(p.server, c.now());
    c.side(1).close(p.listener, c.now());
    c.run_for(600s);
    CHECK(c.side(0).socket_count() == 0);
    CHECK(c.side(1).socket_count() == 0);
}

}  // namespace

TEST_CASE("a stream arrives over a clean cable") { transfer(1, {}, 4 << 20); }

TEST_CASE("a stream arrives in spite of loss, reordering and duplication") {
    const std::uint64_t seed = GENERATE(range<std::uint64_t>(1, 9));
    transfer(seed, {.loss = 0.02, .duplication = 0.02, .reordering = 0.05}, 2 << 20);
}
