// A socket's coroutine takes answers; datagrams go in between, as many as are due in one call.
#include "services/load/datagram_load.hpp"

#include <algorithm>
#include <cstring>

#include <boost/asio/post.hpp>

#include "services/load/message_pattern.hpp"

namespace coax::services {
namespace {

constexpr std::size_t at_once = 16;  // datagrams of one call
constexpr unsigned place_bits = 16;  // of a number: where it is waited for
constexpr std::uint64_t probe_number = UINT64_MAX;
constexpr std::chrono::milliseconds probe_patience{200};

}  // namespace

// One socket. A message is in a place until it is answered or given up; its number is made of a
// count and of the place.
class datagram_load::caller {
  public:
    caller(datagram_load& of, std::size_t index);

    coax::task<error_code> connect();
    // Asks until there is an answer, or it is closed. On a stack of our own this also finds the
    // next hop's address before the first messages, which would be lost to it.
    coax::task<error_code> ask_once();
    void close() { close_quietly(socket_); }
    coax::task<void> exchange();
    void look_after(time_point now);
    void give_up();
    std::uint64_t unsent() const noexcept { return started_ ? gate_.unsent(load_.plan().stop) : 0; }

  private:
    struct place {
        std::uint64_t number = 0;
        time_point from{};  // latency counts from
        time_point sent{};
        bool waits = false;
    };

    void pump(time_point now);
    void set_alarm(time_point now);
    void send_rest();
    void take(time_point now, const coax::incoming_datagram& what);
    void make_message(std::size_t at, time_point now);
    std::span<char> memory_of(std::size_t at) {
        return std::span(memory_).subspan(at * size_, size_);
    }
    bool is_finished(time_point now) const noexcept {
        return gate_.outstanding() == 0 && gate_.is_finished(now, load_.plan().stop);
    }

