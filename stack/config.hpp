// Every limit and default of the stack, with its unit, its default and where it comes from.
// Nothing in the stack grows beyond what stands here (DESIGN, rule 7).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "stack/base/time.hpp"

namespace coax::stack {

using namespace std::chrono_literals;

enum class congestion_algorithm : std::uint8_t {
    cubic,    // RFC 9438, with HyStart++ (RFC 9406)
    newreno,  // RFC 5681, RFC 6582
    bbr,      // version 3 (draft-ietf-ccwg-bbr-04); always paced, or it is newreno
};
// Their names, as TCP_CONGESTION of Linux has them where it has the same, in the order above.
inline constexpr std::array<std::string_view, 3> congestion_algorithm_names{"cubic", "newreno",
                                                                            "bbr"};
// By its name; "reno" is Linux's for NewReno.
constexpr std::optional<congestion_algorithm> congestion_algorithm_named(
    std::string_view name) noexcept {
    if (name == "reno") name = "newreno";
    for (std::size_t i = 0; i < congestion_algorithm_names.size(); ++i)
        if (congestion_algorithm_names[i] == name) return static_cast<congestion_algorithm>(i);
    return std::nullopt;
}

// What becomes of the congestion window of a connection that sent nothing for longer than a
// retransmission timeout; or, with the last one, less than the window allows.
enum class idle_window : std::uint8_t {
    keep,      // nothing
    restart,   // the initial window at most (RFC 5681 4.1)
    decay,     // halved for each timeout, not below the above (RFC 2861 3.1), as Linux
    validate,  // kept for non_validated_period, and not trusted until it is in use (RFC 7661)
};
inline constexpr std::size_t idle_window_count = 4;

// Packetization-layer path MTU discovery (RFC 4821), as net.ipv4.tcp_mtu_probing.
enum class mtu_probing : std::uint8_t {
    off,
    on_black_hole,  // when full segments are lost again and again
    always,         // connections start with mtu_base
};

// When a SYN is answered with a cookie, and no state is kept (RFC 4987 3.6).
enum class syn_cookie_mode : std::uint8_t { off, on_overflow, always };

// What a socket does about explicit congestion notification (RFC 3168).
enum class ecn_use : std::uint8_t {
    off,      // neither asks for it nor agrees
    accept,   // agrees when the peer asks, as Linux
    request,  // asks, and agrees
};

struct tcp_config {
    // --- congestion control
    congestion_algorithm congestion = congestion_algorithm::cubic;  // of new sockets
    idle_window after_idle = idle_window::decay;                    // of new sockets
    duration non_validated_period = 300s;  // RFC 7661 4.4 (NVP): at most five minutes
    ecn_use ecn = ecn_use::accept;         // of new sockets
    bool pacing = false;                   // of new sockets: window-based algorithms send in bursts
    // At once; beyond it connections are not paced, and those that would have bbr have newreno.
    std::uint32_t paced_connections_max = 1U << 20;
    // ---
    std::uint32_t connections_max = 1U << 20;  // sockets of all states together
    std::uint32_t listen_backlog_max = 4096;   // accept queue, as net.core.somaxconn
    std::uint32_t syn_queue_max = 4096;        // half-open connections of one listener
    // Per connection, taken as used. Unless the user sized them they grow up to the second figure:
    // the receive buffer after what is read in a round trip, the send buffer to twice the
    // congestion window (tcp/tuning.hpp).
    std::uint32_t send_buffer_bytes = 1U << 17;
    std::uint32_t send_buffer_max_bytes = 4U << 20;      // as net.ipv4.tcp_wmem
    std::uint32_t receive_buffer_bytes = 1U << 17;       // as net.ipv4.tcp_rmem
    std::uint32_t receive_buffer_max_bytes = 15U << 20;  // the largest window; a scale of 8
    std::uint32_t tuned_connections_max = 65536;  // measured at once; the longest unused gives way
    std::uint64_t buffer_memory_bytes = 1ULL << 30;  // all socket buffers of the stack together
    std::uint16_t reassembly_ranges_max = 64;        // out-of-order ranges per connection
    std::uint8_t congestion_window_initial = 10;     // segments, RFC 6928
    duration rto_initial = 1s;                       // RFC 6298 (2.1)
    duration rto_min = 200ms;      // beyond the smoothed round trip, as Linux; RFC
                                   // 6298 (2.4) says 1 s in all (SHOULD)
    duration rto_max = 60s;        // RFC 6298 (2.5): at least 60 s
    duration delayed_ack = 40ms;   // RFC 9293 3.8.6.3 MUST-40: below 500 ms
    duration time_wait = 60s;      // as Linux; RFC 9293 3.4.2 says 2 MSL
    duration fin_wait_2 = 60s;     // orphaned half-closed connections, as Linux
    duration user_timeout = 900s;  // R2, RFC 9293 3.8.3 SHLD-11: at least 100 s
    // The user timeout option (RFC 5482), in SYNs: told by sockets with a timeout of their own,
    // obeyed by the others, which then wait longer than user_timeout, but not beyond the limit.
    bool user_timeout_option = false;
    duration user_timeout_max = 7200s;
    std::uint8_t syn_retries = 7;      // R2 for SYN, RFC 9293 3.8.3 MUST-23: at least 3 min; it is
                                       // 1 + 2 + ... + 64 + 60 = 183 s with the values above
    std::uint8_t syn_ack_retries = 5;  // as Linux: a half-open connection lives 63 s
    std::uint16_t ephemeral_port_first = 32768;  // as Linux; RFC 6056 3.2
    std::uint16_t ephemeral_port_last = 60999;
    std::uint32_t half_open_max = 65536;  // of all listeners together
    // Full queues of a listener.
    syn_cookie_mode syn_cookies = syn_cookie_mode::on_overflow;  // of the SYN queue, as Linux
    duration syn_cookie_period = 64s;              // a cookie is good for this one and the next
    std::uint32_t unaccepted_bytes_max = 65535;    // receive buffer until accept(), each: so a
                                                   // listener's strangers hold backlog times this
    std::uint64_t listener_bytes_max = 16U << 20;  // all of those of one listener together
    bool abort_on_overflow = false;  // of the accept queue: a reset; else the peer tries again
    std::uint32_t time_wait_max = 262144;        // the oldest goes first, as Linux
    std::uint32_t reply_queue_max = 256;         // resets without a connection waiting to be sent
    std::uint32_t resets_per_second_max = 1000;  // such resets, token bucket of one second
    duration challenge_ack_interval = 500ms;  // per connection: answers to what is not acceptable
                                              // and carries no data; RFC 5961 7, as Linux
    std::uint8_t quick_acks = 16;             // segments acknowledged at once at the start, so that
                                              // the peer's slow start is not slowed, as Linux
    duration keep_alive_idle = 7200s;         // RFC 9293 3.8.4 MUST-27, MUST-28: two hours or more
    duration keep_alive_interval = 75s;       // as Linux
    std::uint8_t keep_alive_probes = 9;       // as Linux
    duration cork_max = 200ms;                // a cork holds nothing back for longer, as Linux
    duration orphan_timeout = 120s;           // closed by the user, and no progress for so long
    std::uint16_t mss_min = 88;               // bytes; smaller offers count as this, as Linux
    std::uint16_t path_mtu_min = 552;         // bytes, IPv4; an ICMP error can't push lower
    // --- path MTU
    stack::mtu_probing mtu_probing = stack::mtu_probing::on_black_hole;
    std::uint16_t mtu_base = 1064;      // bytes of IP packet; RFC 4821 7.2: 1024 or more
    duration path_mtu_lifetime = 600s;  // RFC 1191 6.3: then more is tried
    // ---
    bool timestamps = true;      // RFC 7323
    bool window_scaling = true;  // RFC 7323
    // --- loss recovery
    bool sack = true;                          // RFC 2018
    bool rack = true;                          // RFC 8985; false: losses are counted as in RFC 6675
    bool tail_loss_probe = true;               // RFC 8985 7
    bool forward_rto = true;                   // RFC 5682
    duration tail_probe_ack_delay = 200ms;     // RFC 8985 7.2: TLP.max_ack_delay
    duration tail_probe_margin = 2ms;          // added to two round trips, as Linux
    std::uint32_t flight_records_max = 24576;  // per connection: what is sent and not
                                               // acknowledged, in pieces
    std::uint64_t flight_memory_bytes = 1ULL << 28;  // records of the stack, 512 bytes for twelve
};

struct neighbour_config {
    std::uint32_t entries_max = 1024;  // cached neighbours; the oldest goes first
    // Packets waiting for one neighbour, RFC 1122 2.3.2.2: a burst to somebody new arrives whole.
    std::uint16_t pending_max = 256;
    std::uint32_t pending_bytes_each = 1U << 17;  // one packet may be larger
    duration reachable = 30s;                     // then asked again while in use
    duration retry = 1s;  // between ARP requests, RFC 1122 2.3.2.1: at most one a second
    std::uint8_t retries_max = 3;
    std::uint32_t requests_per_second_max = 1000;  // to all neighbours together
    std::uint32_t unresolved_max = 256;          // entries without an answer; the oldest goes first
    std::uint32_t learned_max = 512;             // size up to which a stranger's request adds one
    std::uint32_t pending_bytes_max = 1U << 20;  // waiting packets of all neighbours together
    std::uint16_t outgoing_max = 256;            // ARP frames waiting for a transmit slot
    std::uint8_t announcements = 2;              // RFC 5227 2.3, ANNOUNCE_NUM
    duration announce_interval = 2s;             // RFC 5227 2.3, ANNOUNCE_INTERVAL
    duration defend_interval = 10s;              // RFC 5227 2.4, DEFEND_INTERVAL
};

struct ip_config {
    std::uint8_t time_to_live = 64;                 // RFC 1122 3.2.1.7; RFC 9293 3.9.2 (MUST-49)
    std::uint32_t addresses_max = 64;               // own addresses
    std::uint32_t routes_max = 1024;                // connected ones included
    std::uint32_t icmp_per_second_max = 1000;       // errors sent, token bucket (RFC 1812 4.3.2.8)
    std::uint32_t icmp_queue_bytes = 1U << 18;      // echo replies and errors waiting for a slot
    std::uint32_t loopback_queue_bytes = 1U << 20;  // packets to own addresses
    std::uint16_t loopback_mtu = 16384;             // bytes of IP packet to an own address
    std::uint32_t path_mtu_entries_max = 1024;      // destinations with a smaller MTU than the link
    std::uint16_t path_mtu_min = 552;   // as Linux: below, an ICMP message is not obeyed
    duration path_mtu_lifetime = 600s;  // RFC 1191 6.3
    // Reassembly. No source has more than an eighth, so that no stranger alone can push others out.
    std::uint32_t reassembly_bytes = 1U << 22;            // as Linux's ipfrag_high_thresh
    std::uint32_t reassembly_source_bytes = 1U << 19;     // of one source
    std::uint16_t reassembly_datagrams_max = 1024;        // incomplete ones
    std::uint16_t reassembly_source_datagrams_max = 128;  // of one source
    std::uint16_t reassembly_fragments_max = 256;         // of one datagram: MTU 276 and more
    duration reassembly_timeout = 30s;  // as Linux: identifications come again soon (RFC 4963);
                                        // RFC 1122 3.3.2 says 60 s to 120 s (SHOULD)
    // Multicast: groups of all sockets together, those being left included; and IGMP.
    std::uint32_t groups_max = 256;
    std::uint32_t igmp_per_second_max = 100;    // answers to queries, token bucket of one second
    std::uint32_t igmp_queue_bytes = 1U << 16;  // reports waiting for a slot
    std::uint8_t igmp_robustness = 2;           // RFC 3376 8.1: times a change is told, 1 or more
    duration igmp_unasked = 1s;                 // RFC 3376 8.11: most between two of these
    duration igmp_unasked_v2 = 10s;             // RFC 2236 8.10
    duration igmp_older_querier = 260s;         // RFC 3376 8.12: how long one is remembered
    duration igmp_refresh = 60s;                // on a device that hears no queries: reports
    duration igmp_refresh_spread = 10s;         // unasked, each at some moment of this time
};

struct udp_config {
    std::uint32_t sockets_max = 65536;
    std::uint32_t receive_queue_bytes = 212992;        // per socket, as net.core.rmem_default
    std::uint32_t send_queue_bytes = 212992;           // per socket, as net.core.wmem_default
    std::uint32_t send_queue_total_bytes = 1U << 22;   // all sockets together
    std::uint64_t receive_memory_bytes = 64ULL << 20;  // receive queues of all sockets together
    std::uint16_t ephemeral_port_first = 32768;        // as Linux; RFC 6056 3.2
    std::uint16_t ephemeral_port_last = 60999;
    std::uint16_t memberships_max = 20;  // groups of one socket, as net.ipv4.igmp_max_memberships
};

inline constexpr std::uint16_t burst_max = 64;

struct stack_config {
    tcp_config tcp;
    neighbour_config neighbour;
    ip_config ip;
    udp_config udp;
    std::uint16_t burst = 64;          // frames per device call, at most burst_max
    std::uint16_t segments_turn = 16;  // segments of one connection before the next has its turn
};

}  // namespace coax::stack
