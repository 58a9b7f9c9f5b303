// One TCP layer among hand-made peers: the input is read as segments, socket calls, ICMP errors and
// jumps of the clock. Whatever comes: nothing asserts; windows are obeyed in both directions; the
// offered edge never moves left; every byte stands where it belongs, in both directions; and when
// all is closed and time has passed, no socket, no timer and no memory is left.
#include <array>
#include <optional>
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
const ip_address other = ip_address::v4(198, 18, 0, 1);
constexpr std::uint16_t port = 80;
constexpr auto names = static_cast<std::uint32_t>(congestion_algorithm_names.size());

tcp_config limits(std::uint32_t choice) {
    tcp_config config;
    config.connections_max = 12;
    config.half_open_max = 6;
    config.time_wait_max = 4;
    config.syn_queue_max = 3;
    config.reply_queue_max = 5;
    config.timestamps = (choice & 1U) == 0;
    config.window_scaling = (choice & 2U) == 0;
    const bool small = (choice & 4U) != 0;
    config.buffer_memory_bytes = small ? 12 * 4096 : 200 * 4096;
    config.receive_buffer_bytes = small ? 9000 : 300'000;
    config.send_buffer_bytes = small ? 9000 : 200'000;
    config.reassembly_ranges_max = small ? 3 : 64;
    if ((choice & 8U) != 0) config.user_timeout = 100s;
    if ((choice & 16U) != 0) config.time_wait_max = 1;
    if ((choice & 128U) != 0) config.congestion = congestion_algorithm::newreno;
    config.after_idle = static_cast<idle_window>((choice >> 3) % idle_window_count);
    return config;
}

// What the user's side knows of a socket it has.
struct user_socket {
    tcp::socket_id id;
    std::uint64_t written = 0;
    std::optional<std::uint32_t> first{};  // our initial sequence number
    std::optional<std::uint32_t> edge{};   // right edge offered to the peer
    std::optional<std::uint8_t> last_read{};
    bool may_skip = false;  // an urgent octet
};

class conversation {
  public:
    explicit conversation(const_bytes all)
        : in_(all), choice_(in_.u8()), layer_(limits(choice_), random_) {
        if ((choice_ & 32U) != 0) layer_.set_gso_max_bytes(16384);
        mtu_ = (choice_ & 64U) != 0 ? 9000 : 1500;
        listener_ = *layer_.open(nullptr);
        expect(bool(layer_.bind(listener_, {ip_address::any_v4(), port}, true)), "bind");
        expect(bool(layer_.listen(listener_, 4)), "listen");
    }
    void run() {
        while (!in_.is_empty()) turn();
        finish();
    }

  private:
    void turn() {
        const std::uint32_t what = in_.u8();
        switch (what & 15U) {
            case 0:
            case 1:
            case 2: call(); break;
            case 3: pass(duration(std::uint64_t{in_.u8()} << (in_.u8() % 38))); break;
            case 4: next_deadline(); break;
            case 5: drain_events(); break;
            case 6: icmp(); break;
            default: segment((what & 0x80U) != 0 && (what & 0x40U) != 0); break;
        }
        if ((what & 0x30U) != 0x30U) pull();
    }

    void segment(bool lost) {
        peer& p = peers_[in_.below(peers_.size())];
        const peer_segment s = choose_segment(in_, p, port);
        advance_peer(p, s);
        if (lost) return;
        // A copy of its own: one byte too far is seen.
        const const_bytes payload =
            counting_bytes(s.header.sequence + (s.header.flags.syn ? 1U : 0U), s.length);
        const bytes copy(payload.begin(), payload.end());
        trace_segment("in ", p.port, s.header, s.length);
        (void)tests::input_by_short_way(layer_, {{own, port}, {other, p.port}}, s.header, copy,
                                        now_);
    }

    void icmp() {
        const peer& p = peers_[in_.below(peers_.size())];
        const std::uint32_t how = in_.u8();
        layer_.icmp_error({{own, port}, {other, p.port}}, number_near(in_, how, p.seen - 1),
                          static_cast<tcp::icmp_verdict>((how >> 3) % 3), error::host_unreachable,
                          in_.u16(), now_);
    }

