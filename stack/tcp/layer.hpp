// TCP of one stack: all connections, listeners and their timers (RFC 9293). Values in, values out:
// it never sees a frame, a route or a clock. Ingress calls input(); sockets call the calls; egress
// pulls segments with next_sender()/next_segment() until nothing is left.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include <boost/intrusive/list.hpp>

#include "stack/base/flow.hpp"
#include "stack/base/payload.hpp"
#include "stack/base/random.hpp"
#include "stack/base/result.hpp"
#include "stack/base/siblings.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/tcp/send_buffer.hpp"
#include "stack/tcp/usage.hpp"
#include "stack/wire/plain_segment.hpp"
#include "stack/wire/tcp.hpp"

namespace coax::stack::tcp {

// Names a socket of this layer; a stale one is answered with error::bad_handle, never with the
// socket that took its place.
struct socket_id {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  // 0: no socket
    explicit operator bool() const noexcept { return generation != 0; }
    friend bool operator==(const socket_id&, const socket_id&) noexcept = default;
};

// What became true of a socket since its last event; several bits may come at once. Edge-triggered:
// a bit comes when a call that answered would_block would now answer otherwise, and once for
// connected, failed and peer_closed. A receive() that gave less than there was room for counts as
// one that answered would_block: it needs no second one.
struct readiness {
    bool connected = false;   // active open done
    bool acceptable = false;  // listener: the accept queue is not empty
    bool readable = false;    // data or end of stream
    bool writable = false;    // room in the send buffer
    bool urgent = false;      // urgent data is announced (RFC 9293 3.8.5)
    bool failed = false;      // error_of() tells why; all calls answer it from now on
    bool closed = false;      // all is sent and acknowledged after shutdown/close (for linger)
    explicit operator bool() const noexcept {
        return connected || acceptable || readable || writable || urgent || failed || closed;
    }
};

struct event {
    socket_id socket;
    readiness ready;
    void* user = nullptr;  // as set by set_user()
};

struct accepted {
    socket_id socket;
    flow ends;
};

enum class shutdown_side : std::uint8_t { receive, send, both };

// How a send() is meant, beyond its bytes.
struct send_flags {
    // More follows at once: what does not fill a segment waits for it, or for cork_max (as MSG_MORE
    // of Linux).
    bool more = false;
    // The last byte is urgent: its place is told at once (RFC 9293 3.8.5; RFC 6093).
    bool urgent = false;
    // The record ends with the last byte: no segment holds bytes of this one and of the next (as
    // MSG_EOR of Linux). would_block also if too many records wait (record_ends.hpp).
    bool end_of_record = false;
};

// Keep-alive of one connection (RFC 9293 3.8.4, MUST-27). Zero: as configured.
struct keep_alive_times {
    duration idle{};          // silence before the first probe
    duration interval{};      // between probes
    std::uint8_t probes = 0;  // without an answer: then the connection is dead
};

// What happened to an incoming segment; each value but the first two is also a counter.
enum class disposition : std::uint8_t {
    consumed,
    consumed_ack_only,  // nothing but an acknowledgement
    no_listener,        // answered with RST, RFC 9293 3.10.7.1
    out_of_window,
    bad_ack,
    backlog_full,
    blind_reset,  // RFC 5961 3: challenged
    blind_syn,    // RFC 5961 4: challenged
    paws,         // RFC 7323 5.3
    after_close,  // data for a socket that nobody will read: answered with RST
    limit,        // a limit of config.hpp
    invalid,      // flags that no state accepts
    elsewhere,    // another stack of this host has the connection, and has got it
};

struct connection;

// Who waits for a plain segment, and where its payload goes.
struct expectation {
    connection* by = nullptr;    // nullptr: nobody
    std::byte* place = nullptr;  // nullptr: in many pieces; not to be copied now
    std::byte* rest = nullptr;   // for all but the first `first` bytes; nullptr: all in one piece
    std::uint32_t first = 0;
    explicit operator bool() const noexcept { return by != nullptr; }
};

// What an ICMP error says of a segment we sent (RFC 9293 3.9.2.2).
enum class icmp_verdict : std::uint8_t { soft, hard, packet_too_big };

struct core;

// Anything that has segments to send: a connection, a half-open one, one in TIME-WAIT, or a reply
// without state (RST). It stands in one list at a time (the layer's or one of egress's) and leaves
// it by itself when it ends, so a list never holds a dead sender.
class sender : public boost::intrusive::list_base_hook<
                   boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    sender(const sender&) = delete;
    sender& operator=(const sender&) = delete;

