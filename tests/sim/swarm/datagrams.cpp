// A datagram says who it is: its number and its size, then bytes that follow from both ends and the
// number.
#include "tests/sim/swarm/datagrams.hpp"

#include <algorithm>
#include <array>

#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"
#include "tests/sim/network/forgery.hpp"
#include "tests/sim/swarm/pattern.hpp"

namespace coax::sim {

namespace {

using namespace std::chrono_literals;
namespace wire = stack::wire;

constexpr std::size_t packet_start = wire::ethernet_header_size;

stack::const_bytes body_of(const stack::ip_address& from, const stack::ip_address& to,
                           std::uint32_t number, std::size_t size) {
    const stream_pattern pattern({from, datagram_user::port}, {to, datagram_user::port}, false);
    return pattern.bytes(std::uint64_t{number} << 16, size);
}

}  // namespace

void datagram_user::open() {
    const auto opened = host_.stack().udp_open(static_cast<udp_user*>(this));
    if (opened) socket_ = *opened;
    if (!opened || !host_.stack().udp_bind(socket_, {stack::ip_address::any_v4(), port}))
        faults_.add("call", "cannot open a UDP socket", host_.now());
}

void datagram_user::plan(const planned_datagrams& flow, const host& to) {
    plans_.push_back({flow, to.address(), 0});
    host_.time().at(host_.now() + flow.begins, *this, plans_.size() - 1);
}

void datagram_user::on_moment(std::uint64_t what) {
    send_plan& p = plans_[what];
    if (!socket_ || p.done == p.flow.sizes.size()) return;
    send(p.to, p.flow.sizes[p.done++]);
    if (p.done != p.flow.sizes.size()) host_.time().at(host_.now() + p.flow.apart, *this, what);
}

void datagram_user::send(const stack::ip_address& to, std::uint32_t size) {
    std::array<std::byte, datagram_head_bytes> head;
    wire::store_32(head.data(), sent_);
    wire::store_32(head.data() + 4, size);
    const std::array<stack::const_bytes, 2> pieces{
        stack::const_bytes(head), body_of(host_.address(), to, sent_, size - datagram_head_bytes)};
    // A full queue loses it, as any part of the way may.
    if (host_.stack().udp_send_to(socket_, {to, port}, pieces, host_.now())) ++sent_;
    host_.wake();
}

void datagram_user::close() {
    host_.stack().udp_close(socket_);
    socket_ = {};
}

void datagram_user::on_datagrams(host& at, const stack::udp::readiness& ready) {
    if (!ready.readable || !socket_) return;
    std::vector<std::byte> room(datagram_bytes_max + 1);
    const std::array<stack::mutable_bytes, 1> pieces{stack::mutable_bytes(room)};
    while (const auto got = at.stack().udp_receive_from(socket_, pieces))
        judge(*got, stack::const_bytes(room).first(got->size));
}

void datagram_user::judge(const stack::udp::received& got, stack::const_bytes bytes) {
    ++received_;
    const auto wrong = [&](const char* what) {
        faults_.add("datagram",
                    got.source.to_string() + " > " + host_.address().to_string() + ", " +
                        std::to_string(bytes.size()) + " bytes: " + what,
                    host_.now());
    };
    if (got.source.port != port || got.destination != host_.address())
        return wrong("nobody sends such");
    if (bytes.size() < datagram_head_bytes) return wrong("nobody sends so little");
    if (wire::load_32(bytes.data() + 4) != bytes.size()) return wrong("not whole");
    const auto body = body_of(got.source.address, host_.address(), wire::load_32(bytes.data()),
                              bytes.size() - datagram_head_bytes);
    if (!std::equal(body.begin(), body.end(), bytes.begin() + datagram_head_bytes, bytes.end()))
        wrong("not what was sent");
}

void fragment_forger::on_sent(nic& by, const frame& sent) {
    next_.on_sent(by, sent);
    const auto ethernet = wire::parse_ethernet(sent.bytes());
    if (!ethernet || ethernet->type != wire::ethernet_type_ipv4) return;
    const auto packet = sent.bytes().subspan(packet_start);
    const auto ip = wire::parse_ipv4(packet, packet.size());
    if (ip.fault != wire::ipv4_fault::none || !ip.header.is_fragment()) return;
    if (!random_.chance(share_)) return;
    const auto at = std::find_if(net_.hosts().begin(), net_.hosts().end(),
                                 [&by](const auto& each) { return &each->card() == &by; });
    waiting_.push_back({at->get(), forge(sent, ip.header)});
    const stack::duration later =
        random_.one_in(4) ? random_.between(stack::duration{1s}, stack::duration{60s})
                          : random_.between(stack::duration{0us}, stack::duration{20ms});
    net_.time().at(net_.now() + later, *this, waiting_.size() - 1);
}

void fragment_forger::on_moment(std::uint64_t what) {
    net_.inject(*waiting_[what].at, std::move(waiting_[what].made));
}

frame_ptr fragment_forger::forge(const frame& sent, const wire::ipv4_header& header) {
    // What it carries instead: no byte is as it was.
    std::vector<std::byte> body(header.total_length - wire::ipv4_header_size);
    const auto held = sent.bytes().subspan(packet_start + wire::ipv4_header_size);
    std::transform(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(body.size()),
                   body.begin(), [](std::byte b) { return ~b; });
    wire::ipv4_header h = header;
    switch (seeded_random(seed_ ^ header.identification).below(6)) {
        case 0: return net_.frames().copy(sent);
        case 1:  // lies across its end; what it leaves before itself nobody fills
            h.fragment_offset = static_cast<std::uint16_t>(
                std::min<std::size_t>(header.fragment_offset + 8U, 65528));
            break;
        case 2:  // tiny, and at the place of a longer one
            body.resize(std::min<std::size_t>(body.size(), 8));
            h.more_fragments = true;
            break;
        case 3:  // ends beyond the largest packet
            h.fragment_offset = 65528;
            break;
        case 4:  // another length than fragments have
            body.resize(body.size() - std::min<std::size_t>(body.size() - 1, 3));
            h.more_fragments = true;
            break;
        default:  // of a datagram that nobody else sends a part of
            h.identification ^= 0x8000;
            h.more_fragments = true;
            body.resize(std::max<std::size_t>(body.size() & ~std::size_t{7}, 8));
            if (random_.one_in(2)) {  // flags in its second fragment (RFC 1858 3)
                h.protocol = wire::protocol_tcp;
                h.fragment_offset = 0;
                body.resize(8);
            }
            break;
    }
    return forge_ipv4(net_.frames(), h, body);
}

}  // namespace coax::sim
