// A whole stack on a device of memory: frames of any bytes, frames made well and then spoilt,
// fragments in any order, ARP, ICMP that quotes what was sent, TCP and UDP conversations, a device
// that is full, socket calls, groups and who asks for them, jumps of the clock. Every frame sent
// must be one that an honest host sends; at the end all sockets are closed, time passes, and no
// socket is left.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "stack/stack.hpp"
#include "tests/fuzz/peer.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/memory_device.hpp"

namespace coax::fuzz {
namespace {

using namespace stack;
using namespace std::chrono_literals;

const mac_address own_mac{{0x02, 0, 0, 0, 0, 0x01}};
const mac_address peer_mac{{0x02, 0, 0, 0, 0, 0x02}};
const ip_address own = ip_address::v4(198, 18, 0, 2);
const ip_address other = ip_address::v4(198, 18, 0, 1);
constexpr std::uint16_t tcp_port = 80;
constexpr std::uint16_t udp_port = 53;

stack_config limits(std::uint32_t choice) {
    stack_config config;
    config.tcp.connections_max = 10;
    config.tcp.half_open_max = 5;
    config.tcp.time_wait_max = 3;
    config.tcp.syn_queue_max = 3;
    config.tcp.reply_queue_max = 5;
    config.tcp.buffer_memory_bytes = 100 * 4096;
    config.tcp.receive_buffer_bytes = 60'000;
    config.tcp.send_buffer_bytes = 60'000;
    config.neighbour.entries_max = 6;
    config.neighbour.unresolved_max = 3;
    config.neighbour.learned_max = 4;
    config.neighbour.pending_max = 3;
    config.ip.icmp_queue_bytes = 4000;
    config.ip.loopback_queue_bytes = 20'000;
    config.ip.path_mtu_entries_max = 3;
    config.ip.groups_max = 3;
    config.ip.igmp_queue_bytes = 300;
    config.udp.memberships_max = 2;
    config.udp.sockets_max = 4;
    config.udp.receive_queue_bytes = 6000;
    config.udp.send_queue_bytes = 6000;
    config.udp.send_queue_total_bytes = 9000;
    config.udp.receive_memory_bytes = 9000;
    config.burst = (choice & 1U) != 0 ? 3 : 64;
    config.segments_turn = 4;
    return config;
}

class host_under_fire {
  public:
    explicit host_under_fire(const_bytes all) : in_(all) {
        const std::uint32_t choice = in_.u8();
        device_.caps.address = own_mac;
        device_.caps.mtu = (choice & 2U) != 0 ? 576 : 1500;
        device_.caps.transmit_checksum = (choice & 4U) != 0;
        if ((choice & 8U) != 0) device_.caps.gso_max_bytes = 16384;
        if ((choice & 16U) != 0) device_.caps.receive_checksum = checksum_policy::partial_aware;
        if ((choice & 32U) != 0) device_.head_bytes = 128;
        host_ = std::make_unique<ip_stack>(limits(choice), device_, random_);
        expect(bool(host_->add_address({*ip_prefix::parse("198.18.0.2/24")})), "own address");
        expect(bool(host_->add_route({*ip_prefix::parse("0.0.0.0/0"), other})), "route");
        listener_ = *host_->tcp_open(nullptr);
        expect(bool(host_->tcp_bind(listener_, {ip_address::any_v4(), tcp_port}, true)), "bind");
        expect(bool(host_->tcp_listen(listener_, 4)), "listen");
        datagrams_ = *host_->udp_open(nullptr);
        expect(bool(host_->udp_bind(datagrams_, {ip_address::any_v4(), udp_port})), "bind");
        if ((choice & 64U) == 0) arp_from(other, peer_mac, wire::arp_operation::request, own);
        turn();
    }
    void run() {
        while (!in_.is_empty()) {
            const std::uint32_t what = in_.u8();
            act(what & 15U);
            if ((what & 0x30U) != 0x30U) turn();
        }
        finish();
    }

