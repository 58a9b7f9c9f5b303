// coax::tcp, the protocol, without the sockets that speak it: those are in <coax/tcp.hpp>.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <coax/congestion.hpp>
#include <coax/detail/ip_protocol.hpp>
#include <coax/executor.hpp>
#include <coax/tcp_options.hpp>

namespace boost::asio {
template <class Protocol, class Executor>
class basic_stream_socket;
template <class Protocol, class Executor>
class basic_socket_acceptor;
}  // namespace boost::asio

namespace coax {

class tcp : public detail::ip_protocol<tcp, boost::asio::ip::tcp> {
  public:
    using endpoint = boost::asio::ip::tcp::endpoint;
    // On any executor of a coax::io_context (asio::any_io_executor).
    using socket = boost::asio::basic_stream_socket<tcp, boost::asio::any_io_executor>;
    using acceptor = boost::asio::basic_socket_acceptor<tcp, boost::asio::any_io_executor>;
    // <coax/basic_resolver.hpp>
    using resolver = boost::asio::ip::basic_resolver<tcp, boost::asio::any_io_executor>;
    using no_delay = boost::asio::ip::tcp::no_delay;
    // Holds back what does not fill a segment until it is off again, at most 200 ms (TCP_CORK).
    using cork = detail::boolean_option<IPPROTO_TCP, TCP_CORK>;
    // For send() and async_send(), beside socket_base's flags: more follows at once, so what does
    // not fill a segment waits for it, until the next acknowledgment or 200 ms (MSG_MORE). With
    // socket_base::message_end_of_record no segment holds bytes of this record and of the next one.
    static constexpr int message_more = MSG_MORE;
    // Milliseconds without progress or answer after which the connection ends with timed_out
    // (RFC 5482); 0: the backend's default.
    using user_timeout = detail::integer_option<IPPROTO_TCP, TCP_USER_TIMEOUT>;
    // With socket_base::keep_alive: seconds of silence before the first probe (1..32767), seconds
    // between probes (1..32767), and probes without an answer that end it (1..127).
    using keep_alive_idle = detail::integer_option<IPPROTO_TCP, TCP_KEEPIDLE>;
    using keep_alive_interval = detail::integer_option<IPPROTO_TCP, TCP_KEEPINTVL>;
    using keep_alive_count = detail::integer_option<IPPROTO_TCP, TCP_KEEPCNT>;
    // The congestion control, by its name.
    using congestion = coax::congestion;
    // The Differentiated Services field of what is sent, in the upper six bits; the lower two are
    // ECN's and not looked at (IP_TOS). At any time; a listener's is that of its connections.
    using type_of_service = detail::integer_option<IPPROTO_IP, IP_TOS>;
    // Coax's own stack alone; the kernel answers no_protocol_option. Routers may mark packets
    // instead of dropping them (RFC 3168). True: asked for when connecting, and agreed to; false:
    // neither. Unless set, the peer's wish is followed. Before connect or listen.
    using explicit_congestion_notification =
        detail::boolean_option<detail::stack_option_level, detail::stack_option_ecn>;
    // Coax's own stack alone: segments leave at the connection's rate instead of in bursts.
    using pacing = detail::boolean_option<detail::stack_option_level, detail::stack_option_pacing>;
    // Coax's own stack alone. The congestion window of who sends little or nothing: kept; the
    // initial one after a pause of a retransmission timeout (RFC 5681 4.1); halved for each timeout
    // of the pause (RFC 2861), which is the default; or kept for five minutes, but not trusted
    // until it is in use again (RFC 7661): it does not grow, leaves paced, and is cut to half of
    // what was used when something is lost. At any time; a listener's is that of its connections.
    enum class idle_window : int { keep, restart, decay, validate };
    using window_after_idle =
        detail::word_option<detail::stack_option_level, detail::stack_option_idle, idle_window>;

    tcp(const boost::asio::ip::tcp& other) noexcept : ip_protocol(other.family()) {}
};

}  // namespace coax
