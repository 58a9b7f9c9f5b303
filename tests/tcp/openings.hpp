// Beginnings that several of the scripts share, beyond script's own.
#pragma once

#include <catch2/catch.hpp>

#include "tests/tcp/script.hpp"

namespace coax::tests {

// Accepted, closed first by this side, and in TIME-WAIT: the next bytes are 2 of each stream.
inline void enters_time_wait(script& s) {
    s.establish_passive();
    s.closes();
    s.expects(fin(1).ack(1));
    s.sends(fin(1).ack(2));
    s.expects(ack(2).seq(2));
}

// Accepted by a listener with a receive buffer of so many bytes.
inline void establishes_with_buffer(script& s, std::uint32_t bytes) {
    s.listens();
    REQUIRE(s.layer().set_receive_buffer(s.listener, bytes));
    s.sends(syn().mss(1460));
    s.expects(syn_ack().win(bytes));
    s.sends(ack(1).seq(1));
    s.accepts();
}

// Accepted over a path with a round trip of 100 ms, which the handshake measures; both sides permit
// SACK if `sack`.
inline void establishes_over_100ms(script& s, bool sack) {
    s.listens();
    s.sends(syn().mss(1460).sack_permitted(sack));
    s.expects(syn_ack());
    s.after(100ms);
    s.sends(ack(1).seq(1));
    s.accepts();
    (void)s.events();
}

// The peer sees `count` segments of `size` bytes from `first` on, and answers nothing.
inline void takes_segments(script& s, std::uint32_t first, std::uint32_t count,
                           std::uint32_t size = 1460) {
    for (std::uint32_t i = 0; i < count; ++i) s.expects(data(first + size * i, size));
}

}  // namespace coax::tests
