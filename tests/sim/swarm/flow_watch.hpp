// Watches every TCP segment between the hosts of a simulation and checks what needs no knowledge of
// the sender's mind: bytes, sums, lengths, sequence numbers, windows, options. What a host may know
// is what it has taken from its card, so the same frames tell both what it does and what it knew.
// Ports below 32768 are the servers'. Knows no stack.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "stack/wire/ipv4.hpp"
#include "stack/wire/tcp.hpp"
#include "tests/sim/network/nic.hpp"
#include "tests/sim/swarm/fault.hpp"
#include "tests/sim/swarm/pattern.hpp"

namespace coax::sim {

// One end of a connection, as the wire shows it.
struct watched_end {
    // --- what it sent
    bool opened = false;      // a SYN
    bool bare = false;        // and that had no ACK
    bool asks_ecn = false;    // by its SYN (RFC 3168 6.1.1)
    bool agrees_ecn = false;  // by its SYN,ACK
    bool fin_sent = false;
    bool acked_once = false;
    bool timestamps = false;
    bool sack_permitted = false;
    std::int8_t scale = -1;  // -1: no option
    std::uint32_t iss = 0;
    std::uint32_t nxt = 0;     // one past the highest sequence number
    std::uint32_t fin_at = 0;  // sequence number of the FIN
    std::uint32_t ack = 0;
    std::uint32_t edge = 0;  // of its receive window
    std::uint32_t timestamp = 0;
    std::uint16_t mss = 0;  // 0: no option
    // --- what it took from the other end
    bool heard_ack = false;
    std::uint32_t una = 0;            // highest acknowledgment
    std::uint32_t farthest = 0;       // told of by an acknowledgment or a SACK block
    std::uint32_t usable_edge = 0;    // farthest right edge ever offered to it
    std::uint32_t heard_nxt = 0;      // one past the highest sequence number taken
    std::uint64_t dup_allowance = 0;  // bytes that duplicate acknowledgments say have left
    bool heard = false;
};

struct watched_flow {
    stack::endpoint client;
    stack::endpoint server;
    watched_end ends[2];        // client, server
    stream_pattern pattern[2];  // what each of them sends
    std::uint32_t initial_window_segments[2] = {10, 10};
    std::uint32_t syn_window[2] = {0, 0};  // of each one's SYN
    // The server answered one SYN twice with numbers of its own, as with a cookie and then from its
    // queue: only the ends know which one they go by, so nothing is checked.
    bool answered_twice = false;
};

class flow_watch {
  public:
    flow_watch(const schedule& time, fault_list& faults) : time_(time), faults_(faults) {}

    // A host, its address and what its stack may send at first (segments).
    void add_host(const nic& card, const stack::ip_address& address, std::uint32_t initial_window);

    void on_sent(const nic& by, const frame& sent);
    void on_taken(const nic& by, const frame& taken);

    // Flows on which this card sent data never sent before, since the last call.
    struct fresh {
        const watched_flow* flow;
        int end;              // index in ends
        std::uint32_t bytes;  // of payload
    };
    std::vector<fresh> take_fresh() { return std::exchange(fresh_, {}); }
    struct tally {
        std::uint64_t sent = 0;     // TCP segments
        std::uint64_t taken = 0;    // TCP segments, undamaged
        std::uint64_t damaged = 0;  // frames of any kind, taken
    };
    const tally& tally_of(const nic& by) const { return hosts_.at(&by).count; }

  private:
    struct watched_host {
        stack::ip_address address;
        std::uint32_t initial_window = 10;
        tally count;
    };
    struct seen_segment {
        stack::wire::ipv4_header ip;
        stack::wire::tcp_header tcp;
        stack::const_bytes payload;
        std::size_t header_length = 0;
        std::uint32_t length() const noexcept {
            return static_cast<std::uint32_t>(payload.size()) + (tcp.flags.syn ? 1U : 0U) +
                   (tcp.flags.fin ? 1U : 0U);
        }
        std::uint32_t end() const noexcept { return tcp.sequence + length(); }
    };

    bool read_sent(const nic& by, const watched_host& host, const frame& sent, seen_segment& out);
    watched_flow& flow_of(const seen_segment& s, int& end);
    void open(watched_flow& flow, int end, const seen_segment& s);
    void check_content(const watched_flow& flow, int end, const seen_segment& s);
    void check_window(const watched_flow& flow, int end, const seen_segment& s);
    void check_growth(const watched_flow& flow, int end, const seen_segment& s);
    void check_acknowledgment(watched_flow& flow, int end, const seen_segment& s);
    void check_ecn(const watched_flow& flow, int end, const seen_segment& s);
    void check_options(watched_flow& flow, int end, const seen_segment& s);
    void note_sent(watched_flow& flow, int end, const seen_segment& s);
    void fail(const char* oracle, const watched_flow& flow, int end, const seen_segment& s,
              const std::string& what);

    using flow_key = std::pair<std::uint64_t, std::uint64_t>;

    const schedule& time_;
    fault_list& faults_;
    std::map<const nic*, watched_host> hosts_;  // looked up, never walked: the order is no matter
    std::map<flow_key, watched_flow> flows_;
    std::vector<fresh> fresh_;
};

}  // namespace coax::sim