    const flow& ends() const noexcept { return ends_; }
    // Egress's own: resolved when `route.epoch` is not the current one. Before next_segment() is
    // called route.mtu must be set; it bounds the segment (RFC 9293 3.7.1).
    path route;

  protected:
    enum class kind : std::uint8_t { connection, half_open, time_wait, reply };
    sender(kind which, std::uint32_t pool_index) noexcept : kind_(which), index(pool_index) {}
    ~sender() = default;

    friend struct core;
    kind kind_;
    bool parked_ = false;
    flow ends_;
    std::uint32_t hash = 0;  // of ends_, while it is in the demux table
    std::uint32_t index;     // in its pool
};

// The senders that wait for one thing, such as one neighbour's address. Owns nothing.
using sender_list = boost::intrusive::list<sender, boost::intrusive::constant_time_size<false>>;

// The two bits of the IP header that say a router may mark instead of drop (RFC 3168 5): ECT(0).
inline constexpr std::uint8_t ecn_capable = 0b10;

// One segment to put on the wire. `payload` points into the send buffer and is valid until the
// next call of the layer. With gso_bytes != 0 it is a super-segment to be cut by the device.
struct segment {
    flow ends;
    wire::tcp_header header;
    std::array<const_bytes, 18> payload{};  // blocks of 4 KB, for a super-segment of 64
    std::uint8_t payload_pieces = 0;
    std::uint32_t payload_size = 0;
    std::uint16_t gso_bytes = 0;
    std::uint8_t traffic_class = 0;  // of the IP header: DSCP, and ecn_capable or 0
    std::uint8_t hops = 0;           // its time to live; 0: as configured
    bool is_last = false;            // the sender has nothing more: it is not the next one any more
};

// One plain segment with its payload in one piece, small enough to stay in registers.
struct plain_output {
    const flow* ends = nullptr;
    wire::plain_header header;
    const_bytes payload;
    std::uint8_t traffic_class = 0;
};

// Segments of new data that leave one after another, full ones and what does not fill the last:
// what is said by all of them, and what the next one is. The numbers of `header` are the first's.
struct segment_run {
    const flow* ends = nullptr;
    wire::plain_header header;
    std::uint8_t traffic_class = 0;
    // --- the next one
    std::uint32_t sequence = 0;
    std::uint32_t size = 0;  // bytes of payload, which are the next ones of `payload`
    bool push = false;
    send_reader payload;
    // --- the layer's own
    connection* by = nullptr;
    std::uint32_t unsent = 0;  // bytes behind it
    std::uint32_t usable = 0;  // of them, what the windows let go
    std::uint32_t segments = 0;
};

enum class state : std::uint8_t {  // RFC 9293 3.3.2
    closed,
    listen,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    close_wait,
    closing,
    last_ack,
    time_wait,
};
std::string_view to_string(state s) noexcept;

// What the sender makes of the acknowledgments it gets.
enum class sender_phase : std::uint8_t {
    open,      // nothing unusual
    disorder,  // duplicate acknowledgments or SACKs, no loss is known of
    reduced,   // the window is reduced for a congestion mark (RFC 3168)
    recovery,  // fast recovery
    loss,      // after a retransmission timeout
};

