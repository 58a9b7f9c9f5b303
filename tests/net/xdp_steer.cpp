// Runs the steering program in the kernel on hand-made frames (BPF_PROG_TEST_RUN) and checks who
// would get each of them. Usage: net_xdp_steer; needs root. Exit status 0: all as expected.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include <linux/bpf.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "backends/xdp/steering.hpp"

namespace {

using namespace coax::backends;
using coax::stack::ip_prefix;
using bytes = std::vector<std::uint8_t>;

bytes joined(std::initializer_list<bytes> parts) {
    bytes all;
    for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

bytes ethernet(std::uint16_t type) {
    bytes header(12, 2);
    header.push_back(static_cast<std::uint8_t>(type >> 8));
    header.push_back(static_cast<std::uint8_t>(type));
    return header;
}

bytes v4(std::uint8_t last) { return {198, 18, 0, last}; }
bytes v6(std::uint8_t last) {
    bytes a(16);
    a[0] = 0xfd;
    a[2] = 0xc0;
    a[3] = 0xa0;
    a[15] = last;
    return a;
}

// Addresses are the last octet of 198.18.0.0/24 and fd00:c0a0::/64.
bytes arp(std::uint8_t operation, std::uint8_t sender, std::uint8_t target) {
    return joined({ethernet(0x0806),
                   {0, 1, 8, 0, 6, 4, 0, operation},
                   bytes(6, 4),
                   v4(sender),
                   bytes(6, 0),
                   v4(target)});
}
bytes ip4(std::uint8_t source, std::uint8_t target, std::uint8_t protocol = 6) {
    return joined({ethernet(0x0800),
                   {0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, protocol, 0, 0},
                   v4(source),
                   v4(target),
                   bytes(20)});
}
bytes ip6(const bytes& source, const bytes& target, std::uint8_t next, const bytes& payload) {
    return joined({ethernet(0x86dd), {0x60, 0, 0, 0, 0, 24, next, 255}, source, target, payload});
}
// To the multicast address of the target's solicited nodes.
bytes solicitation(std::uint8_t type, std::uint8_t target) {
    const bytes group{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, target};
    return ip6(v6(1), group, 58, joined({{type, 0, 0, 0, 0, 0, 0, 0}, v6(target)}));
}
bytes tagged(const bytes& frame) {
    bytes t(frame.begin(), frame.begin() + 12);
    t.insert(t.end(), {0x81, 0, 0, 5});
    t.insert(t.end(), frame.begin() + 12, frame.end());
    return t;
}
bytes with(bytes frame, std::size_t at, std::uint8_t value) {
    frame[at] = value;
    return frame;
}
bytes cut(bytes frame, std::size_t size) {
    frame.resize(size);
    return frame;
}

struct expectation {
    const char* what;
    bytes frame;
    bool ours;
};

// 2 and 9 are coax's, 3 is the kernel's.
std::vector<expectation> expectations() {
    return {
        {"IPv4 to an owned address", ip4(1, 2), true},
        {"IPv4 to the other owned address", ip4(1, 9), true},
        {"IPv4 with options to an owned address", with(ip4(1, 2), 14, 0x4f), true},
        {"a fragment for an owned address", with(ip4(1, 2), 21, 7), true},
        {"IPv4 of any protocol", ip4(1, 2, 253), true},
        {"IPv4 to the kernel's address", ip4(1, 3), false},
        {"IPv4 from an owned address to another", ip4(2, 3), false},
        {"IPv4 to the broadcast address", ip4(1, 255), false},
        {"IPv4 cut before the end of its header", cut(ip4(1, 2), 33), false},
        {"IPv4, nothing but its header", cut(ip4(1, 2), 34), true},
        {"ARP request for an owned address", arp(1, 1, 2), true},
        {"ARP reply to an owned address", arp(2, 1, 9), true},
        {"ARP request for the kernel's address", arp(1, 1, 3), false},
        {"ARP reply to the kernel's address, from ours", arp(2, 2, 3), false},
        {"gratuitous ARP of another host", arp(1, 1, 1), false},
        {"ARP cut", cut(arp(1, 1, 2), 41), false},
        {"ARP of other hardware", with(arp(1, 1, 2), 15, 6), false},
        {"ARP of another protocol", with(arp(1, 1, 2), 16, 9), false},
        {"ARP with long hardware addresses", with(arp(1, 1, 2), 18, 8), false},
        {"ARP with long protocol addresses", with(arp(1, 1, 2), 19, 16), false},
        {"IPv6 to an owned address", ip6(v6(1), v6(2), 6, bytes(24)), true},
        {"IPv6 to the kernel's address", ip6(v6(1), v6(3), 6, bytes(24)), false},
        {"IPv6 cut", cut(ip6(v6(1), v6(2), 6, bytes(24)), 53), false},
        {"neighbour solicitation for an owned address", solicitation(135, 2), true},
        {"neighbour solicitation for the kernel's", solicitation(135, 3), false},
        {"neighbour advertisement to all, of our address", solicitation(136, 2), false},
        {"neighbour solicitation cut", cut(solicitation(135, 2), 77), false},
        {"a tagged frame", tagged(ip4(1, 2)), false},
        {"another protocol", with(ip4(1, 2), 13, 0x99), false},
        {"nothing behind the Ethernet header", cut(ip4(1, 2), 14), false},
    };
}

int verdict(int program, const bytes& frame) {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    options.repeat = 1;
    const int result = bpf_prog_test_run_opts(program, &options);
    return result != 0 ? result : static_cast<int>(options.retval);
}

int check(int program, bool socket_there) {
    int wrong = 0;
    for (const auto& [what, frame, ours] : expectations()) {
        const int expected = ours && socket_there ? XDP_REDIRECT : XDP_PASS;
        const int got = verdict(program, frame);
        if (got == expected) continue;
        std::printf("%s: verdict %d instead of %d (socket: %s)\n", what, got, expected,
                    socket_there ? "yes" : "no");
        ++wrong;
    }
    return wrong;
}

}  // namespace

int main() {
    interface_facts facts;
    facts.name = "none";
    const std::vector<ip_prefix> owned{
        *ip_prefix::parse("198.18.0.2/24"), *ip_prefix::parse("198.18.0.9/24"),
        *ip_prefix::parse("fd00:c0a0::2/64"), *ip_prefix::parse("fd00:c0a0::9/64")};
    auto loaded = steering::load(facts, owned);
    if (const auto* wrong = std::get_if<failure>(&loaded)) {
        std::printf("%s\n", wrong->message.c_str());
        return 1;
    }
    auto& program = *std::get<std::unique_ptr<steering>>(loaded);
    int wrong = check(program.program_descriptor(), false);
    const int descriptor = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    const std::string refused = program.set_socket(0, descriptor);
    if (!refused.empty()) {
        std::printf("%s\n", refused.c_str());
        return 1;
    }
    wrong += check(program.program_descriptor(), true);
    std::printf("%d wrong\n", wrong);
    return wrong == 0 ? 0 : 1;
}
