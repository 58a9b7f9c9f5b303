// The sessions, as an application would write them against the stack's calls and events.

#include "tests/wire/sessions.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace wire_test {

using stack::error;

namespace {

// Prime, so that no offset of a buffer or a segment meets the same bytes again soon.
constexpr std::size_t stream_period = 1'000'003;

const std::vector<std::byte>& stream_table() {
    static const std::vector<std::byte> table = [] {
        std::vector<std::byte> bytes(stream_period);
        seeded_random random(0xC0A0);
        for (auto& byte : bytes) byte = static_cast<std::byte>(random.next());
        return bytes;
    }();
    return table;
}

}  // namespace

stack::const_bytes stream_bytes(std::uint64_t number, std::uint64_t offset, std::size_t most) {
    const std::size_t at = (number * 77'777 + offset) % stream_period;
    return stack::const_bytes(stream_table()).subspan(at, std::min(most, stream_period - at));
}

namespace {

// True: `bytes` are those of the stream from `offset` on.
bool matches(std::uint64_t number, std::uint64_t offset, stack::const_bytes bytes) {
    while (!bytes.empty()) {
        const auto expected = stream_bytes(number, offset, bytes.size());
        if (std::memcmp(expected.data(), bytes.data(), expected.size()) != 0) return false;
        offset += expected.size();
        bytes = bytes.subspan(expected.size());
    }
    return true;
}

}  // namespace

// --- echo

// True: nothing waits any more.
bool echo_session::write_pending(host& at) {
    while (pending_from_ < pending_.size()) {
        const std::array<stack::const_bytes, 1> piece{
            stack::const_bytes(pending_).subspan(pending_from_)};
        const auto sent = at.stack().tcp_send(socket, piece, at.now());
        if (!sent) return false;
        pending_from_ += *sent;
    }
    pending_.clear();
    pending_from_ = 0;
    return true;
}

void echo_session::on_ready(host& at, const stack::tcp::readiness&) {
    if (closed_) return;
    std::array<std::byte, 16384> buffer;
    while (write_pending(at)) {
        const std::array<stack::mutable_bytes, 1> room{stack::mutable_bytes(buffer)};
        const auto got = at.stack().tcp_receive(socket, room, at.now());
        if (!got) {
            if (got.code() == error::would_block) return;
            closed_ = true;
            at.stack().tcp_close(socket, at.now());
            return;
        }
        pending_.assign(buffer.data(), buffer.data() + *got);
    }
    if (at.stack().tcp_error(socket) != error::none) {
        closed_ = true;
        at.stack().tcp_close(socket, at.now());
    }
}

// --- transfer

void transfer_session::write(host& at) {
    while (sent_ < plan_.send_bytes) {
        const auto left = std::min<std::uint64_t>(plan_.send_bytes - sent_, 65536);
        const std::array<stack::const_bytes, 1> piece{
            stream_bytes(plan_.send_stream, sent_, static_cast<std::size_t>(left))};
        const auto taken = at.stack().tcp_send(socket, piece, at.now());
        if (!taken) {
            if (taken.code() != error::would_block) failure_ = taken.code();
            return;
        }
        sent_ += *taken;
    }
    if (sent_end_) return;
    sent_end_ = true;
    const auto done = at.stack().tcp_shutdown(socket, stack::tcp::shutdown_side::send, at.now());
    if (!done) failure_ = done.code();
}

std::uint64_t transfer_session::read(host& at, std::uint64_t most) {
    std::uint64_t taken = 0;
    while (taken < most && !peer_done_ && failure_ == error::none) {
        const auto want = std::min<std::uint64_t>(most - taken, buffer_.size());
        const std::array<stack::mutable_bytes, 1> room{
            stack::mutable_bytes(buffer_).first(static_cast<std::size_t>(want))};
        const auto got = at.stack().tcp_receive(socket, room, at.now());
        if (!got) {
            if (got.code() == error::end_of_stream) peer_done_ = true;
            else if (got.code() != error::would_block) failure_ = got.code();
            break;
        }
        if (wrong_at_ == nothing_wrong &&
            !matches(plan_.receive_stream, received_, stack::const_bytes(buffer_).first(*got)))
            wrong_at_ = received_;
        received_ += *got;
        taken += *got;
    }
    return taken;
}

void transfer_session::start_reading(host& at) {
    plan_.reads = true;
    stack::tcp::readiness ready;
    ready.readable = true;
    on_ready(at, ready);
}

void transfer_session::on_ready(host& at, const stack::tcp::readiness& ready) {
    if (closed_) return;
    if (ready.failed) failure_ = at.stack().tcp_error(socket);
    connected_ = connected_ || ready.connected;
    if (!connected_ && failure_ == error::none) return;
    if (failure_ == error::none) write(at);
    if (failure_ == error::none && plan_.reads) read(at, ~std::uint64_t{0});
    finish(at);
}

void transfer_session::finish(host& at) {
    if (failure_ == error::none && !(sent_end_ && peer_done_)) return;
    closed_ = true;
    at.stack().tcp_close(socket, at.now());
}

// --- asking

void asking_session::ask(host& at) {
    round_end_ += bytes_;
    write(at);
}

void asking_session::write(host& at) {
    while (asked_ < round_end_) {
        const std::array<stack::const_bytes, 1> piece{
            stream_bytes(stream_, asked_, round_end_ - asked_)};
        const auto sent = at.stack().tcp_send(socket, piece, at.now());
        if (!sent) {
            if (sent.code() != error::would_block) end(at, sent.code());
            return;
        }
        asked_ += *sent;
    }
}

void asking_session::on_ready(host& at, const stack::tcp::readiness& ready) {
    if (done_) return;
    if (ready.failed) return end(at, at.stack().tcp_error(socket));
    if (ready.connected && !connected_) {
        connected_ = true;
        ask(at);
    }
    if (!connected_) return;
    write(at);
    std::array<std::byte, 16384> buffer;
    while (!done_ && rounds_left_ != 0) {
        const std::array<stack::mutable_bytes, 1> room{stack::mutable_bytes(buffer)};
        const auto got = at.stack().tcp_receive(socket, room, at.now());
        if (!got) {
            if (got.code() != error::would_block) end(at, got.code());
            return;
        }
        wrong_ = wrong_ || !matches(stream_, answered_, stack::const_bytes(buffer.data(), *got));
        answered_ += *got;
        if (answered_ < round_end_) continue;
        if (--rounds_left_ != 0) ask(at);
        else if (!stays_) end(at, error::none);
    }
}

void asking_session::close(host& at) {
    if (!done_) end(at, error::none);
}

void asking_session::end(host& at, error why) {
    done_ = true;
    failure_ = why;
    at.stack().tcp_close(socket, at.now());
    if (ended_) ended_(at);
}

}  // namespace wire_test
