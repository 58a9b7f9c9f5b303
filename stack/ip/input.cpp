// Validation of received IPv4 packets.
#include "stack/ip/input.hpp"

namespace coax::stack::ip {

namespace {

bool count_fault(wire::ipv4_fault fault, ip_counters& counters) noexcept {
    switch (fault) {
        case wire::ipv4_fault::none: return false;
        case wire::ipv4_fault::truncated: ++counters.truncated; break;
        case wire::ipv4_fault::bad_version: ++counters.bad_version; break;
        case wire::ipv4_fault::bad_header_length: ++counters.bad_header_length; break;
        case wire::ipv4_fault::bad_total_length: ++counters.bad_total_length; break;
        case wire::ipv4_fault::bad_checksum: ++counters.bad_checksum; break;
    }
    return true;
}

bool accept_source(const wire::ipv4_header& header, const arrival& how,
                   const address_table& addresses, ip_counters& counters) noexcept {
    if (how.loopback) return true;
    const ip_address& source = header.source;
    // Who asks for groups in a router's place may have no address (RFC 4541 2.1.1).
    if (source == ip_address::any_v4() && header.protocol == wire::protocol_igmp) return true;
    if (!is_impossible_source(source) && !addresses.is_own_or_broadcast(source)) return true;
    // LAND and its like: what we send does not come from outside. The others are nobody to answer
    // to (RFC 9293 3.9.2.3, MUST-63; RFC 1122 3.2.1.3).
    ++(addresses.is_own(source) ? counters.own_source : counters.bad_source);
    return false;
}

acceptance accept_destination(const ip_address& destination, const arrival& how,
                              const address_table& addresses, const membership& groups,
                              ip_counters& counters) noexcept {
    if (addresses.is_own(destination)) {
        // RFC 1122 3.3.6: a link-layer broadcast that carries a unicast packet.
        if (!how.link_broadcast) return acceptance::unicast;
        ++counters.unicast_in_broadcast;
        return acceptance::refused;
    }
    if (destination.is_loopback()) {
        if (how.loopback) return acceptance::unicast;
        ++counters.martian_destination;
        return acceptance::refused;
    }
    if (destination.is_multicast()) {
        if (groups.contains(destination)) return acceptance::broadcast;
        ++counters.multicast_not_joined;
        return acceptance::refused;
    }
    if (addresses.is_broadcast(destination)) return acceptance::broadcast;
    ++counters.not_for_us;
    return acceptance::refused;
}

}  // namespace

acceptance examine(const wire::ipv4_parsed& parsed, const arrival& how,
                   const address_table& addresses, const membership& groups,
                   ip_counters& counters) noexcept {
    if (count_fault(parsed.fault, counters)) return acceptance::refused;
    const wire::ipv4_header& header = parsed.header;
    if (parsed.header_length > wire::ipv4_header_size) {
        if (parsed.has_bad_option) {
            ++counters.bad_option;
            return acceptance::refused;
        }
        // RFC 7126 4.3, 4.4: source routing is refused; the other options are ignored.
        if (parsed.has_source_route) {
            ++counters.source_route;
            return acceptance::refused;
        }
    }
    if (!accept_source(header, how, addresses, counters)) return acceptance::refused;
    const acceptance result =
        accept_destination(header.destination, how, addresses, groups, counters);
    if (result == acceptance::refused || !header.is_fragment()) return result;
    return result == acceptance::broadcast ? acceptance::broadcast_fragment : acceptance::fragment;
}

}  // namespace coax::stack::ip
