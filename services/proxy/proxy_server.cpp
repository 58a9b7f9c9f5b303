// Starts relays, counts how they end, and takes two contexts down without one reaching into the
// other after its end.
#include "services/proxy/proxy_server.hpp"

#include <utility>

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "services/program/endpoint_text.hpp"

namespace coax::services {
namespace {

// Everything is closed and has only to say so. Far more than is needed, and not for ever.
constexpr int most_turns = 1'000;

// In the list while its coroutine runs.
class listed {
  public:
    listed(std::set<relay*>& list, relay& r) : list_(list), relay_(&r) { list_.insert(relay_); }
    listed(const listed&) = delete;
    listed& operator=(const listed&) = delete;
    ~listed() { list_.erase(relay_); }

  private:
    std::set<relay*>& list_;
    relay* relay_;
};

}  // namespace

proxy_server::proxy_server(coax::io_context& io, const coax::tcp::endpoint& listen_at,
                           server_limits limits, const upstream_target& target,
                           std::unique_ptr<coax::io_context> upstream)
    : server(io, listen_at, limits),
      io_(io),
      target_(target),
      owned_(std::move(upstream)),
      upstream_(owned_ ? *owned_ : io),
      work_(upstream_.get_executor()) {
    if (owned_) thread_ = std::thread([this] { run_upstream(); });
    else work_.reset();
}

proxy_server::~proxy_server() { finish(); }

void proxy_server::run_upstream() {
    try {
        upstream_.run();
    } catch (...) {
        asio::post(io_, [thrown = std::current_exception()] { std::rethrow_exception(thrown); });
    }
}

void proxy_server::finish() noexcept {
    if (thread_.joinable()) {
        work_.reset();
        upstream_.stop();
        thread_.join();
    }
    stop();
    for (int turn = 0; turn < most_turns; ++turn) {
        io_.restart();
        std::size_t done = io_.poll();
        if (owned_) {
            owned_->restart();
            done += owned_->poll();
        }
        if (statistics().open == 0 && done == 0) break;
        if (done == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

std::string proxy_server::kind() const {
    return fmt::format("to {} by backend {}", to_text(target_.endpoint),
                       upstream_.backend().to_line());
}

std::string proxy_server::details() const {
    return fmt::format("{} resets, {} upstream failures", resets_, failures_);
}

void proxy_server::closing() {
    for (relay* r : relays_) {
        // An end that the peer did not send must not look like one.
        reset_quietly(r->client());
        r->abort(relay::outcome::stopped);
    }
}

coax::awaitable<void> proxy_server::converse(coax::fast_socket socket) {
    const auto r = std::make_shared<relay>(std::move(socket), upstream_.get_executor(),
                                           relay::bytes{counts().bytes_in, counts().bytes_out});
    const presence here(*this, r->client());
    const listed open(relays_, *r);
    if (co_await r->connect(target_.endpoint, target_.connect_timeout)) {
        if (r->client().is_open()) {
            ++counts().errors;
            ++failures_;
        }
        r->abort(relay::outcome::reset);
        co_return;
    }
    switch (co_await r->run()) {
        case relay::outcome::in_order: ++counts().requests; break;
        case relay::outcome::reset:
            ++counts().errors;
            ++resets_;
            break;
        case relay::outcome::stopped: break;
    }
}

}  // namespace coax::services
