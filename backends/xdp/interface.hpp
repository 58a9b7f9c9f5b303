// What the kernel tells of a network interface: read once when a backend opens. Knows nothing of
// AF_XDP; changes later are link_watch.hpp's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stack/base/address.hpp"

namespace coax::backends {

struct interface_facts {
    std::string name;
    unsigned index = 0;
    bool ethernet = false;  // frames have Ethernet headers, and it is not the loopback
    bool up = false;        // IFF_UP
    unsigned mtu = 0;       // bytes of IP packet
    stack::mac_address mac;
    std::string driver;  // "veth", "virtio_net", "e1000e", ...; empty if it does not say
    // Queues in use, at least 1 each.
    unsigned receive_queues = 1;
    unsigned transmit_queues = 1;
    std::string channel_kind;  // the word that `ethtool -L` sets the receive queues with
};

// What the kernel says of the interface; none if there is no such interface.
std::optional<interface_facts> read_interface(const std::string& name);

// Names of all interfaces of this network namespace, as a list for people.
std::string interface_names();

// The interface, if any, on which the kernel itself has this address; `preferred` first.
std::optional<std::string> kernel_interface_of(const stack::ip_address& address,
                                               const std::string& preferred);

// Whether the kernel itself is in this IPv4 group on the interface.
bool kernel_has_joined(const std::string& interface, const stack::ip_address& group);

// Whether frames of this driver may come from the same machine or its host with unfinished
// transport checksums (CHECKSUM_PARTIAL), which AF_XDP has no sign for.
bool passes_partial_checksums(const std::string& driver);

}  // namespace coax::backends
