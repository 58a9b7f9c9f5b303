// Packet scripts: one TCP layer in virtual time, a hand-made peer, and the user of the layer. Reads
// like the figures of RFC 9293: sequence numbers count from each side's SYN, which is 0.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "stack/tcp/layer.hpp"
#include "tests/tcp/seeded.hpp"

namespace coax::tests {

using namespace std::chrono_literals;
using stack::error;
using stack::tcp::disposition;
using stack::tcp::state;

// A segment to send (what is not set has its usual value) or to expect (what is not set is not
// compared, but flags and payload length always are; PSH only if asked for).
class seg {
  public:
    explicit seg(stack::wire::tcp_flags flags) : flags_(flags) {}
    seg seq(std::uint32_t n) const {
        return with([&](seg& s) { s.seq_ = n; });
    }
    seg ack(std::uint32_t n) const {
        return with([&](seg& s) {
            s.ack_ = n;
            s.flags_.ack = true;
        });
    }
    seg win(std::uint32_t n) const {
        return with([&](seg& s) { s.window_ = n; });
    }
    seg length(std::uint32_t n) const {
        return with([&](seg& s) { s.length_ = n; });
    }
    seg mss(std::uint16_t n) const {
        return with([&](seg& s) { s.mss_ = n; });
    }
    seg scale(std::uint8_t n) const {
        return with([&](seg& s) { s.scale_ = n; });
    }
    seg ts(std::uint32_t value) const {
        return with([&](seg& s) { s.ts_value_ = value; });
    }
    seg echo(std::uint32_t value) const {
        return with([&](seg& s) { s.ts_echo_ = value; });
    }
    seg no_options() const {
        return with([&](seg& s) { s.no_options_ = true; });
    }
    seg push(bool on = true) const {
        return with([&](seg& s) { s.push_ = on; });
    }
    seg sack_permitted(bool on = true) const {
        return with([&](seg& s) { s.sack_permitted_ = on; });
    }
    // Blocks [left, right) of the other side's stream, in this order; {}: expects none.
    seg sack(std::vector<std::pair<std::uint32_t, std::uint32_t>> blocks) const {
        return with([&](seg& s) { s.sack_ = std::move(blocks); });
    }
    seg ce() const {  // sent with the mark CE
        return with([&](seg& s) { s.ce_ = true; });
    }
    seg ect(bool on = true) const {  // expected to leave with ECT(0), or without
        return with([&](seg& s) { s.ect_ = on; });
    }
    seg traffic_class(std::uint8_t value) const {
        return with([&](seg& s) { s.traffic_class_ = value; });
    }
    seg hops(std::uint8_t value) const {
        return with([&](seg& s) { s.hops_ = value; });
    }
    seg user_timeout(std::uint16_t value) const {
        return with([&](seg& s) { s.user_timeout_ = value; });
    }
    seg ece() const {
        return with([&](seg& s) { s.flags_.ece = true; });
    }
    seg cwr() const {
        return with([&](seg& s) { s.flags_.cwr = true; });
    }
    seg urg(std::uint16_t pointer) const {
        return with([&](seg& s) {
            s.flags_.urg = true;
            s.urgent_pointer_ = pointer;
        });
    }
    seg fin() const {
        return with([&](seg& s) { s.flags_.fin = true; });
    }

