// Bytes between sockets and conversations: one coroutine per connection answers its requests; what
// others publish goes out beside it.
#include "services/kv/kv_server.hpp"

#include <array>
#include <list>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "services/program/endpoint_text.hpp"

namespace coax::services {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds tick{100};
constexpr milliseconds farewell{1'000};         // for the peer to read our last words
constexpr std::size_t expired_at_once = 2'000;  // keys removed before anything else is done
constexpr std::size_t farewell_bytes = std::size_t{256} << 10;

milliseconds unix_time() {
    return std::chrono::duration_cast<milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

// Outlives the server: see server::open_connections.
struct kv_server::shared_state {
    shared_state(coax::io_context& io, server_limits server, kv::store_limits limits)
        : base(std::make_shared<kv::database>(limits, kv::hash_key::random(),
                                              kv::hash_key::random().low)),
          clock(io),
          silence(server.silence) {
        start = unix_time() - since_epoch();
    }

    // The context's clock runs, and only its beginning is the system's: time never goes back.
    milliseconds since_epoch() {
        clock.expires_after(milliseconds(0));
        return std::chrono::duration_cast<milliseconds>(clock.expiry().time_since_epoch());
    }
    std::int64_t now() {
        const std::int64_t time = (start + since_epoch()).count();
        base->data.set_now(time);
        return time;
    }

    std::shared_ptr<kv::database> base;
    coax::steady_timer clock;
    milliseconds start{0};
    milliseconds silence;
    std::list<session*> sessions;
    std::uint64_t last_id = 0;
    bool keeps_time = false;
};

class kv_server::session final : public kv::conversation,
                                 public std::enable_shared_from_this<session> {
  public:
    session(std::shared_ptr<shared_state> all, coax::fast_socket& socket)
        : conversation(all->base),
          all_(std::move(all)),
          socket_(&socket),
          written_(socket.get_executor()),
          at_(all_->sessions.insert(all_->sessions.end(), this)) {
        id = ++all_->last_id;
        error_code ignored;
        const auto peer = socket.remote_endpoint(ignored);
        address = to_text(peer);
    }
    ~session() override { all_->sessions.erase(at_); }

    // The socket goes; what is still being written ends by itself.
    void detach() noexcept { socket_ = nullptr; }
    // Bytes that were written since the last call.
    std::size_t take_written() noexcept { return std::exchange(written_bytes_, 0); }
    void heard(std::size_t n) {
        commit(n);
        heard_at_ = all_->now();
    }
    coax::fast_socket& socket() noexcept { return *socket_; }
    shared_state& all() noexcept { return *all_; }

    // Sends all output. When a delivery is under way, it is that which sends.
    coax::awaitable<error_code> flush();
    // Closes the connection, if it has been silent or deaf for too long.
    void check(std::int64_t now);
    void begin_farewell() { farewell_since_ = all_->now(); }

  private:
    void output_came() override {
        if (!is_writing_ && socket_ != nullptr) begin_delivery();
    }
    void was_lost() override { abort(); }

    bool next_output() {
        offset_ = 0;
        take_output(sent_);
        return !sent_.empty();
    }
    auto rest() const { return asio::buffer(sent_) + offset_; }
    void progress(std::size_t n) {
        offset_ += n;
        written_bytes_ += n;
        written_at_ = shared().data.now();
    }
    void begin_delivery();
    void deliver_more();
    // With a reset: whoever does not read would keep what is unsent for long.
    void abort() noexcept {
        if (socket_ == nullptr) return;
        error_code ignored;
        ignored = socket_->set_option(asio::socket_base::linger(true, 0), ignored);
        close_quietly(*socket_);
    }

    std::shared_ptr<shared_state> all_;
    coax::fast_socket* socket_;
    coax::steady_timer written_;  // cancelled when a delivery has ended
    std::list<session*>::iterator at_;
    std::string sent_;
    std::size_t offset_ = 0;  // of sent_, what has been written
    std::size_t written_bytes_ = 0;
    std::int64_t written_at_ = 0;
    std::int64_t heard_at_ = 0;
    std::int64_t farewell_since_ = 0;  // 0: not yet
    bool is_writing_ = false;
    error_code broken_;
};

coax::awaitable<error_code> kv_server::session::flush() {
    while (is_writing_) {
        written_.expires_at(coax::steady_timer::time_point::max());
        co_await written_.async_wait(as_value);
    }
    if (broken_) co_return broken_;
    is_writing_ = true;
    progress(0);
    while (!broken_ && next_output()) {
        while (!broken_ && offset_ < sent_.size()) {
            const auto [error, n] = co_await socket_->async_write_some(rest(), as_value);
            progress(n);
            broken_ = error;
        }
    }
    is_writing_ = false;
    co_return broken_;
}

void kv_server::session::begin_delivery() {
    is_writing_ = true;
    progress(0);
    next_output();
    deliver_more();
}

void kv_server::session::deliver_more() {
    if (broken_ || socket_ == nullptr || (offset_ == sent_.size() && !next_output())) {
        is_writing_ = false;
        written_.cancel();
        return;
    }
    socket_->async_write_some(rest(),
                              [self = shared_from_this()](const error_code& error, std::size_t n) {
                                  self->progress(n);
                                  self->broken_ = error;
                                  if (error && self->socket_ != nullptr)
                                      close_quietly(*self->socket_);
                                  self->deliver_more();
                              });
}

void kv_server::session::check(std::int64_t now) {
    const std::int64_t longest = all_->silence.count();
    // Whoever holds much memory must go on: taking answers, or sending the rest of a request.
    if ((is_writing_ && now - written_at_ > longest) ||
        (!is_writing_ && is_heavy() && now - heard_at_ > longest)) {
        ++shared().facts.stalled_clients;
        abort();
    } else if (farewell_since_ != 0 && now - farewell_since_ > farewell.count()) {
        abort();
    }
}

kv_server::kv_server(coax::io_context& io, const coax::tcp::endpoint& listen_at,
                     server_limits limits, kv::store_limits store)
    : server(io, listen_at, limits),
      io_(io),
      shared_(std::make_shared<shared_state>(io, limits, store)) {
    kv::server_facts& facts = shared_->base->facts;
    facts.backend = io.backend().to_line();
    facts.port = local_endpoint().port();
    facts.connections = limits.connections;
    facts.started = shared_->now();
}

std::string kv_server::kind() const {
    return fmt::format("in memory only, nothing is kept when it ends; {} bytes of keys and values",
                       shared_->base->data.limits().memory);
}

coax::awaitable<void> kv_server::converse(coax::fast_socket socket) {
    const presence here(*this, socket);
    shared_->now();
    ++shared_->base->facts.accepted;
    const auto s = std::make_shared<session>(shared_, socket);
    if (!shared_->keeps_time) {
        shared_->keeps_time = true;
        asio::co_spawn(io_, keep_time(shared_), asio::detached);
    }
    struct attachment {
        session& s;
        ~attachment() { s.detach(); }
    };
    const attachment attached{*s};
    co_await speak(s);
    counts().bytes_out += s->take_written();
}

coax::awaitable<void> kv_server::speak(std::shared_ptr<session> s) {
    using state = kv::conversation::state;
    state next = state::reading;
    while (next != state::closing) {
        if (next == state::reading) {
            const auto room = s->room();
            const auto [error, n] = co_await s->socket().async_read_some(
                asio::buffer(room.data(), room.size()), as_value);
            if (error) {
                const bool in_order =
                    error == asio::error::eof || error == asio::error::operation_aborted;
                if (!in_order) ++counts().errors;
                co_return;
            }
            s->heard(n);
            counts().bytes_in += n;
        }
        const std::uint64_t before = shared_->base->facts.commands;
        next = s->answer();
        counts().requests += shared_->base->facts.commands - before;
        if (s->has_output() && co_await s->flush()) co_return;
        counts().bytes_out += s->take_written();
    }
    // As in HTTP: closing while bytes of the peer are unread would take our answer from it.
    s->begin_farewell();
    shut_down_quietly(s->socket(), asio::socket_base::shutdown_send);
    for (std::size_t dropped = 0; dropped < farewell_bytes;) {
        std::array<char, 4096> waste;
        const auto [error, n] = co_await s->socket().async_read_some(asio::buffer(waste), as_value);
        if (error) co_return;
        dropped += n;
    }
}

coax::awaitable<void> kv_server::keep_time(std::shared_ptr<shared_state> shared) {
    coax::steady_timer timer(co_await asio::this_coro::executor);
    while (!shared->sessions.empty()) {
        const std::int64_t now = shared->now();
        const bool more = shared->base->data.expire_some(expired_at_once);
        for (session* const s : shared->sessions) s->check(now);
        timer.expires_after(more ? milliseconds(1) : tick);
        co_await timer.async_wait(as_value);
    }
    shared->keeps_time = false;
}

}  // namespace coax::services
