// TCP through the whole stack: handshake with a peer made by hand, waiting for neighbours, ways
// that fail, loopback, full devices, checksums left to the device, ICMP errors.
#include <catch2/catch.hpp>

#include "tests/support/stack_on_memory.hpp"

namespace {

using namespace coax::stack;
using namespace coax::test;

class tcp_host : public stack_on_memory {
  public:
    using stack_on_memory::stack_on_memory;

    tcp_socket listening(std::uint16_t port) {
        const auto socket = *host->tcp_open(nullptr);
        REQUIRE(host->tcp_bind(socket, {ip_address::any_v4(), port}, true));
        REQUIRE(host->tcp_listen(socket, 100));
        return socket;
    }
    tcp_socket connecting(std::string_view to, std::uint16_t port) {
        const auto socket = *host->tcp_open(nullptr);
        REQUIRE(host->tcp_connect(socket, {address(to), port}, now));
        turn();
        return socket;
    }
    void send(tcp_socket socket, const bytes& data) {
        const const_bytes piece(data);
        REQUIRE(*host->tcp_send(socket, {&piece, 1}, now) == data.size());
    }
    bytes receive(tcp_socket socket, std::size_t size = 100'000) {
        bytes room(size);
        const mutable_bytes piece(room);
        const auto got = host->tcp_receive(socket, {&piece, 1}, now);
        room.resize(got ? *got : 0);
        return room;
    }
    void deliver_segment(const wire::tcp_header& tcp, const bytes& payload = {},
                         std::string_view from = peer_ip) {
        deliver(tcp_packet(ipv4_of(from, own_ip, 6), tcp, payload));
    }
    // The next sent segment; its checksum is right.
    struct segment {
        taken_apart frame;
        wire::tcp_header tcp;
        bytes payload;
    };
    std::optional<segment> take_segment() {
        const auto frame = take_packet();
        if (!frame) return {};
        REQUIRE(frame->ip.protocol == wire::protocol_tcp);
        REQUIRE(transport_checksum_is_right(*frame));
        const auto parsed = wire::parse_tcp(frame->inside);
        REQUIRE(parsed.fault == wire::tcp_fault::none);
        return segment{
            *frame, parsed.header,
            bytes(frame->inside.begin() + static_cast<std::ptrdiff_t>(parsed.header_length),
                  frame->inside.end())};
    }
    // A connection from the peer's port 5000 to `port`, accepted.
    tcp_socket accepted(std::uint16_t port, std::uint16_t mss = 1460) {
        const auto listener = listening(port);
        wire::tcp_header syn;
        syn.source_port = 5000;
        syn.destination_port = port;
        syn.sequence = 1000;
        syn.window = 65535;
        syn.flags.syn = true;
        syn.options.maximum_segment_size = mss;
        deliver_segment(syn);
        const auto answer = take_segment();
        REQUIRE(answer);
        CHECK(answer->tcp.flags.syn);
        CHECK(answer->tcp.acknowledgment == 1001);
        peer.source_port = 5000;
        peer.destination_port = port;
        peer.sequence = 1001;
        peer.acknowledgment = answer->tcp.sequence + 1;
        peer.window = 65535;
        peer.flags.ack = true;
        deliver_segment(peer);
        const auto got = host->tcp_accept(listener);
        REQUIRE(got);
        return got->socket;
    }
    bool has_event(tcp_socket socket, bool tcp::readiness::* what) {
        tcp::event event;
        while (host->next_event(event))
            if (event.socket == socket && event.ready.*what) return true;
        return false;
    }
    wire::tcp_header peer;  // the next segment of the peer made by hand
};

TEST_CASE("tcp way: a connection from outside, data both ways, right headers") {
    tcp_host net;
    const auto socket = net.accepted(80);
    const auto ends = *net.host->tcp_ends(socket);
    CHECK(ends.local.to_string() == "198.18.0.2:80");
    CHECK(ends.remote.to_string() == "198.18.0.1:5000");
    net.peer.flags.psh = true;
    net.deliver_segment(net.peer, text_bytes("request"));
    net.peer.sequence += 7;
    CHECK(net.receive(socket) == text_bytes("request"));
    net.send(socket, text_bytes("an answer of odd length"));
    net.turn();
    auto got = net.take_segment();
    REQUIRE(got);
    while (got && got->payload.empty()) got = net.take_segment();  // a bare ACK may come first
    REQUIRE(got);
    CHECK(got->payload == text_bytes("an answer of odd length"));
    CHECK(got->frame.ip.dont_fragment);
    CHECK(got->frame.ip.identification == 0);
    CHECK(got->frame.ethernet.destination == peer_mac);
    CHECK(got->tcp.acknowledgment == net.peer.sequence);
}

TEST_CASE("tcp way: RFC 9293 3.10.7.1: nobody listens: a reset comes back") {
    tcp_host net;
    wire::tcp_header syn;
    syn.source_port = 5000;
    syn.destination_port = 81;
    syn.flags.syn = true;
    net.deliver_segment(syn);
    const auto answer = net.take_segment();
    REQUIRE(answer);
    CHECK(answer->tcp.flags.rst);
}

// RFC 9293 3.1 (MUST-2)
TEST_CASE("tcp way: segments of every length carry right checksums") {
    tcp_host net;
    const auto socket = net.accepted(80);
    REQUIRE(net.host->tcp_set_no_delay(socket, true, net.now));
    for (std::size_t size = 1; size <= 1460; size += size < 300 ? 1 : 29) {
        bytes data(size);
        for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i * size);
        net.send(socket, data);
        net.turn();
        const auto got = net.take_segment();
        REQUIRE(got);
        REQUIRE(got->payload == data);
        net.peer.acknowledgment = got->tcp.sequence + static_cast<std::uint32_t>(size);
        net.deliver_segment(net.peer);
    }
}

