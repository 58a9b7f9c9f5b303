// The arithmetic of due times.
#include "services/load/send_gate.hpp"

#include <cmath>

namespace coax::services {
namespace {

using std::chrono::nanoseconds;

nanoseconds whole(double nanoseconds_count) noexcept {
    return nanoseconds(std::llround(nanoseconds_count));
}

}  // namespace

send_pace pace_of(double rate, nanoseconds think, std::size_t index,
                  std::size_t connections) noexcept {
    send_pace pace;
    const auto turn = static_cast<double>(index);
    const auto all = static_cast<double>(connections);
    if (rate > 0) {
        pace.every = 1e9 * all / rate;
        pace.offset = 1e9 * turn / rate;
    } else {
        pace.think = think;
        pace.offset = static_cast<double>(think.count()) * turn / all;
    }
    return pace;
}

send_gate::send_gate(std::size_t most, const send_pace& pace)
    : most_(most), pace_(pace), allowed_(pace.think.count() > 0 ? most : 0) {}

void send_gate::begin(time_point at) noexcept {
    begin_ = at;
    for (time_point& each : allowed_) each = at + whole(pace_.offset);
}

// From the beginning each time, so that no error of rounding adds up.
send_gate::time_point send_gate::due_in_open_loop() const noexcept {
    return begin_ + whole(pace_.offset + static_cast<double>(sent_) * pace_.every);
}

send_gate::time_point send_gate::next() const noexcept {
    if (pace_.is_open_loop()) return due_in_open_loop();
    return allowed_.empty() ? begin_ : allowed_[sent_ % most_];
}

send_gate::time_point send_gate::send(time_point now) noexcept {
    const time_point from = pace_.is_open_loop() ? due_in_open_loop() : now;
    ++sent_;
    return from;
}

void send_gate::free(time_point now) noexcept {
    if (!allowed_.empty()) allowed_[freed_ % most_] = now + pace_.think;
    ++freed_;
}

std::uint64_t send_gate::unsent(time_point stop) const noexcept {
    if (!pace_.is_open_loop()) return 0;
    const time_point due = due_in_open_loop();
    if (due >= stop) return 0;
    const auto behind = static_cast<double>((stop - due).count());
    return static_cast<std::uint64_t>(std::ceil(behind / pace_.every));
}

}  // namespace coax::services
