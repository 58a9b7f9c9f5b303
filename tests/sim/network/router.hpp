// A router between lanes: IPv4 from one port to another, with what RFC 1812 asks of it as far as
// hosts notice: TTL, header checksum, an MTU for each port, fragmentation or "fragmentation
// needed". It answers ARP
// for its own address on each port. Has no TCP and no ports of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "stack/base/address.hpp"
#include "stack/wire/icmp.hpp"
#include "stack/wire/ipv4.hpp"
#include "tests/sim/network/frame.hpp"
#include "tests/sim/network/lane.hpp"

namespace coax::sim {

struct router_port_options {
    stack::ip_prefix own;              // the router's address on this port
    stack::mac_address address;        // its MAC there
    stack::ip_address neighbour;       // the host at the other end
    stack::mac_address neighbour_mac;  // known: a router's own ARP is not what is tested
    std::uint16_t mtu = 1500;
    bool tells_mtu = true;  // too big: "fragmentation needed" (RFC 1191 4); else a black hole
};

struct router_counters {
    std::uint64_t forwarded = 0;
    std::uint64_t arp_answered = 0;
    std::uint64_t errors_sent = 0;  // ICMP
    std::uint64_t not_for_us = 0;   // another MAC
    std::uint64_t malformed = 0;    // damaged header, or what no router forwards
    std::uint64_t no_route = 0;
    std::uint64_t expired = 0;  // TTL
    std::uint64_t too_big = 0;  // and must not be cut
    std::uint64_t cut = 0;      // packets sent on as fragments
};

class router {
  public:
    explicit router(frame_pool& frames) : frames_(frames) {}
    router(const router&) = delete;
    router& operator=(const router&) = delete;

    // Frames for the neighbour leave by `out`; the result takes in those that come from it.
    receiver& add_port(const router_port_options& options, lane& out);
    const router_counters& counters() const noexcept { return count_; }

  private:
    struct port final : receiver {
        router* owner = nullptr;
        router_port_options options;
        lane* out = nullptr;
        void on_frame(frame_ptr arrived) override { owner->on_frame(*this, std::move(arrived)); }
    };
    void on_frame(port& from, frame_ptr arrived);
    void answer_arp(port& at, frame& asked);
    void forward(port& from, frame_ptr arrived);
    void send_on(port& to, frame_ptr packet);
    // RFC 791 3.2: as fragments that fit. `header`: of the packet, which has no options.
    void cut(port& to, const frame& packet, const stack::wire::ipv4_header& header);
    port* port_towards(const stack::ip_address& destination);
    // About `bad`, back to where it came from (RFC 792): as much of it as RFC 1812 4.3.2.3 says.
    void send_error(port& to, const frame& bad, const stack::wire::icmp_header& what);

    frame_pool& frames_;
    std::vector<std::unique_ptr<port>> ports_;
    router_counters count_;
};

}  // namespace coax::sim
