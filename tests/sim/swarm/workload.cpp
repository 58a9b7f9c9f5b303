// Each kind of workload draws its dialogues.
#include "tests/sim/swarm/workload.hpp"

#include <algorithm>

namespace coax::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t bulk_most = 400'000;  // bytes of a seed's long streams, all together
constexpr std::uint16_t any_port = 9;

// The pair, and habits of the two users that go with any workload.
planned_dialogue between_two(seeded_random& r, const scenario& s, std::uint16_t port) {
    planned_dialogue d;
    d.client = r.below(s.hosts.size());
    d.server = (d.client + 1 + r.below(s.hosts.size() - 1)) % s.hosts.size();
    d.port = port;
    d.begins = r.between(stack::duration{0ms}, stack::duration{50ms});
    for (script* each : {&d.client_script, &d.server_script}) {
        each->no_delay = r.one_in(3);
        each->cork = r.one_in(8);
        each->more = r.one_in(8);
        each->keep_alive = r.one_in(3);
        each->lingers = r.one_in(3);
        if (r.one_in(3)) each->write_piece = r.spread(65536);
        if (r.one_in(3)) each->read_piece = r.between(1000, 65536);
        if (r.one_in(6)) each->send_buffer = static_cast<std::uint32_t>(r.between(1000, 1 << 20));
        if (r.one_in(6)) each->receive_buffer = static_cast<std::uint32_t>(r.between(256, 1 << 20));
    }
    return d;
}

