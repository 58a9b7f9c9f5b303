// Counters of the link: frames refused and neighbour events, by name.
#pragma once

#include "stack/base/counters.hpp"

namespace coax::stack::ethernet {

struct link_counters {
    std::uint64_t truncated = 0;          // shorter than an Ethernet header
    std::uint64_t not_for_us = 0;         // unicast to somebody else
    std::uint64_t multicast = 0;          // to a group of no protocol that has some here
    std::uint64_t bad_source = 0;         // a group address as source
    std::uint64_t own_source = 0;         // our own frame came back: a loop on the link
    std::uint64_t unknown_type = 0;       // neither IPv4, IPv6 nor ARP
    std::uint64_t arp_malformed = 0;      // truncated, not Ethernet/IPv4, or neither kind
    std::uint64_t arp_bad_sender = 0;     // sender that no host can be, or not on this link
    std::uint64_t arp_conflict = 0;       // somebody else claims our address (RFC 5227)
    std::uint64_t arp_not_learned = 0;    // strangers' share of the cache is full
    std::uint64_t arp_unsolicited = 0;    // a reply that nobody asked for
    std::uint64_t arp_changed = 0;        // a known neighbour has another MAC now
    std::uint64_t arp_outgoing_full = 0;  // no room to answer
    std::uint64_t neighbour_refused = 0;  // no room for one more unresolved neighbour
    std::uint64_t neighbour_failed = 0;   // asked, and nobody answered
    std::uint64_t neighbour_evicted = 0;  // made room for another one
    std::uint64_t request_deferred = 0;   // limit of ARP requests a second
    std::uint64_t pending_dropped = 0;    // packets that waited in vain, or for which was no room

    static constexpr auto fields() noexcept {
        using c = link_counters;
        return std::to_array<counter_field<c>>({
            {"ethernet.truncated", &c::truncated},
            {"ethernet.not_for_us", &c::not_for_us},
            {"ethernet.multicast", &c::multicast},
            {"ethernet.bad_source", &c::bad_source},
            {"ethernet.own_source", &c::own_source},
            {"ethernet.unknown_type", &c::unknown_type},
            {"arp.malformed", &c::arp_malformed},
            {"arp.bad_sender", &c::arp_bad_sender},
            {"arp.conflict", &c::arp_conflict},
            {"arp.not_learned", &c::arp_not_learned},
            {"arp.unsolicited", &c::arp_unsolicited},
            {"arp.changed", &c::arp_changed},
            {"arp.outgoing_full", &c::arp_outgoing_full},
            {"neighbour.refused", &c::neighbour_refused},
            {"neighbour.failed", &c::neighbour_failed},
            {"neighbour.evicted", &c::neighbour_evicted},
            {"neighbour.request_deferred", &c::request_deferred},
            {"neighbour.pending_dropped", &c::pending_dropped},
        });
    }
};

}  // namespace coax::stack::ethernet
