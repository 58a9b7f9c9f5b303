// Options of stacks and sockets, links that flap, thin ways back, black holes, simultaneous opens.
#include "tests/sim/swarm/circumstances.hpp"

#include <algorithm>

namespace coax::sim {

namespace {

using namespace std::chrono_literals;

// Ports of simultaneous opens: outside the ephemeral ones, on either side of those that tell the
// flow watch who is the client.
constexpr std::uint16_t crossing_client_port = 61001;
constexpr std::uint16_t crossing_server_port = 20001;

void draw_recovery(seeded_random& r, stack::tcp_config& c) {
    c.rack = !r.one_in(5);
    c.tail_loss_probe = !r.one_in(5);
    c.forward_rto = !r.one_in(5);
    if (r.one_in(4)) c.tail_probe_ack_delay = r.between(stack::duration{0ms}, stack::duration{1s});
    if (r.one_in(6)) c.flight_records_max = static_cast<std::uint32_t>(r.between(24, 500));
}

void draw_path_search(seeded_random& r, stack::tcp_config& c) {
    constexpr std::array<stack::mtu_probing, 3> choices{
        stack::mtu_probing::off, stack::mtu_probing::on_black_hole, stack::mtu_probing::always};
    c.mtu_probing = r.pick(choices);
    if (r.one_in(2)) c.mtu_base = static_cast<std::uint16_t>(r.between(256, 1500));
    if (r.one_in(2)) c.path_mtu_lifetime = r.between(stack::duration{1s}, stack::duration{600s});
}

void draw_stack(seeded_random& r, stack::tcp_config& c, bool gentle) {
    c.congestion = static_cast<stack::congestion_algorithm>(r.below(2));  // a third: draw_model
    constexpr std::array<stack::ecn_use, 4> ecn{stack::ecn_use::request, stack::ecn_use::request,
                                                stack::ecn_use::accept, stack::ecn_use::off};
    c.ecn = r.pick(ecn);
    c.pacing = r.one_in(3);
    constexpr std::array<stack::syn_cookie_mode, 4> cookies{
        stack::syn_cookie_mode::on_overflow, stack::syn_cookie_mode::on_overflow,
        stack::syn_cookie_mode::always, stack::syn_cookie_mode::off};
    c.syn_cookies = r.pick(cookies);
    // Whose acknowledgment is lost, or overtaken by what follows it, is refused.
    if (gentle) c.syn_cookies = stack::syn_cookie_mode::on_overflow;
    c.abort_on_overflow = r.one_in(6);
    if (r.one_in(3)) c.keep_alive_probes = static_cast<std::uint8_t>(r.between(3, 12));
    if (r.one_in(4)) c.unaccepted_bytes_max = static_cast<std::uint32_t>(r.between(1000, 65535));
    draw_recovery(r, c);
    draw_path_search(r, c);
}

void draw_socket(seeded_random& r, script& s, bool gentle) {
    if (r.one_in(4))
        s.user_timeout = r.between(stack::duration{gentle ? 150s : 1s}, stack::duration{600s});
    if (r.one_in(4)) {
        s.keep_alive = true;
        s.keep_alive_times = {r.between(stack::duration{1s}, stack::duration{60s}),
                              r.between(stack::duration{1s}, stack::duration{20s}),
                              static_cast<std::uint8_t>(r.between(gentle ? 6 : 1, 12))};
    }
    s.cork_each = r.one_in(4);
    if (r.one_in(5)) s.maximum_segment = static_cast<std::uint16_t>(r.between(88, 9000));
    if (!gentle && r.one_in(4)) s.linger = r.between(stack::duration{1ms}, stack::duration{60s});
}

// Down again and again, for moments: nobody may give up for that.
void draw_flaps(seeded_random& r, lane_options& lane) {
    stack::instant at = schedule::beginning;
    for (std::uint64_t left = r.between(1, 12); left != 0; --left) {
        at += stack::duration(static_cast<stack::duration::rep>(r.spread(4'000'000'000)));
        const auto length =
            stack::duration(static_cast<stack::duration::rep>(r.spread(2'000'000'000)));
        lane.outages.push_back({at, at + length});
        at += length;
    }
}

void draw_way(seeded_random& r, planned_link& link) {
    if (link.out.outages.empty() && link.in.outages.empty() && r.one_in(4)) {
        draw_flaps(r, link.out);
        if (r.one_in(2)) link.in.outages = link.out.outages;
    }
    lane_options& wide = r.one_in(2) ? link.out : link.in;
    lane_options& thin = &wide == &link.out ? link.in : link.out;
    if (r.one_in(4)) {  // one way is much faster than the other
        wide.bits_per_second = 100'000'000;
        thin.bits_per_second = r.between(200'000, 2'000'000);
        thin.delay = r.between(stack::duration{1ms}, stack::duration{200ms});
    }
    if (r.one_in(3) && wide.bits_per_second != 0) {  // congestion is told of early
        wide.mark_bytes = static_cast<std::uint32_t>(r.between(1500, 30'000));
    }
}

// A router that drops what is too large and does not say so: only those who search get through.
void draw_black_holes(seeded_random& r, scenario& s) {
    if (!s.routed || !r.one_in(2)) return;
    for (planned_link& link : s.links) link.tells_mtu = false;
    for (host_options& each : s.hosts) {
        stack::tcp_config& c = each.config.tcp;
        if (c.mtu_probing == stack::mtu_probing::off)
            c.mtu_probing = stack::mtu_probing::on_black_hole;
        // The search takes five timeouts, and what is lost beside it some more.
        if (s.gentle) c.orphan_timeout = 600s;
    }
}

// Both ends open: their SYNs meet on the way (RFC 9293 3.5, figure 7).
void draw_crossings(seeded_random& r, scenario& s) {
    if (!r.one_in(3)) return;
    std::uint16_t number = 0;
    for (planned_dialogue& each : s.dialogues) {
        if (each.server_script.echo || !r.one_in(2) || number == 100) continue;
        each.crossing = true;
        each.client_port = static_cast<std::uint16_t>(crossing_client_port + number);
        each.port = static_cast<std::uint16_t>(crossing_server_port + number);
        ++number;
    }
}

// Windows that are validated (RFC 7661), for moments or minutes. Drawn by all worlds; the number is
// the first one that leaves those of seeds.txt as they were.
void draw_validation(const seeded_random& root, scenario& s) {
    seeded_random r = root.fork(1288);
    if (!r.one_in(4)) return;
    const bool all = r.one_in(2);
    for (std::size_t i = 0; i < s.hosts.size(); ++i) {
        stack::tcp_config& c = s.hosts[i].config.tcp;
        if (i != 0 && !all) continue;
        c.after_idle = stack::idle_window::validate;
        if (r.one_in(2))
            c.non_validated_period =
                stack::duration(static_cast<stack::duration::rep>(r.spread(300'000'000'000)));
    }
}

void draw_most(const seeded_random& root, scenario& s) {
    seeded_random r = root.fork(400);
    if (r.one_in(2)) return;
    for (std::size_t i = 0; i < s.hosts.size(); ++i) {
        seeded_random h = root.fork(500 + i);
        if (!h.one_in(4)) draw_stack(h, s.hosts[i].config.tcp, s.gentle);
    }
    for (std::size_t i = 0; i < s.links.size(); ++i) {
        seeded_random l = root.fork(600 + i);
        draw_way(l, s.links[i]);
    }
    for (std::size_t i = 0; i < s.dialogues.size(); ++i) {
        seeded_random d = root.fork(700 + i);
        draw_socket(d, s.dialogues[i].client_script, s.gentle);
        draw_socket(d, s.dialogues[i].server_script, s.gentle);
    }
    draw_black_holes(r, s);
    draw_crossings(r, s);
}

// The congestion control that has a model of the path: on one host, or on more of them; and sockets
// that change to another or back in the midst of a stream. Drawn by all worlds; the number is the
// first one that leaves those of seeds.txt as they were.
void draw_model(const seeded_random& root, scenario& s) {
    constexpr std::array<std::string_view, 3> controls{"cubic", "newreno", "bbr"};
    seeded_random r = root.fork(4169);
    if (!r.one_in(3)) return;
    const bool all = r.one_in(2);
    for (std::size_t i = 0; i < s.hosts.size(); ++i)
        if (all || r.one_in(2)) s.hosts[i].config.tcp.congestion = stack::congestion_algorithm::bbr;
    if (r.one_in(6))
        s.hosts[0].config.tcp.paced_connections_max = static_cast<std::uint32_t>(r.below(4));
    if (!r.one_in(3)) return;
    for (planned_dialogue& each : s.dialogues)
        for (script* end : {&each.client_script, &each.server_script}) {
            if (!r.one_in(2)) continue;
            end->other_congestion = r.pick(controls);
            end->other_congestion_after = r.spread(1'000'000);
        }
}

}  // namespace

void draw_circumstances(const seeded_random& root, scenario& s) {
    draw_most(root, s);
    draw_validation(root, s);
    draw_model(root, s);
}

}  // namespace coax::sim
