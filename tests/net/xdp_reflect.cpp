// Answers ARP, ping and UDP from raw frames, without the stack: the AF_XDP driver alone, for the
// scripts beside it. Usage: net_xdp_reflect SPEC [finish]
//   finish: UDP checksums are left to the device (transmit metadata), else they are summed here.
// Prints "ready: ..." when frames are answered, and its counters when a signal ends it.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "stack/wire/arp.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "tests/net/lib/device_loop.hpp"

namespace {

using namespace coax;
using namespace coax::stack::wire;
using stack::payload_view;
using stack::rx_frame;
using stack::tx_slot;

constexpr std::size_t burst = 64;
constexpr std::size_t ip_at = ethernet_header_size;
constexpr std::uint8_t protocol_icmp = 1;
constexpr std::uint8_t protocol_udp = 17;

// Only what the tests send: no IP options. One object per program.
class reflector {
  public:
    reflector(stack::device& device, const std::vector<std::string>& own, bool finish)
        : device_(device), finish_(finish) {
        for (const auto& text : own) own_.push_back(stack::ip_prefix::parse(text)->address);
    }

    // One burst; true if there was one.
    bool turn() {
        std::array<rx_frame, burst> frames;
        const std::size_t count = device_.receive(frames);
        if (count == 0) return false;
        std::array<tx_slot, burst> slots;
        const std::size_t room = device_.reserve(std::span(slots).first(count));
        std::size_t used = 0;
        for (std::size_t i = 0; i != count; ++i) {
            if (used == room) {
                ++no_room_;
                continue;
            }
            if (answer(frames[i], slots[used])) ++used;
        }
        device_.transmit(std::span(slots).first(used));
        device_.cancel(std::span(slots).subspan(used, room - used));
        device_.release();
        return true;
    }

    void print() const {
        std::printf("answered %lu\nignored %lu\nno_room %lu\nlargest %lu\npieces %lu\n", answered_,
                    ignored_, no_room_, largest_, pieces_);
        std::printf("sum_good %lu\nsum_partial %lu\nsum_bad %lu\n", good_, partial_, bad_);
    }

  private:
    bool answer(const rx_frame& frame, tx_slot& slot) {
        const payload_view whole(frame.head, frame.rest);
        largest_ = std::max<unsigned long>(largest_, whole.size());
        if (!frame.rest.empty()) ++pieces_;
        const std::byte* in = frame.head.data();
        bool done = false;
        if (frame.head.size() >= ip_at + arp_packet_size) {
            const std::uint16_t type = load_16(in + 12);
            if (type == ethernet_type_arp) done = answer_arp(frame.head, slot);
            if (type == ethernet_type_ipv4) done = answer_ip(whole, in, slot);
        }
        ++(done ? answered_ : ignored_);
        return done;
    }

    void turn_ethernet(const std::byte* in, std::byte* out) const {
        std::memcpy(out, in + 6, 6);
        std::memcpy(out + 6, device_.capabilities().address.octets.data(), 6);
        std::memcpy(out + 12, in + 12, 2);
    }

    bool answer_arp(stack::const_bytes frame, tx_slot& slot) {
        const auto asked = parse_arp(frame.subspan(ip_at));
        if (asked.fault != arp_fault::none || asked.packet.operation != arp_operation::request ||
            !owns(asked.packet.target_ip))
            return false;
        turn_ethernet(frame.data(), slot.data);
        arp_packet reply;
        reply.operation = arp_operation::reply;
        reply.sender_mac = device_.capabilities().address;
        reply.sender_ip = asked.packet.target_ip;
        reply.target_mac = asked.packet.sender_mac;
        reply.target_ip = asked.packet.sender_ip;
        emit_arp(reply, slot.data + ip_at);
        slot.length = ip_at + arp_packet_size;
        return true;
    }

    bool owns(const stack::ip_address& address) const {
        return std::find(own_.begin(), own_.end(), address) != own_.end();
    }

