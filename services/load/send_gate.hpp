// When the next message of a connection may go, and from which moment its latency counts. All time
// is an argument. Knows nothing of messages and sockets.
//
// Closed loop: as soon as less than `most` messages are without a reply (and `think` after the
// reply that made room); latency counts from then on. A server that stalls is asked less: its stall
// is seen in as many messages as were under way.
// Open loop: at moments fixed beforehand, whatever the server does; latency counts from these.
// While `most` are without a reply the next ones wait here, and their latency runs: what a stall
// does to everybody who would have come meanwhile is in the figures (no coordinated omission).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coax::services {

// Times of one connection's messages.
struct send_pace {
    double every = 0;   // nanoseconds from one message to the next; 0: closed loop
    double offset = 0;  // nanoseconds from the beginning to the first one
    std::chrono::nanoseconds think{0};

    bool is_open_loop() const noexcept { return every > 0; }
};

// The pace of connection `index` of `connections`, which take turns in an open loop of `rate`
// messages a second (0: closed loop) and begin spread over one think time.
send_pace pace_of(double rate, std::chrono::nanoseconds think, std::size_t index,
                  std::size_t connections) noexcept;

class send_gate {
  public:
    using time_point = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

    // `most`: messages without a reply, at least 1.
    send_gate(std::size_t most, const send_pace& pace);

    // Of the first message; before everything else.
    void begin(time_point at) noexcept;

    bool has_room() const noexcept { return sent_ - freed_ < most_; }
    std::size_t outstanding() const noexcept { return sent_ - freed_; }
    // When the next message is due. Only while there is room.
    time_point next() const noexcept;
    // Whether it may go now. Nothing becomes due at `stop` or later; in an open loop what was due
    // before may also go after it.
    bool may_send(time_point now, time_point stop) const noexcept {
        if (!has_room()) return false;
        const time_point due = next();
        return due <= now && (pace_.is_open_loop() ? due : now) < stop;
    }
    // Nothing will go any more.
    bool is_finished(time_point now, time_point stop) const noexcept {
        return pace_.is_open_loop() ? due_in_open_loop() >= stop : now >= stop;
    }
    // A message goes now. Returns the moment from which its latency counts.
    time_point send(time_point now) noexcept;
    // One of the outstanding messages is no longer so.
    void free(time_point now) noexcept;
    // Open loop: messages that were due before `stop` and have not gone.
    std::uint64_t unsent(time_point stop) const noexcept;

  private:
    time_point due_in_open_loop() const noexcept;

    std::size_t most_;
    send_pace pace_;
    time_point begin_{};
    std::uint64_t sent_ = 0;
    std::uint64_t freed_ = 0;
    std::vector<time_point> allowed_;  // with a think time: when message n may go, at n % most
};

}  // namespace coax::services
