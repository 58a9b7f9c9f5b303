// UDP of one stack (RFC 768, RFC 1122 4.1): sockets, their demux and their bounded queues. Values
// in, values out: it never sees a frame or a route. Ingress calls input(); egress empties
// outgoing().
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "stack/base/flow.hpp"
#include "stack/base/hash.hpp"
#include "stack/base/payload.hpp"
#include "stack/base/random.hpp"
#include "stack/base/record_queue.hpp"
#include "stack/base/result.hpp"
#include "stack/base/siblings.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/udp/counters.hpp"

namespace coax::stack::udp {

// Names a socket; a stale one is answered with error::bad_handle.
struct socket_id {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // 0: no socket
    explicit operator bool() const noexcept { return generation != 0; }
    friend bool operator==(const socket_id&, const socket_id&) noexcept = default;
};

// Edge-triggered: a bit comes when a call that answered would_block would now answer otherwise.
struct readiness {
    bool readable = false;  // a datagram, or an error to fetch
    bool writable = false;
    explicit operator bool() const noexcept { return readable || writable; }
};

struct event {
    socket_id socket;
    readiness ready;
    void* user = nullptr;
};

struct received {
    std::size_t size = 0;    // bytes copied
    bool truncated = false;  // the datagram was longer; the rest is gone
    endpoint source;
    ip_address destination;  // the own address it was sent to, or a broadcast
};

// elsewhere: another stack of this host has got it.
enum class disposition : std::uint8_t { consumed, no_port, port_zero, queue_full, elsewhere };

// A datagram on its way to egress; the body of the record is its payload.
struct datagram {
    flow ends;
    socket_id socket;
    bool dont_fragment = false;  // dropped rather than sent in fragments
    bool loop = true;            // to a group: heard by this host, too, if it is in it
    std::uint8_t traffic_class = 0;
    std::uint8_t hops = 0;  // time to live; to a group 0 means not beyond this host, else default
};

// The same port of any address.
inline endpoint any_of_family(const endpoint& e) noexcept {
    return {e.address.is_v4() ? ip_address::any_v4() : ip_address(), e.port};
}

class layer {
  public:
    // The references must outlive the layer.
    layer(const udp_config& config, random_source& randomness, udp_counters& counters);

    result<socket_id> open(void* user);
    status set_user(socket_id socket, void* user);
    // As tcp: port 0 is an ephemeral one, an unspecified address any. The caller has checked that
    // the address is its own; or it is one that many hear (`of_many`), a group or a broadcast
    // address: then only what is sent to it is heard, and sent is from the source of routing.
    // address_in_use: by another socket, unless all of them have reuse_address; of several at one
    // address the last one bound hears what is sent to it alone, and each what is sent to many.
    status bind(socket_id socket, const endpoint& local, bool of_many = false);
    // As SO_REUSEADDR. At any time.
    status set_reuse_address(socket_id socket, bool on);
    // Only `remote` is heard and is the default to send to. Unspecified address: undone. `source`:
    // the own address that routing picks; used unless bound to one, and until undone.
    status connect(socket_id socket, const endpoint& remote, const ip_address& source);
    // Datagrams larger than the path's MTU: sent in fragments (default), or refused and dropped.
    status set_dont_fragment(socket_id socket, bool on);
    bool dont_fragment(socket_id socket) const;
    // May send to broadcast addresses (the caller asks).
    status set_broadcast(socket_id socket, bool on);
    bool may_broadcast(socket_id socket) const;
    // Differentiated Services field and ECN of what is sent from now on.
    status set_traffic_class(socket_id socket, std::uint8_t value);
    // Time to live of what is sent to one host (0: the stack's default), and to a group (at first
    // 1; 0: it does not leave this host).
    status set_hops(socket_id socket, std::uint8_t hops);
    status set_multicast_hops(socket_id socket, std::uint8_t hops);
    // What is sent to a group is heard by this host, too, if it is in it (at first).
    status set_multicast_loop(socket_id socket, bool on);
    // The own address to send to groups from; unspecified: the one of routing.
    status set_multicast_source(socket_id socket, const ip_address& source);
    ip_address multicast_source(socket_id socket) const;

    // Hears what is sent to the group and to its port from now on. address_in_use: it does already;
    // no_buffer_space: memberships_max.
    status join_group(socket_id socket, const ip_address& group);
    // address_not_available: it does not hear it.
    status leave_group(socket_id socket, const ip_address& group);
    // The groups it hears; valid until the next call for this socket.
    std::span<const ip_address> groups(socket_id socket) const;

    // Bytes that the queues hold, with what each datagram costs besides; at most the configured.
    status set_receive_buffer(socket_id socket, std::uint32_t bytes);
    status set_send_buffer(socket_id socket, std::uint32_t bytes);
    // Queues one datagram; `source` as with connect. would_block: queue full, writable follows. Or
    // the error that an ICMP message brought: then nothing was sent.
    status send(socket_id socket, const endpoint& remote, const ip_address& source,
                std::span<const const_bytes> pieces);
    // One datagram; would_block when there is none; or the error that an ICMP message brought.
    // `peek`: it stays.
    result<received> receive(socket_id socket, std::span<const mutable_bytes> pieces,
                             bool peek = false);
    // receive() would not answer would_block.
    bool is_readable(socket_id socket) const;
    // send() would take a datagram; if not, writable follows.
    bool is_writable(socket_id socket);
    // The error that an ICMP message brought; `take`: it is told, and gone.
    error pending_error(socket_id socket, bool take);
    void close(socket_id socket);
    result<flow> ends(socket_id socket) const;
    // Bytes of the datagram that receive() would give.
    std::size_t available(socket_id socket) const;

