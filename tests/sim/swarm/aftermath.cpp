// The last oracles.
#include "tests/sim/swarm/aftermath.hpp"

#include <algorithm>

#include "stack/tcp/counters.hpp"

namespace coax::sim {

namespace {

using namespace std::chrono_literals;

std::string at(const host& h) { return h.address().to_string() + ": "; }

}  // namespace

std::string nonzero(const std::vector<stack::counter>& numbers) {
    std::string text;
    for (const stack::counter& each : numbers)
        if (each.value != 0)
            text += std::string(each.name) + "=" + std::to_string(each.value) + " ";
    return text;
}

stack::duration longest_afterlife(const stack::stack_config& c) {
    // A half-open connection, an orphan that sends, its FIN-WAIT-2, its TIME-WAIT; each timer may
    // be found backed off to the longest.
    stack::duration syn_ack{0};
    for (int i = 0; i <= c.tcp.syn_ack_retries; ++i)
        syn_ack += std::min(c.tcp.rto_initial * (1 << i), c.tcp.rto_max);
    return syn_ack + std::max(c.tcp.user_timeout, c.tcp.orphan_timeout) + 3 * c.tcp.rto_max +
           c.tcp.fin_wait_2 + c.tcp.time_wait + 60s;
}

void check_emptiness(const host& h, fault_list& faults) {
    std::vector<stack::counter> held = h.stack().usage();
    std::erase_if(held, [](const auto& each) { return each.name == "neighbour.entries"; });
    if (const std::string text = nonzero(held); !text.empty())
        faults.add("leak", at(h) + "at the end there is " + text, h.now());
    if (h.stack().next_deadline() != stack::never)
        faults.add("leak", at(h) + "at the end a timer runs", h.now());
}

void check_counters(const host& h, const flow_watch& flows, fault_list& faults) {
    const nic_counters& card = h.card().counters();
    const auto expect = [&](std::string_view name, std::uint64_t least, std::uint64_t most) {
        const std::uint64_t value = h.counter(name);
        if (value < least || value > most)
            faults.add("counters",
                       at(h) + std::string(name) + " is " + std::to_string(value) +
                           ", the card saw " + std::to_string(least) +
                           (most == least ? "" : " to " + std::to_string(most)),
                       h.now());
    };
    expect("device.frames_sent", card.taken, card.taken);
    expect("device.frames_received", card.delivered, card.delivered);
    const flow_watch::tally& seen = flows.tally_of(h.card());
    // A super-segment counts once, whatever it is cut into.
    const std::uint64_t cut = card.sent - card.taken;
    expect("tcp.segments_sent", seen.sent - cut, seen.sent - cut);
    std::uint64_t judged = 0;
    for (std::size_t i = 0; i < stack::tcp::disposition_count; ++i)
        judged += h.counter(stack::tcp::counter_names[i]);
    if (judged < seen.taken || judged > seen.taken + seen.damaged)
        faults.add("counters",
                   at(h) + std::to_string(judged) + " segments have a disposition, " +
                       std::to_string(seen.taken) + " came, " + std::to_string(seen.damaged) +
                       " damaged frames beside",
                   h.now());
}

void check_frames(network& net, fault_list& faults) {
    for (const auto& each : net.hosts()) {
        each->end();
        if (each->card().lent() != 0)
            faults.add("leak", at(*each) + "transmit slots were not given back", net.now());
    }
    std::size_t on_the_way = 0;
    for (const auto& each : net.lanes()) {
        on_the_way += each->on_the_way();
        if (!each->counters().balanced(each->on_the_way()))
            faults.add("frames", "a lane has lost count of its frames", net.now());
    }
    if (on_the_way != 0) faults.add("frames", "frames still on their way", net.now());
    if (net.frames().out() != 0)
        faults.add("leak", std::to_string(net.frames().out()) + " frames were not given back",
                   net.now());
}

}  // namespace coax::sim