    datagram_load& load_;
    std::uint64_t index_;
    std::size_t size_;
    coax::fast_udp_socket socket_;
    coax::fast_timer alarm_;
    send_gate gate_;
    std::vector<place> places_;
    std::vector<std::size_t> free_;
    std::vector<char> memory_;  // message of each place
    std::vector<char> room_;    // for what comes; one byte more than a message each
    std::vector<coax::outgoing_datagram> out_;
    std::vector<coax::incoming_datagram> in_;
    std::span<const coax::outgoing_datagram> left_;  // of out_: not sent yet
    std::uint64_t count_ = 0;
    bool sending_ = false;
    bool alarmed_ = false;
    bool started_ = false;
    bool over_ = false;
};

datagram_load::caller::caller(datagram_load& of, std::size_t index)
    : load_(of),
      index_(index),
      size_(of.options().size),
      socket_(of.io()),
      alarm_(of.io()),
      gate_(of.options().pipeline,
            pace_of(of.options().rate, of.options().think_time, index, of.options().connections)),
      places_(of.options().pipeline),
      memory_(places_.size() * size_) {
    const std::size_t batch = std::min(at_once, places_.size());
    room_.resize(batch * (size_ + 1));
    out_.resize(batch);
    in_.resize(batch);
    for (std::size_t i = 0; i < batch; ++i)
        in_[i].room = asio::buffer(room_.data() + i * (size_ + 1), size_ + 1);
    for (std::size_t i = places_.size(); i > 0; --i) free_.push_back(i - 1);
}

coax::task<error_code> datagram_load::caller::connect() {
    const coax::tcp::endpoint& to = load_.options().connect;
    const auto [error] =
        co_await socket_.async_connect(coax::udp::endpoint(to.address(), to.port()), as_value);
    co_return error;
}

coax::task<error_code> datagram_load::caller::ask_once() {
    std::memcpy(memory_.data(), &probe_number, sizeof probe_number);
    for (;;) {
        const auto [failed, sent] =
            co_await socket_.async_send(asio::buffer(memory_.data(), size_), as_value);
        if (failed) co_return failed;
        const auto [error, n] = co_await coax::timeout(
            probe_patience, socket_.async_receive(asio::buffer(room_), asio::deferred), as_value);
        if (error != asio::error::timed_out) co_return error;
    }
}

void datagram_load::caller::make_message(std::size_t at, time_point now) {
    place& p = places_[at];
    p.number = (count_++ << place_bits) | at;
    p.sent = now;
    p.from = gate_.send(now);
    p.waits = true;
    const std::span<char> message = memory_of(at);
    std::memcpy(message.data(), &p.number, sizeof p.number);
    fill_message(message.subspan(sizeof p.number), index_, p.number);
}

void datagram_load::caller::pump(time_point now) {
    if (sending_ || over_ || !started_) return;
    const time_point stop = load_.plan().stop;
    std::size_t batch = 0;
    while (batch < out_.size() && !free_.empty() && gate_.may_send(now, stop)) {
        const std::size_t at = free_.back();
        free_.pop_back();
        make_message(at, now);
        out_[batch++].data = asio::buffer(memory_of(at).data(), size_);
    }
    if (batch > 0) {
        left_ = {out_.data(), batch};
        sending_ = true;
        send_rest();
    }
    if (gate_.has_room()) set_alarm(now);
}

void datagram_load::caller::set_alarm(time_point now) {
    const time_point stop = load_.plan().stop;
    if (alarmed_ || gate_.is_finished(now, stop)) return;
    const time_point due = gate_.next();
    if (due <= now || due >= stop) return;
    alarmed_ = true;
    alarm_.expires_at(due);
    alarm_.async_wait([this](const error_code&) {
        alarmed_ = false;
        pump(load_.io().now());
    });
}

void datagram_load::caller::send_rest() {
    socket_.async_send_many(left_, [this](const error_code& error, std::size_t sent) {
        const time_point now = load_.io().now();
        load_.count_sent(now, sent * size_);
        if (error == asio::error::operation_aborted) {
            sending_ = false;
            return;
        }
        // The first one did not go: its place is free again when its time is over, so that a server
        // that is not there is not asked as fast as the refusals come.
        if (error) load_.tally().fail(error);
        left_ = left_.subspan(error ? 1 : sent);
        if (!left_.empty()) return send_rest();
        sending_ = false;
        if (gate_.has_room()) pump(now);
    });
}

void datagram_load::caller::take(time_point now, const coax::incoming_datagram& what) {
    load_.count_received(now, what.size);
    std::uint64_t number = 0;
    if (what.size >= sizeof number) std::memcpy(&number, what.room.data(), sizeof number);
    const std::size_t at = number & ((std::size_t{1} << place_bits) - 1);
    if (number == probe_number) return;
    if (what.size < sizeof number || at >= places_.size() || number >> place_bits >= count_) {
        ++load_.tally().mismatches;
        return;
    }
    place& p = places_[at];
    if (!p.waits || p.number != number) {
        ++load_.tally().late;
        return;
    }
    p.waits = false;
    free_.push_back(at);
    gate_.free(now);
    if (what.size == size_ && std::memcmp(what.room.data(), memory_of(at).data(), size_) == 0)
        load_.count_reply(now, now - p.from);
    else ++load_.tally().mismatches;
}

coax::task<void> datagram_load::caller::exchange() {
    gate_.begin(load_.plan().begin);
    started_ = true;
    pump(load_.io().now());
    while (!over_ && !is_finished(load_.io().now())) {
        const auto [error, n] = co_await socket_.async_receive_many(in_, as_value);
        const time_point now = load_.io().now();
        if (error && !over_) load_.tally().fail(error);
        if (!error)
            for (const coax::incoming_datagram& each : std::span(in_).first(n)) take(now, each);
        pump(now);
    }
    over_ = true;
    close_quietly(socket_);
    alarm_.cancel();
    while (sending_ || alarmed_) co_await asio::post(load_.io(), asio::deferred);
}

void datagram_load::caller::look_after(time_point now) {
    if (!started_ || over_) return;
    for (std::size_t at = 0; at < places_.size(); ++at) {
        place& p = places_[at];
        if (!p.waits || now - p.sent < load_.options().timeout) continue;
        p.waits = false;
        free_.push_back(at);
        gate_.free(now);
        load_.tally().time_out();
    }
    if (is_finished(now)) give_up();
    else pump(now);
}

void datagram_load::caller::give_up() {
    if (!started_) return close();
    if (over_) return;
    over_ = true;
    if (gate_.outstanding() > 0) load_.tally().time_out(gate_.outstanding());
    close();
}

datagram_load::datagram_load(coax::io_context& io, const load_options& options, share mine)
    : load_part(io, options, mine), probe_(io) {
    for (std::size_t i = mine.first; i < mine.first + mine.count; ++i)
        callers_.push_back(std::make_unique<caller>(*this, i));
}

datagram_load::~datagram_load() = default;

coax::task<error_code> datagram_load::connect(std::size_t index) {
    caller& c = *callers_[index];
    const error_code error = co_await c.connect();
    if (!probe_.begin()) {
        const error_code learned = co_await probe_.wait();
        co_return error ? error : learned;
    }
    error_code learned = error;
    if (!error) learned = co_await c.ask_once();
    probe_.end(learned);
    co_return learned;
}

coax::task<void> datagram_load::exchange(std::size_t index) { return callers_[index]->exchange(); }

void datagram_load::look_after(time_point now) {
    for (const auto& c : callers_) c->look_after(now);
}

void datagram_load::abandon() {
    for (const auto& c : callers_) c->give_up();
}

void datagram_load::count_unsent() {
    std::uint64_t unsent = 0;
    for (const auto& c : callers_) unsent += c->unsent();
    if (unsent > 0) tally().fail("due and never sent", unsent);
}

}  // namespace coax::services
