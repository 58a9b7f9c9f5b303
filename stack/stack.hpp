// One host's TCP/IP stack over one device: the face that the framework sees. It owns no clock, no
// thread and no system call; the caller turns it:
//
//     receive(now)  takes one burst from the device through ingress      (loop while it says more)
//     advance(now)  fires expired timers; takes in what this host sent to itself
//     next_event()  what became possible for which socket                (loop until empty)
//     flush(now)    egress: sends what the above and the socket calls caused, one device burst at
//                   a time
//     next_deadline()  when advance() must be called again at the latest; a moment long past when
//                      flush() left something to do (a packet to itself, an event)
//
// Socket calls only change state and buffers; frames leave in flush() alone.
// Not thread-safe: one stack belongs to one thread. No call throws; allocation failure of a pool is
// error::no_buffer_space.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stack/base/address.hpp"
#include "stack/base/random.hpp"
#include "stack/base/result.hpp"
#include "stack/base/siblings.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/device.hpp"
#include "stack/tcp/layer.hpp"
#include "stack/udp/layer.hpp"

namespace coax::stack {

using tcp_socket = tcp::socket_id;
using udp_socket = udp::socket_id;

struct interface_address {
    ip_prefix prefix;  // own address with the length of the link's prefix
};

struct route {
    ip_prefix destination;  // 0.0.0.0/0: default
    ip_address gateway;     // unspecified: on link
};

// A dropped-frame or event counter by name ("ip.bad_checksum"); see DESIGN, rule 9.
struct counter {
    std::string_view name;
    std::uint64_t value;
};

class ip_stack {
  public:
    // `device` and `randomness` must outlive the stack.
    ip_stack(const stack_config& config, device& device, random_source& randomness);
    ~ip_stack();
    ip_stack(const ip_stack&) = delete;
    ip_stack& operator=(const ip_stack&) = delete;

    // The other stacks of a host that has several; they must outlive this one. Before all else.
    void set_siblings(siblings& others);

    // --- interface and routes. The connected route of an address comes with it; the address is
    // announced on the link with the next flush (RFC 5227 2.3). Errors: invalid_argument (no host
    // can have it), address_in_use (it is there), no_buffer_space (addresses_max),
    // address_family_not_supported (IPv6: its frames are not wired up yet).
    status add_address(const interface_address& address);
    // network_unreachable: the gateway is not on a link of ours. A route to the same destination is
    // replaced.
    status add_route(const route& route);
    std::vector<interface_address> addresses() const;

    // --- turning
    bool receive(instant now);  // true: the burst was full, call again
    void advance(instant now);
    bool flush(instant now);        // false: the device took not all; call again next turn
    instant next_deadline() const;  // `never` if no timer runs
    bool next_event(tcp::event& event);
    bool next_udp_event(udp::event& event);

    // --- TCP sockets. All calls answer error::bad_handle for a stale socket.
    result<tcp_socket> tcp_open(void* user);
    void tcp_set_user(tcp_socket socket, void* user);
    // port 0: an ephemeral one (RFC 6056). Unspecified address: any own address.
    status tcp_bind(tcp_socket socket, const endpoint& local, bool reuse_address);
    status tcp_listen(tcp_socket socket, std::uint32_t backlog);
    // Starts an active open; `connected` or `failed` follows as an event.
    status tcp_connect(tcp_socket socket, const endpoint& remote, instant now);
    // error::would_block when the accept queue is empty. The user pointer of the new socket is
    // null.
    result<tcp::accepted> tcp_accept(tcp_socket listener);
    // Copies into the send buffer; 1..n bytes, or would_block when it is full.
    result<std::size_t> tcp_send(tcp_socket socket, std::span<const const_bytes> pieces,
                                 instant now);
    result<std::size_t> tcp_send(tcp_socket socket, std::span<const const_bytes> pieces,
                                 instant now, tcp::send_flags how);
    // Copies out of the receive buffer; 1..n bytes, would_block, or end_of_stream.
    result<std::size_t> tcp_receive(tcp_socket socket, std::span<const mutable_bytes> pieces,
                                    instant now);
    // As tcp_receive, but the bytes stay.
    result<std::size_t> tcp_peek(tcp_socket socket, std::span<const mutable_bytes> pieces);
    // Urgent data: as the calls of tcp/layer.hpp with these names.
    result<std::byte> tcp_receive_urgent(tcp_socket socket, bool peek);
    result<bool> tcp_at_mark(tcp_socket socket) const;
    bool tcp_has_urgent(tcp_socket socket) const;
    std::size_t tcp_available(tcp_socket socket) const;   // bytes that tcp_receive would give now
    std::size_t tcp_send_space(tcp_socket socket) const;  // bytes that tcp_send would take now
    status tcp_shutdown(tcp_socket socket, tcp::shutdown_side side, instant now);
    // Orderly: what stands in the send buffer is still sent, the FIN after it. The id is gone. With
    // unread data a RST is sent instead (RFC 9293 3.10.4, RFC 2525 2.17).
    void tcp_close(tcp_socket socket, instant now);
    void tcp_abort(tcp_socket socket, instant now);  // RST at once. The id is gone.
    result<flow> tcp_ends(tcp_socket socket) const;  // local is set once bound
    // A closed socket (tcp_close) has data or a FIN that the peer did not acknowledge yet. Looks at
    // every connection: for the end of a program.
    bool tcp_is_delivering() const;
    error tcp_error(tcp_socket socket);  // why it failed; none if it did not
    result<tcp::connection_info> tcp_info(tcp_socket socket, instant now = {}) const;

