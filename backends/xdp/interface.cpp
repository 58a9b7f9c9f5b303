// Asks the kernel about network interfaces, by ioctl, ethtool and getifaddrs. Knows no AF_XDP.
#include "backends/xdp/interface.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>

#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace coax::backends {

namespace {

// A socket to put questions to, and the name that every question carries.
class questions {
  public:
    explicit questions(const std::string& name)
        : descriptor_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), name_(name) {}
    ~questions() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    questions(const questions&) = delete;
    questions& operator=(const questions&) = delete;

    bool ask(unsigned long what, ifreq& request) const {
        std::strncpy(request.ifr_name, name_.c_str(), IFNAMSIZ - 1);
        return descriptor_ >= 0 && ioctl(descriptor_, what, &request) == 0;
    }
    template <class Command>
    bool ethtool(Command& command) const {
        ifreq request{};
        request.ifr_data = reinterpret_cast<char*>(&command);
        return ask(SIOCETHTOOL, request);
    }

  private:
    int descriptor_;
    const std::string& name_;
};

// For drivers that don't tell their channels: the queues that sysfs shows.
unsigned count_queues(const std::string& name, std::string_view prefix) {
    std::error_code error;
    unsigned count = 0;
    std::filesystem::directory_iterator at("/sys/class/net/" + name + "/queues", error);
    for (; !error && at != std::filesystem::directory_iterator(); at.increment(error))
        if (at->path().filename().string().starts_with(prefix)) ++count;
    return std::max(count, 1U);
}

void read_queues(const questions& q, interface_facts& facts) {
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    const bool told =
        q.ethtool(channels) && (channels.combined_count != 0 || channels.rx_count != 0);
    if (told) {
        facts.receive_queues = channels.combined_count + channels.rx_count;
        facts.transmit_queues = std::max(channels.combined_count + channels.tx_count, 1U);
        facts.channel_kind = channels.rx_count != 0 ? "rx" : "combined";
    } else {
        facts.receive_queues = count_queues(facts.name, "rx-");
        facts.transmit_queues = count_queues(facts.name, "tx-");
    }
}

std::optional<stack::ip_address> address_of(const sockaddr* socket_address) {
    if (socket_address == nullptr) return {};
    if (socket_address->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, socket_address, sizeof v4);
        return stack::ip_address::v4(ntohl(v4.sin_addr.s_addr));
    }
    if (socket_address->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, socket_address, sizeof v6);
        std::array<std::uint8_t, 16> octets{};
        std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
        return stack::ip_address::v6(octets);
    }
    return {};
}

}  // namespace

std::optional<interface_facts> read_interface(const std::string& name) {
    interface_facts facts;
    facts.name = name;
    facts.index = if_nametoindex(name.c_str());
    if (facts.index == 0) return {};
    const questions q(name);
    ifreq request{};
    if (!q.ask(SIOCGIFFLAGS, request)) return {};
    facts.up = (request.ifr_flags & IFF_UP) != 0;
    if (q.ask(SIOCGIFMTU, request = {})) facts.mtu = static_cast<unsigned>(request.ifr_mtu);
    if (q.ask(SIOCGIFHWADDR, request = {})) {
        facts.ethernet = request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
        std::memcpy(facts.mac.octets.data(), request.ifr_hwaddr.sa_data, facts.mac.octets.size());
    }
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    if (q.ethtool(info)) facts.driver = info.driver;
    read_queues(q, facts);
    return facts;
}

std::string interface_names() {
    std::string names;
    struct if_nameindex* list = if_nameindex();
    for (auto* at = list; at != nullptr && at->if_index != 0; ++at)
        names.append(names.empty() ? "" : ", ").append(at->if_name);
    if (list != nullptr) if_freenameindex(list);
    return names;
}

std::optional<std::string> kernel_interface_of(const stack::ip_address& address,
                                               const std::string& preferred) {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return {};
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
    std::optional<std::string> found;
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
        if (address_of(at->ifa_addr) != address) continue;
        if (!found || preferred == at->ifa_name) found = at->ifa_name;
    }
    return found;
}

bool passes_partial_checksums(const std::string& driver) {
    // Devices whose frames were made on this machine, or on the machine that hosts it, and need not
    // have been on a medium.
    constexpr std::array<std::string_view, 14> virtual_drivers{"veth",
                                                               "tun",
                                                               "virtio_net",
                                                               "bridge",
                                                               "macvlan",
                                                               "macvtap",
                                                               "ipvlan",
                                                               "dummy",
                                                               "ifb",
                                                               "netkit",
                                                               "802.1Q VLAN Support",
                                                               "bonding",
                                                               "openvswitch",
                                                               "vif"};
    return std::find(virtual_drivers.begin(), virtual_drivers.end(), driver) !=
           virtual_drivers.end();
}

// /proc/net/igmp has a line for each interface, "2\teth0      :     1      V3", and below it one
// for each of its groups, "\t\t\t\t010000E0     1 0:00000000\t\t0": the address as its octets stand
// in memory.
bool kernel_has_joined(const std::string& interface, const stack::ip_address& group) {
    std::ifstream file("/proc/thread-self/net/igmp");
    std::uint32_t octets = 0;
    std::memcpy(&octets, group.octets().data() + 12, sizeof octets);
    std::array<char, 9> wanted{};
    std::snprintf(wanted.data(), wanted.size(), "%08X", octets);
    bool here = false;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string first;
        std::string second;
        words >> first >> second;
        if (second.ends_with(':')) second.pop_back();  // a long name leaves no blank
        if (!line.empty() && line.front() != '\t') here = second == interface;
        else if (here && first == wanted.data()) return true;
    }
    return false;
}

}  // namespace coax::backends