  private:
    void act(std::uint32_t what) {
        switch (what) {
            case 0: deliver(bytes_of(in_.piece(in_.u8() * std::size_t{6}))); break;
            case 1: any_packet(); break;
            case 2: datagram(); break;
            case 3: icmp(); break;
            case 4:
                arp_from(address_near(), mac_near(),
                         in_.yes() ? wire::arp_operation::reply : wire::arp_operation::request,
                         in_.yes() ? own : address_near());
                break;
            case 5: pass(duration(std::uint64_t{in_.u8()} << (in_.u8() % 38))); break;
            case 6: {
                const instant next = host_->next_deadline();
                if (next != never && next > now_) pass(next - now_);
                break;
            }
            case 7: tcp_call(); break;
            case 8: udp_call(); break;
            case 9: device_.room = in_.u8(); break;
            case 15: groups(); break;
            default: segment(); break;
        }
    }

    // --- frames in
    static bytes bytes_of(const_bytes piece) { return {piece.begin(), piece.end()}; }
    ip_address address_near() {
        const std::uint32_t which = in_.u8();
        if (which < 128) return other;
        if (which < 192) return ip_address::v4(198, 18, 0, static_cast<std::uint8_t>(which & 7U));
        return ip_address::v4(in_.u32());
    }
    mac_address mac_near() {
        const std::uint32_t which = in_.u8();
        if (which < 200) return peer_mac;
        return which < 220 ? mac_address::broadcast()
                           : mac_address{{2, 0, 0, 0, 1, static_cast<std::uint8_t>(which)}};
    }
    void deliver(const bytes& frame) { device_.deliver(frame); }
    void arp_from(const ip_address& ip, const mac_address& mac, wire::arp_operation operation,
                  const ip_address& asked) {
        deliver(test::arp_frame(mac_address::broadcast(), {operation, mac, ip, own_mac, asked}));
    }
    wire::ipv4_header header(std::uint8_t protocol) {
        wire::ipv4_header h;
        h.source = other;
        h.destination = own;
        h.protocol = protocol;
        h.time_to_live = 64;
        const std::uint32_t oddity = in_.u8();
        if (oddity == 1) h.source = address_near();
        if (oddity == 2) h.destination = address_near();
        if (oddity == 3) h.destination = ip_address::v4(0xffff'ffffU);
        if (oddity == 4) h.source = own;
        if (oddity == 5) h.traffic_class = in_.u8();
        if (oddity == 6) h.time_to_live = in_.u8();
        h.identification = (oddity & 0x80U) != 0 ? oddity & 3U : identification_++;
        return h;
    }
    // The packet whole, in fragments, or spoilt at one byte.
    void send_in(bytes packet) {
        const std::uint32_t how = in_.u8();
        if (how >= 0xe0) return in_fragments(packet, how & 31U);
        if (how >= 0xc0) {
            packet[in_.u16() % packet.size()] ^= static_cast<std::byte>(in_.u8());
            if ((how & 1U) != 0 && (packet[0] & std::byte{15}) >= std::byte{5} &&
                (std::to_integer<std::size_t>(packet[0]) & 15U) * 4 <= packet.size())
                test::mend_ipv4_checksum(packet);
        }
        if (how == 0xbf)
            packet.erase(packet.end() - in_.u8() % static_cast<std::ptrdiff_t>(packet.size()),
                         packet.end());
        deliver(test::ethernet_frame(how == 0xbe ? mac_address::broadcast() : own_mac, peer_mac,
                                     wire::ethernet_type_ipv4, packet));
    }
    // Pieces of multiples of eight bytes; `how`: order, one lost, overlapping, twice.
    void in_fragments(const bytes& packet, std::uint32_t how) {
        const auto parsed = wire::parse_ipv4(packet, packet.size());
        if (parsed.fault != wire::ipv4_fault::none) return deliver(packet);
        const const_bytes all = const_bytes(packet).subspan(parsed.header_length);
        const std::size_t step = (std::size_t{1} + in_.below(32)) * 8;
        const std::size_t overlap = (how & 1U) != 0 ? 8 : 0;
        std::vector<bytes> made;
        for (std::size_t at = 0; at < all.size(); at += step) {
            wire::ipv4_header h = parsed.header;
            const std::size_t begin = at < overlap ? at : at - overlap;
            const std::size_t end = std::min(at + step, all.size());
            h.fragment_offset = static_cast<std::uint16_t>(begin);
            h.more_fragments = end != all.size();
            made.push_back(test::ethernet_frame(
                own_mac, peer_mac, wire::ethernet_type_ipv4,
                test::ipv4_packet(h, bytes_of(all.subspan(begin, end - begin)))));
        }
        if ((how & 2U) != 0) std::reverse(made.begin(), made.end());
        if ((how & 4U) != 0 && !made.empty())
            made.erase(made.begin() + static_cast<std::ptrdiff_t>(in_.below(made.size())));
        if ((how & 8U) != 0 && !made.empty()) made.push_back(made.front());
        for (const bytes& frame : made) deliver(frame);
    }
    void any_packet() {
        auto h = header(in_.u8());
        const std::uint32_t bits = in_.u8();
        h.more_fragments = (bits & 1U) != 0;
        if ((bits & 2U) != 0) h.fragment_offset = static_cast<std::uint16_t>(in_.u16() & 0xfff8U);
        send_in(test::ipv4_packet(h, bytes_of(in_.piece(in_.u8() * std::size_t{6}))));
    }
    void datagram() {
        const auto h = header(wire::protocol_udp);
        const std::uint16_t to = in_.yes() ? udp_port : in_.u16();
        send_in(test::udp_packet(h, 4000, to, bytes(in_.u8() * std::size_t{12})));
    }
    void icmp() {
        const auto h = header(wire::protocol_icmpv4);
        const std::uint32_t which = in_.u8();
        if ((which & 3U) == 0) {
            send_in(test::icmp_packet(h, {wire::icmpv4::echo_request, 0, in_.u32()},
                                      bytes(which * std::size_t{5})));
            return;
        }
        bytes quote = last_sent_;
        if ((which & 4U) != 0) quote.resize(std::min<std::size_t>(quote.size(), 28));
        if ((which & 8U) != 0 && !quote.empty())
            quote[in_.u8() % quote.size()] ^= static_cast<std::byte>(in_.u8());
        const std::uint8_t type =
            (which & 16U) != 0 ? in_.u8() : wire::icmpv4::destination_unreachable;
        send_in(test::icmp_packet(h, {type, static_cast<std::uint8_t>(in_.below(16)), in_.u16()},
                                  quote));
    }
    // Joining, leaving; and what comes to a group, which may be a query.
    void groups() {
        const std::uint32_t what = in_.u8();
        const ip_address group = ip_address::v4(239, 0, 0, static_cast<std::uint8_t>(what >> 6));
        if ((what & 3U) == 0) (void)host_->udp_join_group(datagrams_, group);
        if ((what & 3U) == 1) (void)host_->udp_leave_group(datagrams_, group);
        if ((what & 3U) < 2) return;
        auto h = header(wire::protocol_igmp);
        h.destination = (what & 4U) != 0 ? group : ip_address::v4(224, 0, 0, 1);
        bytes packet;
        if ((what & 3U) == 2) {
            const bytes more(in_.below(3) * std::size_t{4});
            bytes message(wire::igmp_message_min);
            message[0] = static_cast<std::byte>((what & 8U) != 0 ? in_.u8() : 0x11U);
            message[1] = static_cast<std::byte>(in_.u8());
            if ((what & 16U) != 0) wire::store_32(message.data() + 4, group.to_v4());
            packet = test::igmp_packet(h, test::joined(message, more), (what & 32U) == 0);
        } else {
            packet = test::udp_packet(h, 4000, udp_port, bytes(in_.u8() * std::size_t{12}));
        }
        deliver(test::ethernet_frame(group_mac(h.destination), peer_mac, wire::ethernet_type_ipv4,
                                     packet));
    }
    void segment() {
        peer& p = peers_[in_.below(peers_.size())];
        const peer_segment s = choose_segment(in_, p, tcp_port);
        advance_peer(p, s);
        const const_bytes payload = counting_bytes(
            s.header.sequence + (s.header.flags.syn ? 1U : 0U), std::min(s.length, 1400U));
        trace_segment("in ", p.port, s.header, s.length);
        send_in(test::tcp_packet(header(wire::protocol_tcp), s.header, bytes_of(payload)));
    }

    // --- the user
    void tcp_call() {
        const std::uint32_t what = in_.below(12);
        if (is_tracing()) std::fprintf(stderr, "TCP call %" PRIu32 "\n", what);
        if (what == 0) {
            if (const auto taken = host_->tcp_accept(listener_)) streams_.push_back(taken->socket);
        } else if (what == 1 && streams_.size() < 8) {
            tcp_connect();
        }
        if (what < 2 || streams_.empty()) return;
        const std::size_t at = in_.below(streams_.size());
        const tcp_socket s = streams_[at];
        bytes space(std::size_t{1} + in_.u8() * 30U);
        const const_bytes out(space);
        const mutable_bytes into(space);
        switch (what) {
            case 2: host_->tcp_close(s, now_); break;
            case 3: host_->tcp_abort(s, now_); break;
            case 4:
                (void)host_->tcp_shutdown(s, static_cast<tcp::shutdown_side>(in_.below(3)), now_);
                break;
            case 5: (void)host_->tcp_set_keep_alive(s, in_.yes(), now_); break;
            case 6: (void)host_->tcp_set_no_delay(s, in_.yes(), now_); break;
            case 7:
            case 8: (void)host_->tcp_receive(s, {&into, 1}, now_); break;
            default: (void)host_->tcp_send(s, {&out, 1}, now_); break;
        }
        if (host_->tcp_info(s).code() == error::bad_handle)
            streams_.erase(streams_.begin() + static_cast<std::ptrdiff_t>(at));
    }
    void tcp_connect() {
        const auto s = host_->tcp_open(nullptr);
        if (!s) return;
        streams_.push_back(*s);
        if (in_.yes()) (void)host_->tcp_bind(*s, {own, tcp_port}, true);
        const endpoint to{in_.yes() ? address_near() : other, peers_[in_.below(4)].port};
        (void)host_->tcp_connect(*s, to, now_);
    }
    void udp_call() {
        const std::uint32_t what = in_.below(6);
        bytes space(in_.u8() * std::size_t{20});
        const const_bytes out(space);
        const mutable_bytes into(space);
        switch (what) {
            case 0: (void)host_->udp_receive_from(datagrams_, {&into, 1}); break;
            case 1: (void)host_->udp_connect(datagrams_, {address_near(), 4000}); break;
            case 2: (void)host_->udp_send(datagrams_, {&out, 1}, now_); break;
            default: (void)host_->udp_send_to(datagrams_, {address_near(), 4000}, {&out, 1}, now_);
        }
    }

    // --- turning
    void pass(duration time) {
        if (is_tracing())
            std::fprintf(stderr, "%.9f s pass\n", std::chrono::duration<double>(time).count());
        now_ += time;
        turn();
    }
    void turn() {
        while (host_->receive(now_)) continue;
        host_->advance(now_);
        tcp::event e;
        while (host_->next_event(e)) expect(bool(e.socket), "an event names its socket");
        udp::event u;
        while (host_->next_udp_event(u)) expect(bool(u.socket), "an event names its socket");
        (void)host_->flush(now_);
        while (const auto frame = device_.take_sent()) check(*frame);
    }
    void check(const test::sent_frame& frame) {
        const auto ethernet = wire::parse_ethernet(frame.data);
        expect(ethernet.has_value() && ethernet->source == own_mac, "our frames are ours");
        const bytes packet(frame.data.begin() + wire::ethernet_header_size, frame.data.end());
        if (ethernet->type == wire::ethernet_type_arp) {
            expect(wire::parse_arp(packet).fault == wire::arp_fault::none, "ARP is whole");
            return;
        }
        const auto apart = test::take_apart(frame.data);
        expect(apart.has_value() && apart->packet.size() == packet.size(), "an IPv4 packet, whole");
        const wire::ipv4_header& ip = apart->ip;
        // RFC 1122 3.2.1.3: what a host may not put there.
        expect(ip.source == own, "our source address");
        expect(!ip.destination.is_unspecified() && !ip.destination.is_loopback(), "a destination");
        const bool cut_by_device = frame.slot.gso_bytes != 0;
        expect(cut_by_device || packet.size() <= device_.caps.mtu, "a packet fits the link");
        last_sent_ = packet;
        if (ip.is_fragment()) return;
        if (ip.protocol == wire::protocol_igmp) return check_igmp(*apart);
        const bool has_checksum =
            ip.protocol != wire::protocol_icmpv4 && frame.slot.checksum != checksum_state::partial;
        if (has_checksum && !is_udp_without(*apart))
            expect(test::transport_checksum_is_right(*apart), "the checksum is right");
        if (ip.protocol == wire::protocol_tcp) check_tcp(*apart);
    }
    static void check_igmp(const test::taken_apart& frame) {
        // RFC 3376 4: not beyond the link, and to a group.
        expect(frame.ip.time_to_live == 1 && frame.ip.destination.is_multicast() &&
                   frame.ethernet.destination == group_mac(frame.ip.destination),
               "IGMP stays on the link");
        expect(wire::parse_igmp(frame.inside, frame.inside.size()).has_value() &&
                   wire::fold_sum(wire::sum_bytes(0, frame.inside.data(), frame.inside.size())) ==
                       0xffff,
               "an IGMP message, whole");
    }
    static bool is_udp_without(const test::taken_apart& frame) {
        return frame.ip.protocol == wire::protocol_udp &&
               !wire::parse_udp(frame.inside, frame.inside.size()).has_checksum;
    }
    void check_tcp(const test::taken_apart& frame) {
        const auto parsed = wire::parse_tcp(frame.inside);
        expect(parsed.fault == wire::tcp_fault::none, "TCP parses");
        // RFC 9293 3.9.2.3 (MUST-57): never to a broadcast or multicast address.
        expect(!frame.ip.destination.is_multicast() && !frame.ip.destination.is_limited_broadcast(),
               "TCP is between two");
        const auto length = static_cast<std::uint32_t>(frame.inside.size() - parsed.header_length);
        trace_segment("out", parsed.header.destination_port, parsed.header, length);
        for (peer& p : peers_)
            if (p.port == parsed.header.destination_port && frame.ip.destination == other)
                p.takes(parsed.header, length);
    }
    void finish() {
        device_.room = 1'000'000;
        turn();
        for (const tcp_socket s : streams_) host_->tcp_close(s, now_);
        host_->tcp_close(listener_, now_);
        host_->udp_close(datagrams_);
        turn();
        for (int i = 0; i < 20'000 && host_->tcp_socket_count() != 0; ++i) {
            const instant next = host_->next_deadline();
            expect(next != never, "who is left has a timer");
            pass(next > now_ ? next - now_ : duration{1});
        }
        for (int i = 0; i < 100; ++i) pass(10s);
        expect(host_->tcp_socket_count() == 0, "no TCP socket is left");
        expect(host_->udp_socket_count() == 0, "no UDP socket is left");
        for (const counter& held : host_->usage()) {
            if (is_tracing() && held.value != 0)
                std::fprintf(stderr, "left: %s\n", std::string(held.name).c_str());
            expect(held.value == 0 || held.name == "neighbour.entries", "nothing is left");
        }
        expect(device_.lent() <= burst_max, "the stack keeps no more slots than a burst");
    }

    input in_;
    test::memory_device device_;
    test::seeded_random random_{3};
    std::unique_ptr<ip_stack> host_;
    instant now_{50s};
    tcp_socket listener_;
    udp_socket datagrams_;
    std::vector<tcp_socket> streams_;
    std::array<peer, 4> peers_{{{.port = 100}, {.port = 101}, {.port = 102}, {.port = 103}}};
    bytes last_sent_ = bytes(28);
    std::uint16_t identification_ = 1;
};

void run(const_bytes all) { host_under_fire(all).run(); }

// --- seeds
class seed_writer {
  public:
    explicit seed_writer(std::uint32_t choice) { out_.u8(choice); }
    // As in connection_target, with an ordinary IPv4 header; `how_sent`: see send_in().
    seed_writer& segment(std::uint32_t flags, std::uint32_t size, std::uint32_t how_sent = 0) {
        out_.u8(10).u8(0).u8(flags).u8(0x40).u8(200).u8(size).u8(0);
        if ((flags & 2U) != 0) out_.u8(7).u16(1460).u8(7);
        out_.u8(0).u8(how_sent);
        return *this;
    }
    seed_writer& add(std::initializer_list<std::uint32_t> octets) {
        for (const std::uint32_t octet : octets) out_.u8(octet);
        return *this;
    }
    seed_writer& raw(const_bytes frame) {
        const auto blocks = (frame.size() + 5) / 6;
        out_.u8(0)
            .u8(static_cast<std::uint32_t>(blocks))
            .raw(frame)
            .raw(bytes(blocks * 6 - frame.size()));
        return *this;
    }
    const bytes& made() const { return out_.made(); }

