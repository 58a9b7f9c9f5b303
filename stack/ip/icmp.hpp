// ICMP of an IPv4 host (RFC 792, RFC 1122 3.2.2): answers echo requests, makes the errors a host
// must send, and reads those it must obey. What it sends are whole packets in a bounded queue,
// which egress empties; it knows no transport protocol, only its first eight bytes.
#pragma once

#include <optional>

#include "stack/base/flow.hpp"
#include "stack/base/payload.hpp"
#include "stack/base/random.hpp"
#include "stack/base/record_queue.hpp"
#include "stack/base/result.hpp"
#include "stack/base/time.hpp"
#include "stack/base/token_bucket.hpp"
#include "stack/config.hpp"
#include "stack/ip/addresses.hpp"
#include "stack/ip/counters.hpp"
#include "stack/wire/icmp.hpp"
#include "stack/wire/ipv4.hpp"

namespace coax::stack::ip {

// What an ICMP error says to the transport whose packet it quotes (RFC 1122 4.2.3.9).
enum class icmp_severity : std::uint8_t { soft, hard, packet_too_big };

struct icmp_notice {
    std::uint8_t protocol = 0;   // of the quoted packet: TCP or UDP
    flow ends;                   // of the quoted packet, seen from this host
    std::uint32_t sequence = 0;  // the four bytes behind the ports: TCP's sequence number
    icmp_severity severity = icmp_severity::soft;
    bool prohibited = false;  // soft for TCP; a datagram socket is told
    error cause = error::host_unreachable;
    std::uint16_t next_hop_mtu = 0;  // packet_too_big only: bytes of IP packet, never 0 then
};

class icmp {
  public:
    // The references must outlive it.
    icmp(const ip_config& config, const address_table& addresses, random_source& randomness,
         ip_counters& counters);

    // A message to an own address, or to all (`broadcast`). Answers an echo request; returns what
    // an error means, if it is one that quotes a packet of ours. `verify`: check the checksum.
    std::optional<icmp_notice> input(const wire::ipv4_header& header, const payload_view& message,
                                     bool broadcast, bool verify);

    // Tells the sender of `packet` (whole, from its IPv4 header on, sent to this host alone) that
    // it went nowhere, unless too much was told already. `code`: of destination_unreachable.
    void send_unreachable(std::uint8_t code, const wire::ipv4_header& header,
                          const payload_view& packet, instant now);

    // RFC 792, RFC 1122 3.3.2: a packet did not become whole in time. `packet`: its fragment zero.
    void send_time_exceeded(const wire::ipv4_header& header, const payload_view& packet,
                            instant now);

    // Whole IPv4 packets to send; the head is the destination.
    record_queue<ip_address>& outgoing() noexcept { return outgoing_; }
    const record_queue<ip_address>& outgoing() const noexcept { return outgoing_; }

  private:
    void send_error(const wire::icmp_header& what, const wire::ipv4_header& header,
                    const payload_view& packet, instant now);
    void echo(const wire::ipv4_header& header, const payload_view& message);
    std::optional<icmp_notice> read_error(const wire::icmp_header& error,
                                          const payload_view& message);

    const ip_config& config_;
    const address_table& addresses_;
    random_source& randomness_;
    ip_counters& counters_;
    token_bucket errors_allowed_;
    record_queue<ip_address> outgoing_;
};

}  // namespace coax::stack::ip