    // --- the user
    void call() {
        const std::uint32_t what = in_.below(16);
        if (what == 0) accept();
        if (what == 1) connect();
        if (sockets_.empty() || what < 2) return;
        const std::size_t at = in_.below(sockets_.size());
        user_socket& s = sockets_[at];
        if (is_tracing()) std::fprintf(stderr, "call %" PRIu32 " on socket %zu\n", what, at);
        switch (what) {
            case 2: layer_.close(s.id, now_); break;
            case 3: layer_.abort(s.id, now_); break;
            case 4:
                (void)layer_.shutdown(s.id, static_cast<tcp::shutdown_side>(in_.below(3)), now_);
                break;
            case 5: set_option(s.id, in_.u8()); break;
            case 6: set_patience(s.id, in_.u8()); break;
            case 7: (void)layer_.set_receive_buffer(s.id, in_.u16() * 4U); break;
            case 8: (void)layer_.set_send_buffer(s.id, in_.u16() * 4U); break;
            case 9: (void)layer_.set_user_timeout(s.id, in_.u16() * 10ms); break;
            case 10:
            case 11: read(s); break;
            case 12:
                (void)layer_.set_congestion(
                    s.id, in_.yes() ? "newreno" : congestion_algorithm_names[choice_ % names],
                    now_);
                read(s);
                break;
            default: write(s); break;
        }
        if (layer_.info(s.id).code() == error::bad_handle)
            sockets_.erase(sockets_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    // The lowest bit: on or off.
    void set_option(tcp::socket_id id, std::uint32_t how) {
        const bool on = (how & 1U) != 0;
        switch (how >> 1 & 7U) {
            case 1: (void)layer_.set_cork(id, on, now_); break;
            case 2:
                (void)layer_.set_pacing(id, on);
                (void)layer_.set_idle_window(id, static_cast<idle_window>(how >> 4 & 3U));
                break;
            case 3: (void)layer_.set_ecn(id, static_cast<ecn_use>((how >> 4) % 3)); break;
            case 4:  // of the connections to come
                (void)layer_.set_ecn(listener_, static_cast<ecn_use>((how >> 4) % 3));
                (void)layer_.set_pacing(listener_, on);
                break;
            case 5: (void)layer_.set_urgent_inline(id, on); break;
            case 6: (void)layer_.receive_urgent(id, on); break;
            case 7:
                (void)layer_.set_maximum_segment(id, static_cast<std::uint16_t>(how * 8));
                break;
            default: (void)layer_.set_no_delay(id, on, now_); break;
        }
    }
    void set_patience(tcp::socket_id id, std::uint32_t how) {
        const auto time = 1ms * (1U << (how >> 4));
        switch (how >> 1 & 7U) {
            case 1: (void)layer_.set_linger(id, time); break;
            case 2:
                (void)layer_.set_keep_alive_times(
                    id, {time, time / 2, static_cast<std::uint8_t>(how >> 6)}, now_);
                break;
            case 3: (void)layer_.set_user_timeout(id, time); break;
            default: (void)layer_.set_keep_alive(id, (how & 1U) != 0, now_); break;
        }
    }
    void accept() {
        const auto taken = layer_.accept(listener_);
        if (!taken) return;
        user_socket s{.id = taken->socket};
        // One that failed while it waited may have had a successor with the same ends.
        if (is_alive(s.id))
            for (const peer& p : peers_)
                if (p.port == taken->ends.remote.port) s.first = p.first;
        sockets_.push_back(s);
    }
    void connect() {
        if (sockets_.size() >= 20) return;
        const auto s = layer_.open(nullptr);
        if (!s) return;
        sockets_.push_back({.id = *s});
        if (in_.yes()) (void)layer_.bind(*s, {own, port}, true);
        const peer& p = peers_[in_.below(peers_.size())];
        (void)layer_.connect(*s, {other, p.port}, own, now_);
    }
    void write(user_socket& s) {
        const const_bytes piece = counting_bytes(static_cast<std::uint32_t>(s.written),
                                                 std::size_t{1} + in_.u16() % 8000U);
        const std::size_t space = layer_.send_space(s.id);
        // Also urgent, records, and a promise of more, where the length says so.
        tcp::send_flags how;
        how.urgent = piece.size() % 16 == 3;
        how.end_of_record = piece.size() % 16 == 5;
        how.more = piece.size() % 16 == 7;
        const auto taken = layer_.send(s.id, {&piece, 1}, now_, how);
        if (!taken) return;
        expect(*taken >= 1 && *taken <= piece.size() && *taken <= space, "send takes what fits");
        s.written += *taken;
    }
    void read(user_socket& s) {
        bytes target(std::size_t{1} + in_.u16() % 8000U);
        const mutable_bytes piece(target);
        // Read on at the mark, and the urgent octet is left out (RFC 6093).
        const auto mark = layer_.at_mark(s.id);
        s.may_skip = s.may_skip || (mark && *mark);
        const std::size_t there = layer_.available(s.id);
        const auto got = layer_.receive(s.id, {&piece, 1}, now_);
        if (!got) return;
        expect(*got >= 1 && *got == std::min(there, piece.size()), "receive gives what is there");
        for (std::size_t i = 0; i < *got; ++i) {
            const auto value = std::to_integer<std::uint8_t>(piece[i]);
            const auto step = static_cast<std::uint8_t>(value - s.last_read.value_or(0));
            expect(!s.last_read || step == 1 || (step == 2 && s.may_skip && i == 0),
                   "received bytes stand in their order");
            s.last_read = value;
        }
        s.may_skip = false;
    }
    bool is_alive(tcp::socket_id id) {
        const auto info = layer_.info(id);
        return info && info->current != tcp::state::closed && info->current != tcp::state::listen;
    }

    // --- time and events
    void pass(duration time) {
        if (is_tracing())
            std::fprintf(stderr, "%.6f s pass\n", std::chrono::duration<double>(time).count());
        now_ += time;
        layer_.advance(now_);
    }
    void next_deadline() {
        const instant next = layer_.next_deadline();
        if (next != never) pass(std::max(next - now_, duration{}));
    }
    void drain_events() {
        tcp::event e;
        while (layer_.next_event(e)) expect(bool(e.socket), "an event names its socket");
    }

    // --- what the layer sends
    void pull() {
        std::size_t pulled = 0;
        while (tcp::sender* from = layer_.next_sender()) {
            from->route.mtu = mtu_;
            tcp::segment s;
            if (!tests::next_by_short_way(layer_, *from, now_, s)) continue;
            expect(++pulled < 20'000, "a layer falls silent");
            trace_segment("out", s.ends.remote.port, s.header, s.payload_size);
            check(s);
            for (peer& p : peers_)
                if (p.port == s.ends.remote.port && s.ends.local.port == port)
                    p.takes(s.header, s.payload_size);
        }
    }
    void check(const tcp::segment& s) {
        std::uint32_t size = 0;
        for (std::size_t i = 0; i < s.payload_pieces; ++i)
            size += static_cast<std::uint32_t>(s.payload[i].size());
        expect(size == s.payload_size, "pieces make the payload");
        expect(s.header.source_port == s.ends.local.port &&
                   s.header.destination_port == s.ends.remote.port,
               "ports of the flow");
        const std::size_t cut = s.gso_bytes == 0 ? size : s.gso_bytes;
        expect(wire::tcp_header_length(s.header) + cut + 20 <= mtu_, "a segment fits the MTU");
        if (s.header.flags.syn || s.header.flags.rst) expect(size == 0, "no data on SYN or RST");
        if (user_socket* owner = owner_of(s)) check_stream(*owner, s);
    }
    // The user's socket that sent this; none for half-open ones, orphans and replies.
    user_socket* owner_of(const tcp::segment& s) {
        if (s.header.flags.rst) return nullptr;
        for (user_socket& one : sockets_) {
            const auto ends = layer_.ends(one.id);
            if (ends && *ends == s.ends && is_alive(one.id)) return &one;
        }
        return nullptr;
    }
    void check_stream(user_socket& owner, const tcp::segment& s) {
        if (s.header.flags.syn) {
            owner.first = s.header.sequence;
            owner.edge.reset();
            return;
        }
        if (owner.first) {
            // The FIN and a keep-alive's old byte may stand outside of the data.
            const std::uint32_t at = s.header.sequence - *owner.first;
            expect(s.payload_size == 0 || at + s.payload_size <= owner.written + 1,
                   "only what was written is sent");
            std::uint32_t place = at - 1;
            for (std::size_t i = 0; i < s.payload_pieces; ++i)
                for (const std::byte b : s.payload[i])
                    expect(b == static_cast<std::byte>(place++), "sent bytes stand in their order");
            for (const peer& p : peers_)
                if (p.port == s.ends.remote.port && s.payload_size > 1)
                    expect(at + s.payload_size <= p.allowed, "the peer's window is obeyed");
        }
        const auto info = layer_.info(owner.id);
        // RFC 9293 3.8.6 (SHLD-14): a window is not shrunk from the right; RFC 7323 2.4: but by
        // what the scale rounds off, of which never more than one unit is lost.
        const std::uint32_t unit = std::uint32_t{1} << info->receive_window_scale;
        const std::uint32_t edge = s.header.acknowledgment + s.header.window * unit;
        expect(!owner.edge || is_before(*owner.edge, edge + unit), "the edge never moves left");
        if (!owner.edge || is_before(*owner.edge, edge)) owner.edge = edge;
    }

    void finish() {
        pull();
        for (const user_socket& s : sockets_) layer_.close(s.id, now_);
        layer_.close(listener_, now_);
        expect_ending(layer_, now_, [this] { pull(); });
    }

    input in_;
    std::uint32_t choice_;
    tests::seeded random_{1};
    tcp::layer layer_;
    std::uint16_t mtu_ = 1500;
    instant now_{50s};
    tcp::socket_id listener_;
    std::vector<user_socket> sockets_;
    std::array<peer, 4> peers_{
        {{.port = 100}, {.port = 101, .next = 0xffff'ff00U}, {.port = 102}, {.port = 103}}};
};

void run(const_bytes all) { conversation(all).run(); }

// --- seeds: conversations that go well, or badly in one way
class seed_writer {
  public:
    explicit seed_writer(std::uint32_t choice) { out_.u8(choice); }
    // Flags; how: modes of the numbers, 0x40 timestamps, 0x80 SACK; size: 128 + n for n * 24 bytes.
    seed_writer& segment(std::uint32_t flags, std::uint32_t how, std::uint32_t size) {
        out_.u8(7).u8(0).u8(flags).u8(how).u8(200).u8(size);
        if ((how & 0x40U) != 0) out_.u8(0);
        if ((flags & 2U) != 0) out_.u8(7).u16(1460).u8(7);
        return *this;
    }
    seed_writer& lost(std::uint32_t size) {
        out_.u8(0xc7).u8(0).u8(16).u8(0x40).u8(200).u8(size).u8(0);
        return *this;
    }
    seed_writer& sack(std::uint32_t back, std::uint32_t length) {
        out_.u8(7)
            .u8(0)
            .u8(16)
            .u8(0x80 | 5U << 3)
            .u8(100)
            .u8(200)
            .u8(0)
            .u8(0)
            .u16(back)
            .u16(length);
        return *this;
    }
    seed_writer& call(std::uint32_t what) {
        out_.u8(0).u8(what);
        return *this;
    }
    seed_writer& on_socket(std::uint32_t what, std::uint32_t argument) {
        out_.u8(0).u8(what).u8(0).u16(argument);
        return *this;
    }
    seed_writer& later() {
        out_.u8(4);
        return *this;
    }
    seed_writer& opened() { return segment(2, 0x40, 0).segment(16, 0x40, 0).call(0); }
    const bytes& made() const { return out_.made(); }

  private:
    script_writer out_;
};

std::vector<bytes> seeds() {
    constexpr std::uint32_t ack = 16;
    constexpr std::uint32_t fin = 17;
    std::vector<bytes> made;
    for (const std::uint32_t choice : {0U, 1U, 2U, 4U, 32U, 127U}) {
        made.push_back(
            seed_writer(choice).opened().segment(ack, 0x40, 200).on_socket(10, 6000).made());
        made.push_back(seed_writer(choice)
                           .opened()
                           .on_socket(13, 7000)
                           .segment(ack, 0x40, 0)
                           .on_socket(13, 7000)
                           .segment(ack, 0x40, 0)
                           .segment(fin, 0x40, 0)
                           .call(2)
                           .segment(ack, 0x40, 0)
                           .made());
        seed_writer holes(choice);
        holes.opened();
        for (std::uint32_t i = 0; i < 6; ++i)
            holes.lost(150).segment(ack, 0x40, 180).on_socket(10, 3000);
        made.push_back(holes.later().on_socket(4, 0x0200).made());
        seed_writer losses(choice);
        losses.opened();
        for (std::uint32_t i = 0; i < 4; ++i)
            losses.on_socket(13, 7999).sack(1460, 1460).sack(2920, 2920).sack(4380, 4380).later();
        made.push_back(losses.segment(ack, 0x40, 0).later().call(3).made());
        made.push_back(seed_writer(choice)
                           .call(1)
                           .segment(18, 0x40, 0)
                           .on_socket(13, 100)
                           .later()
                           .later()
                           .segment(20, 0x40, 0)
                           .made());
    }
    return made;
}

}  // namespace

const target connection_target{"connection", run, seeds};

}  // namespace coax::fuzz