// RFC 9293 3.1 (MUST-2)
TEST_CASE("tcp way: a stream leaves in runs, its checksums right wherever its pieces lie") {
    tcp_host net;
    const auto socket = net.accepted(80, static_cast<std::uint16_t>(GENERATE(1460, 537)));
    bytes data(150'001);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 7 >> 3);
    const std::uint32_t first = net.peer.acknowledgment;
    std::size_t given = 0;
    std::size_t seen = 0;
    for (int turn = 0; turn < 1000 && seen < data.size(); ++turn) {
        // Seven bytes at first: what follows begins at odd places of the blocks.
        const auto piece = const_bytes(data).subspan(given, turn == 0 ? 7 : data.size() - given);
        if (const auto n = net.host->tcp_send(socket, {&piece, 1}, net.now)) given += *n;
        net.turn();
        while (const auto got = net.take_segment()) {
            REQUIRE(got->tcp.sequence == first + seen);
            REQUIRE(got->payload.size() <= data.size() - seen);
            REQUIRE(std::equal(got->payload.begin(), got->payload.end(),
                               data.begin() + static_cast<std::ptrdiff_t>(seen)));
            seen += got->payload.size();
            CHECK((got->tcp.flags.psh || seen != given));
        }
        net.peer.acknowledgment = first + static_cast<std::uint32_t>(seen);
        net.deliver_segment(net.peer);
    }
    CHECK(seen == data.size());
}

// The first segments of a connection and the last ones: their headers of Ethernet and IPv4 are
// known, and whatever is wrong with them is counted as that of any packet.
TEST_CASE("tcp way: what is wrong with a packet from a known peer is counted by its reason") {
    tcp_host net;
    const auto socket = net.accepted(80);
    net.peer.flags.fin = true;
    const bytes good = tcp_packet(ipv4_of(peer_ip, own_ip, 6), net.peer, {});
    const auto refused = [&](bytes packet, std::string_view counter) {
        CAPTURE(counter);
        const auto before = net.count(counter);
        net.deliver(packet);
        CHECK(net.count(counter) == before + 1);
        CHECK_FALSE(net.take_packet());
    };
    const auto with_length = [&](std::uint16_t length) {
        bytes packet = good;
        wire::ipv4_header ip = ipv4_of(peer_ip, own_ip, 6);
        ip.total_length = length;
        wire::emit_ipv4(ip, packet.data());
        return packet;
    };
    refused(with_length(19), "ip.bad_total_length");
    refused(with_length(1000), "ip.bad_total_length");
    refused(with_length(39), "tcp.truncated");
    bytes offset = good;
    offset[20 + 12] = std::byte{0x40};
    refused(offset, "tcp.bad_offset");
    bytes sum = good;
    sum[20 + 16] ^= std::byte{1};
    refused(sum, "tcp.bad_checksum");
    refused(tcp_packet(ipv4_of(peer_ip, "198.18.0.77", 6), net.peer, {}), "ip.not_for_us");
    refused(tcp_packet(ipv4_of("198.18.0.255", own_ip, 6), net.peer, {}), "ip.bad_source");
    net.deliver(good);
    CHECK(net.take_packet());
    CHECK(net.host->tcp_info(socket)->current == tcp::state::close_wait);
    // RFC 1122 3.2.1.3: the peer's address is ours now.
    REQUIRE(net.host->add_address({{address(peer_ip), 24}}));
    refused(good, "ip.own_source");
}

TEST_CASE("tcp way: a connection takes the way that is right when it is opened") {
    tcp_host net;
    const auto first = net.connecting(peer_ip, 80);
    REQUIRE(net.take_segment());
    REQUIRE(net.host->add_route({{address(peer_ip), 32}, address("198.18.0.7")}));
    const auto second = net.connecting(peer_ip, 80);
    const auto asked = net.take_arp();
    REQUIRE(asked);
    CHECK(asked->target_ip == address("198.18.0.7"));
    CHECK(net.host->tcp_ends(first)->remote == net.host->tcp_ends(second)->remote);
}

TEST_CASE("tcp way: a connection waits for its neighbour, and goes on when it is there") {
    tcp_host net;
    const auto socket = net.connecting("198.18.0.5", 80);
    REQUIRE(net.take_arp());
    CHECK_FALSE(net.take_packet());
    const mac_address mac{{2, 0, 0, 0, 0, 5}};
    net.deliver_frame(arp_frame(own_mac, {wire::arp_operation::reply, mac, address("198.18.0.5"),
                                          own_mac, address(own_ip)}));
    const auto syn = net.take_segment();
    REQUIRE(syn);
    CHECK(syn->tcp.flags.syn);
    CHECK(syn->frame.ethernet.destination == mac);
    CHECK(net.host->tcp_error(socket) == error::none);
    CHECK(net.count("neighbour.failed") == 0);
}

TEST_CASE("tcp way: RFC 9293 3.9.2.2: a neighbour that does not answer fails the connect") {
    tcp_host net;
    const auto socket = net.connecting("198.18.0.5", 80);
    net.pass(1s);
    net.pass(1s);
    CHECK_FALSE(net.has_event(socket, &tcp::readiness::failed));
    net.pass(1s);
    CHECK(net.host->next_deadline() <= net.now);
    CHECK(net.has_event(socket, &tcp::readiness::failed));
    CHECK(net.host->tcp_error(socket) == error::host_unreachable);
}

// RFC 9293 3.9.1.1 (MUST-46)
TEST_CASE("tcp way: no route, or no peer that one can have") {
    tcp_host net;
    const auto code = [&](std::string_view to, std::uint16_t port) {
        const auto socket = *net.host->tcp_open(nullptr);
        return net.host->tcp_connect(socket, {address(to), port}, net.now).code();
    };
    CHECK(code("203.0.113.1", 80) == error::network_unreachable);
    CHECK(code("fd00::1", 80) == error::network_unreachable);
    CHECK(code("198.18.0.255", 80) == error::invalid_argument);
    CHECK(code("224.0.0.1", 80) == error::invalid_argument);
    CHECK(code(peer_ip, 0) == error::invalid_argument);
    const auto socket = *net.host->tcp_open(nullptr);
    CHECK(net.host->tcp_bind(socket, {address("198.18.0.77"), 80}, false).code() ==
          error::address_not_available);
    REQUIRE(net.host->tcp_bind(socket, {address("127.0.0.1"), 80}, false));
    CHECK(net.host->tcp_connect(socket, {address(peer_ip), 80}, net.now).code() ==
          error::invalid_argument);
}

TEST_CASE("tcp way: loopback: a connection to an own address, much data, nothing on the link") {
    for (const char* to : {"198.18.0.2", "127.0.0.1"}) {
        CAPTURE(to);
        tcp_host net;
        const auto listener = net.listening(80);
        const auto client = net.connecting(to, 80);
        for (int i = 0; i < 6; ++i) net.turn();
        CHECK(net.has_event(client, &tcp::readiness::connected));
        const auto server = net.host->tcp_accept(listener);
        REQUIRE(server);
        bytes data(700'000);
        for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * i >> 8);
        bytes heard;
        std::size_t at = 0;
        for (int turn = 0; turn < 5000 && heard.size() < data.size(); ++turn) {
            const auto piece = const_bytes(data).subspan(at);
            if (const auto sent = net.host->tcp_send(client, {&piece, 1}, net.now)) at += *sent;
            net.now += 1ms;
            net.turn();
            const bytes part = net.receive(server->socket);
            heard.insert(heard.end(), part.begin(), part.end());
        }
        CHECK(heard == data);
        CHECK(net.device.sent.empty());
        CHECK(net.count("ip.loopback_full") == 0);
    }
}

TEST_CASE("tcp way: a device that is full loses nothing") {
    tcp_host net;
    const auto socket = net.accepted(80);
    net.device.room = net.device.lent() + 0;
    net.host->flush(net.now);
    const bytes data(14'000, std::byte{7});
    net.send(socket, data);
    std::size_t sent = 0;
    // Whatever is on loan may be used; then it is full.
    net.device.room = net.device.lent();
    for (int i = 0; i < 200 && sent < data.size(); ++i) {
        net.device.room = net.device.lent() == 0 ? 1 : net.device.lent();
        net.host->flush(net.now);
        while (const auto got = net.take_segment()) {
            CHECK(got->tcp.sequence == net.peer.acknowledgment + sent);
            sent += got->payload.size();
        }
    }
    CHECK(sent == data.size());
}

// A connection on a device that finishes checksums.
tcp_socket accepted_unsummed(tcp_host& net) {
    const auto listener = net.listening(80);
    wire::tcp_header syn;
    syn.source_port = 5000;
    syn.destination_port = 80;
    syn.window = 65535;
    syn.flags.syn = true;
    syn.options.maximum_segment_size = 1460;
    net.deliver_segment(syn);
    const auto answer = net.device.take_sent();
    REQUIRE(answer);
    CHECK(answer->slot.checksum == checksum_state::partial);
    CHECK(answer->slot.checksum_start == 34);
    CHECK(answer->slot.checksum_offset == 16);
    CHECK(answer->slot.gso_bytes == 0);
    const auto apart = *take_apart(answer->data);
    wire::tcp_header ack;
    ack.source_port = 5000;
    ack.destination_port = 80;
    ack.sequence = 1;
    ack.acknowledgment = wire::parse_tcp(apart.inside).header.sequence + 1;
    ack.window = 65535;
    ack.flags.ack = true;
    net.deliver_segment(ack);
    const auto server = net.host->tcp_accept(listener);
    REQUIRE(server);
    return server->socket;
}

// Such a segment's checksum, finished.
bool is_right_when_finished(const bytes& frame) {
    auto apart = *take_apart(frame);
    wire::store_native(apart.inside.data() + 16, wire::finish_checksum(wire::sum_bytes(
                                                     0, apart.inside.data(), apart.inside.size())));
    return transport_checksum_is_right(apart);
}

TEST_CASE("tcp way: the device finishes the checksums of full segments") {
    device_capabilities caps;
    caps.transmit_checksum = true;
    tcp_host net({}, caps);
    net.send(accepted_unsummed(net), bytes(10'000, std::byte{3}));
    net.turn();
    std::size_t seen = 0;
    while (const auto frame = net.device.take_sent()) {
        CHECK(frame->slot.checksum == checksum_state::partial);
        CHECK(frame->slot.checksum_start == 34);
        CHECK(frame->slot.checksum_offset == 16);
        CHECK(frame->slot.gso_bytes == 0);
        CHECK(is_right_when_finished(frame->data));
        seen += frame->data.size() - 54;
    }
    CHECK(seen == 10'000);
}

TEST_CASE("tcp way: the device finishes checksums and cuts super-segments") {
    device_capabilities caps;
    caps.transmit_checksum = true;
    caps.gso_max_bytes = 60'000;
    tcp_host net({}, caps);
    net.send(accepted_unsummed(net), bytes(10'000, std::byte{3}));
    net.turn();
    const auto frame = net.device.take_sent();
    REQUIRE(frame);
    CHECK(frame->slot.gso_bytes == 1460);
    CHECK(frame->data.size() > 1514);
    CHECK(is_right_when_finished(frame->data));
}

TEST_CASE("tcp way: super-segments go in slots of their own, where the device has such") {
    device_capabilities caps;
    caps.gso_max_bytes = 60'000;
    caps.large_slots = true;
    tcp_host net({}, caps);
    const auto socket = net.accepted(80);
    const auto take_supers = [&net] {
        std::size_t got = 0;
        while (const auto frame = net.device.take_sent()) {
            const bool super = frame->slot.gso_bytes != 0;
            CHECK(frame->slot.capacity == (super ? 60'128U : 1514U));
            CHECK(frame->data.size() <= frame->slot.capacity);
            if (super) got += take_apart(frame->data)->inside.size() - 20;
        }
        return got;
    };
    net.device.large_room = 0;  // but one is at hand
    net.send(socket, bytes(5000, std::byte{3}));
    net.turn();
    CHECK(take_supers() == 5000);
    net.send(socket, bytes(5000, std::byte{4}));
    net.turn();
    CHECK(net.device.sent.empty());  // it waits: what is cut small could overtake
    net.device.large_room = 2;
    net.turn();
    CHECK(take_supers() == 5000);

    // A lone segment needs none.
    net.peer.acknowledgment += 10'000;
    net.deliver_segment(net.peer);
    net.send(socket, bytes(100, std::byte{4}));
    net.turn();
    const auto small = net.device.take_sent();
    REQUIRE(small);
    CHECK(small->slot.gso_bytes == 0);
    CHECK(small->slot.capacity == 1514);
}

TEST_CASE("tcp way: RFC 1191: fragmentation needed makes the next segments smaller") {
    tcp_host net;
    const auto socket = net.accepted(80);
    net.send(socket, bytes(5000, std::byte{9}));
    net.turn();
    const auto first = net.take_segment();
    REQUIRE(first);
    REQUIRE(first->payload.size() == 1460);
    net.device.sent.clear();
    net.deliver(icmp_packet(ipv4_of("198.18.0.254", own_ip, 1), {3, 4, 1000},
                            bytes(first->frame.packet.begin(), first->frame.packet.begin() + 28)));
    net.pass(500ms);
    const auto again = net.take_segment();
    REQUIRE(again);
    CHECK(again->tcp.sequence == first->tcp.sequence);
    CHECK(again->frame.ip.total_length <= 1000);
}

TEST_CASE("tcp way: a received super-segment, larger than the MTU and in pieces, is one segment") {
    tcp_host net;
    const auto socket = net.accepted(80);
    bytes data(20'000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i * 11);
    net.device.head_bytes = 128;
    net.device.piece_bytes = 4001;
    net.deliver_segment(net.peer, data);
    CHECK(net.receive(socket) == data);
}

TEST_CASE("tcp way: padding of a short frame is no data") {
    tcp_host net;
    const auto socket = net.accepted(80);
    auto packet = tcp_packet(ipv4_of(peer_ip, own_ip, 6), net.peer, text_bytes("ab"));
    packet.resize(46);
    net.deliver(packet);
    CHECK(net.receive(socket) == text_bytes("ab"));
    auto echo = icmp_packet(ipv4_of(peer_ip, own_ip, 1), {8, 0, 1}, text_bytes("c"));
    echo.resize(46);
    net.device.sent.clear();
    net.deliver(echo);
    auto reply = net.take_packet();
    while (reply && reply->ip.protocol != wire::protocol_icmpv4) reply = net.take_packet();
    REQUIRE(reply);
    CHECK(reply->ip.total_length == 29);
}

TEST_CASE("tcp way: LAND: a SYN from our own address and port is not answered") {
    tcp_host net;
    net.listening(80);
    wire::tcp_header syn;
    syn.source_port = syn.destination_port = 80;
    syn.flags.syn = true;
    net.deliver_segment(syn, {}, own_ip);
    CHECK(net.count("ip.own_source") == 1);
    CHECK(net.device.sent.empty());
}

}  // namespace
