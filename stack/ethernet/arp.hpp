// ARP as a host speaks it (RFC 826, RFC 1122 2.3.2, RFC 5227): answers who asks for our addresses,
// announces and defends them, and feeds the neighbour cache. Knows own addresses only by what it
// is told.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "stack/base/address.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/ethernet/counters.hpp"
#include "stack/ethernet/neighbour_cache.hpp"
#include "stack/wire/arp.hpp"

namespace coax::stack::ethernet {

// An ARP packet and the MAC its frame goes to.
struct arp_frame {
    mac_address destination;
    wire::arp_packet packet;
};

// What the ip layer knows of the two addresses in a received packet.
struct arp_context {
    bool sender_is_own = false;      // one of our addresses
    bool sender_is_on_link = false;  // a host of a subnet of ours
    bool target_is_own = false;
    bool to_be_answered = true;  // false: another stack of this host does
};

class arp {
  public:
    // The references must outlive it. `own`: MAC of the interface.
    arp(const neighbour_config& config, const mac_address& own, neighbour_cache& neighbours,
        link_counters& counters);

    void input(const wire::arp_packet& packet, const arp_context& context, instant now);

    // Asks for a neighbour; `source` is the own address to ask with.
    void request(const neighbour_cache::request& wanted, const ip_address& source);
    // Tells the link of an own address, now and as often as configured (RFC 5227 2.3).
    void announce(const ip_address& address);

    bool has_outgoing() const noexcept { return outgoing_count_ != 0; }
    const arp_frame* front_outgoing() const;
    void pop_outgoing();

    void advance(instant now) {
        if (now >= due_) fire(now);
    }
    instant next_deadline() const noexcept { return due_; }

  private:
    struct own_address {
        ip_address address;
        std::uint8_t announcements_left = 0;
        instant announce_at = instant::min();
        instant defended_at = instant::min();
    };
    void fire(instant now);
    void conflict(const wire::arp_packet& packet, instant now);
    void send_announcement(const ip_address& address);
    bool push(const mac_address& destination, const wire::arp_packet& packet);

    const neighbour_config& config_;
    mac_address own_mac_;
    neighbour_cache& neighbours_;
    link_counters& counters_;
    instant due_ = never;  // of the announcements
    std::vector<own_address> own_;
    std::vector<arp_frame> outgoing_;  // a ring of outgoing_max places
    std::size_t outgoing_first_ = 0;
    std::size_t outgoing_count_ = 0;
};

}  // namespace coax::stack::ethernet
