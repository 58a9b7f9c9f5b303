// Right-sizing of buffers: two measurements, two decisions.
#include "stack/tcp/tuning.hpp"

#include <algorithm>

#include "stack/tcp/core.hpp"
#include "stack/tcp/lifecycle.hpp"

namespace coax::stack::tcp {

namespace {

constexpr duration unused = std::chrono::seconds(10);  // then the block is wanted back
constexpr std::uint32_t far_mark = 1U << 30;           // bytes: nothing to measure

void take_back_oldest(core& k) noexcept {
    receive_tuning& oldest = k.tunings_by_use.front();
    oldest.owner->tuning = 0;
    k.tunings.destroy(&oldest);
}

// nullptr: no memory. The next mark is far away then.
receive_tuning* begin_tuning(core& k, connection& c, instant now) noexcept {
    if (k.tunings.size() >= k.config.tuned_connections_max && !k.tunings_by_use.empty())
        take_back_oldest(k);
    receive_tuning* t = k.tunings.create();
    if (t == nullptr) return nullptr;
    t->owner = &c;
    c.tuning = t->index + 1;
    t->began = c.receiving.read_position();
    t->began_at = now;
    t->space = std::min<std::uint32_t>(c.rcv.capacity, 10U * c.rcv.mss);
    k.tunings_by_use.push_back(*t);
    return t;
}

std::uint32_t microseconds(duration d) noexcept {
    constexpr std::int64_t longest = 60'000'000;
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(d.count() / 1000, 1, longest));
}

// Bytes by which one buffer may grow: a quarter of what nobody uses yet.
std::uint32_t growth_max(const core& k) noexcept {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(k.blocks.free_bytes() / 4, 1U << 30));
}

// `copied` bytes were read in one round trip. The sender may send twice as much in the next one,
// and more if its window has been growing.
void resize(core& k, connection& c, receive_tuning& t, std::uint32_t copied) noexcept {
    const std::uint32_t least = std::min(k.config.receive_buffer_bytes, c.rcv.capacity);
    if (k.blocks.scarce()) {  // what is advertised stays (SHLD-14); the window does not open again
        c.rcv.capacity = std::max(least, c.rcv.capacity / 2);
        return;
    }
    if (copied <= t.space) return;
    std::uint64_t wanted = std::uint64_t{copied} * 2 + 16U * std::uint64_t{c.rcv.mss};
    wanted += wanted * (copied - t.space) / t.space * 2;
    t.space = copied;
    const std::uint64_t most = std::min<std::uint64_t>(k.config.receive_buffer_max_bytes,
                                                       std::uint64_t{0xffff} << c.rcv.scale);
    wanted = std::min({wanted, most, std::uint64_t{c.rcv.capacity} + growth_max(k)});
    if (wanted > c.rcv.capacity) c.rcv.capacity = static_cast<std::uint32_t>(wanted);
}

}  // namespace

void measure_receiver(core& k, connection& c, std::uint32_t bytes,
                      const wire::tcp_timestamps* stamps, instant now) noexcept {
    receive_tuning& t = tuning_of(k, c);
    if (c.timestamps) {  // a full segment came in answer to what we sent `echo` ago
        if (stamps == nullptr || stamps->echo == t.last_echo || bytes < c.rcv.mss) return;
        t.last_echo = stamps->echo;
        const std::uint32_t ms = k.milliseconds(now) + c.ts.offset - stamps->echo;
        if (ms > 60'000) return;
        const std::uint32_t sample = std::max(ms, 1U) * 1000;
        t.round_trip = t.round_trip == 0 ? sample : t.round_trip - t.round_trip / 8 + sample / 8;
        return;
    }
    // Without them: a window's worth takes a round trip at least, so the least is nearest.
    if (t.timing && c.rcv.nxt < t.edge) return;
    if (t.timing) {
        const std::uint32_t sample = microseconds(now - t.timed_at);
        t.round_trip = t.round_trip == 0 ? sample : std::min(t.round_trip, sample);
    }
    t.timing = true;
    t.edge = c.rcv.edge;
    t.timed_at = now;
}

void tune_receive_buffer(core& k, connection& c, instant now) noexcept {
    const seq read = c.receiving.read_position();
    receive_tuning* t = nullptr;
    if (!c.rcv.fixed) t = c.tuning != 0 ? &tuning_of(k, c) : begin_tuning(k, c, now);
    if (t == nullptr) {
        c.receiving.set_mark(read + far_mark);
        return;
    }
    c.receiving.set_mark(read + std::max(c.rcv.capacity / 16, 1U));
    const std::uint32_t waited = microseconds(now - t->began_at);
    if (t->round_trip == 0 || waited < t->round_trip) return;
    resize(k, c, *t, read - t->began);
    t->began = read;
    t->began_at = now;
    k.tunings_by_use.erase(k.tunings_by_use.iterator_to(*t));
    k.tunings_by_use.push_back(*t);
    if (now - k.tunings_by_use.front().began_at > unused) take_back_oldest(k);
}

void tune_send_buffer(core& k, connection& c) noexcept {
    if (c.snd.fixed || k.blocks.scarce()) return;
    const std::uint64_t wanted = std::min<std::uint64_t>(
        {std::uint64_t{c.congestion.window.bytes()} * 2, k.config.send_buffer_max_bytes,
         std::uint64_t{c.snd.capacity} + growth_max(k)});
    if (wanted > c.snd.capacity) c.snd.capacity = static_cast<std::uint32_t>(wanted);
}

void forget_tuning(core& k, connection& c) noexcept {
    if (c.tuning == 0) return;
    k.tunings.destroy(&tuning_of(k, c));
    c.tuning = 0;
}

std::uint8_t offered_scale(const core& k, const connection& c) noexcept {
    if (!k.config.window_scaling) return 0;
    return scale_for(c.rcv.fixed ? c.rcv.capacity
                                 : std::max(c.rcv.capacity, k.config.receive_buffer_max_bytes));
}

}  // namespace coax::stack::tcp
