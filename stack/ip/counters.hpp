// Counters of IP, ICMP and IGMP, by name: each is the reason why a packet was not passed on, unless
// its comment says otherwise.
#pragma once

#include "stack/base/counters.hpp"

namespace coax::stack::ip {

struct ip_counters {
    std::uint64_t truncated = 0;
    std::uint64_t bad_version = 0;
    std::uint64_t bad_header_length = 0;
    std::uint64_t bad_total_length = 0;
    std::uint64_t bad_checksum = 0;
    std::uint64_t bad_option = 0;
    std::uint64_t source_route = 0;
    std::uint64_t bad_source = 0;  // no host can have it (RFC 1122 3.2.1.3, RFC 6890)
    std::uint64_t own_source = 0;  // ours, from outside (LAND)
    std::uint64_t not_for_us = 0;
    std::uint64_t martian_destination = 0;   // loopback from outside (RFC 1122 3.2.1.3 (g))
    std::uint64_t unicast_in_broadcast = 0;  // RFC 1122 3.3.6
    std::uint64_t broadcast = 0;             // to all, for a protocol that has no use for it
    std::uint64_t multicast_not_joined = 0;  // to a group that nobody here has joined
    std::uint64_t unknown_protocol = 0;      // answered with protocol unreachable
    std::uint64_t v6_not_configured = 0;
    std::uint64_t loopback_full = 0;
    std::uint64_t no_route = 0;  // to send
    // Fragments and what becomes of them.
    std::uint64_t fragments_received = 0;    // not a drop
    std::uint64_t reassembled = 0;           // packets; not a drop
    std::uint64_t fragment_bad_length = 0;   // empty, or not whole units of eight
    std::uint64_t fragment_too_long = 0;     // ends beyond 65535 bytes ("ping of death")
    std::uint64_t fragment_tiny = 0;         // of TCP: made to deceive filters (RFC 1858, RFC 3128)
    std::uint64_t fragment_overlap = 0;      // or contradicts others: its datagram is condemned
    std::uint64_t fragment_condemned = 0;    // of a datagram that was condemned
    std::uint64_t fragment_duplicate = 0;    // the same again
    std::uint64_t fragment_limit = 0;        // too many of one datagram, or no room for it
    std::uint64_t reassembly_evicted = 0;    // datagrams that gave way to others
    std::uint64_t reassembly_timeout = 0;    // datagrams of which the rest did not come
    std::uint64_t datagrams_fragmented = 0;  // to send; not a drop
    std::uint64_t fragments_sent = 0;        // not a drop
    std::uint64_t icmp_truncated = 0;
    std::uint64_t icmp_bad_checksum = 0;
    std::uint64_t icmp_unknown_type = 0;
    std::uint64_t icmp_echo_broadcast = 0;   // RFC 1122 3.2.2.6: not answered
    std::uint64_t icmp_ignored = 0;          // redirect, source quench, replies nobody waits for
    std::uint64_t icmp_bad_quote = 0;        // an error that does not quote a packet of ours
    std::uint64_t icmp_queue_full = 0;       // to send
    std::uint64_t icmp_rate_limited = 0;     // an error not sent
    std::uint64_t icmp_echoed = 0;           // echo requests answered; not a drop
    std::uint64_t icmp_errors_sent = 0;      // not a drop
    std::uint64_t icmp_errors_received = 0;  // that quote a packet of ours; not a drop
    std::uint64_t igmp_malformed = 0;
    std::uint64_t igmp_bad_checksum = 0;
    std::uint64_t igmp_forged = 0;        // not from this link, or without what queriers send
    std::uint64_t igmp_ignored = 0;       // for routers, or of no interest
    std::uint64_t igmp_suppressed = 0;    // another host answered for us; not a drop
    std::uint64_t igmp_queries = 0;       // taken; not a drop
    std::uint64_t igmp_rate_limited = 0;  // answers that were not sent
    std::uint64_t igmp_queue_full = 0;    // to send
    std::uint64_t igmp_reports_sent = 0;  // not a drop
    std::uint64_t igmp_leaves_sent = 0;   // of version 2; not a drop

    static constexpr auto fields() noexcept {
        using c = ip_counters;
        return std::to_array<counter_field<c>>({
            {"ip.truncated", &c::truncated},
            {"ip.bad_version", &c::bad_version},
            {"ip.bad_header_length", &c::bad_header_length},
            {"ip.bad_total_length", &c::bad_total_length},
            {"ip.bad_checksum", &c::bad_checksum},
            {"ip.bad_option", &c::bad_option},
            {"ip.source_route", &c::source_route},
            {"ip.bad_source", &c::bad_source},
            {"ip.own_source", &c::own_source},
            {"ip.not_for_us", &c::not_for_us},
            {"ip.martian_destination", &c::martian_destination},
            {"ip.unicast_in_broadcast", &c::unicast_in_broadcast},
            {"ip.broadcast", &c::broadcast},
            {"ip.multicast_not_joined", &c::multicast_not_joined},
            {"ip.unknown_protocol", &c::unknown_protocol},
            {"ip.v6_not_configured", &c::v6_not_configured},
            {"ip.loopback_full", &c::loopback_full},
            {"ip.no_route", &c::no_route},
            {"ip.fragments_received", &c::fragments_received},
            {"ip.reassembled", &c::reassembled},
            {"ip.fragment_bad_length", &c::fragment_bad_length},
            {"ip.fragment_too_long", &c::fragment_too_long},
            {"ip.fragment_tiny", &c::fragment_tiny},
            {"ip.fragment_overlap", &c::fragment_overlap},
            {"ip.fragment_condemned", &c::fragment_condemned},
            {"ip.fragment_duplicate", &c::fragment_duplicate},
            {"ip.fragment_limit", &c::fragment_limit},
            {"ip.reassembly_evicted", &c::reassembly_evicted},
            {"ip.reassembly_timeout", &c::reassembly_timeout},
            {"ip.datagrams_fragmented", &c::datagrams_fragmented},
            {"ip.fragments_sent", &c::fragments_sent},
            {"icmp.truncated", &c::icmp_truncated},
            {"icmp.bad_checksum", &c::icmp_bad_checksum},
            {"icmp.unknown_type", &c::icmp_unknown_type},
            {"icmp.echo_broadcast", &c::icmp_echo_broadcast},
            {"icmp.ignored", &c::icmp_ignored},
            {"icmp.bad_quote", &c::icmp_bad_quote},
            {"icmp.queue_full", &c::icmp_queue_full},
            {"icmp.rate_limited", &c::icmp_rate_limited},
            {"icmp.echoed", &c::icmp_echoed},
            {"icmp.errors_sent", &c::icmp_errors_sent},
            {"icmp.errors_received", &c::icmp_errors_received},
            {"igmp.malformed", &c::igmp_malformed},
            {"igmp.bad_checksum", &c::igmp_bad_checksum},
            {"igmp.forged", &c::igmp_forged},
            {"igmp.ignored", &c::igmp_ignored},
            {"igmp.suppressed", &c::igmp_suppressed},
            {"igmp.queries", &c::igmp_queries},
            {"igmp.rate_limited", &c::igmp_rate_limited},
            {"igmp.queue_full", &c::igmp_queue_full},
            {"igmp.reports_sent", &c::igmp_reports_sent},
            {"igmp.leaves_sent", &c::igmp_leaves_sent},
        });
    }
};

}  // namespace coax::stack::ip