  private:
    friend class script;
    template <class Change>
    seg with(Change change) const {
        seg copy = *this;
        change(copy);
        return copy;
    }
    stack::wire::tcp_flags flags_;
    std::optional<std::uint32_t> seq_, ack_, window_, ts_value_, ts_echo_;
    std::optional<std::uint16_t> mss_;
    std::optional<std::uint8_t> scale_;
    std::optional<bool> push_, sack_permitted_;
    std::optional<std::vector<std::pair<std::uint32_t, std::uint32_t>>> sack_;
    std::uint32_t length_ = 0;
    std::uint16_t urgent_pointer_ = 0;
    bool no_options_ = false;
    std::optional<bool> ect_;
    bool ce_ = false;
    std::uint16_t user_timeout_ = 0;
    std::optional<std::uint8_t> traffic_class_;
    std::optional<std::uint8_t> hops_;
};

inline seg syn() { return seg({.syn = true}); }
inline seg syn_ack() { return seg({.syn = true, .ack = true}); }
inline seg ack(std::uint32_t n) { return seg({.ack = true}).ack(n); }
inline seg data(std::uint32_t first, std::uint32_t length) {
    return seg({.ack = true}).seq(first).length(length);
}
inline seg fin(std::uint32_t at) { return seg({.fin = true, .ack = true}).seq(at); }
inline seg rst(std::uint32_t at) { return seg({.rst = true}).seq(at); }
inline seg bare() { return seg({}); }

// What a pattern stream holds at `at`, so that any piece of it can be checked alone.
inline std::byte pattern(std::uint64_t at) {
    return static_cast<std::byte>((at * 2654435761U) >> 11);
}

class script {
  public:
    // With NewReno unless told otherwise: its windows are those of RFC 5681's and 6582's figures.
    explicit script(stack::tcp_config config = with_newreno(stack::tcp_config()));
    static stack::tcp_config with_newreno(stack::tcp_config config) {
        config.congestion = stack::congestion_algorithm::newreno;
        return config;
    }

    static constexpr std::uint16_t local_port = 80;
    static constexpr std::uint16_t peer_port = 5000;
    stack::flow ends;  // of the connection under test

    // --- the peer
    disposition sends(const seg& s);
    void expects(const seg& s);
    void expects_nothing();
    void forget_sent();  // whatever the layer sent so far is not looked at
    bool has_sent() {    // something waits for expects()
        collect();
        return !sent_.empty();
    }
    // What it sent so far: sequence number and payload bytes of each segment.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> take_sent();
    // Lets time pass; segments caused by timers are kept for expects().
    void after(stack::duration d);
    void silent_for(stack::duration d) {
        after(d);
        expects_nothing();
    }
    void silent_until(stack::instant t) { silent_for(t - now_); }
    std::uint32_t peer_iss = 1000000;
    std::uint32_t own_iss = 0;          // learned from our SYN
    std::uint32_t last_ts = 0;          // TSval last seen from the layer
    bool timestamps = false;            // peer's segments carry them, in ms of virtual time
    std::uint32_t peer_window = 65535;  // the field, when not given
    std::uint32_t peer_acked = 0;       // usual ACK field: everything seen of our stream
    bool jammed = false;                // the device has no room: nothing is pulled
    unsigned run_max = 1;               // so many segments of a run are pulled at once

    // --- the user
    stack::tcp::layer& layer() { return layer_; }
    stack::instant now() const { return now_; }
    stack::tcp::socket_id listener, socket;
    void listens(std::uint32_t backlog = 16);
    void connects();  // active open to the peer; expects nothing yet
    void accepts();
    void starts_reading(stack::tcp::socket_id other);  // becomes `socket`, at the stream's start
                                                       // Pattern bytes of our stream.
    std::size_t writes(std::uint32_t count, stack::tcp::send_flags how = {});
    std::size_t reads(std::uint32_t most = 1U << 30);  // checks the pattern; returns how many
    error read_error();
    void shuts() { (void)layer_.shutdown(socket, stack::tcp::shutdown_side::send, now_); }
    void closes() { layer_.close(socket, now_); }
    stack::tcp::readiness events();  // of `socket`, all taken
    state current() { return layer_.info(socket)->current; }
    std::uint64_t counter(std::string_view name);

    // --- usual beginnings. MSS 1460, window 65535, no options unless asked for.
    void establish_passive(const seg& opening = syn().mss(1460));
    void establish_active(const seg& answer = syn_ack().mss(1460));

    stack::path route;  // what egress would resolve
  private:
    struct pulled {
        stack::tcp::segment segment;
        std::vector<std::byte> payload;
    };
    void collect();
    void keep(const stack::tcp::segment& sent);
    std::string describe(const pulled& p) const;

    seeded random_;
    stack::tcp::layer layer_;
    stack::instant now_{100s};
    std::deque<pulled> sent_;
    std::uint64_t written_ = 0, read_ = 0;
};

}  // namespace coax::tests
