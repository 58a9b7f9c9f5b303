// A wire with faults between two kernels: makes a TAP device in each of two network namespaces and
// carries frames from one to the other, impaired by the same code that impairs a backend of coax
// (backends/faults). So that a kernel's TCP can be measured against a kernel's TCP under the faults
// that coax is measured under, on machines whose kernel has no netem.
// Usage: net_impaired_wire NAMESPACE:NAME NAMESPACE:NAME key=value[,key=value...]
// Keys as in a backend specification: loss=, burst=, duplicate=, reorder=, corrupt=, delay=,
// jitter=, seed=. As there, each frame meets them once in each direction.
// Prints "ready" when the devices stand; ends by SIGINT or SIGTERM, with its counters.
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "backends/faults/device.hpp"
#include "backends/spec.hpp"

namespace {

using namespace coax;

volatile std::sig_atomic_t signal_came = 0;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

int check(int result, const char* what) {
    if (result < 0) die(what);
    return result;
}

stack::instant now() { return stack::instant{std::chrono::steady_clock::now().time_since_epoch()}; }

// Opens the TAP device "NAMESPACE:NAME" in its namespace; this thread stays in that namespace.
int open_tap(const std::string& where) {
    const std::size_t colon = where.find(':');
    if (colon == std::string::npos) {
        std::fprintf(stderr, "%s is not NAMESPACE:NAME\n", where.c_str());
        std::exit(2);
    }
    const std::string path = "/run/netns/" + where.substr(0, colon);
    const int space = check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path.c_str());
    check(::setns(space, CLONE_NEWNET), "setns");
    ::close(space);
    const int tap = check(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun");
    ifreq request{};
    where.copy(request.ifr_name, IFNAMSIZ - 1, colon + 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    check(::ioctl(tap, TUNSETIFF, &request), "TUNSETIFF");
    return tap;
}

// The descriptor's side of a TAP device: what the kernel sent on it is received here. A frame that
// the kernel does not take is lost, as on any wire.
class tap_device final : public stack::device {
  public:
    explicit tap_device(int descriptor)
        : descriptor_(descriptor), bytes_(frame_bytes * (burst + 1)) {}
    ~tap_device() { ::close(descriptor_); }
    tap_device(const tap_device&) = delete;
    tap_device& operator=(const tap_device&) = delete;

    int descriptor() const { return descriptor_; }
    const stack::device_capabilities& capabilities() const noexcept override {
        return capabilities_;
    }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override {
        std::size_t count = 0;
        for (; count < std::min(frames.size(), burst); ++count) {
            std::byte* const at = bytes_.data() + frame_bytes * count;
            const ssize_t n = ::read(descriptor_, at, frame_bytes);
            if (n <= 0) break;
            frames[count] = {};
            frames[count].head = {at, static_cast<std::size_t>(n)};
        }
        return count;
    }
    void release() noexcept override {}
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override {
        if (slots.empty()) return 0;
        slots[0] = {};
        slots[0].data = bytes_.data() + frame_bytes * burst;
        slots[0].capacity = frame_bytes;
        return 1;
    }
    void transmit(std::span<const stack::tx_slot> slots) noexcept override {
        for (const stack::tx_slot& slot : slots)
            if (::write(descriptor_, slot.data, slot.length) < 0) ++refused;
    }
    void cancel(std::span<const stack::tx_slot>) noexcept override {}

    unsigned long long refused = 0;

  private:
    static constexpr std::size_t burst = 64;
    static constexpr std::size_t frame_bytes = 2048;  // an MTU of 1500, and room

    int descriptor_;
    stack::device_capabilities capabilities_;
    std::vector<std::byte> bytes_;
};

// Both ends' frames meet the faults when they come in and when they go out.
class end {
  public:
    end(const std::string& where, const backends::fault_options& faults)
        : tap_(open_tap(where)), impaired_(tap_, in(faults), {}, now) {}

    int descriptor() const { return tap_.descriptor(); }
    stack::instant next_due() const { return impaired_.next_due(); }
    // Takes what came, or became due, to the other end. True: there was something.
    bool carry_to(end& other) {
        std::array<stack::rx_frame, 64> frames;
        const std::size_t count = impaired_.receive(frames);
        for (const stack::rx_frame& frame : std::span(frames).first(count)) {
            std::array<stack::tx_slot, 1> slot;
            other.tap_.reserve(slot);
            slot[0].length = static_cast<std::uint32_t>(frame.head.size());
            std::memcpy(slot[0].data, frame.head.data(), frame.head.size());
            other.tap_.transmit(slot);
        }
        if (count != 0) impaired_.release();
        return count != 0;
    }
    void print(const char* name) const {
        for (const auto& [counter, value] : impaired_.named_counters())
            if (value != 0)
                std::printf("%s %.*s %llu\n", name, static_cast<int>(counter.size()),
                            counter.data(), static_cast<unsigned long long>(value));
        if (tap_.refused != 0) std::printf("%s refused %llu\n", name, tap_.refused);
    }

  private:
    // Two ends, two directions: the seeds must differ.
    static backends::fault_options in(backends::fault_options faults) {
        static std::uint64_t ends = 0;
        faults.seed += ++ends;
        return faults;
    }

    tap_device tap_;
    backends::faulty_device impaired_;
};

backends::fault_options parse_faults(const char* text) {
    auto parsed = backends::parse_spec(std::string("wire:x,") + text);
    if (const auto* wrong = std::get_if<backends::failure>(&parsed)) {
        std::fprintf(stderr, "%s\n", wrong->message.c_str());
        std::exit(2);
    }
    return std::get<backends::wire_spec>(std::get<backends::spec>(parsed)).faults;
}

void sleep_until_due(const end& a, const end& b) {
    std::array<pollfd, 2> ends{pollfd{a.descriptor(), POLLIN, 0},
                               pollfd{b.descriptor(), POLLIN, 0}};
    const stack::instant due = std::min(a.next_due(), b.next_due());
    const auto left = due == stack::never ? stack::duration{std::chrono::seconds{1}}
                                          : std::max(due - now(), stack::duration{0});
    const timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    ::ppoll(ends.data(), ends.size(), &limit, nullptr);
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        std::fputs("usage: see the first lines of impaired_wire.cpp\n", stderr);
        return 2;
    }
    struct sigaction action{};
    action.sa_handler = [](int) { signal_came = 1; };
    for (const int s : {SIGINT, SIGTERM}) check(::sigaction(s, &action, nullptr), "sigaction");
    const backends::fault_options faults = parse_faults(arguments[3]);
    end a(arguments[1], faults);
    end b(arguments[2], faults);
    std::puts("ready");
    std::fflush(stdout);
    while (signal_came == 0) {
        const bool forth = a.carry_to(b);
        const bool back = b.carry_to(a);
        if (!forth && !back) sleep_until_due(a, b);
    }
    a.print("a");
    b.print("b");
    return 0;
}
