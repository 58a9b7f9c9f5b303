// One coroutine reads; sending is done in between: by it, by the end of the last write, and by an
// alarm for messages that are due later. So a message costs one read, one write, and no wait for
// the write.
#include "services/load/connection.hpp"

#include <algorithm>
#include <cstring>

#include <boost/asio/post.hpp>

namespace coax::services {

connection::connection(coax::io_context& io, listener& of, std::unique_ptr<dialogue> what,
                       std::size_t most, const send_pace& pace)
    : io_(io),
      listener_(of),
      dialogue_(std::move(what)),
      socket_(io),
      alarm_(io),
      gate_(most, pace),
      most_(most),
      from_(most),
      incoming_(dialogue_->room()) {}

coax::task<error_code> connection::connect(const coax::tcp::endpoint& to) {
    peer_ = to;
    const auto [error] = co_await socket_.async_connect(to, as_value);
    if (!error) send_without_delay(socket_);
    co_return error;
}

// All that may go now, in one write. What is being written has to be over first: its memory, and
// the order.
void connection::pump(time_point now) {
    if (writing_ || closing_ || !started_) return;
    const time_point stop = listener_.stop();
    std::size_t count = 0;
    while (gate_.may_send(now, stop)) {
        // After a new connection `now` is from before it, and what went into it owed no reply.
        if (gate_.outstanding() == 0) heard_ = std::max(heard_, now);
        from_[next_from_] = gate_.send(now);
        next_from_ = next_from_ + 1 == most_ ? 0 : next_from_ + 1;
        ++count;
    }
    if (count > 0) {
        write(dialogue_->next(count));
        listener_.on_sent(now, asio::buffer_size(outgoing_));
    }
    if (gate_.has_room()) set_alarm(now);
}

void connection::set_alarm(time_point now) {
    if (alarmed_ || gate_.is_finished(now, listener_.stop())) return;
    const time_point due = gate_.next();
    if (due <= now || due >= listener_.stop()) return;
    alarmed_ = true;
    alarm_.expires_at(due);
    alarm_.async_wait([this](const error_code&) {
        alarmed_ = false;
        pump(io_.now());
    });
}

void connection::write(dialogue::pieces what) {
    outgoing_ = what;
    writing_ = true;
    write_rest();
}

void connection::write_rest() {
    socket_.async_write_some(outgoing_, [this](const error_code& error, std::size_t n) {
        for (asio::const_buffer& piece : outgoing_) {
            const std::size_t part = std::min(n, piece.size());
            piece += part;
            n -= part;
        }
        if (!error && asio::buffer_size(outgoing_) > 0) return write_rest();
        writing_ = false;
        // The reading side is told why by its own error.
        if (!error && gate_.has_room()) pump(io_.now());
    });
}

void connection::take_reply(time_point now, const reply& r) {
    const time_point from = from_[oldest_from_];
    oldest_from_ = oldest_from_ + 1 == most_ ? 0 : oldest_from_ + 1;
    gate_.free(now);
    heard_ = now;
    got_reply_ = true;
    listener_.on_reply(now, now - from, r);
}

connection::outcome connection::take_replies(time_point now, std::size_t count) {
    std::span<const char> bytes(incoming_.data(), kept_ + count);
    while (!bytes.empty()) {
        if (gate_.outstanding() == 0) {
            listener_.on_lost("bytes that nobody asked for");
            return outcome::over;
        }
        const reply r = dialogue_->take(bytes);
        if (r.state == reply_state::incomplete) break;
        if (r.state == reply_state::broken) {
            listener_.on_lost(r.problem);
            return outcome::over;
        }
        take_reply(now, r);
        if (r.closes) {
            kept_ = 0;
            return is_finished(now) ? outcome::over : outcome::start_anew;
        }
    }
    if (bytes.size() == incoming_.size()) incoming_.resize(2 * incoming_.size());  // one reply
    else if (!bytes.empty()) std::memmove(incoming_.data(), bytes.data(), bytes.size());
    kept_ = bytes.size();
    return is_finished(now) ? outcome::over : outcome::go_on;
}

connection::outcome connection::take_end(time_point now, const error_code& error) {
    if (silent_) {
        listener_.on_lost(asio::error::timed_out);
        return outcome::over;
    }
    if (is_finished(now)) return outcome::over;
    if (error == asio::error::eof && gate_.outstanding() > 0) {
        const reply r = dialogue_->end();
        if (r.state == reply_state::broken) {
            listener_.on_lost(r.problem);
            return outcome::over;
        }
        if (r.state != reply_state::incomplete) {
            take_reply(now, r);
            kept_ = 0;
            return is_finished(now) ? outcome::over : outcome::start_anew;
        }
    }
    // Between replies a server of HTTP may go whenever it likes.
    if (error == asio::error::eof && got_reply_ && kept_ == 0 && dialogue_->may_close())
        return outcome::start_anew;
    listener_.on_lost(error);
    return outcome::over;
}

// Whatever was started on the socket ends.
coax::task<void> connection::settle() {
    close_quietly(socket_);
    alarm_.cancel();
    while (writing_ || alarmed_) co_await asio::post(io_, asio::deferred);
}

coax::task<bool> connection::reconnect() {
    closing_ = true;
    co_await settle();
    if (silent_) {
        listener_.on_lost(asio::error::timed_out);
        co_return false;
    }
    socket_ = coax::fast_socket(io_);
    heard_ = io_.now();
    reconnecting_ = true;
    const error_code error = co_await connect(peer_);
    reconnecting_ = false;
    if (error) {
        listener_.on_lost(silent_ ? asio::error::timed_out : error);
        co_return false;
    }
    listener_.on_reconnect();
    closing_ = false;
    got_reply_ = false;
    kept_ = 0;
    heard_ = io_.now();
    if (gate_.outstanding() > 0) write(dialogue_->again(gate_.outstanding()));
    co_return true;
}

coax::task<void> connection::exchange(time_point begin) {
    gate_.begin(begin);
    started_ = true;
    pump(io_.now());
    outcome next = is_finished(io_.now()) ? outcome::over : outcome::go_on;
    while (next != outcome::over) {
        const auto [error, n] =
            co_await socket_.async_read_some(asio::buffer(incoming_) + kept_, as_value);
        const time_point now = io_.now();
        if (n > 0) listener_.on_received(now, n);
        next = error ? take_end(now, error) : take_replies(now, n);
        if (next == outcome::start_anew && !co_await reconnect()) next = outcome::over;
        if (next != outcome::over) pump(now);
    }
    closing_ = true;
    co_await settle();
}

void connection::give_up() {
    silent_ = true;
    close_quietly(socket_);
}

void connection::look_after(time_point now, std::chrono::nanoseconds limit) {
    if (!started_ || (closing_ && !reconnecting_)) return;
    const bool owed = gate_.outstanding() > 0 || reconnecting_;
    if (owed && now - heard_ >= limit) give_up();
    else if (is_finished(now)) close_quietly(socket_);
}

}  // namespace coax::services