// A snapshot for observation and tests. Bytes, unless a name says otherwise.
struct connection_info {
    state current = state::closed;
    sender_phase phase = sender_phase::open;
    bool window_scaling = false;
    bool congestion_notification = false;  // negotiated (RFC 3168)
    std::uint8_t retries = 0;              // timeouts or window probes in a row
    std::uint16_t receive_mss = 0;         // largest segment seen
    std::uint16_t announced_mss = 0;       // what the peer was told
    std::uint16_t path_mtu = 0;            // of the IP packet; 0: nothing was sent yet
    std::uint64_t bytes_acknowledged = 0;  // of payload, since the connection began
    std::uint64_t bytes_received = 0;      // in order
    std::uint64_t bytes_sent = 0;          // of payload, what went again included
    std::uint64_t bytes_retransmitted = 0;
    std::uint64_t pacing_rate = 0;  // bytes per second; 0: not paced
    // Bytes per second, the latest sample (BBR 4.1.2) that was not limited by the user, or is
    // higher than the one before. 0: none yet, or the congestion control does not sample (only bbr
    // does).
    std::uint64_t delivery_rate = 0;
    std::uint32_t unsent = 0;        // in the send buffer and never sent
    std::uint32_t lost = 0;          // taken for lost, and not there (RFC 6675, RFC 8985)
    std::uint32_t sacked = 0;        // the peer holds them beyond a gap
    bool reordering_seen = false;    // RACK.reordering_seen (RFC 8985 5.2)
    duration since_data_sent{};      // from the handshake on, while none was sent
    duration since_data_received{};  // likewise
    duration since_acknowledged{};   // any acceptable acknowledgment, new or not
    // Time with data in the send buffer, in all. Of it: the peer's window took no more, though the
    // congestion window would have; all was sent, and the user waited for room in the buffer.
    duration busy{};
    duration receiver_limited{};
    duration send_buffer_limited{};
    duration least_rtt{};     // RACK.min_RTT; zero: not measured yet
    duration smoothed_rtt{};  // zero: not measured yet
    duration rtt_variation{};
    duration retransmission_timeout{};
    std::uint32_t congestion_window = 0;
    std::uint32_t slow_start_threshold = 0;
    // With idle_window::validate, RFC 7661: pipeACK, 0 while undefined; and the phase.
    std::uint32_t pipe_ack = 0;
    bool window_validated = true;
    std::uint32_t outstanding = 0;  // sent and not acknowledged
    std::uint32_t in_flight = 0;
    std::uint32_t send_window = 0;
    std::uint32_t receive_window = 0;
    std::uint32_t send_mss = 0;          // payload bytes of a full segment, options subtracted
    std::uint32_t send_buffered = 0;     // in the send buffer, sent or not
    std::uint32_t receive_buffered = 0;  // readable
    std::uint32_t urgent_left = 0;       // from the next byte to read up to the urgent octet
    std::uint32_t send_capacity = 0;     // of the send buffer, as tuned or set
    std::uint32_t receive_capacity = 0;
    std::uint32_t reassembly_ranges = 0;
    std::uint32_t retransmitted_segments = 0;
    std::uint8_t send_window_scale = 0;
    std::uint8_t receive_window_scale = 0;
    std::string_view congestion;  // name of the congestion control
    bool timestamps = false;
    bool sack = false;
    error soft_error = error::none;  // last ICMP error that did not end the connection
};

// Not thread-safe; no call throws, sends, or reads a clock. `now` never goes backwards.
class layer {
  public:
    // `randomness` must outlive the layer; secrets are drawn from it here and in later calls.
    layer(const tcp_config& config, random_source& randomness);
    ~layer();
    layer(const layer&) = delete;
    layer& operator=(const layer&) = delete;

    // Largest super-segment (payload bytes) that the device cuts; 0 (default): none.
    void set_gso_max_bytes(std::uint32_t bytes) noexcept;
    // Before the first socket; must outlive the layer. Null (default): there are none.
    void set_siblings(siblings* others) noexcept;

