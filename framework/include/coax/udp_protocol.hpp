// coax::udp, the protocol, without the sockets that speak it: those are in <coax/udp.hpp>.
#pragma once

#include <netinet/in.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/udp.hpp>

#include <coax/detail/ip_protocol.hpp>
#include <coax/executor.hpp>
#include <coax/tcp_options.hpp>

namespace boost::asio {
template <class Protocol, class Executor>
class basic_datagram_socket;
}  // namespace boost::asio

namespace coax {

class udp : public detail::ip_protocol<udp, boost::asio::ip::udp> {
  public:
    using endpoint = boost::asio::ip::udp::endpoint;
    // On any executor of a coax::io_context (asio::any_io_executor).
    using socket = boost::asio::basic_datagram_socket<udp, boost::asio::any_io_executor>;
    // <coax/basic_resolver.hpp>
    using resolver = boost::asio::ip::basic_resolver<udp, boost::asio::any_io_executor>;
    // The Differentiated Services field of what is sent, in the upper six bits, and ECN's two
    // (IP_TOS). At any time.
    using type_of_service = detail::integer_option<IPPROTO_IP, IP_TOS>;
    // IP_PMTUDISC_DO: what is larger than the path's MTU is refused with message_size instead of
    // sent in fragments (RFC 8085 3.2); IP_PMTUDISC_WANT, the default: sent in fragments.
    using mtu_discovery = detail::integer_option<IPPROTO_IP, IP_MTU_DISCOVER>;

    udp(const boost::asio::ip::udp& other) noexcept : ip_protocol(other.family()) {}
};

}  // namespace coax
