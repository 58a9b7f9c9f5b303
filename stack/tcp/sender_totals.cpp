// Making, telling and giving back a connection's totals; what limits a sender at this moment.
#include "stack/tcp/sender_totals.hpp"

#include <algorithm>

#include "stack/tcp/core.hpp"
#include "stack/tcp/recovery.hpp"

namespace coax::stack::tcp {

namespace {

// nullptr: there is no memory for it.
sender_totals* open_totals(core& k, connection& c) noexcept {
    sender_totals* const t = c.totals != 0 ? k.totals.at(c.totals - 1) : k.totals.create();
    if (t == nullptr) k.count.add(counted::no_memory);
    else c.totals = t->index + 1;
    return t;
}

sending_limit limit_of(const connection& c) noexcept {
    const std::uint32_t size = c.sending.size();
    if (size == 0 || c.current < state::established) return sending_limit::none;
    if (c.probing) return sending_limit::receiver;
    const std::uint32_t outstanding = c.outstanding();
    const std::uint32_t unsent = size - std::min(size, outstanding);
    const std::uint32_t next = unsent == 0 ? c.snd.mss : std::min<std::uint32_t>(unsent, c.snd.mss);
    if (in_flight(c) + std::uint64_t{next} > send_allowance(c)) return sending_limit::none;
    if (unsent == 0) return c.wants_write ? sending_limit::send_buffer : sending_limit::none;
    return c.snd.wnd < outstanding + std::uint64_t{next} ? sending_limit::receiver
                                                         : sending_limit::none;
}

void note_limit(core& k, connection& c, sending_limit now_is, instant now) noexcept {
    sender_totals* const t = open_totals(k, c);
    if (t == nullptr || t->limit == now_is) return;
    t->limited[static_cast<std::size_t>(t->limit)] += now - t->limited_since;
    t->limit = now_is;
    t->limited_since = now;
    c.is_held_back = now_is != sending_limit::none;
}

}  // namespace

void count_resent(core& k, connection& c, std::uint32_t bytes) noexcept {
    sender_totals* const t = open_totals(k, c);
    if (t == nullptr) return;
    ++t->resent_segments;
    t->resent_bytes += bytes;
}

void watch_limits(core& k, connection& c, instant now) noexcept {
    const sending_limit limit = limit_of(c);
    if (limit != sending_limit::none || c.is_held_back) note_limit(k, c, limit, now);
}

void end_limit(core& k, connection& c, instant now) noexcept {
    note_limit(k, c, sending_limit::none, now);
}

duration time_limited(const sender_totals& t, sending_limit by, instant now) noexcept {
    const duration before = t.limited[static_cast<std::size_t>(by)];
    return t.limit == by ? before + (now - t.limited_since) : before;
}

const sender_totals* totals_of(core& k, const connection& c) noexcept {
    return c.totals != 0 ? k.totals.at(c.totals - 1) : nullptr;
}

void forget_totals(core& k, connection& c) noexcept {
    if (c.totals != 0) k.totals.destroy(k.totals.at(c.totals - 1));
    c.totals = 0;
}

}  // namespace coax::stack::tcp
