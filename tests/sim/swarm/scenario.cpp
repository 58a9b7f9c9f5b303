// Swarm testing (Groce and others, 2012): every seed leaves most things out and overdoes a few, so
// that all pairs of circumstances meet within some thousand seeds.
#include "tests/sim/swarm/scenario.hpp"

#include <algorithm>

#include "tests/sim/swarm/circumstances.hpp"
#include "tests/sim/swarm/workload.hpp"

namespace coax::sim {

namespace {

using namespace std::chrono_literals;

constexpr stack::instant start = schedule::beginning;

void draw_buffers(seeded_random& r, stack::tcp_config& c) {
    constexpr std::array<std::uint32_t, 8> sizes{2048,  4096,   16384,   30000,
                                                 65535, 200000, 1 << 20, 4 << 20};
    if (r.one_in(2)) c.send_buffer_bytes = r.pick(sizes);
    if (r.one_in(2)) c.receive_buffer_bytes = r.pick(sizes);
    // Buffers tune themselves up to these; not below what they begin with.
    if (r.one_in(2)) c.send_buffer_max_bytes = std::max(c.send_buffer_bytes, r.pick(sizes));
    if (r.one_in(2)) c.receive_buffer_max_bytes = std::max(c.receive_buffer_bytes, r.pick(sizes));
    if (r.one_in(4)) c.tuned_connections_max = static_cast<std::uint32_t>(r.between(1, 8));
}

void draw_timers(seeded_random& r, stack::tcp_config& c) {
    if (r.one_in(3)) c.rto_min = r.between(stack::duration{1ms}, stack::duration{1s});
    if (r.one_in(4)) c.delayed_ack = r.between(stack::duration{0ms}, stack::duration{200ms});
    if (r.one_in(2)) c.time_wait = r.between(stack::duration{1s}, stack::duration{60s});
    if (r.one_in(3)) c.user_timeout = r.between(stack::duration{100s}, stack::duration{600s});
    if (r.one_in(3)) c.keep_alive_idle = r.between(stack::duration{1s}, stack::duration{100s});
    if (r.one_in(3)) c.keep_alive_interval = r.between(stack::duration{1s}, stack::duration{20s});
    if (r.one_in(4)) c.fin_wait_2 = r.between(stack::duration{5s}, stack::duration{60s});
}

void draw_congestion(seeded_random& r, stack::tcp_config& c) {
    if (r.one_in(3)) c.congestion = stack::congestion_algorithm::newreno;
    constexpr std::array<stack::idle_window, 3> choices{
        stack::idle_window::keep, stack::idle_window::restart, stack::idle_window::decay};
    c.after_idle = r.pick(choices);
}

// Limits so low that they are met. True: something was limited.
bool draw_limits(seeded_random& r, stack::stack_config& c) {
    bool tight = false;
    const auto sometimes = [&] { return r.one_in(6) && (tight = true); };
    if (sometimes()) c.tcp.buffer_memory_bytes = r.between(64, 512) << 10;
    if (sometimes()) c.tcp.connections_max = static_cast<std::uint32_t>(r.between(8, 40));
    if (sometimes()) c.tcp.time_wait_max = static_cast<std::uint32_t>(r.between(1, 8));
    if (sometimes()) c.tcp.half_open_max = static_cast<std::uint32_t>(r.between(2, 16));
    if (sometimes()) c.tcp.syn_queue_max = static_cast<std::uint32_t>(r.between(1, 8));
    if (sometimes()) c.tcp.reply_queue_max = static_cast<std::uint32_t>(r.between(1, 4));
    return tight;
}

host_options draw_host(seeded_random& r, bool tight_allowed, bool& tight) {
    host_options h;
    stack::tcp_config& c = h.config.tcp;
    c.timestamps = !r.one_in(4);
    c.window_scaling = !r.one_in(4);
    c.sack = !r.one_in(3);
    draw_congestion(r, c);
    if (r.one_in(4)) c.cork_max = r.between(stack::duration{1ms}, stack::duration{500ms});
    draw_buffers(r, c);
    draw_timers(r, c);
    if (r.one_in(4)) c.congestion_window_initial = static_cast<std::uint8_t>(r.between(1, 20));
    if (r.one_in(4)) c.quick_acks = static_cast<std::uint8_t>(r.below(32));
    if (r.one_in(4)) c.reassembly_ranges_max = static_cast<std::uint16_t>(r.between(1, 16));
    if (r.one_in(4)) h.config.burst = static_cast<std::uint16_t>(r.between(1, 64));
    if (r.one_in(4)) h.config.segments_turn = static_cast<std::uint16_t>(r.between(1, 64));
    if (tight_allowed) tight = draw_limits(r, h.config) || tight;
    constexpr std::array<std::uint16_t, 5> mtus{1500, 1500, 576, 1280, 9000};
    h.card.mtu = r.pick(mtus);
    h.card.transmit_ring = static_cast<std::uint32_t>(r.one_in(4) ? r.between(2, 32) : 256);
    h.card.transmit_checksum = r.one_in(3);
    h.card.receive_checksum = r.one_in(3);
    if (r.one_in(3))
        h.card.gso_max_bytes = static_cast<std::uint32_t>(r.between(h.card.mtu, 65000));
    if (r.one_in(4)) h.card.piece_bytes = static_cast<std::uint32_t>(r.between(16, 2000));
    if (r.one_in(2)) h.turn_delay = r.between(stack::duration{0us}, stack::duration{200us});
    h.seed = r.next();
    return h;
}

void draw_speed(seeded_random& r, lane_options& lane) {
    constexpr std::array<std::uint64_t, 4> speeds{1'000'000, 10'000'000, 100'000'000,
                                                  1'000'000'000};
    lane.bits_per_second = r.pick(speeds);
    if (r.one_in(2)) {
        lane.queue_bytes = static_cast<std::uint32_t>(r.between(10'000, 200'000));
        if (r.one_in(2)) lane.mark_bytes = lane.queue_bytes / 4;
    }
}

void draw_noise(seeded_random& r, lane_options& lane, bool gentle) {
    const per_million most = gentle ? 20'000 : 200'000;
    const auto share = [&] { return static_cast<per_million>(r.spread(most)); };
    if (r.one_in(2)) lane.loss = share();
    if (r.one_in(4)) lane.duplicate = share();
    if (r.one_in(4)) lane.damage = share();
    if (r.one_in(3)) {
        lane.reorder = share();
        lane.reorder_by = r.between(stack::duration{10us}, stack::duration{20ms});
    }
    if (r.one_in(4)) {
        lane.jitter = r.between(stack::duration{1us}, stack::duration{10ms});
        lane.keeps_order = r.one_in(2);
    }
    if (!gentle && r.one_in(4)) {
        lane.burst_enter = static_cast<per_million>(r.spread(20'000));
        lane.burst_leave = static_cast<per_million>(r.between(50'000, 500'000));
    }
}

// The nth frame that fits, and perhaps those after it: what chance seldom hits.
std::function<bool(stack::const_bytes)> draw_rule(seeded_random& r) {
    struct rule {
        std::size_t least;  // bytes of frame
        std::size_t most;
        std::uint64_t from;
        std::uint64_t until;
        std::uint64_t seen = 0;
    };
    rule made{50, ~std::size_t{0}, r.below(40), 0};  // not ARP: three losses end its patience
    made.until = made.from + r.between(1, 4);
    if (r.one_in(3)) made.least = 100;     // data
    else if (r.one_in(2)) made.most = 99;  // acknowledgments, SYN, FIN, RST
    return [made](stack::const_bytes frame) mutable {
        if (frame.size() < made.least || frame.size() > made.most) return false;
        const std::uint64_t number = made.seen++;
        return number >= made.from && number < made.until;
    };
}

void draw_outages(seeded_random& r, lane_options& lane) {
    stack::instant at = start;
    for (std::uint64_t left = r.between(1, 3); left != 0; --left) {
        at += stack::duration(static_cast<stack::duration::rep>(r.spread(20'000'000'000)));
        const auto length =
            stack::duration(static_cast<stack::duration::rep>(r.spread(100'000'000'000)));
        lane.outages.push_back({at, at + length});
        at += length;
    }
    if (r.one_in(10)) lane.outages.push_back({at, stack::never});  // somebody pulled the cable
}

planned_link draw_link(seeded_random& r, bool gentle) {
    planned_link link;
    link.out.delay = stack::duration(static_cast<stack::duration::rep>(r.spread(100'000'000)));
    link.in.delay = r.one_in(4) ? link.out.delay * 3 : link.out.delay;
    if (r.one_in(2)) draw_speed(r, link.out);
    if (r.one_in(2)) draw_speed(r, link.in);
    if (!r.one_in(4)) draw_noise(r, link.out, gentle);
    if (!r.one_in(4)) draw_noise(r, link.in, gentle);
    if (r.one_in(4)) link.out.lose_if = draw_rule(r);
    if (r.one_in(4)) link.in.lose_if = draw_rule(r);
    if (!gentle && r.one_in(6)) {
        draw_outages(r, link.out);
        if (r.one_in(2)) link.in.outages = link.out.outages;
    }
    constexpr std::array<std::uint16_t, 4> mtus{1500, 1500, 1400, 600};
    link.router_mtu = r.one_in(3) ? r.pick(mtus) : 9000;
    link.tells_mtu = true;
    return link;
}

}  // namespace

scenario draw_scenario(std::uint64_t seed) {
    seeded_random root(seed);
    scenario s;
    s.seed = seed;
    seeded_random r = root.fork(1);
    s.gentle = r.one_in(2);
    s.routed = r.one_in(3);
    const std::size_t count = s.routed ? r.between(2, 5) : 2;
    bool tight = false;
    for (std::size_t i = 0; i < count; ++i) {
        seeded_random h = root.fork(100 + i);
        s.hosts.push_back(draw_host(h, !s.gentle && r.one_in(2), tight));
        const auto number = static_cast<std::uint8_t>(i + 1);
        host_options& made = s.hosts.back();
        if (s.gentle) {
            made.config.neighbour.retries_max = 10;
            // Eight probes of a closed window end an orphan: that is to last some 100 s.
            made.config.tcp.rto_min = std::max<stack::duration>(made.config.tcp.rto_min, 200ms);
        }
        if (s.routed) {
            made.address = {stack::ip_address::v4(198, 18, number, 2), 24};
            made.gateway = stack::ip_address::v4(198, 18, number, 1);
        } else {
            made.address = {stack::ip_address::v4(198, 18, 0, number), 24};
        }
    }
    if (!s.routed) s.hosts[1].card.mtu = s.hosts[0].card.mtu;  // one cable, one MTU
    for (std::size_t i = 0; i < (s.routed ? count : 1); ++i) {
        seeded_random l = root.fork(200 + i);
        s.links.push_back(draw_link(l, s.gentle));
        if (s.routed) s.links[i].router_mtu = std::min(s.links[i].router_mtu, s.hosts[i].card.mtu);
    }
    s.backlog = static_cast<std::uint32_t>(!s.gentle && r.one_in(4) ? r.between(1, 4) : 1024);
    seeded_random w = root.fork(2);
    draw_workload(w, s);
    draw_circumstances(root, s);
    draw_datagrams(root.fork(800), s);
    return s;
}

std::string describe(const scenario& s) {
    std::string text = s.workload + ", " + std::to_string(s.hosts.size()) + " hosts" +
                       (s.routed ? " at a router" : "") + ", " +
                       std::to_string(s.dialogues.size()) + " dialogues";
    if (s.gentle) text += ", gentle";
    if (std::any_of(s.dialogues.begin(), s.dialogues.end(),
                    [](const planned_dialogue& d) { return d.crossing; }))
        text += ", crossing SYNs";
    if (std::any_of(s.hosts.begin(), s.hosts.end(), [](const host_options& h) {
            return h.config.tcp.after_idle == stack::idle_window::validate;
        }))
        text += ", validated windows";
    if (std::any_of(s.hosts.begin(), s.hosts.end(), [](const host_options& h) {
            return h.config.tcp.congestion == stack::congestion_algorithm::bbr;
        }))
        text += ", bbr";
    if (std::any_of(s.dialogues.begin(), s.dialogues.end(), [](const planned_dialogue& d) {
            return !d.client_script.other_congestion.empty() ||
                   !d.server_script.other_congestion.empty();
        }))
        text += ", changing control";
    if (!s.datagrams.flows.empty()) text += ", datagrams";
    if (s.datagrams.forged != 0) text += ", forged " + std::to_string(s.datagrams.forged);
    if (!s.links.front().tells_mtu) text += ", black holes";
    for (const planned_link& link : s.links) {
        for (const lane_options* lane : {&link.out, &link.in}) {
            text += lane == &link.out ? " [" : "/";
            text += std::to_string(lane->delay / 1us) + "us";
            if (lane->loss != 0) text += " loss " + std::to_string(lane->loss);
            if (lane->burst_enter != 0) text += " bursts";
            if (lane->reorder != 0) text += " reorder " + std::to_string(lane->reorder);
            if (lane->duplicate != 0) text += " dup " + std::to_string(lane->duplicate);
            if (lane->damage != 0) text += " damage " + std::to_string(lane->damage);
            if (!lane->keeps_order) text += " overtaking";
            if (!lane->outages.empty()) text += " outages";
            if (lane->mark_bytes != 0) text += " marks";
            if (lane->lose_if) text += " rule";
        }
        text += "]";
    }
    return text;
}

}  // namespace coax::sim
