// Asks one server: connect, send, receive, read, step by step.
#include "framework/resolver/exchange.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include <boost/asio/error.hpp>

namespace coax::detail::dns {

namespace error = boost::asio::error;

namespace {

constexpr std::size_t largest_datagram = 4096;  // 512 without EDNS; some send more
constexpr std::size_t length_size = 2;          // before each message on TCP (RFC 1035 4.2.2)
// RFC 5452 9.2 makes a guess right once in 2^32; who still tries shall not have more tries.
constexpr unsigned most_foreign = 16;

iovec piece(std::vector<std::byte>& bytes, std::size_t from) {
    return {bytes.data() + from, bytes.size() - from};
}

}  // namespace

template <class Base>
class exchange::landing final : public Base {
  public:
    landing(exchange& e, bool is_timer) noexcept
        : Base(&landing::note, true), whose_(e), is_timer_(is_timer) {}

  private:
    static void note(operation* o, bool) {
        auto* const self = static_cast<landing*>(o);
        self->whose_.land(self->is_timer_);
    }
    exchange& whose_;
    bool is_timer_;
};

struct exchange::operations {
    explicit operations(exchange& e)
        : connect(e, false), datagram(e, false), transfer(e, false), expiry(e, true) {}
    landing<connect_operation> connect;
    landing<datagram_operation> datagram;
    landing<transfer_operation> transfer;
    landing<timer_operation> expiry;
};

exchange::exchange(loop& where, exchange_keeper& keeper, transport how, const question& asked,
                   std::uint16_t id)
    : loop_(where),
      keeper_(keeper),
      asked_(asked),
      id_(id),
      how_(how),
      operations_(std::make_unique<operations>(*this)),
      outgoing_(make_query(asked, id)) {}

exchange::~exchange() { assert(idle()); }

void exchange::land(bool by_timer) noexcept {
    --in_flight_;
    (by_timer ? expired_ : landed_) = true;
    keeper_.on_landed(*this);
}

error_code exchange::open(int family) {
    error_code ec;
    if (how_ == transport::stream) stream_ = loop_.open_stream(family, ec);
    else datagrams_ = loop_.open_datagram(family, ec);
    return ec;
}

void exchange::start(const ip_endpoint& server, clock::duration timeout) {
    // A new socket for each question: a random port with each identifier (RFC 5452 9.2). Connected:
    // what other hosts or ports send does not come in (RFC 5452 9.1).
    failure_ =
        outgoing_.empty() ? error_code(error::invalid_argument) : open(server.protocol().family());
    if (failure_) {
        landed_ = true;
        return keeper_.on_landed(*this);
    }
    launch_timer(timeout);
    stage_ = stage::connecting;
    operations_->connect.remote = server;
    ++in_flight_;
    if (stream_) {
        operations_->connect.target = stream_.get();
        stream_->start_connect(&operations_->connect);
    } else {
        operations_->connect.target = datagrams_.get();
        datagrams_->start_connect(&operations_->connect);
    }
}

void exchange::launch_timer(clock::duration timeout) {
    timer_.expiry = loop_.now() + timeout;
    ++in_flight_;
    loop_.timers().add(timer_, &operations_->expiry);
}

exchange::outcome exchange::advance() {
    if (closed_) return outcome::pending;
    // What has come counts, even if the time is over as well.
    while (landed_) {
        landed_ = false;
        if (failure_) return outcome::unreachable;
        const outcome now = go_on();
        if (now != outcome::pending) return now;
    }
    return expired_ ? outcome::timed_out : outcome::pending;
}

exchange::outcome exchange::go_on() {
    switch (std::exchange(stage_, stage::idle)) {
        case stage::connecting: return on_connected();
        case stage::receiving: return on_received();
        case stage::writing: return on_written();
        case stage::reading: return on_read();
        case stage::idle: break;
    }
    return outcome::pending;
}

exchange::outcome exchange::on_connected() {
    if (operations_->connect.result) return outcome::unreachable;
    if (stream_) {
        const auto size = static_cast<std::uint16_t>(outgoing_.size());
        outgoing_.insert(outgoing_.begin(),
                         {static_cast<std::byte>(size >> 8), static_cast<std::byte>(size & 0xff)});
        write();
        return outcome::pending;
    }
    error_code ec;
    const iovec whole = piece(outgoing_, 0);
    datagrams_->try_send({&whole, 1}, nullptr, 0, ec);
    // No room to send: as if it had been lost on the way.
    if (ec && ec != error::would_block) return outcome::unreachable;
    incoming_.resize(largest_datagram);
    receive();
    return outcome::pending;
}

// --- datagrams

void exchange::receive() {
    datagram_operation& o = operations_->datagram;
    stage_ = stage::receiving;
    o.buffers[0] = piece(incoming_, 0);
    o.buffer_count = 1;
    o.target = datagrams_.get();
    ++in_flight_;
    datagrams_->start_receive(&o);
}

exchange::outcome exchange::on_received() {
    const datagram_operation& o = operations_->datagram;
    if (o.result) return outcome::unreachable;
    reply_ = read_reply({incoming_.data(), o.transferred}, asked_, id_);
    if (reply_.what != reply::kind::foreign) return outcome::replied;
    if (++foreign_ == most_foreign) return outcome::suspicious;
    receive();
    return outcome::pending;
}

// --- TCP (RFC 7766)

void exchange::write() {
    transfer_operation& o = operations_->transfer;
    stage_ = stage::writing;
    o.buffers[0] = piece(outgoing_, done_);
    o.buffer_count = 1;
    o.target = stream_.get();
    ++in_flight_;
    stream_->start_write(&o);
}

exchange::outcome exchange::on_written() {
    const transfer_operation& o = operations_->transfer;
    if (o.result) return outcome::unreachable;
    done_ += o.transferred;
    if (done_ != outgoing_.size()) {
        write();
        return outcome::pending;
    }
    done_ = 0;
    incoming_.resize(length_size);
    read();
    return outcome::pending;
}

void exchange::read() {
    transfer_operation& o = operations_->transfer;
    stage_ = stage::reading;
    o.buffers[0] = piece(incoming_, done_);
    o.buffer_count = 1;
    o.target = stream_.get();
    ++in_flight_;
    stream_->start_read(&o);
}

exchange::outcome exchange::on_read() {
    const transfer_operation& o = operations_->transfer;
    if (o.result) return outcome::unreachable;
    done_ += o.transferred;
    if (done_ == length_size && incoming_.size() == length_size) {
        const std::size_t size = std::to_integer<std::size_t>(incoming_[0]) << 8 |
                                 std::to_integer<std::size_t>(incoming_[1]);
        if (size == 0) return outcome::unreachable;
        incoming_.resize(length_size + size);
    }
    if (done_ != incoming_.size()) {
        read();
        return outcome::pending;
    }
    const std::span<const std::byte> all(incoming_);
    reply_ = read_reply(all.subspan(length_size), asked_, id_);
    // Nobody else can have written that; and a truncated one is no use here.
    if (reply_.what == reply::kind::foreign || reply_.what == reply::kind::truncated)
        reply_.what = reply::kind::broken;
    return outcome::replied;
}

// --- the end

void exchange::close() noexcept {
    if (std::exchange(closed_, true)) return;
    if (timer_.is_waiting()) {
        operation_queue finished;
        loop_.timers().cancel(timer_, error::operation_aborted, finished);
        loop_.complete_all(finished);
    }
    if (datagrams_) datagrams_->close();
    if (stream_) stream_->close();
}

}  // namespace coax::detail::dns
