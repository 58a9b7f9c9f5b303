// The face of the stack: socket calls go to their layer, after what only routing and addresses can
// tell was checked; turning goes to ingress and egress.
#include "stack/stack.hpp"

#include <algorithm>

#include "stack/egress.hpp"
#include "stack/ingress.hpp"
#include "stack/layers.hpp"
#include "stack/wire/ipv4.hpp"
#include "stack/wire/udp.hpp"

namespace coax::stack {

struct ip_stack::parts {
    parts(const stack_config& config, device& device, random_source& randomness)
        : all(config, device, randomness), up(all), down(all) {}

    result<ip_address> source_towards(const ip_address& remote) const;
    std::uint16_t mtu_towards(const ip_address& remote, instant now) const;
    status check_local(const endpoint& local) const;
    status check_remote(const flow& ends, const endpoint& remote) const;
    status check_datagram(udp_socket socket, const flow& ends, const endpoint& remote) const;
    result<ip_address> datagram_source(udp_socket socket, const ip_address& remote) const;
    void leave_group(const ip_address& group);
    struct {  // whom the last connection was opened to, with which source: good in this epoch
        std::uint32_t epoch = 0;
        ip_address remote, source;
    } last_opened;
    layers all;
    ingress up;
    egress down;
};

// The own address to speak to `remote` with (RFC 9293 3.9.1.1, MUST-44).
result<ip_address> ip_stack::parts::source_towards(const ip_address& remote) const {
    if (all.addresses.is_local(remote)) return remote;
    const auto next_hop = all.routes.next_hop(remote);
    if (!next_hop) return error::network_unreachable;
    const auto source = all.addresses.source_towards(*next_hop);
    if (!source) return error::network_unreachable;
    return *source;
}

// Bytes of IP packet.
std::uint16_t ip_stack::parts::mtu_towards(const ip_address& remote, instant now) const {
    if (all.addresses.is_local(remote)) return all.config.ip.loopback_mtu;
    if (remote.is_multicast()) return all.capabilities.mtu;
    return all.path_mtus.towards(remote, all.capabilities.mtu, now);
}

status ip_stack::parts::check_local(const endpoint& local) const {
    if (local.address.is_unspecified() || all.addresses.is_local(local.address)) return {};
    return error::address_not_available;
}

status ip_stack::parts::check_remote(const flow& ends, const endpoint& remote) const {
    const ip_address& to = remote.address;
    // RFC 9293 3.9.2.3 (MUST-46), RFC 1122 4.1.3.6: only unicast.
    if (remote.port == 0 || to.is_unspecified() || to.is_multicast() ||
        all.addresses.is_broadcast(to))
        return error::invalid_argument;
    // RFC 1122 3.2.1.3 (g): nothing of 127/8 leaves the host.
    if (ends.local.address.is_loopback() && !all.addresses.is_local(to))
        return error::invalid_argument;
    return {};
}

// To all on the link only for those who said that they mean it (RFC 1122 3.3.6 is about hosts that
// do so by mistake); to a group for everybody.
status ip_stack::parts::check_datagram(udp_socket socket, const flow& ends,
                                       const endpoint& remote) const {
    const bool to_group = remote.address.is_multicast() && remote.address.is_v4();
    if (!to_group && !all.addresses.is_broadcast(remote.address)) return check_remote(ends, remote);
    if (remote.port == 0 || (to_group && ends.local.address.is_loopback()))
        return error::invalid_argument;
    if (to_group) return {};
    return all.udp.may_broadcast(socket) ? status() : status(error::access_denied);
}

// RFC 1112 6.1: to a group from the address that the user chose, or else from the first one.
result<ip_address> ip_stack::parts::datagram_source(udp_socket socket,
                                                    const ip_address& remote) const {
    if (!remote.is_multicast()) return source_towards(remote);
    if (const ip_address chosen = all.udp.multicast_source(socket); !chosen.is_unspecified())
        return chosen;
    const auto source = all.addresses.source_towards(remote);
    if (!source) return error::network_unreachable;
    return *source;
}

// One socket fewer hears it.
void ip_stack::parts::leave_group(const ip_address& group) {
    if (all.groups.leave(group)) static_cast<void>(all.link.want_group(group, false));
}

ip_stack::ip_stack(const stack_config& config, device& device, random_source& randomness)
    : parts_(std::make_unique<parts>(config, device, randomness)) {}

ip_stack::~ip_stack() = default;

// --- interface and routes

status ip_stack::add_address(const interface_address& address) {
    layers& all = parts_->all;
    if (address.prefix.address.is_v6()) return error::address_family_not_supported;
    if (const status added = all.addresses.add(address.prefix); !added) return added;
    all.arp.announce(address.prefix.address);
    all.epoch.advance();  // also where there is no room for its route
    return all.routes.add(address.prefix, ip_address());
}

status ip_stack::add_route(const route& route) {
    layers& all = parts_->all;
    if (route.destination.address.is_v6()) return error::address_family_not_supported;
    const ip_address& gateway = route.gateway;
    if (!gateway.is_unspecified()) {
        if (all.addresses.is_own(gateway)) return error::invalid_argument;
        if (!all.addresses.is_on_link(gateway)) return error::network_unreachable;
    }
    return all.routes.add(route.destination, gateway);
}

std::vector<interface_address> ip_stack::addresses() const {
    std::vector<interface_address> list;
    for (const ip_prefix& own : parts_->all.addresses.all()) list.push_back({own});
    return list;
}

void ip_stack::set_siblings(siblings& others) {
    layers& all = parts_->all;
    all.others = &others;
    all.tcp.set_siblings(&others);
    all.udp.set_siblings(&others);
}

// --- turning

bool ip_stack::receive(instant now) { return parts_->up.receive(now); }

void ip_stack::advance(instant now) {
    layers& all = parts_->all;
    parts_->down.take_news();
    if (!all.loopback.empty()) parts_->up.receive_loopback(now);
    all.neighbours.advance(now);
    all.fragments.advance(now);
    all.groups.advance(now);
    all.arp.advance(now);
    all.tcp.advance(now);
}

bool ip_stack::flush(instant now) { return parts_->down.flush(now); }

instant ip_stack::next_deadline() const {
    const layers& all = parts_->all;
    if (!all.loopback.empty() || parts_->down.has_news()) return instant::min();
    return std::min({all.tcp.next_deadline(), all.neighbours.next_deadline(),
                     all.arp.next_deadline(), all.fragments.next_deadline(),
                     all.groups.next_deadline()});
}

bool ip_stack::next_event(tcp::event& event) { return parts_->all.tcp.next_event(event); }
bool ip_stack::next_udp_event(udp::event& event) { return parts_->all.udp.next_event(event); }

// --- TCP

result<tcp_socket> ip_stack::tcp_open(void* user) { return parts_->all.tcp.open(user); }

void ip_stack::tcp_set_user(tcp_socket socket, void* user) {
    parts_->all.tcp.set_user(socket, user);
}

status ip_stack::tcp_bind(tcp_socket socket, const endpoint& local, bool reuse_address) {
    if (const status good = parts_->check_local(local); !good) return good;
    return parts_->all.tcp.bind(socket, local, reuse_address);
}

status ip_stack::tcp_listen(tcp_socket socket, std::uint32_t backlog) {
    return parts_->all.tcp.listen(socket, backlog);
}

status ip_stack::tcp_connect(tcp_socket socket, const endpoint& remote, instant now) {
    const auto ends = parts_->all.tcp.ends(socket);
    if (!ends) return ends.code();
    if (const auto& last = parts_->last_opened; last.epoch == parts_->all.epoch.current() &&
                                                last.remote == remote.address && remote.port != 0 &&
                                                ends->local.address.is_unspecified())
        return parts_->all.tcp.connect(socket, remote, last.source, now);
    if (const status good = parts_->check_remote(*ends, remote); !good) return good;
    const auto source = parts_->source_towards(remote.address);
    if (!source) return source.code();
    parts_->last_opened = {parts_->all.epoch.current(), remote.address, *source};
    return parts_->all.tcp.connect(socket, remote, *source, now);
}

result<tcp::accepted> ip_stack::tcp_accept(tcp_socket listener) {
    return parts_->all.tcp.accept(listener);
}

result<std::size_t> ip_stack::tcp_send(tcp_socket socket, std::span<const const_bytes> pieces,
                                       instant now) {
    return parts_->all.tcp.send(socket, pieces, now);
}

result<std::size_t> ip_stack::tcp_send(tcp_socket socket, std::span<const const_bytes> pieces,
                                       instant now, tcp::send_flags how) {
    return parts_->all.tcp.send(socket, pieces, now, how);
}

result<std::size_t> ip_stack::tcp_receive(tcp_socket socket, std::span<const mutable_bytes> pieces,
                                          instant now) {
    return parts_->all.tcp.receive(socket, pieces, now);
}

result<std::size_t> ip_stack::tcp_peek(tcp_socket socket, std::span<const mutable_bytes> pieces) {
    return parts_->all.tcp.peek(socket, pieces);
}

result<std::byte> ip_stack::tcp_receive_urgent(tcp_socket socket, bool peek) {
    return parts_->all.tcp.receive_urgent(socket, peek);
}

result<bool> ip_stack::tcp_at_mark(tcp_socket socket) const {
    return parts_->all.tcp.at_mark(socket);
}

bool ip_stack::tcp_has_urgent(tcp_socket socket) const {
    return parts_->all.tcp.has_urgent(socket);
}

std::size_t ip_stack::tcp_available(tcp_socket socket) const {
    return parts_->all.tcp.available(socket);
}

std::size_t ip_stack::tcp_send_space(tcp_socket socket) const {
    return parts_->all.tcp.send_space(socket);
}

status ip_stack::tcp_shutdown(tcp_socket socket, tcp::shutdown_side side, instant now) {
    return parts_->all.tcp.shutdown(socket, side, now);
}

void ip_stack::tcp_close(tcp_socket socket, instant now) { parts_->all.tcp.close(socket, now); }
void ip_stack::tcp_abort(tcp_socket socket, instant now) { parts_->all.tcp.abort(socket, now); }

result<flow> ip_stack::tcp_ends(tcp_socket socket) const { return parts_->all.tcp.ends(socket); }
bool ip_stack::tcp_is_delivering() const { return parts_->all.tcp.is_delivering(); }
error ip_stack::tcp_error(tcp_socket socket) { return parts_->all.tcp.error_of(socket); }

result<tcp::connection_info> ip_stack::tcp_info(tcp_socket socket, instant now) const {
    return parts_->all.tcp.info(socket, now);
}

status ip_stack::tcp_set_no_delay(tcp_socket socket, bool on, instant now) {
    return parts_->all.tcp.set_no_delay(socket, on, now);
}

status ip_stack::tcp_set_keep_alive(tcp_socket socket, bool on, instant now) {
    return parts_->all.tcp.set_keep_alive(socket, on, now);
}

status ip_stack::tcp_set_keep_alive_times(tcp_socket socket, const tcp::keep_alive_times& times,
                                          instant now) {
    return parts_->all.tcp.set_keep_alive_times(socket, times, now);
}

status ip_stack::tcp_set_cork(tcp_socket socket, bool on, instant now) {
    return parts_->all.tcp.set_cork(socket, on, now);
}

status ip_stack::tcp_set_maximum_segment(tcp_socket socket, std::uint16_t bytes) {
    return parts_->all.tcp.set_maximum_segment(socket, bytes);
}

status ip_stack::tcp_set_urgent_inline(tcp_socket socket, bool on) {
    return parts_->all.tcp.set_urgent_inline(socket, on);
}

status ip_stack::tcp_set_hops(tcp_socket socket, std::uint8_t value) {
    return parts_->all.tcp.set_hops(socket, value);
}

status ip_stack::tcp_set_traffic_class(tcp_socket socket, std::uint8_t value) {
    return parts_->all.tcp.set_traffic_class(socket, value);
}

status ip_stack::tcp_set_linger(tcp_socket socket, duration most) {
    return parts_->all.tcp.set_linger(socket, most);
}

status ip_stack::tcp_set_user_timeout(tcp_socket socket, duration timeout) {
    return parts_->all.tcp.set_user_timeout(socket, timeout);
}

status ip_stack::tcp_set_send_buffer(tcp_socket socket, std::uint32_t bytes) {
    return parts_->all.tcp.set_send_buffer(socket, bytes);
}

status ip_stack::tcp_set_ecn(tcp_socket socket, ecn_use how) {
    return parts_->all.tcp.set_ecn(socket, how);
}

status ip_stack::tcp_set_pacing(tcp_socket socket, bool on) {
    return parts_->all.tcp.set_pacing(socket, on);
}

status ip_stack::tcp_set_idle_window(tcp_socket socket, idle_window how) {
    return parts_->all.tcp.set_idle_window(socket, how);
}

status ip_stack::tcp_set_congestion(tcp_socket socket, std::string_view name, instant now) {
    return parts_->all.tcp.set_congestion(socket, name, now);
}

status ip_stack::tcp_set_receive_buffer(tcp_socket socket, std::uint32_t bytes) {
    return parts_->all.tcp.set_receive_buffer(socket, bytes);
}

// --- UDP

result<udp_socket> ip_stack::udp_open(void* user) { return parts_->all.udp.open(user); }

status ip_stack::udp_set_user(udp_socket socket, void* user) {
    return parts_->all.udp.set_user(socket, user);
}

status ip_stack::udp_bind(udp_socket socket, const endpoint& local) {
    const bool of_many = (local.address.is_multicast() && local.address.is_v4()) ||
                         parts_->all.addresses.is_broadcast(local.address);
    if (const status good = parts_->check_local(local); !good && !of_many) return good;
    return parts_->all.udp.bind(socket, local, of_many);
}

status ip_stack::udp_connect(udp_socket socket, const endpoint& remote) {
    const auto ends = parts_->all.udp.ends(socket);
    if (!ends) return ends.code();
    if (remote.address.is_unspecified())
        return parts_->all.udp.connect(socket, remote, remote.address);
    if (const status good = parts_->check_datagram(socket, *ends, remote); !good) return good;
    const auto source = parts_->datagram_source(socket, remote.address);
    if (!source) return source.code();
    return parts_->all.udp.connect(socket, remote, *source);
}

status ip_stack::udp_send_to(udp_socket socket, const endpoint& remote,
                             std::span<const const_bytes> pieces, instant now) {
    const layers& all = parts_->all;
    const auto ends = all.udp.ends(socket);
    if (!ends) return ends.code();
    if (const status good = parts_->check_datagram(socket, *ends, remote); !good) return good;
    const auto source = parts_->datagram_source(socket, remote.address);
    if (!source) return source.code();
    std::size_t size = wire::ipv4_header_size + wire::udp_header_size;
    for (const auto& piece : pieces) size += piece.size();
    if (size > ip::packet_bytes_max) return error::message_too_long;
    // RFC 1191 3: with the DF bit, what is larger than the path would go nowhere.
    if (all.udp.dont_fragment(socket) && size > parts_->mtu_towards(remote.address, now))
        return error::message_too_long;
    return parts_->all.udp.send(socket, remote, *source, pieces);
}

status ip_stack::udp_set_dont_fragment(udp_socket socket, bool on) {
    return parts_->all.udp.set_dont_fragment(socket, on);
}

status ip_stack::udp_send(udp_socket socket, std::span<const const_bytes> pieces, instant now) {
    const auto ends = parts_->all.udp.ends(socket);
    if (!ends) return ends.code();
    if (ends->remote.address.is_unspecified()) return error::not_connected;
    return udp_send_to(socket, ends->remote, pieces, now);
}

status ip_stack::udp_set_broadcast(udp_socket socket, bool on) {
    return parts_->all.udp.set_broadcast(socket, on);
}

status ip_stack::udp_set_traffic_class(udp_socket socket, std::uint8_t value) {
    return parts_->all.udp.set_traffic_class(socket, value);
}

status ip_stack::udp_set_reuse_address(udp_socket socket, bool on) {
    return parts_->all.udp.set_reuse_address(socket, on);
}

status ip_stack::udp_set_hops(udp_socket socket, std::uint8_t hops) {
    return parts_->all.udp.set_hops(socket, hops);
}

status ip_stack::udp_set_multicast_hops(udp_socket socket, std::uint8_t hops) {
    return parts_->all.udp.set_multicast_hops(socket, hops);
}

status ip_stack::udp_set_multicast_loop(udp_socket socket, bool on) {
    return parts_->all.udp.set_multicast_loop(socket, on);
}

status ip_stack::udp_set_multicast_source(udp_socket socket, const ip_address& source) {
    if (!source.is_unspecified() && !parts_->all.addresses.is_own(source))
        return error::address_not_available;
    return parts_->all.udp.set_multicast_source(socket, source);
}

status ip_stack::udp_join_group(udp_socket socket, const ip_address& group) {
    layers& all = parts_->all;
    if (!group.is_v4() || !group.is_multicast()) return error::invalid_argument;
    if (all.addresses.all().empty()) return error::network_unreachable;
    if (const status joined = all.udp.join_group(socket, group); !joined) return joined;
    const bool is_first = !all.groups.is_joined(group);
    error wrong = is_first ? all.link.want_group(group, true) : error::none;
    if (wrong == error::none) {
        wrong = all.groups.join(group).code();
        if (wrong == error::none) return {};
        if (is_first) static_cast<void>(all.link.want_group(group, false));
    }
    static_cast<void>(all.udp.leave_group(socket, group));
    return wrong;
}

status ip_stack::udp_leave_group(udp_socket socket, const ip_address& group) {
    if (const status left = parts_->all.udp.leave_group(socket, group); !left) return left;
    parts_->leave_group(group);
    return {};
}

status ip_stack::udp_set_receive_buffer(udp_socket socket, std::uint32_t bytes) {
    return parts_->all.udp.set_receive_buffer(socket, bytes);
}

status ip_stack::udp_set_send_buffer(udp_socket socket, std::uint32_t bytes) {
    return parts_->all.udp.set_send_buffer(socket, bytes);
}

bool ip_stack::udp_is_readable(udp_socket socket) const {
    return parts_->all.udp.is_readable(socket);
}

bool ip_stack::udp_is_writable(udp_socket socket) { return parts_->all.udp.is_writable(socket); }

error ip_stack::udp_pending_error(udp_socket socket, bool take) {
    return parts_->all.udp.pending_error(socket, take);
}

result<udp::received> ip_stack::udp_receive_from(udp_socket socket,
                                                 std::span<const mutable_bytes> pieces, bool peek) {
    return parts_->all.udp.receive(socket, pieces, peek);
}

std::size_t ip_stack::udp_available(udp_socket socket) const {
    return parts_->all.udp.available(socket);
}

result<flow> ip_stack::udp_ends(udp_socket socket) const { return parts_->all.udp.ends(socket); }
void ip_stack::udp_close(udp_socket socket) {
    for (const ip_address& group : parts_->all.udp.groups(socket)) parts_->leave_group(group);
    parts_->all.udp.close(socket);
}

// --- observation

std::vector<counter> ip_stack::counters() const {
    const layers& all = parts_->all;
    std::vector<counter> list;
    const auto add = [&list](std::string_view name, std::uint64_t value) {
        list.push_back({name, value});
    };
    visit_counters(all.traffic, add);
    visit_counters(all.link_count, add);
    visit_counters(all.ip_count, add);
    visit_counters(all.udp_count, add);
    all.tcp.visit_counters(add);
    return list;
}

std::vector<counter> ip_stack::usage() const {
    const layers& all = parts_->all;
    std::vector<counter> list;
    const auto add = [&list](std::string_view name, std::uint64_t value) {
        list.push_back({name, value});
    };
    visit_counters(all.tcp.usage(), add);
    add("udp.sockets", all.udp.socket_count());
    add("udp.outgoing", all.udp.has_outgoing() ? 1 : 0);
    add("ip.incomplete_datagrams", all.fragments.datagram_count());
    add("ip.reassembly_bytes", all.fragments.bytes_held());
    add("neighbour.entries", all.neighbours.size());
    add("neighbour.unresolved", all.neighbours.unresolved());
    add("neighbour.held_bytes", all.neighbours.held_bytes());
    add("neighbour.outcomes", all.neighbours.has_outcome() ? 1 : 0);
    add("arp.outgoing", all.arp.has_outgoing() ? 1 : 0);
    add("icmp.outgoing", all.icmp.outgoing().count());
    add("igmp.groups", all.groups.size());
    add("igmp.outgoing", all.groups.outgoing().count());
    add("loopback.packets", all.loopback.count());
    return list;
}

std::size_t ip_stack::tcp_socket_count() const { return parts_->all.tcp.socket_count(); }
std::size_t ip_stack::udp_socket_count() const { return parts_->all.udp.socket_count(); }

}  // namespace coax::stack
