// The backend specification string, KIND[:NAME][,key=value...]: parsed and checked, nothing opened.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backends/driver.hpp"
#include "backends/faults/options.hpp"
#include "stack/base/address.hpp"

namespace coax::backends {

// One value per kind of backend; what is not given has the default of its field.
struct kernel_spec {};

// What the stack on this medium is asked to do in TCP; read here, obeyed there.
struct tcp_choices {
    std::string congestion;  // congestion=cubic|newreno|bbr; empty: the stack's default
    // ecn=off|accept|on: refused, agreed to when the peer asks (standard), asked for
    enum class ecn_use { standard, off, accept, on } ecn = ecn_use::standard;
    bool pacing = false;  // pacing=on|off: segments spaced at the connection's rate
    // idle=keep|restart|decay|validate: what becomes of the congestion window when little is sent
    enum class idle_window {
        standard,
        keep,
        restart,
        decay,
        validate
    } idle = idle_window::standard;
};

// How names of hosts are found on a stack of our own; read here, obeyed there.
struct name_choices {
    std::vector<stack::endpoint> servers;  // dns=, may be repeated; empty: of the configuration
    std::vector<std::string> search;       // search=, may be repeated
    std::string hosts;                     // hosts=FILE; empty: /etc/hosts
    std::string configuration;             // resolv=FILE; empty: /etc/resolv.conf
};

struct wire_spec {
    std::string segment = "default";          // segments are named within the process
    std::vector<stack::ip_prefix> addresses;  // ip=; empty: the next free one of 198.18.0.0/24
    unsigned mtu = 1500;                      // mtu=, 576..65521
    bool gso = false;  // gso=on|off, TCP super-segments up to 64 KB pass whole
    enum class checksum { strict, trusted } rx_checksum = checksum::strict;
    enum class when_full { wait, drop } full = when_full::wait;  // full=, a full peer's queue
    // spread=, of a host with several queues: by which one a frame comes
    enum class spreading { flow, frame } spread = spreading::flow;
    fault_options faults;  // loss=, delay=, seed=, ...
    tcp_choices tcp;       // congestion=, ecn=, pacing=, idle=
    name_choices names;    // dns=, search=, ...
    std::string capture;   // capture=FILE, pcapng
};

struct xdp_spec {
    std::string interface;
    std::vector<stack::ip_prefix> addresses;  // ip=, may be repeated
    stack::ip_address gateway;                // gw=, unspecified: none
    enum class attach_mode { automatic, native, skb } mode = attach_mode::automatic;  // mode=
    unsigned queue = 0;            // queue=, first NIC queue
    unsigned queues = 1;           // queues=
    unsigned frames = 8192;        // frames=, UMEM size in frames of 4096 bytes
    unsigned ring_entries = 4096;  // ring=, descriptors of each ring, power of two
    enum class checksum { automatic, strict, partial, trusted } rx_checksum = checksum::automatic;
    bool tx_checksum = true;  // tx_checksum=on|off, metadata offload if there
    bool gso = true;          // gso=on|off, super-segments by a packet socket
    fault_options faults;     // loss=, delay=, seed=, ...
    tcp_choices tcp;          // congestion=, ecn=, pacing=, idle=
    name_choices names;       // dns=, search=, ...
    std::string capture;      // capture=FILE, pcapng
};

using spec = std::variant<kernel_spec, wire_spec, xdp_spec>;

// The spec, or one line that names what is wrong and what would be right.
std::variant<spec, failure> parse_spec(std::string_view text);

// What this build and machine offer: each kind with "yes" or the reason why not, and an example.
struct availability {
    std::string kind;
    bool available = false;
    std::string reason;   // empty if available
    std::string example;  // a specification string
};
std::vector<availability> available_backends();

// Opens the backend of a spec that moves frames (not kernel_spec).
std::variant<std::unique_ptr<driver>, failure> open_driver(const spec& what);
// The same for a group of shards: one driver for each, all of one address.
std::variant<std::vector<std::unique_ptr<driver>>, failure> open_shard_drivers(const spec& what,
                                                                               unsigned count);

}  // namespace coax::backends
