// The physical limit of a pair of AF_XDP interfaces: equal frames there and back, no stack. One
// side reflects, the other keeps a window of frames under way and counts round trips. Both poll
// without sleeping. Usage:
//   bench_reflect serve SPEC                              until a signal comes
//   bench_reflect load SPEC MAC ADDRESS WINDOW BYTES SECONDS   BYTES: of the whole frame
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "stack/wire/bytes.hpp"
#include "stack/wire/ethernet.hpp"
#include "stack/wire/ipv4.hpp"
#include "tests/net/lib/device_loop.hpp"

namespace {

using namespace coax;
using namespace coax::stack::wire;
using clock_type = std::chrono::steady_clock;

constexpr std::size_t burst = 64;
constexpr std::size_t ip_at = ethernet_header_size;

// Sends `bytes` back to where they came from.
void turn_back(std::byte* frame, const stack::mac_address& own) {
    std::memcpy(frame, frame + 6, 6);
    std::memcpy(frame + 6, own.octets.data(), 6);
    const auto source = load_native<std::uint32_t>(frame + ip_at + 12);
    std::memcpy(frame + ip_at + 12, frame + ip_at + 16, 4);
    store_native(frame + ip_at + 16, source);
}

bool is_ip(const stack::rx_frame& frame) {
    return frame.head.size() >= ip_at + ipv4_header_size && frame.rest.empty() &&
           load_16(frame.head.data() + 12) == ethernet_type_ipv4;
}

// Copies each IPv4 frame of a burst into a slot and turns it; returns how many.
std::size_t reflect(stack::device& device) {
    std::array<stack::rx_frame, burst> frames;
    const std::size_t count = device.receive(frames);
    if (count == 0) return 0;
    std::array<stack::tx_slot, burst> slots;
    const std::size_t room = device.reserve(std::span(slots).first(count));
    std::size_t used = 0;
    for (const auto& frame : std::span(frames).first(count)) {
        if (used == room || !is_ip(frame)) continue;
        stack::tx_slot& slot = slots[used++];
        std::memcpy(slot.data, frame.head.data(), frame.head.size());
        slot.length = static_cast<std::uint32_t>(frame.head.size());
        turn_back(slot.data, device.capabilities().address);
    }
    device.transmit(std::span(slots).first(used));
    device.cancel(std::span(slots).subspan(used, room - used));
    device.release();
    return used;
}

int serve(backends::driver& driver, backends::ring& ring) {
    while (coax::tests::signal_came == 0 && driver.dead() == nullptr) {
        if (reflect(driver.device()) != 0) driver.kick(ring);
        ring.flush();
        ring.reap();
    }
    return 0;
}

struct request {
    std::vector<std::byte> frame;
    std::size_t window;
    std::chrono::seconds duration;
};

// Puts up to `count` frames on their way.
std::size_t send(stack::device& device, const request& what, std::size_t count) {
    std::array<stack::tx_slot, burst> slots;
    const std::size_t room = device.reserve(std::span(slots).first(std::min(count, slots.size())));
    for (auto& slot : std::span(slots).first(room)) {
        std::memcpy(slot.data, what.frame.data(), what.frame.size());
        slot.length = static_cast<std::uint32_t>(what.frame.size());
    }
    device.transmit(std::span(slots).first(room));
    return room;
}

int load(backends::driver& driver, backends::ring& ring, const request& what) {
    stack::device& device = driver.device();
    std::uint64_t back = 0;
    std::size_t under_way = 0;
    const auto start = clock_type::now();
    auto last = start;  // when a frame came
    auto present = start;
    while (coax::tests::signal_came == 0 && driver.dead() == nullptr &&
           present - start < what.duration) {
        std::array<stack::rx_frame, burst> frames;
        const std::size_t got = device.receive(frames);
        const auto came = static_cast<std::size_t>(std::count_if(
            frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(got), is_ip));
        if (got != 0) device.release();
        back += came;
        under_way -= std::min(under_way, came);
        present = clock_type::now();
        if (came != 0) last = present;
        if (present - last > std::chrono::milliseconds{20}) under_way = 0;  // lost
        const std::size_t sent = send(device, what, what.window - under_way);
        under_way += sent;
        if (sent != 0) driver.kick(ring);
        ring.flush();
        ring.reap();
    }
    const std::chrono::duration<double> took = present - start;
    std::printf("%.0f round trips per second (%zu bytes, %zu under way)\n",
                static_cast<double>(back) / took.count(), what.frame.size(), what.window);
    return back == 0 ? 1 : 0;
}

std::vector<std::byte> make_frame(const backends::driver& driver, const stack::mac_address& own,
                                  const char* mac, const char* address, std::size_t bytes) {
    const auto from = stack::ip_prefix::parse(driver.describe().addresses.front());
    const auto to = stack::mac_address::parse(mac);
    const auto target = stack::ip_address::parse(address);
    if (!from || !to || !target || bytes < ip_at + ipv4_header_size || bytes > 1514) return {};
    std::vector<std::byte> frame(bytes);
    emit_ethernet({*to, own, ethernet_type_ipv4}, frame.data());
    ipv4_header ip;
    ip.source = from->address;
    ip.destination = *target;
    ip.total_length = static_cast<std::uint16_t>(bytes - ip_at);
    ip.time_to_live = 64;
    ip.protocol = 253;  // RFC 3692: for experiments
    emit_ipv4(ip, frame.data() + ip_at);
    return frame;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view role = argc > 1 ? argv[1] : "";
    if (!(role == "serve" && argc == 3) && !(role == "load" && argc == 8)) {
        std::printf("bench_reflect is run by bench/reflect.sh, as root\n");
        return argc == 1 ? 0 : 2;
    }
    coax::tests::catch_signals();
    coax::backends::ring ring;
    if (ring.open(64)) return 1;
    const auto driver = coax::tests::open_or_say(argv[2]);
    if (driver == nullptr) return 2;
    coax::tests::print_ready(*driver);
    if (role == "serve") return serve(*driver, ring);
    const auto number = [&](int at) { return std::strtoul(argv[at], nullptr, 10); };
    const request what{
        make_frame(*driver, driver->device().capabilities().address, argv[3], argv[4], number(6)),
        number(5), std::chrono::seconds(number(7))};
    if (what.frame.empty()) return 2;
    return load(*driver, ring, what);
}