    // --- socket calls. error::bad_handle for a stale id.
    result<socket_id> open(void* user) noexcept;
    void set_user(socket_id socket, void* user) noexcept;
    // Port 0: an ephemeral one. Unspecified address: any. The caller has checked that the address
    // is its own. reuse_address: as SO_REUSEADDR (connections of an earlier listener do not block).
    status bind(socket_id socket, const endpoint& local, bool reuse_address) noexcept;
    // Unbound: any address, an ephemeral port. Called again, it changes the backlog.
    status listen(socket_id socket, std::uint32_t backlog) noexcept;
    // `source`: the own address that routing picks towards `remote`; used unless bound to one.
    status connect(socket_id socket, const endpoint& remote, const ip_address& source,
                   instant now) noexcept;
    result<accepted> accept(socket_id listener) noexcept;
    result<std::size_t> send(socket_id socket, std::span<const const_bytes> pieces,
                             instant now) noexcept;
    result<std::size_t> send(socket_id socket, std::span<const const_bytes> pieces, instant now,
                             send_flags how) noexcept;
    result<std::size_t> receive(socket_id socket, std::span<const mutable_bytes> pieces,
                                instant now) noexcept;
    // As receive, but the bytes stay in the buffer.
    result<std::size_t> peek(socket_id socket, std::span<const mutable_bytes> pieces) noexcept;
    // Bytes that receive() can give at once: not past an urgent mark.
    std::size_t available(socket_id socket) const noexcept;
    // --- urgent data (RFC 9293 3.8.5, RFC 6093). Reading stops at the mark, before the urgent
    // octet; read on, and the octet is skipped, unless it is to stay in line (as SO_OOBINLINE).
    // The octet, once. invalid_argument: none was announced, it was taken or passed, or it is in
    // line; would_block: it did not come yet.
    result<std::byte> receive_urgent(socket_id socket, bool peek) noexcept;
    // The next byte to read is the urgent octet, or would be if it were in line.
    result<bool> at_mark(socket_id socket) const noexcept;
    // The octet is there, and neither taken nor passed.
    bool has_urgent(socket_id socket) const noexcept;
    status set_urgent_inline(socket_id socket, bool on) noexcept;
    std::size_t send_space(socket_id socket) const noexcept;
    status shutdown(socket_id socket, shutdown_side side, instant now) noexcept;
    void close(socket_id socket, instant now) noexcept;
    void abort(socket_id socket, instant now) noexcept;
    result<flow> ends(socket_id socket) const noexcept;
    error error_of(socket_id socket) const noexcept;
    status set_no_delay(socket_id socket, bool on, instant now) noexcept;
    status set_keep_alive(socket_id socket, bool on, instant now) noexcept;
    // What is zero in `times` becomes as configured. invalid_argument: below zero.
    status set_keep_alive_times(socket_id socket, const keep_alive_times& times,
                                instant now) noexcept;
    // Holds back what does not fill a segment until uncorked, shut down, or cork_max has passed
    // (as TCP_CORK of Linux). set_no_delay(true) lets out what it holds at that moment.
    status set_cork(socket_id socket, bool on, instant now) noexcept;
    // Bytes that it may hold; it does not grow by itself any more.
    status set_send_buffer(socket_id socket, std::uint32_t bytes) noexcept;
    // As set_send_buffer. Best before connect or listen: the window scale is fixed by it
    // (RFC 7323 2.3), and a unit of it is the smallest that can be offered afterwards.
    status set_receive_buffer(socket_id socket, std::uint32_t bytes) noexcept;
    // close() gives what is in the send buffer so long to be acknowledged; then the connection is
    // reset. Zero: as long as it takes (within orphan_timeout without progress).
    status set_linger(socket_id socket, duration most) noexcept;
    // R2 of RFC 9293 3.8.3 (MUST-21) for this connection, at least 1 ms; zero: the configured one.
    // Set, it also bounds an active open and silence under keep-alive, as TCP_USER_TIMEOUT.
    status set_user_timeout(socket_id socket, duration timeout) noexcept;
    // The Differentiated Services field of all segments from now on, in the upper six bits (as
    // IP_TOS); the lower two are ECN's, and not looked at. A listener's is that of its connections.
    status set_traffic_class(socket_id socket, std::uint8_t value) noexcept;
    status set_hops(socket_id socket, std::uint8_t value) noexcept;
    // By name (congestion_algorithm_named); invalid_argument if it is none. A listener's is
    // that of the connections it accepts. At any time: the window stays, the algorithm starts anew.
    status set_congestion(socket_id socket, std::string_view name, instant now) noexcept;
    // RFC 3168. Before connect or listen; a listener's is that of the connections it accepts.
    status set_ecn(socket_id socket, ecn_use how) noexcept;
    // At any time; a listener's is that of the connections it accepts. no_buffer_space: off.
    status set_pacing(socket_id socket, bool on) noexcept;
    // What becomes of the congestion window while little is sent. At any time; a listener's is that
    // of the connections it accepts. Says nothing to a congestion control with a model of the path.
    // no_buffer_space, for `validate`: after a pause it restarts.
    status set_idle_window(socket_id socket, idle_window how) noexcept;
    // Segments of this connection carry at most so many bytes of payload and options, either way;
    // zero: as the path permits (as TCP_MAXSEG of Linux). Before connect or listen: the peer is
    // told. invalid_argument: below mss_min of the configuration.
    status set_maximum_segment(socket_id socket, std::uint16_t bytes) noexcept;
    // `now` is for what it tells since when; without it, those are zero.
    result<connection_info> info(socket_id socket, instant now = {}) const noexcept;