    // To one host: the most particular socket hears it.
    disposition input(const flow& ends, const payload_view& payload);
    // To a broadcast address or a group: every socket that may. No_port: there is none.
    disposition input_to_many(const flow& ends, const payload_view& payload);
    // An ICMP error quotes a datagram with these ends. False if no socket of ours sends such. A
    // hard one is told to a connected socket by its next receive() (RFC 1122 4.1.3.3); others, as
    // everywhere, don't hear of it: they could not tell which of their peers is meant.
    bool icmp_error(const flow& ends, bool hard, error cause);

    // Before the first socket; must outlive the layer. Null (default): there are none.
    void set_siblings(siblings* others) noexcept { others_ = others; }

    bool has_outgoing() const noexcept { return !outgoing_.empty(); }
    // The oldest datagram and its payload; valid until pop_outgoing().
    datagram front_outgoing() noexcept { return outgoing_.front_head(); }
    const_bytes front_payload() noexcept { return outgoing_.front_body(); }
    void pop_outgoing();

    bool next_event(event& out);
    bool has_event() const noexcept { return !events_.empty(); }
    std::size_t socket_count() const noexcept { return open_count_; }

  private:
    using hook = boost::intrusive::list_member_hook<
        boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
    struct arrived {
        endpoint source;
        ip_address destination;
    };
    struct socket {
        explicit socket(const udp_config& c)
            : receive_bytes(c.receive_queue_bytes),
              send_bytes(c.send_queue_bytes),
              queue(c.receive_queue_bytes) {}
        hook event_place;
        hook blocked_place;  // waits for room in the common send queue
        socket_id id;        // generation 0: not open
        std::uint32_t next_generation = 1;
        void* user = nullptr;
        flow ends;
        bool bound = false;
        bool connected = false;
        bool source_chosen = false;  // the address of `ends.local`, by connect()
        bool dont_fragment = false;
        bool broadcast = false;
        bool reuse_address = false;
        bool bound_to_many = false;  // to a group or a broadcast address
        bool multicast_loop = true;
        std::uint8_t traffic_class = 0;
        std::uint8_t hops = 0;  // 0: the stack's default
        std::uint8_t multicast_hops = 1;
        ip_address multicast_source = ip_address::any_v4();
        std::vector<ip_address> groups;  // few; empty for nearly every socket
        // Others with the same ends, the last bound first; by_flow_ has the first one.
        socket* next = nullptr;
        socket* previous = nullptr;
        std::uint32_t receive_bytes;  // bounds of this socket
        std::uint32_t send_bytes;
        error pending_error = error::none;
        readiness ready;
        std::size_t queued_bytes = 0;  // in the common send queue
        record_queue<arrived> queue;
    };
    template <hook socket::* Member>
    using list = boost::intrusive::list<socket, boost::intrusive::member_hook<socket, hook, Member>,
                                        boost::intrusive::constant_time_size<false>>;

    socket* find(socket_id id) noexcept;
    const socket* find(socket_id id) const noexcept;
    socket* demux(const flow& ends) noexcept;
    disposition deliver(socket& s, const flow& ends, const payload_view& payload);
    status bind_ephemeral(socket& s, const ip_address& address);
    bool is_free(const endpoint& local, const socket& s) const noexcept;
    // Calls visit(occupancy&) for the two that a bound socket counts in.
    template <class Visit>
    void visit_occupancies(const endpoint& local, Visit&& visit);
    // Answers which other stacks have a socket on the port.
    siblings::set enter(socket& s, const flow& ends);
    void leave(socket& s);
    void raise(socket& s, readiness ready);

    const udp_config& config_;
    random_source& randomness_;
    udp_counters& counters_;
    std::deque<socket> sockets_;  // stable places; grows up to sockets_max
    std::vector<std::uint32_t> free_;
    boost::unordered_flat_map<flow, std::uint32_t, address_hash> by_flow_;
    // Sockets at one place, and how many of them will not share it.
    struct occupancy {
        std::uint32_t sockets = 0;
        std::uint32_t alone = 0;
        bool admits(bool sharing) const noexcept { return sharing ? alone == 0 : sockets == 0; }
    };
    // On each port, whatever the address; and on each address with it. Only the user puts something
    // in, so their hash needs no secret.
    boost::unordered_flat_map<std::uint16_t, occupancy> on_port_;
    boost::unordered_flat_map<endpoint, occupancy, address_hash> on_address_;
    list<&socket::event_place> events_;
    list<&socket::blocked_place> blocked_;
    record_queue<datagram> outgoing_;
    siblings* others_ = nullptr;
    std::uint64_t receive_memory_used_ = 0;
    std::size_t open_count_ = 0;
};

}  // namespace coax::stack::udp
