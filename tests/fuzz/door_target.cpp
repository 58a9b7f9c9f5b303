// The way into a listener: SYNs of many strangers, handshakes finished rightly, wrongly, late or
// never, resets, and queues that are too short. Nobody is let in who did not acknowledge the number
// that was sent to him; what strangers can fill keeps to its limits; and nothing is left at the
// end.
#include <map>
#include <string>
#include <vector>

#include "stack/tcp/layer.hpp"
#include "tests/fuzz/ending.hpp"
#include "tests/fuzz/peer.hpp"
#include "tests/tcp/seeded.hpp"
#include "tests/tcp/short_ways.hpp"

namespace coax::fuzz {
namespace {

using namespace stack;
using namespace std::chrono_literals;

const ip_address own = ip_address::v4(198, 18, 0, 2);
constexpr std::uint16_t port = 443;
constexpr std::uint32_t backlog = 3;

tcp_config limits(std::uint32_t choice) {
    tcp_config config;
    config.connections_max = 16;
    config.half_open_max = 8;
    config.syn_queue_max = (choice & 1U) != 0 ? 2 : 5;
    config.time_wait_max = 2;
    config.reply_queue_max = 4;
    config.timestamps = (choice & 2U) == 0;
    config.window_scaling = (choice & 4U) == 0;
    config.resets_per_second_max = (choice & 8U) != 0 ? 2 : 1000;
    return config;
}

class door {
  public:
    explicit door(const_bytes all) : in_(all), layer_(limits(in_.u8()), random_) {
        listener_ = *layer_.open(nullptr);
        expect(bool(layer_.bind(listener_, {ip_address::any_v4(), port}, true)), "bind");
        expect(bool(layer_.listen(listener_, backlog)), "listen");
    }
    void run() {
        while (!in_.is_empty()) turn();
        finish();
    }

  private:
    struct stranger {
        peer side;
        bool was_answered = false;  // it acknowledged the number that it was sent
    };
    using name = std::pair<std::uint8_t, std::uint16_t>;  // last octet of the address, port

    void turn() {
        const std::uint32_t what = in_.u8();
        switch (what & 7U) {
            case 0: accept(); break;
            case 1: pass(duration(std::uint64_t{in_.u8()} << (in_.u8() % 33))); break;
            case 2: leave(); break;
            default: segment(); break;
        }
        if ((what & 0x30U) != 0x30U) pull();
        expect(layer_.socket_count() <= 1 + 16 + 8 + 2, "strangers fill what they may");
    }

    static flow ends_of(const name& who) {
        return {{own, port}, {ip_address::v4(198, 18, 1, who.first), who.second}};
    }

    void segment() {
        const name who{static_cast<std::uint8_t>(1 + in_.below(4)),
                       static_cast<std::uint16_t>(1000 + in_.below(8))};
        stranger& s = strangers_[who];
        s.side.port = who.second;
        peer_segment made = choose_segment(in_, s.side, port);
        if (made.header.flags.ack && !made.header.flags.syn && !made.header.flags.rst &&
            s.side.answers && made.header.acknowledgment - 1 == s.side.first)
            s.was_answered = true;
        advance_peer(s.side, made);
        const const_bytes payload =
            counting_bytes(made.header.sequence + (made.header.flags.syn ? 1U : 0U), made.length);
        const bytes copy(payload.begin(), payload.end());
        trace_segment("in ", who.second, made.header, made.length);
        (void)tests::input_by_short_way(layer_, ends_of(who), made.header, copy, now_);
    }
    void accept() {
        const auto taken = layer_.accept(listener_);
        if (!taken) return;
        sockets_.push_back(taken->socket);
        for (auto& [who, s] : strangers_)
            if (ends_of(who) == taken->ends)
                expect(s.was_answered, "who is let in has acknowledged our number");
    }
    void leave() {
        const std::uint32_t how = in_.below(4);
        if (how == 3) (void)layer_.listen(listener_, in_.below(6));
        if (how == 3 || sockets_.empty()) return;
        const std::size_t at = in_.below(sockets_.size());
        if (how == 0) layer_.abort(sockets_[at], now_);
        else layer_.close(sockets_[at], now_);
        sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    void pass(duration time) {
        now_ += time;
        layer_.advance(now_);
        tcp::event e;
        while (layer_.next_event(e)) expect(bool(e.socket), "an event names its socket");
    }
    void pull() {
        std::size_t pulled = 0;
        while (tcp::sender* from = layer_.next_sender()) {
            from->route.mtu = 1500;
            tcp::segment s;
            if (!tests::next_by_short_way(layer_, *from, now_, s)) continue;
            expect(++pulled < 10'000, "a layer falls silent");
            trace_segment("out", s.ends.remote.port, s.header, s.payload_size);
            // RFC 9293 3.10.7.2: a listener opens nothing by itself.
            expect(!s.header.flags.syn || s.header.flags.ack, "SYNs are answers here");
            for (auto& [who, known] : strangers_) {
                if (!(ends_of(who) == s.ends)) continue;
                known.side.takes(s.header, s.payload_size);
            }
        }
    }
    void finish() {
        pull();
        for (const tcp::socket_id s : sockets_) layer_.close(s, now_);
        layer_.close(listener_, now_);
        expect_ending(layer_, now_, [this] { pull(); });
    }

    input in_;
    tests::seeded random_{2};
    tcp::layer layer_;
    instant now_{50s};
    tcp::socket_id listener_;
    std::vector<tcp::socket_id> sockets_;
    std::map<name, stranger> strangers_;
};

void run(const_bytes all) { door(all).run(); }

// Flags; how: modes of the two numbers, 0x40 timestamps.
script_writer& knock(script_writer& out, std::uint32_t who, std::uint32_t flags,
                     std::uint32_t how) {
    out.u8(3).u8(who & 3U).u8(who >> 2).u8(flags).u8(how).u8(200).u8(0);
    if ((how & 0x40U) != 0) out.u8(0);
    if ((flags & 2U) != 0) out.u8(7).u16(1460).u8(7);
    return out;
}

std::vector<bytes> seeds() {
    std::vector<bytes> made;
    for (const std::uint32_t choice : {0U, 1U, 2U, 6U, 15U}) {
        script_writer honest;
        honest.u8(choice);
        for (std::uint32_t who = 0; who < 5; ++who) {
            knock(honest, who, 2, 0x40);
            knock(honest, who, 16, 0x40);
            honest.u8(0);
        }
        knock(honest.u8(2).u8(1).u8(0), 0, 17, 0x40);
        made.push_back(honest.made());
        script_writer flood;
        flood.u8(choice);
        for (std::uint32_t who = 0; who < 12; ++who) knock(flood, who, 2, 0x40);
        for (std::uint32_t who = 0; who < 12; ++who) knock(flood, who, 16, 0x40);
        flood.u8(0).u8(0).u8(1).u8(100).u8(32).u8(0);
        made.push_back(flood.made());
        script_writer wrong;
        wrong.u8(choice);
        knock(wrong, 1, 2, 0);
        knock(wrong, 1, 16, 4U << 3).u8(130);
        knock(wrong, 1, 4, 0);
        knock(wrong, 2, 18, 0);
        wrong.u8(1).u8(255).u8(30);
        made.push_back(wrong.made());
    }
    return made;
}

}  // namespace

const target door_target{"door", run, seeds};

}  // namespace coax::fuzz
