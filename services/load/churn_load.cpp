// One coroutine a place: wait until the next connection is due, have it, and again.
#include "services/load/churn_load.hpp"

#include <algorithm>
#include <cstring>

namespace coax::services {
namespace {

// Who is refused does not ask again at once.
constexpr std::chrono::milliseconds pause_after_failure{10};

}  // namespace

churn_load::place::place(coax::io_context& io, const load_options& options, std::size_t index)
    : socket(io),
      timer(io),
      gate(1, pace_of(options.rate, options.think_time, index, options.connections)),
      talk(make_dialogue(options, index, 1)),
      incoming(talk->room()) {}

churn_load::churn_load(coax::io_context& io, const load_options& options, share mine)
    : load_part(io, options, mine), probe_(io) {
    for (std::size_t i = mine.first; i < mine.first + mine.count; ++i)
        places_.emplace_back(io, options, i);
}

void churn_load::end(place& p) {
    error_code ignored;
    // RFC 9293 3.10.4: a reset leaves neither side anything to wait for, no TIME-WAIT either.
    if (options().reset && p.socket.is_open())
        ignored = p.socket.set_option(asio::socket_base::linger(true, 0), ignored);
    close_quietly(p.socket);
    p.open = false;
}

// Connects once, to see whether there is a server.
coax::task<error_code> churn_load::connect(std::size_t index) {
    if (!probe_.begin()) co_return co_await probe_.wait();
    place& p = places_[index];
    p.open = true;
    const auto [error] = co_await p.socket.async_connect(options().connect, as_value);
    end(p);
    probe_.end(error);
    co_return error;
}

void churn_load::lose(place& p, const error_code& error) {
    if (p.silent) tally().time_out();
    else tally().fail(error);
}

// One request and its reply. Whether there was one.
coax::task<bool> churn_load::ask(place& p) {
    const dialogue::pieces request = p.talk->next(1);
    const auto [failed, written] = co_await asio::async_write(p.socket, request, as_value);
    count_sent(io().now(), written);
    if (failed) {
        lose(p, failed);
        co_return false;
    }
    for (std::size_t kept = 0;;) {
        const auto [error, n] =
            co_await p.socket.async_read_some(asio::buffer(p.incoming) + kept, as_value);
        count_received(io().now(), n);
        if (error) {
            lose(p, error);
            co_return false;
        }
        std::span<const char> bytes(p.incoming.data(), kept + n);
        const reply r = p.talk->take(bytes);
        if (r.state == reply_state::good) co_return true;
        if (r.state == reply_state::wrong) {
            ++tally().mismatches;
            co_return false;
        }
        if (r.state != reply_state::incomplete) {
            tally().fail(r.problem);
            co_return false;
        }
        kept = bytes.size();
        if (kept == p.incoming.size()) p.incoming.resize(2 * kept);
        else if (kept > 0) std::memmove(p.incoming.data(), bytes.data(), kept);
    }
}

coax::task<void> churn_load::one_connection(place& p) {
    const time_point from = p.gate.send(io().now());
    p.since = io().now();
    p.open = true;
    p.silent = false;
    const auto [error] = co_await p.socket.async_connect(options().connect, as_value);
    bool answered = false;
    if (error) {
        lose(p, error);
    } else {
        send_without_delay(p.socket);
        answered = co_await ask(p);
    }
    const time_point now = io().now();
    p.gate.free(now);
    end(p);
    if (answered) {
        count_reply(now, now - from);
        co_return;
    }
    // What was half said is not said on the next connection.
    p.talk->again(0);
    p.timer.expires_after(pause_after_failure);
    co_await p.timer.async_wait(as_value);
}

coax::task<void> churn_load::exchange(std::size_t index) {
    place& p = places_[index];
    p.started = true;
    p.gate.begin(plan().begin);
    while (!p.gate.is_finished(io().now(), plan().stop) && !is_abandoned()) {
        const time_point due = p.gate.next();
        if (due > io().now()) {
            // By look_after(), if the end comes first.
            p.timer.expires_at(due);
            co_await p.timer.async_wait(as_value);
            continue;
        }
        co_await one_connection(p);
    }
}

void churn_load::look_after(time_point now) {
    for (place& p : places_) {
        if (p.open && p.started && now - p.since >= options().timeout) {
            p.silent = true;
            close_quietly(p.socket);
        }
        if (p.started && p.gate.is_finished(now, plan().stop)) p.timer.cancel();
    }
}

void churn_load::abandon() {
    for (place& p : places_) {
        p.silent = true;
        if (p.open) close_quietly(p.socket);
        p.timer.cancel();
    }
}

void churn_load::count_unsent() {
    std::uint64_t unsent = 0;
    for (const place& p : places_)
        if (p.started) unsent += p.gate.unsent(plan().stop);
    if (unsent > 0) tally().fail("due and never sent", unsent);
}

}  // namespace coax::services
