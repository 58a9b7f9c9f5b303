// The cable between two layers.
#include "tests/tcp/cable.hpp"

#include <algorithm>

#include "tests/tcp/short_ways.hpp"

namespace coax::tests {

using namespace stack;

cable::cable(std::uint64_t seed, cable_faults f, tcp_config config)
    : faults(f),
      random_(seed),
      first_random_(seed * 2 + 1),
      second_random_(seed * 2 + 2),
      first_(config, first_random_),
      second_(config, second_random_) {}

void cable::put(std::size_t from, const travelling& t) {
    duration delay = faults.delay;
    if (random_.chance(faults.reordering))
        delay += duration(random_.below(static_cast<std::uint64_t>(faults.extra.count())));
    flying_.emplace(std::pair(now_ + delay, order_++), std::pair(1 - from, t));
}

void cable::pull(std::size_t from) {
    tcp::layer& l = side(from);
    while (tcp::sender* s = l.next_sender()) {
        s->route.mtu = mtu;
        s->route.epoch = 1;
        travelling t;
        if (!next_by_short_way(l, *s, now_, t.segment)) continue;
        for (std::size_t i = 0; i < t.segment.payload_pieces; ++i)
            t.payload.insert(t.payload.end(), t.segment.payload[i].begin(),
                             t.segment.payload[i].end());
        ++carried;
        if (random_.chance(faults.loss)) {
            ++lost;
            continue;
        }
        put(from, t);
        if (random_.chance(faults.duplication)) put(from, t);
    }
}

bool cable::step(instant until) {
    pull(0);
    pull(1);
    instant next = std::min(first_.next_deadline(), second_.next_deadline());
    if (!flying_.empty()) next = std::min(next, flying_.begin()->first.first);
    if (next == never || next > until) return false;
    now_ = std::max(now_, next);
    while (!flying_.empty() && flying_.begin()->first.first <= now_) {
        const auto [to, t] = std::move(flying_.begin()->second);
        flying_.erase(flying_.begin());
        const flow ends{t.segment.ends.remote, t.segment.ends.local};
        input_by_short_way(side(to), ends, t.segment.header, t.payload, now_);
    }
    first_.advance(now_);
    second_.advance(now_);
    return true;
}

bool cable::run(const std::function<bool()>& done, duration limit) {
    const instant until = now_ + limit;
    while (!done())
        if (!step(until)) return done();
    return true;
}

void cable::run_for(duration d) {
    const instant until = now_ + d;
    while (step(until)) {
    }
    now_ = until;
}

}  // namespace coax::tests
