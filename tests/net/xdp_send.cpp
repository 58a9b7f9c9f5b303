// Sends datagrams as fast as the AF_XDP driver takes them, from raw frames, and waits until every
// frame came back from the kernel. Usage: net_xdp_send SPEC MAC ADDRESS COUNT BYTES
// Prints "ready: ...", then "sent COUNT", then the counters. Exit status 0: all frames are back.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "stack/wire/bytes.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"
#include "tests/net/lib/device_loop.hpp"

namespace {

using namespace coax;
using namespace coax::stack::wire;

constexpr std::size_t headers = ethernet_header_size + ipv4_header_size + 8;

std::vector<std::byte> make_frame(const stack::mac_address& from, const stack::ip_address& source,
                                  const stack::mac_address& to, const stack::ip_address& target,
                                  std::size_t bytes) {
    std::vector<std::byte> frame(headers + bytes);
    emit_ethernet({to, from, ethernet_type_ipv4}, frame.data());
    ipv4_header ip;
    ip.source = source;
    ip.destination = target;
    ip.total_length = static_cast<std::uint16_t>(frame.size() - ethernet_header_size);
    ip.time_to_live = 64;
    ip.protocol = protocol_udp;
    emit_ipv4(ip, frame.data() + ethernet_header_size);
    std::byte* udp = frame.data() + ethernet_header_size + ipv4_header_size;
    store_16(udp, 9000);
    store_16(udp + 2, 9);  // discard: nobody listens, and the peer's kernel counts it
    const auto length = static_cast<std::uint16_t>(bytes + 8);
    store_16(udp + 4, length);
    const std::uint64_t sum = pseudo_header_sum(source, target, protocol_udp, length);
    store_native(udp + 6, finish_checksum(sum_bytes(sum, udp, length)));
    return frame;
}

class sender {
  public:
    sender(stack::device& device, std::vector<std::byte> frame, unsigned long count)
        : device_(device), frame_(std::move(frame)), left_(count) {}

    // One burst; false: the driver has no room, or everything is sent.
    bool turn() {
        std::array<stack::rx_frame, 64> frames;  // the peer complains: not for us
        if (device_.receive(frames) != 0) device_.release();
        std::array<stack::tx_slot, 64> slots;
        const std::size_t count =
            device_.reserve(std::span(slots).first(std::min<std::size_t>(left_, slots.size())));
        for (auto& slot : std::span(slots).first(count)) {
            std::memcpy(slot.data, frame_.data(), frame_.size());
            slot.length = static_cast<std::uint32_t>(frame_.size());
        }
        device_.transmit(std::span(slots).first(count));
        left_ -= count;
        return count != 0;
    }
    bool done() const { return left_ == 0; }

    // How many slots the driver can lend: all of them, when every frame came back.
    std::size_t slots() {
        std::vector<stack::tx_slot> all(1U << 12);
        const std::size_t count = device_.reserve(all);
        device_.cancel(std::span(all).first(count));
        return count;
    }

  private:
    stack::device& device_;
    std::vector<std::byte> frame_;
    unsigned long left_;
};

}  // namespace

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    if (argc != 6) return 2;
    coax::tests::catch_signals();
    coax::backends::ring ring;
    if (ring.open(64)) return 1;
    const auto driver = coax::tests::open_or_say(argv[1]);
    if (driver == nullptr) return 2;
    const auto own = stack::ip_prefix::parse(driver->describe().addresses.front());
    const auto mac = stack::mac_address::parse(argv[2]);
    const auto target = stack::ip_address::parse(argv[3]);
    if (!own || !mac || !target) return 2;
    sender s(driver->device(),
             make_frame(driver->device().capabilities().address, own->address, *mac, *target,
                        std::strtoul(argv[5], nullptr, 10)),
             std::strtoul(argv[4], nullptr, 10));
    const std::size_t slots = s.slots();
    coax::tests::print_ready(*driver);
    bool said = false;
    const auto limit = std::chrono::steady_clock::now() + 20s;
    const int status = coax::tests::run_loop(
        *driver, ring,
        [&] {
            const bool busy = s.turn();
            if (s.done() && !said) {
                said = true;
                std::printf("sent %s\n", argv[4]);
                std::fflush(stdout);
            }
            // The end comes with the frames, not with a signal.
            if (said && !busy && s.slots() == slots) coax::tests::signal_came = 1;
            if (std::chrono::steady_clock::now() > limit) coax::tests::signal_came = 2;
            return busy;
        },
        [] { return 5ms; });
    const std::size_t back = s.slots();
    std::printf("slots %zu\nback %zu\n", slots, back);
    return status != 0 ? status : back == slots ? 0 : 5;
}