    // --- ingress. `ends` as this host sees it: local is the segment's destination. The header and
    // the checksum are verified; the local address is one of ours; the remote is unicast.
    // Never sends: what it caused is pulled afterwards, one acknowledgment for all that came
    // (RFC 9293 3.10.7.4, MUST-58, MUST-59). A merged super-segment comes as one.
    // congestion_experienced: its packet carried the mark CE (RFC 3168 5).
    disposition input(const flow& ends, const wire::tcp_header& header, payload_view payload,
                      instant now, bool congestion_experienced = false) noexcept;
    // The same over IPv4 without a mark, where the key is at hand as it stands on the wire.
    disposition input(const wire::ipv4_key& key, const wire::tcp_header& header,
                      payload_view payload, instant now) noexcept;
    // The same for a segment that wire::parse_plain_segment() took, if it is one that header
    // prediction handles: of an established connection, and nothing unusual about it. In two steps,
    // so that its payload is copied to its place and summed in one go between them. Nobody is
    // expected: take the way through input(). Of the addresses nothing needs to be verified: those
    // of a connection were when it was made.
    expectation expect_plain(const wire::plain_segment& segment) noexcept;
    // The checksum is verified, and the payload stands at its place if there is one. Until then
    // nothing else is called.
    disposition take_plain(const expectation& by, const wire::plain_segment& segment,
                           instant now) noexcept;
    // An ICMP error that quotes a segment of ours with this sequence number (checked against what
    // is in flight, RFC 5927 4.1). `cause`: what a user would be told. next_hop_mtu: with
    // packet_too_big, bytes of IP packet, 0 if the router did not say.
    void icmp_error(const flow& ends, std::uint32_t sequence, icmp_verdict verdict, error cause,
                    std::uint16_t next_hop_mtu, instant now) noexcept;

    // --- time and events
    void advance(instant now) noexcept;
    // No timer fires before it. `never`: none runs. May be early (then advance() does nothing).
    instant next_deadline() const noexcept;
    bool next_event(event& out) noexcept;

    // --- egress, in this way:
    //     while (sender* s = layer.next_sender()) {
    //         resolve s->route, or layer.park(*s, neighbour_list), or layer.unreachable(*s, e,
    //         now); while (a slot is free && layer.next_segment(*s, now, segment)) {
    //             emit; if (segment.is_last) break;
    //         }
    //     }
    // A sender stays the next one until next_segment() answered false or gave the last segment, or
    // park(), unreachable() or yield() was called. After that, but for park() and yield(), `s` may
    // be gone.
    sender* next_sender() noexcept;
    bool next_segment(sender& from, instant now, segment& out) noexcept;
    // Instead of next_segment(), where output is predicted: all there is to send is one small
    // message. False: it is not so, nothing changed. True: the sender is not the next one any more.
    // Only on an IPv4 route.
    bool next_plain(sender& from, instant now, plain_output& out) noexcept;
    // Instead of next_segment() again and again, for as much as is predicted: new data, of which a
    // full segment may go. False: it is not so, nothing changed. True: `run` has the first segment;
    // next_in_run() gives the others, and end_run() has to be called before anything else. A
    // segment is sent whether or not it has found its way onto the wire. What is left then, or goes
    // otherwise, goes by next_segment(). Only on an IPv4 route, to a device that cuts nothing.
    bool begin_run(sender& from, instant now, segment_run& run) noexcept;
    bool next_in_run(segment_run& run, instant now) noexcept;
    // As segment::is_last.
    bool end_run(segment_run& run, instant now) noexcept;
    // To the end of the queue: lets others send when one has much.
    void yield(sender& from) noexcept;
    // Waits in `list` until unpark(); it may leave the list earlier by ending.
    void park(sender& from, sender_list& list) noexcept;
    void unpark(sender_list& list) noexcept;  // all of them may send again
    // No route, or the neighbour does not answer: fails connections in SYN-SENT with `cause`, is a
    // soft error for others (their timers go on), discards replies.
    void unreachable(sender& from, error cause, instant now) noexcept;
    void unreachable(sender_list& list, error cause, instant now) noexcept;

    // A closed socket has data or a FIN that the peer did not acknowledge yet. Looks at every
    // connection: for the end of a program.
    bool is_delivering() const noexcept;

    // --- observation
    std::size_t socket_count() const noexcept;  // of all states, half-open and TIME-WAIT included
    layer_usage usage() const noexcept;  // looks at every list and table: for tests and reports
    // Calls visit(std::string_view name, std::uint64_t value) for each counter ("tcp.bad_ack").
    template <class Visit>
    void visit_counters(Visit&& visit) const {
        for (std::size_t i = 0; i < counter_count(); ++i) visit(counter_name(i), counter_value(i));
    }

  private:
    static std::size_t counter_count() noexcept;
    static std::string_view counter_name(std::size_t index) noexcept;
    std::uint64_t counter_value(std::size_t index) const noexcept;

    std::unique_ptr<core> core_;
};

}  // namespace coax::stack::tcp
