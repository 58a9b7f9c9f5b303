// The rules, one function each.
#include "tests/sim/swarm/flow_watch.hpp"

#include <algorithm>

#include "stack/wire/checksum.hpp"
#include "stack/wire/ethernet.hpp"

namespace coax::sim {

namespace {

namespace wire = stack::wire;

constexpr std::uint16_t first_client_port = 32768;
constexpr std::uint16_t default_mss = 536;     // RFC 9293 3.7.1 (MUST-15)
constexpr std::uint16_t smallest_mss = 88;     // tcp_config::mss_min
constexpr std::uint32_t limited_segments = 3;  // RFC 3042, and one of a probe for tail loss

// Sequence numbers: a is before b, on the circle (RFC 9293 3.4).
bool before(std::uint32_t a, std::uint32_t b) noexcept {
    return static_cast<std::int32_t>(a - b) < 0;
}
std::uint32_t later(std::uint32_t a, std::uint32_t b) noexcept { return before(a, b) ? b : a; }

std::uint64_t number_of(const stack::endpoint& e) noexcept {
    return std::uint64_t{e.address.to_v4()} << 16 | e.port;
}

bool scaled(const watched_flow& flow) noexcept {
    return flow.ends[0].scale >= 0 && flow.ends[1].scale >= 0;
}

bool is_sum_good(const wire::ipv4_header& ip, stack::const_bytes segment) noexcept {
    const std::uint64_t pseudo = wire::pseudo_header_sum(
        ip.source, ip.destination, wire::protocol_tcp, static_cast<std::uint32_t>(segment.size()));
    return wire::fold_sum(wire::sum_bytes(pseudo, segment.data(), segment.size())) == 0xffff;
}

std::uint16_t mss_towards(const watched_end& peer) noexcept {
    return peer.mss == 0 ? default_mss : std::max(peer.mss, smallest_mss);
}

}  // namespace

void flow_watch::add_host(const nic& card, const stack::ip_address& address,
                          std::uint32_t initial_window) {
    hosts_[&card] = {address, initial_window, {}};
}

void flow_watch::fail(const char* oracle, const watched_flow& flow, int end, const seen_segment& s,
                      const std::string& what) {
    const auto& from = end == 0 ? flow.client : flow.server;
    const auto& to = end == 0 ? flow.server : flow.client;
    std::string flags;
    if (s.tcp.flags.syn) flags += 'S';
    if (s.tcp.flags.fin) flags += 'F';
    if (s.tcp.flags.rst) flags += 'R';
    if (s.tcp.flags.ack) flags += '.';
    faults_.add(oracle,
                from.to_string() + " > " + to.to_string() + " " + flags + " seq " +
                    std::to_string(s.tcp.sequence - flow.ends[end].iss) + " len " +
                    std::to_string(s.payload.size()) + " ack " +
                    std::to_string(s.tcp.acknowledgment - flow.ends[1 - end].iss) + " win " +
                    std::to_string(s.tcp.window) + ": " + what,
                time_.now());
}

// Is it TCP, and made as it must be? What is not TCP is somebody else's.
bool flow_watch::read_sent(const nic& by, const watched_host& host, const frame& sent,
                           seen_segment& out) {
    const auto wrong = [&](const char* what) {
        faults_.add("frame", host.address.to_string() + " sent a frame: " + what, time_.now());
        return false;
    };
    const auto ethernet = wire::parse_ethernet(sent.bytes());
    if (!ethernet || ethernet->source != by.capabilities().address)
        return wrong("no Ethernet header with its own address");
    if (ethernet->type != wire::ethernet_type_ipv4) return false;
    const auto packet = sent.bytes().subspan(wire::ethernet_header_size);
    const auto ip = wire::parse_ipv4(packet, packet.size());
    if (ip.fault != wire::ipv4_fault::none) return wrong("bad IPv4 header");
    if (ip.header.total_length != packet.size()) return wrong("length is not that of the packet");
    if (ip.header.total_length > by.capabilities().mtu) return wrong("larger than the MTU");
    if (ip.header.source != host.address) return wrong("not from its own address");
    if (ip.header.protocol != wire::protocol_tcp) return false;
    if (!ip.header.dont_fragment) return wrong("TCP without DF");  // RFC 1191 3
    const auto segment = packet.subspan(ip.header_length);
    const auto tcp = wire::parse_tcp(segment);
    if (tcp.fault != wire::tcp_fault::none) return wrong("bad TCP header");
    if (!is_sum_good(ip.header, segment)) return wrong("bad TCP checksum");
    out = {ip.header, tcp.header, segment.subspan(tcp.header_length), tcp.header_length};
    return true;
}

watched_flow& flow_watch::flow_of(const seen_segment& s, int& end) {
    const stack::endpoint from{s.ip.source, s.tcp.source_port};
    const stack::endpoint to{s.ip.destination, s.tcp.destination_port};
    end = s.tcp.source_port >= first_client_port ? 0 : 1;
    const auto& client = end == 0 ? from : to;
    const auto& server = end == 0 ? to : from;
    watched_flow& flow = flows_[{number_of(client), number_of(server)}];
    if (flow.client.port == 0) {
        flow.client = client;
        flow.server = server;
        flow.pattern[0] = stream_pattern(client, server, false);
        flow.pattern[1] = stream_pattern(client, server, true);
    }
    return flow;
}

// A SYN begins an end anew; one without ACK begins the connection, unless the other end's has just
// begun it: then they cross (RFC 9293 3.5, figure 7).
void flow_watch::open(watched_flow& flow, int end, const seen_segment& s) {
    watched_end& e = flow.ends[end];
    watched_end& other = flow.ends[1 - end];
    // Also of an end that had sent a SYN of its own before.
    const bool agrees_ecn = s.tcp.flags.ack && s.tcp.flags.ece && !s.tcp.flags.cwr;
    if (e.opened && e.iss == s.tcp.sequence) {
        e.agrees_ecn = e.agrees_ecn || agrees_ecn;
        return;
    }
    const watched_end old = std::exchange(e, watched_end());
    if (!s.tcp.flags.ack) {
        const bool crossing =
            other.opened && other.bare && other.nxt == other.iss + 1 && !other.heard_ack;
        if (!crossing) other = watched_end();
        flow.answered_twice = false;
        e.bare = true;
    } else if (old.opened) {
        flow.answered_twice = true;
    }
    if (!old.opened) {  // it heard the other's SYN before it answers
        e.heard = old.heard;
        e.heard_nxt = old.heard_nxt;
    }
    e.asks_ecn = !s.tcp.flags.ack && s.tcp.flags.ece && s.tcp.flags.cwr;
    e.agrees_ecn = agrees_ecn;
    e.opened = true;
    e.iss = s.tcp.sequence;
    e.nxt = s.tcp.sequence + 1;
    e.una = s.tcp.sequence;
    e.mss = s.tcp.options.maximum_segment_size.value_or(0);
    if (s.tcp.options.window_scale)
        e.scale = static_cast<std::int8_t>(std::min<std::uint8_t>(14, *s.tcp.options.window_scale));
    e.timestamps = s.tcp.options.timestamps.has_value();
    e.sack_permitted = s.tcp.options.sack_permitted;
    flow.syn_window[end] = s.tcp.window;
    // The client's SYN came before this one's numbers were known.
    if (end == 1) e.usable_edge = e.iss + 1 + flow.syn_window[0];
}

void flow_watch::check_content(const watched_flow& flow, int end, const seen_segment& s) {
    const watched_end& e = flow.ends[end];
    if (s.payload.empty()) return;
    const std::uint32_t offset = s.tcp.sequence - (e.iss + 1);
    if (!flow.pattern[end].matches(offset, s.payload))
        fail("content", flow, end, s, "not the bytes of this place");
    const std::size_t options = s.header_length - wire::tcp_header_min;
    // RFC 9293 3.7.1 (MUST-16), RFC 6691: the peer's MSS less the options
    if (s.payload.size() + options > mss_towards(flow.ends[1 - end]))
        fail("mss", flow, end, s, "more than the peer's MSS");
}

void flow_watch::check_window(const watched_flow& flow, int end, const seen_segment& s) {
    const watched_end& e = flow.ends[end];
    if (s.length() == 0 || s.tcp.flags.syn) return;
    if (e.fin_sent && before(e.fin_at + 1, s.end())) fail("fin", flow, end, s, "beyond its FIN");
    if (!before(e.usable_edge, s.end())) return;
    // RFC 9293 3.8.6.1: a probe is one octet.
    if (s.length() <= 1) return;
    fail("window", flow, end, s, "beyond the right edge " + std::to_string(e.usable_edge - e.iss));
}

// RFC 5681 3.1, RFC 3465, RFC 6928: each acknowledged byte opens the window by two at most.
void flow_watch::check_growth(const watched_flow& flow, int end, const seen_segment& s) {
    const watched_end& e = flow.ends[end];
    if (!before(e.nxt, s.end()) || !e.heard_ack) return;
    const std::uint64_t mss = mss_towards(flow.ends[1 - end]);
    const std::uint32_t told = later(e.una, e.farthest);
    const std::uint64_t acknowledged = told - (e.iss + 1);
    const std::uint64_t most = (flow.initial_window_segments[end] + limited_segments) * mss +
                               2 * acknowledged + e.dup_allowance;
    const std::uint64_t outstanding = s.end() - told;
    if (outstanding > most)
        fail("growth", flow, end, s,
             std::to_string(outstanding) + " bytes outstanding, at most " + std::to_string(most));
}

void flow_watch::check_acknowledgment(watched_flow& flow, int end, const seen_segment& s) {
    watched_end& e = flow.ends[end];
    const watched_end& peer = flow.ends[1 - end];
    if (!s.tcp.flags.ack || !peer.opened) return;
    const std::uint32_t ack = s.tcp.acknowledgment;
    if (!e.heard || before(e.heard_nxt, ack)) {
        fail("ack", flow, end, s, "acknowledges what never came");
        return;
    }
    std::uint32_t window = s.tcp.window;
    if (!s.tcp.flags.syn && scaled(flow)) window <<= static_cast<unsigned>(e.scale);
    const std::uint32_t edge = ack + window;
    if (e.acked_once) {
        if (before(ack, e.ack)) fail("ack", flow, end, s, "takes an acknowledgment back");
        // RFC 9293 3.8.6 (SHLD-14): a receiver does not shrink its window; RFC 7323 2.4: but for
        // what the scaled field cannot tell.
        const std::uint32_t unit = scaled(flow) ? 1U << static_cast<unsigned>(e.scale) : 1U;
        // A SYN's field is not scaled: after an acknowledgment it tells less (RFC 7323 2.2).
        if (!s.tcp.flags.syn && before(edge + unit - 1, e.edge))
            fail("shrink", flow, end, s,
                 "the right edge moves left by " + std::to_string(e.edge - edge));
    }
    e.ack = e.acked_once ? later(e.ack, ack) : ack;
    e.edge = e.acked_once ? later(e.edge, edge) : edge;
    e.acked_once = true;
}

void flow_watch::check_options(watched_flow& flow, int end, const seen_segment& s) {
    watched_end& e = flow.ends[end];
    const watched_end& peer = flow.ends[1 - end];
    const auto& options = s.tcp.options;
    if (!s.tcp.flags.syn) {
        if (options.maximum_segment_size || options.window_scale || options.sack_permitted)
            fail("options", flow, end, s, "an option that belongs to a SYN");
        const bool negotiated = e.timestamps && peer.timestamps;
        // RFC 7323 3.2: on every segment once agreed upon, and on none otherwise
        if (negotiated != options.timestamps.has_value())
            fail("options", flow, end, s, negotiated ? "no timestamps" : "timestamps not agreed");
        if (options.sack_count != 0 && !(e.sack_permitted && peer.sack_permitted))
            fail("options", flow, end, s, "SACK not agreed");
    }
    if (options.timestamps) {
        const std::uint32_t value = options.timestamps->value;
        // A cookie's is at or before the clock (RFC 4987 3.6: it holds options), and cookies wait
        // in no order; what comes after the handshake is not behind any of them.
        if (e.timestamp != 0 && !s.tcp.flags.syn && before(value, e.timestamp))
            fail("options", flow, end, s, "the timestamp clock runs backwards");
        e.timestamp = e.timestamp == 0 ? value : later(e.timestamp, value);
    }
    for (std::size_t i = 0; i < options.sack_count; ++i) {
        const auto& block = options.sack[i];
        // RFC 2018 4: what came; RFC 2883 4: the first may tell of a duplicate
        const bool ordered = before(block.left, block.right);
        const bool above = i == 0 || before(s.tcp.acknowledgment, block.left);
        if (!ordered || !above || before(e.heard_nxt, block.right))
            fail("sack", flow, end, s,
                 "block " + std::to_string(block.left - peer.iss) + ".." +
                     std::to_string(block.right - peer.iss));
    }
}

// RFC 3168 6.1: only who agreed sets ECT, and only on new data (6.1.4, 6.1.5, 6.1.6).
void flow_watch::check_ecn(const watched_flow& flow, int end, const seen_segment& s) {
    if ((s.ip.traffic_class & 3U) == 0) return;
    const watched_end& e = flow.ends[end];
    const watched_end& peer = flow.ends[1 - end];
    const bool agreed = (e.asks_ecn && peer.agrees_ecn) || (peer.asks_ecn && e.agrees_ecn);
    if (s.tcp.flags.syn || !agreed) return fail("ecn", flow, end, s, "ECT that was not agreed");
    if (s.payload.empty() || before(s.tcp.sequence, e.nxt))
        fail("ecn", flow, end, s, "ECT on what is no new data");
}

void flow_watch::note_sent(watched_flow& flow, int end, const seen_segment& s) {
    watched_end& e = flow.ends[end];
    if (before(e.nxt, s.end())) {
        const auto size = static_cast<std::uint32_t>(s.payload.size());
        if (size != 0) fresh_.push_back({&flow, end, std::min(size, s.end() - e.nxt)});
        e.nxt = s.end();
    }
    if (s.tcp.flags.fin) {
        if (e.fin_sent && e.fin_at != s.end() - 1) fail("fin", flow, end, s, "the FIN has moved");
        e.fin_sent = true;
        e.fin_at = s.end() - 1;
    }
}

void flow_watch::on_sent(const nic& by, const frame& sent) {
    watched_host& host = hosts_.at(&by);
    seen_segment s;
    if (!read_sent(by, host, sent, s)) return;
    ++host.count.sent;
    int end = 0;
    watched_flow& flow = flow_of(s, end);
    flow.initial_window_segments[end] = host.initial_window;
    if (s.tcp.flags.rst) return;
    if (s.tcp.flags.syn) open(flow, end, s);
    if (!flow.ends[end].opened) return;  // of a connection before: TIME-WAIT answers
    if (flow.answered_twice) return;
    check_content(flow, end, s);
    check_window(flow, end, s);
    check_growth(flow, end, s);
    check_acknowledgment(flow, end, s);
    check_options(flow, end, s);
    check_ecn(flow, end, s);
    note_sent(flow, end, s);
}

// What the host learns: taken in as widely as a stack might, so that no rule is too strict.
void flow_watch::on_taken(const nic& by, const frame& taken) {
    watched_host& host = hosts_.at(&by);
    const auto ethernet = wire::parse_ethernet(taken.bytes());
    if (taken.damaged) ++host.count.damaged;
    if (!ethernet || ethernet->type != wire::ethernet_type_ipv4) return;
    const auto packet = taken.bytes().subspan(wire::ethernet_header_size);
    const auto ip = wire::parse_ipv4(packet, packet.size());
    if (ip.fault != wire::ipv4_fault::none || ip.header.protocol != wire::protocol_tcp) return;
    if (ip.header.is_fragment()) return;  // no host makes such of TCP
    const auto segment = packet.first(ip.header.total_length).subspan(ip.header_length);
    // What was damaged where no sum looks, such as the source's MAC, is a segment all the same.
    if (taken.damaged && !is_sum_good(ip.header, segment)) return;
    if (!taken.damaged) ++host.count.taken;
    const auto tcp = wire::parse_tcp(segment);
    if (tcp.fault != wire::tcp_fault::none) return;
    const seen_segment s{ip.header, tcp.header, segment.subspan(tcp.header_length),
                         tcp.header_length};
    int from = 0;
    watched_flow& flow = flow_of(s, from);
    if (flow.answered_twice) return;
    const watched_end& sender = flow.ends[from];
    watched_end& e = flow.ends[1 - from];
    if (s.tcp.flags.rst || !sender.opened || s.tcp.sequence - sender.iss > (1U << 30)) return;
    e.heard_nxt = e.heard ? later(e.heard_nxt, s.end()) : s.end();
    e.heard = true;
    const std::uint32_t ack = s.tcp.acknowledgment;
    if (!s.tcp.flags.ack || !e.opened || before(ack, e.iss) || before(e.nxt, ack)) return;
    const std::uint64_t mss = mss_towards(sender);
    // Not acceptable (RFC 9293 3.10.7.4, first): the stack does not look at its acknowledgment.
    const bool old = s.length() != 0 && e.acked_once && !before(e.ack, s.end());
    if (e.heard_ack && ack == e.una && s.length() == 0) {
        e.dup_allowance += mss;
    } else if (before(e.una, ack) && e.dup_allowance != 0 && !old) {
        e.dup_allowance -= std::min<std::uint64_t>(e.dup_allowance, ack - e.una);
        e.dup_allowance += mss;
    }
    e.una = e.heard_ack ? later(e.una, ack) : ack;
    e.farthest = e.heard_ack ? later(e.farthest, ack) : ack;
    const auto& sack = s.tcp.options.sack;
    for (const auto& held :
         std::span(sack).first(std::min<std::size_t>(s.tcp.options.sack_count, sack.size())))
        if (!before(e.nxt, held.right)) e.farthest = later(e.farthest, held.right);
    std::uint32_t window = s.tcp.window;
    if (!s.tcp.flags.syn && scaled(flow)) window <<= static_cast<unsigned>(sender.scale);
    e.usable_edge = e.heard_ack || from == 0 ? later(e.usable_edge, ack + window) : ack + window;
    e.heard_ack = true;
}

}  // namespace coax::sim