  private:
    script_writer out_;
};

std::vector<bytes> seeds() {
    std::vector<bytes> made;
    // Two groups; queries of three versions; a datagram to one, from one; and left again.
    for (const std::uint32_t code : {0U, 10U, 200U})
        made.push_back(seed_writer(0)
                           .add({15, 0, 15, 64})
                           .add({5, 200, 24})
                           .add({15, 2, 0, 1, code, 15, 2, 0, 0, code, 15, 22, 0, 1, code})
                           .add({6, 6, 6, 15, 7, 0, 30, 8, 3, 100, 200, 5})
                           .add({15, 1, 6, 6, 15, 65, 6, 6})
                           .made());
    for (const std::uint32_t choice : {0U, 1U, 2U, 12U, 48U, 64U}) {
        // Open, receive, send, close; accept is call 0, send 9, receive 7.
        made.push_back(seed_writer(choice)
                           .segment(2, 0)
                           .segment(16, 0)
                           .add({7, 0})
                           .segment(24, 180)
                           .add({7, 7, 0, 200, 7, 9, 0, 200})
                           .segment(16, 0)
                           .segment(17, 0)
                           .add({7, 2, 0, 1})
                           .segment(16, 0)
                           .made());
        // The same in fragments of every kind.
        seed_writer fragments(choice);
        fragments.segment(2, 0).segment(16, 0, 0xe0).add({2}).add({0, 1, 100, 0xe0, 3});
        for (std::uint32_t how = 0; how < 16; ++how) {
            fragments.add({2, 0, 1, 120, 0xe0 + how, 7});
            if ((how & 4U) != 0) fragments.add({1});  // which one is lost
        }
        made.push_back(fragments.add({8, 0, 100}).made());
        // Echo, errors that quote, UDP both ways, ARP, an active open.
        made.push_back(seed_writer(choice)
                           .add({3, 0, 4, 0, 0, 0, 1, 0})
                           .add({8, 3, 20, 0, 3, 0, 1, 3, 0, 0, 0})
                           .add({7, 1, 1, 0, 0, 6, 3, 0, 5, 4, 2, 88, 0})
                           .add({4, 0, 0, 1, 0, 5, 200, 24, 6, 6})
                           .made());
        const auto ip = test::ipv4_of("198.18.0.1", "198.18.0.2", wire::protocol_udp);
        made.push_back(seed_writer(choice)
                           .raw(test::ethernet_frame(own_mac, peer_mac, wire::ethernet_type_ipv4,
                                                     test::udp_packet(ip, 9, 53, bytes(40))))
                           .add({8, 0, 3})
                           .made());
    }
    return made;
}

}  // namespace

const target stack_target{"stack", run, seeds};

}  // namespace coax::fuzz