    bool answer_ip(const payload_view& whole, const std::byte* in, tx_slot& slot) {
        const std::byte* ip = in + ip_at;
        const std::size_t header = (load_8(ip) & 0xfU) * 4U;
        const std::size_t length = load_16(ip + 2);
        if (!owns(stack::ip_address::v4(load_32(ip + 16))) || header != 20 ||
            ip_at + length > whole.size() || length < header + 8)
            return false;
        check_sum(whole, ip, length);
        if (ip_at + length > slot.capacity) return false;
        std::vector<std::byte> copy(whole.size());
        whole.copy_to(copy.data());
        std::memcpy(slot.data, copy.data(), ip_at + length);
        slot.length = static_cast<std::uint32_t>(ip_at + length);
        turn_ethernet(in, slot.data);
        std::byte* out = slot.data + ip_at;
        std::memcpy(out + 12, ip + 16, 4);  // the header's checksum stays as it is
        std::memcpy(out + 16, ip + 12, 4);
        std::byte* transport = out + header;
        if (load_8(ip + 9) == protocol_icmp) return answer_echo(transport);
        if (load_8(ip + 9) == protocol_udp) return answer_udp(out, transport, length - 20, slot);
        return false;
    }

    static bool answer_echo(std::byte* icmp) {
        if (load_16(icmp) != 0x0800) return false;
        const auto before = load_native<std::uint16_t>(icmp);
        store_16(icmp, 0);
        store_native(icmp + 2, update_checksum(load_native<std::uint16_t>(icmp + 2), before, 0));
        return true;
    }

    bool answer_udp(const std::byte* ip, std::byte* udp, std::size_t size, tx_slot& slot) const {
        const std::uint16_t from = load_16(udp);
        store_16(udp, load_16(udp + 2));
        store_16(udp + 2, from);
        const std::uint64_t pseudo = pseudo_sum(ip, size);
        if (finish_) {
            store_native(udp + 6, fold_sum(pseudo));
            slot.checksum = stack::checksum_state::partial;
            slot.checksum_start = static_cast<std::uint16_t>(udp - slot.data);
            slot.checksum_offset = 6;
        } else {
            store_16(udp + 6, 0);
            store_native(udp + 6, finish_checksum(sum_bytes(pseudo, udp, size)));
        }
        return true;
    }

    static std::uint64_t pseudo_sum(const std::byte* ip, std::size_t size) {
        return pseudo_header_sum(stack::ip_address::v4(load_32(ip + 12)),
                                 stack::ip_address::v4(load_32(ip + 16)), load_8(ip + 9),
                                 static_cast<std::uint32_t>(size));
    }

    void check_sum(payload_view whole, const std::byte* ip, std::size_t length) {
        if (load_8(ip + 9) != protocol_udp) return;
        whole.trim_back(whole.size() - ip_at - length);
        whole.trim_front(ip_at + 20);
        const std::uint64_t pseudo = pseudo_sum(ip, length - 20);
        checksum_sum sum(pseudo);
        sum.add(whole);
        if (finish_checksum(sum.value()) == 0) ++good_;
        else if (load_native<std::uint16_t>(ip + 20 + 6) == fold_sum(pseudo)) ++partial_;
        else ++bad_;
    }

    stack::device& device_;
    bool finish_;
    std::vector<stack::ip_address> own_;
    unsigned long answered_ = 0, ignored_ = 0, no_room_ = 0, largest_ = 0, pieces_ = 0;
    unsigned long good_ = 0, partial_ = 0, bad_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    coax::tests::catch_signals();
    coax::backends::ring ring;
    if (ring.open(64)) return 1;
    const auto driver = coax::tests::open_or_say(argv[1]);
    if (driver == nullptr) return 2;
    const bool finish = argc > 2 && std::string_view(argv[2]) == "finish";
    reflector r(driver->device(), driver->describe().addresses, finish);
    coax::tests::print_ready(*driver);
    const int status = coax::tests::run_loop(
        *driver, ring, [&] { return r.turn(); }, [] { return std::chrono::hours{1}; });
    r.print();
    return status;
}
