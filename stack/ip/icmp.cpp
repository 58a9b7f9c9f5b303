// ICMP of an IPv4 host: echo, errors sent, errors obeyed.
#include "stack/ip/icmp.hpp"

#include <algorithm>

#include "stack/ip/output.hpp"
#include "stack/ip/path_mtu.hpp"
#include "stack/wire/checksum.hpp"

namespace coax::stack::ip {

namespace {

using namespace wire;

constexpr std::size_t error_packet_max = 576;  // bytes, RFC 1812 4.3.2.3
constexpr std::size_t ports_size = 4;
constexpr std::size_t quoted_transport_min = 8;  // RFC 792

// RFC 1122 3.2.2.1 and 4.2.3.9, RFC 1812 5.2.7.1: which of the unreachable codes end a connection.
icmp_notice judge_unreachable(std::uint8_t code) noexcept {
    icmp_notice notice;
    notice.prohibited = code == 9 || code == 10 || code == 13;  // RFC 1812 5.2.7.1
    switch (code) {
        case icmpv4::net_unreachable:
        case 6:   // destination network unknown
        case 9:   // network administratively prohibited
        case 11:  // network unreachable for type of service
            notice.cause = error::network_unreachable;
            break;
        case icmpv4::protocol_unreachable:
        case icmpv4::port_unreachable:
            notice.severity = icmp_severity::hard;
            notice.cause = error::connection_refused;
            break;
        case icmpv4::fragmentation_needed:
            notice.severity = icmp_severity::packet_too_big;
            notice.cause = error::message_too_long;
            break;
        default: break;  // host unreachable, unknown or prohibited
    }
    return notice;
}

}  // namespace

icmp::icmp(const ip_config& config, const address_table& addresses, random_source& randomness,
           ip_counters& counters)
    : config_(config),
      addresses_(addresses),
      randomness_(randomness),
      counters_(counters),
      errors_allowed_(config.icmp_per_second_max),
      outgoing_(config.icmp_queue_bytes) {}

std::optional<icmp_notice> icmp::input(const ipv4_header& header, const payload_view& message,
                                       bool broadcast, bool verify) {
    const auto parsed = parse_icmp(message.head());
    if (!parsed) {
        ++counters_.icmp_truncated;
        return {};
    }
    if (verify) {
        checksum_sum sum;
        sum.add(message);
        if (fold_sum(sum.value()) != 0xffff) {
            ++counters_.icmp_bad_checksum;
            return {};
        }
    }
    switch (parsed->type) {
        case icmpv4::echo_request:
            // RFC 1122 3.2.2.6 (MAY): not to all, or one packet would bring many.
            if (broadcast) ++counters_.icmp_echo_broadcast;
            else echo(header, message);
            return {};
        case icmpv4::destination_unreachable:
        case icmpv4::time_exceeded:
        case icmpv4::parameter_problem:
            if (!broadcast) return read_error(*parsed, message);
            ++counters_.icmp_ignored;
            return {};
        case icmpv4::source_quench:  // RFC 6633 3, RFC 9293 3.9.2.2 (MUST-55): must be ignored
        case icmpv4::redirect:       // routes are configured, not taken from strangers
        case icmpv4::echo_reply:     // nobody here asked
            ++counters_.icmp_ignored;
            return {};
        default: ++counters_.icmp_unknown_type; return {};  // RFC 1122 3.2.2: silently
    }
}

// RFC 1122 3.2.2.6 (MUST): the reply has the request's data, from the address that was asked.
void icmp::echo(const ipv4_header& header, const payload_view& message) {
    const std::size_t size = ipv4_header_size + message.size();
    std::byte* packet = outgoing_.push(header.source, size);
    if (packet == nullptr) {
        ++counters_.icmp_queue_full;
        return;
    }
    emit_ipv4(outgoing_header(config_, header.destination, header.source, protocol_icmpv4,
                              message.size()),
              packet);
    std::byte* const reply = packet + ipv4_header_size;
    message.copy_to(reply);
    const auto before = load_native<std::uint16_t>(reply);
    const auto field = load_native<std::uint16_t>(reply + icmp_checksum_offset);
    store_8(reply, icmpv4::echo_reply);
    // Type and code are one word of the sum: RFC 1624.
    store_native(reply + icmp_checksum_offset,
                 update_checksum(field, before, load_native<std::uint16_t>(reply)));
    ++counters_.icmp_echoed;
}

std::optional<icmp_notice> icmp::read_error(const icmp_header& error, const payload_view& message) {
    const const_bytes quote = message.head().subspan(icmp_header_size);
    const auto parsed = parse_quoted_ipv4(quote);
    // RFC 5927 4: an error is believed only as far as it quotes what we may have sent.
    if (parsed.fault != ipv4_fault::none || parsed.header.fragment_offset != 0 ||
        quote.size() < parsed.header_length + quoted_transport_min ||
        !addresses_.is_own(parsed.header.source) ||
        (parsed.header.protocol != protocol_tcp && parsed.header.protocol != protocol_udp)) {
        ++counters_.icmp_bad_quote;
        return {};
    }
    icmp_notice notice;
    if (error.type == icmpv4::destination_unreachable) notice = judge_unreachable(error.code);
    if (notice.severity == icmp_severity::packet_too_big) {
        notice.next_hop_mtu = error.next_hop_mtu();
        if (notice.next_hop_mtu == 0)
            notice.next_hop_mtu = plateau_below(parsed.header.total_length);
        // RFC 1191 3: a router says it only of what was larger.
        if (notice.next_hop_mtu >= parsed.header.total_length) {
            ++counters_.icmp_bad_quote;
            return {};
        }
    }
    const std::byte* transport = quote.data() + parsed.header_length;
    notice.protocol = parsed.header.protocol;
    notice.ends.local = {parsed.header.source, load_16(transport)};
    notice.ends.remote = {parsed.header.destination, load_16(transport + 2)};
    notice.sequence = load_32(transport + ports_size);
    ++counters_.icmp_errors_received;
    return notice;
}

void icmp::send_unreachable(std::uint8_t code, const ipv4_header& header,
                            const payload_view& packet, instant now) {
    send_error({icmpv4::destination_unreachable, code, 0}, header, packet, now);
}

void icmp::send_time_exceeded(const ipv4_header& header, const payload_view& packet, instant now) {
    send_error({icmpv4::time_exceeded, icmpv4::reassembly_time_exceeded, 0}, header, packet, now);
}

void icmp::send_error(const icmp_header& what, const ipv4_header& header,
                      const payload_view& packet, instant now) {
    // RFC 1122 3.2.2: never about an ICMP error, nor about fragments but the first.
    if (header.protocol == protocol_icmpv4 || header.fragment_offset != 0) return;
    if (!errors_allowed_.take(now, static_cast<unsigned>(randomness_.next() % 3))) {
        ++counters_.icmp_rate_limited;
        return;
    }
    payload_view quote = packet;
    const std::size_t quote_max = error_packet_max - ipv4_header_size - icmp_header_size;
    if (quote.size() > quote_max) quote.trim_back(quote.size() - quote_max);
    const std::size_t message_size = icmp_header_size + quote.size();
    std::byte* const out = outgoing_.push(header.source, ipv4_header_size + message_size);
    if (out == nullptr) {
        ++counters_.icmp_queue_full;
        return;
    }
    emit_ipv4(
        outgoing_header(config_, header.destination, header.source, protocol_icmpv4, message_size),
        out);
    std::byte* const message = out + ipv4_header_size;
    emit_icmp(what, message);
    quote.copy_to(message + icmp_header_size);
    store_native(message + icmp_checksum_offset,
                 finish_checksum(sum_bytes(0, message, message_size)));
    ++counters_.icmp_errors_sent;
}

}  // namespace coax::stack::ip
