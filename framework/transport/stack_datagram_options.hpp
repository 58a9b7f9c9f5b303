// Socket options of a UDP socket on the userspace stack: what it understands, and what it only
// remembers, so that programs which set it work and read back what they set.
#pragma once

#include <cstddef>
#include <cstdint>

#include <coax/detail/socket_state.hpp>

#include "framework/transport/remembered_options.hpp"
#include "stack/stack.hpp"

namespace coax::detail {

class stack_datagram_options {
  public:
    stack_datagram_options();
    // As setsockopt(2), getsockopt(2). Unknown: no_protocol_option; too short: invalid_argument.
    error_code set(stack::ip_stack& s, stack::udp_socket socket, int level, int name,
                   const void* data, std::size_t size);
    error_code get(stack::ip_stack& s, stack::udp_socket socket, int level, int name, void* data,
                   std::size_t* size) const;

  private:
    error_code set_membership(stack::ip_stack& s, stack::udp_socket socket, int name,
                              const void* data, std::size_t size);

    int traffic_class_ = 0;
    int broadcast_ = 0;
    int reuse_address_ = 0;
    int mtu_discovery_;
    int hops_;
    int multicast_hops_ = 1;
    int multicast_loop_ = 1;
    std::uint32_t outbound_ = 0;  // IP_MULTICAST_IF, network order
    std::uint32_t send_buffer_;
    std::uint32_t receive_buffer_;
    remembered_options remembered_;
};

}  // namespace coax::detail