    // --- TCP options
    status tcp_set_no_delay(tcp_socket socket, bool on, instant now);
    status tcp_set_keep_alive(tcp_socket socket, bool on, instant now);
    // "cubic", "newreno", "bbr": congestion_algorithm_names; invalid_argument: none of them
    status tcp_set_congestion(tcp_socket socket, std::string_view name, instant now);
    // As the calls of tcp/layer.hpp with these names.
    status tcp_set_keep_alive_times(tcp_socket socket, const tcp::keep_alive_times& times,
                                    instant now);
    status tcp_set_cork(tcp_socket socket, bool on, instant now);
    status tcp_set_maximum_segment(tcp_socket socket, std::uint16_t bytes);
    status tcp_set_urgent_inline(tcp_socket socket, bool on);
    status tcp_set_traffic_class(tcp_socket socket, std::uint8_t value);
    // Time to live of what is sent; 0: as configured (ip_config). A listener's is that of the
    // connections it accepts.
    status tcp_set_hops(tcp_socket socket, std::uint8_t value);
    status tcp_set_linger(tcp_socket socket, duration most);
    status tcp_set_user_timeout(tcp_socket socket, duration timeout);
    status tcp_set_ecn(tcp_socket socket, ecn_use how);  // RFC 3168; before connect or listen
    status tcp_set_pacing(tcp_socket socket, bool on);
    status tcp_set_idle_window(tcp_socket socket, idle_window how);
    status tcp_set_send_buffer(tcp_socket socket, std::uint32_t bytes);
    status tcp_set_receive_buffer(tcp_socket socket, std::uint32_t bytes);

    // --- UDP sockets. Datagrams go out in the order of the calls. All calls answer
    // error::bad_handle for a stale socket.
    result<udp_socket> udp_open(void* user);
    status udp_set_user(udp_socket socket, void* user);
    // As tcp_bind; also to a group or a broadcast address, which then alone is heard. Several
    // sockets at one place, if all have udp_set_reuse_address().
    status udp_bind(udp_socket socket, const endpoint& local);
    // Hears and sends to this peer alone, and is told when nobody listens there
    // (connection_refused from the next receive). Unspecified address: undone.
    status udp_connect(udp_socket socket, const endpoint& remote);
    // Copies one datagram to the send queue. Unbound: an ephemeral port. access_denied: to a
    // broadcast address without udp_set_broadcast(). message_too_long: above
    // 65507 bytes, or more than the path carries in one packet and dont_fragment is set;
    // would_block: the queue is full.
    status udp_send_to(udp_socket socket, const endpoint& remote,
                       std::span<const const_bytes> pieces, instant now);
    status udp_send(udp_socket socket, std::span<const const_bytes> pieces, instant now);
    // Off (default): what is larger than the path's MTU is sent in fragments (RFC 791 3.2). On: it
    // is refused (RFC 8085 3.2).
    status udp_set_dont_fragment(udp_socket socket, bool on);
    // As the calls of udp/layer.hpp with these names.
    status udp_set_broadcast(udp_socket socket, bool on);
    status udp_set_traffic_class(udp_socket socket, std::uint8_t value);
    status udp_set_reuse_address(udp_socket socket, bool on);
    status udp_set_hops(udp_socket socket, std::uint8_t hops);
    status udp_set_multicast_hops(udp_socket socket, std::uint8_t hops);
    status udp_set_multicast_loop(udp_socket socket, bool on);
    // An own address, address_not_available otherwise; unspecified: the one of routing.
    status udp_set_multicast_source(udp_socket socket, const ip_address& source);
    // Hears an IPv4 group (RFC 1112, RFC 3376), on the one link there is, until it leaves it or is
    // closed. invalid_argument: not a group; network_unreachable: no own address yet;
    // address_in_use: it hears it already, or the device cannot share it; no_buffer_space: too many
    // (udp.memberships_max, ip.groups_max).
    status udp_join_group(udp_socket socket, const ip_address& group);
    // address_not_available: it does not hear it.
    status udp_leave_group(udp_socket socket, const ip_address& group);
    status udp_set_receive_buffer(udp_socket socket, std::uint32_t bytes);
    status udp_set_send_buffer(udp_socket socket, std::uint32_t bytes);
    bool udp_is_readable(udp_socket socket) const;
    bool udp_is_writable(udp_socket socket);
    error udp_pending_error(udp_socket socket, bool take);
    // Takes one datagram (`peek`: it stays); what does not fit in the pieces is lost, and
    // `truncated` says so.
    result<udp::received> udp_receive_from(udp_socket socket, std::span<const mutable_bytes> pieces,
                                           bool peek = false);
    std::size_t udp_available(udp_socket socket) const;  // bytes of the next datagram
    result<flow> udp_ends(udp_socket socket) const;
    void udp_close(udp_socket socket);  // what is in the send queue is still sent

    // --- observation
    std::vector<counter> counters() const;
    // What is held at this moment ("tcp.connections", "neighbour.held_bytes"). When all sockets are
    // closed and their last timers have passed, all is zero but "neighbour.entries", a cache.
    std::vector<counter> usage() const;
    std::size_t udp_socket_count() const;
    std::size_t tcp_socket_count() const;  // of all states, TIME-WAIT included

  private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

}  // namespace coax::stack