void draw_echo(seeded_random& r, scenario& s) {
    for (std::uint64_t left = r.between(1, 4); left != 0; --left) {
        planned_dialogue d = between_two(r, s, echo_port);
        d.server_script.echo = true;
        d.client_script.round_bytes = r.spread(20'000);
        d.client_script.send_bytes = d.client_script.round_bytes * r.between(1, 15);
        s.dialogues.push_back(d);
    }
}

void draw_bulk(seeded_random& r, scenario& s) {
    const std::uint64_t count = r.between(1, 4);
    for (std::uint64_t i = 0; i < count; ++i) {
        planned_dialogue d = between_two(r, s, any_port);
        const std::uint64_t most = bulk_most / count;
        if (!r.one_in(3)) d.client_script.send_bytes = r.spread(most);
        if (!r.one_in(3)) d.server_script.send_bytes = r.spread(most);
        s.dialogues.push_back(d);
    }
}

void draw_churn(seeded_random& r, scenario& s) {
    const stack::duration apart = r.between(stack::duration{10us}, stack::duration{20ms});
    const std::uint64_t count = r.between(10, 60);
    for (std::uint64_t i = 0; i < count; ++i) {
        planned_dialogue d = between_two(r, s, any_port);
        d.begins = apart * static_cast<stack::duration::rep>(i);
        d.client_script.send_bytes = r.below(3) * r.spread(2000);
        d.server_script.send_bytes = r.below(3) * r.spread(2000);
        s.dialogues.push_back(d);
    }
}

void draw_half_close(seeded_random& r, scenario& s) {
    for (std::uint64_t left = r.between(1, 6); left != 0; --left) {
        planned_dialogue d = between_two(r, s, any_port);
        script& last = r.one_in(2) ? d.client_script : d.server_script;
        last.how = ending::answer_last;
        d.client_script.send_bytes = r.spread(40'000);
        d.server_script.send_bytes = r.spread(40'000);
        s.dialogues.push_back(d);
    }
}

void draw_abort(seeded_random& r, scenario& s) {
    for (std::uint64_t left = r.between(1, 12); left != 0; --left) {
        planned_dialogue d = between_two(r, s, any_port);
        script& rude = r.one_in(2) ? d.client_script : d.server_script;
        d.client_script.send_bytes = r.spread(60'000);
        d.server_script.send_bytes = r.spread(60'000);
        rude.how = r.one_in(2) ? ending::abort_midway : ending::leave_early;
        rude.abort_after = r.below(d.client_script.send_bytes + d.server_script.send_bytes + 1);
        s.dialogues.push_back(d);
    }
}

void draw_slow_reader(seeded_random& r, scenario& s) {
    for (std::uint64_t left = r.between(1, 3); left != 0; --left) {
        planned_dialogue d = between_two(r, s, any_port);
        d.client_script.send_bytes = r.spread(60'000);
        d.server_script.send_bytes = r.spread(60'000);
        script& slow = r.one_in(2) ? d.client_script : d.server_script;
        slow.read_piece = r.between(500, 4000);
        slow.read_pause = r.between(stack::duration{1ms}, stack::duration{300ms});
        slow.receive_buffer = static_cast<std::uint32_t>(r.between(1000, 20'000));
        s.dialogues.push_back(d);
    }
}

void draw_slow_writer(seeded_random& r, scenario& s) {
    for (std::uint64_t left = r.between(1, 4); left != 0; --left) {
        planned_dialogue d = between_two(r, s, any_port);
        for (script* each : {&d.client_script, &d.server_script}) {
            each->write_piece = r.spread(3000);
            each->write_pause = r.between(stack::duration{10us}, stack::duration{500ms});
            each->send_bytes = each->write_piece * r.between(0, 50);
        }
        s.dialogues.push_back(d);
    }
}

void draw_zero_window(seeded_random& r, scenario& s) {
    for (std::uint64_t left = r.between(1, 3); left != 0; --left) {
        planned_dialogue d = between_two(r, s, any_port);
        d.client_script.send_bytes = r.spread(100'000);
        d.server_script.send_bytes = r.spread(100'000);
        script& asleep = r.one_in(2) ? d.client_script : d.server_script;
        asleep.read_after = r.between(stack::duration{1s}, stack::duration{60s});
        asleep.receive_buffer = static_cast<std::uint32_t>(r.between(1, 30'000));
        s.dialogues.push_back(d);
    }
}

void draw_storm(seeded_random& r, scenario& s) {
    const std::uint64_t count = r.between(20, 100);
    const std::size_t server = r.below(s.hosts.size());
    for (std::uint64_t i = 0; i < count; ++i) {
        planned_dialogue d = between_two(r, s, any_port);
        if (d.client == server) std::swap(d.client, d.server);
        d.server = server;
        d.begins = stack::duration{0};
        d.client_script.send_bytes = r.spread(600);
        d.server_script.send_bytes = r.spread(600);
        s.dialogues.push_back(d);
    }
}

}  // namespace

void draw_workload(seeded_random& r, scenario& s) {
    struct kind {
        const char* name;
        void (*draw)(seeded_random&, scenario&);
    };
    constexpr std::array<kind, 9> kinds{{{"echo", draw_echo},
                                         {"bulk", draw_bulk},
                                         {"churn", draw_churn},
                                         {"half-close", draw_half_close},
                                         {"abort", draw_abort},
                                         {"slow-reader", draw_slow_reader},
                                         {"slow-writer", draw_slow_writer},
                                         {"zero-window", draw_zero_window},
                                         {"storm", draw_storm}}};
    const kind& first = r.pick(kinds);
    first.draw(r, s);
    s.workload = first.name;
    if (!r.one_in(3)) return;
    const kind& second = r.pick(kinds);
    second.draw(r, s);
    s.workload += "+";
    s.workload += second.name;
}

void draw_datagrams(seeded_random r, scenario& s) {
    if (!r.one_in(3)) return;
    for (std::uint64_t left = r.between(1, 3); left != 0; --left) {
        planned_datagrams flow;
        flow.from = r.below(s.hosts.size());
        flow.to = (flow.from + 1 + r.below(s.hosts.size() - 1)) % s.hosts.size();
        flow.begins = r.between(stack::duration{0ms}, stack::duration{100ms});
        flow.apart = stack::duration(static_cast<stack::duration::rep>(r.spread(500'000'000)));
        for (std::uint64_t count = r.between(1, 12); count != 0; --count)
            flow.sizes.push_back(static_cast<std::uint32_t>(
                r.one_in(8) ? datagram_bytes_max : datagram_head_bytes + r.spread(12'000)));
        s.datagrams.flows.push_back(flow);
    }
    if (r.one_in(2)) s.datagrams.forged = static_cast<per_million>(r.between(10'000, 500'000));
    s.datagrams.seed = r.next();
    for (host_options& each : s.hosts) {  // limits that are met
        stack::ip_config& c = each.config.ip;
        if (r.one_in(4)) c.reassembly_bytes = static_cast<std::uint32_t>(r.between(16, 128) << 10);
        if (r.one_in(4))
            c.reassembly_timeout = r.between(stack::duration{1s}, stack::duration{30s});
        if (r.one_in(4)) c.reassembly_datagrams_max = static_cast<std::uint16_t>(r.between(8, 20));
    }
}

}  // namespace coax::sim
