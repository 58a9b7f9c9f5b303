// What the scripts' set-up commands and --so_flags say, as a configuration of the stack. The
// commands are meant for a kernel (sysctl and the like): what has a counterpart here is taken over,
// the rest is none of our business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stack/base/address.hpp"
#include "stack/config.hpp"

namespace coax::packetdrill {

struct settings {
    settings();

    stack::stack_config config;
    stack::ip_prefix local{stack::ip_address::v4(192, 168, 0, 1), 16};
    std::uint16_t mtu = 1500;             // bytes of IP packet
    std::uint32_t unsent_low_water = 0;   // bytes, TCP_NOTSENT_LOWAT for all; 0: off
    std::uint32_t send_buffer = 2626560;  // bytes, what a socket starts with
    bool unreachable = false;             // the link drops what is sent: `tc ... pfifo limit 0`
    bool verbose = false;                 // say on stderr what the stack did

    // "local=192.168.0.1/16,mtu=1500,tcp_timestamps=0,verbose": names of sysctl(8) without
    // "net.ipv4." are known too. False: `flags` has something unknown, whose name is in `unknown`.
    bool read_flags(std::string_view flags, std::string& unknown);
    // A shell command of a script.
    void read_command(std::string_view command);

  private:
    bool set(std::string_view name, std::string_view value);
};

}  // namespace coax::packetdrill
