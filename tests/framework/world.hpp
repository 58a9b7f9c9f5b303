// Two contexts that can reach each other, turned by one thread: on the wire, in virtual time, or on
// the kernel's loopback. The same test body runs on both.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <coax/coax.hpp>

namespace coax_test {

class world {
  public:
    // "wire" or "kernel". On the wire `client_keys` go into the client's specification.
    explicit world(const std::string& kind, const std::string& client_keys = {})
        : virtual_time_(kind == "wire") {
        if (virtual_time_) {
            static std::atomic<unsigned> number{0};
            const std::string segment = "wire:world" + std::to_string(++number);
            server_.emplace(options(segment + ",ip=198.18.7.1/24"));
            client_.emplace(options(segment + ",ip=198.18.7.2/24" + client_keys));
        } else {
            server_.emplace(options("kernel"));
            client_.emplace(options("kernel"));
        }
    }

    coax::io_context& server() { return *server_; }
    coax::io_context& client() { return *client_; }
    bool has_virtual_time() const { return virtual_time_; }
    coax::virtual_clock& clock() { return clock_; }
    void destroy_client() { client_.reset(); }
    // The client is not turned any more: to the server it looks as if its power had failed.
    void freeze_client() { client_frozen_ = true; }

    // Where a server listens; port 0 is chosen by the transport.
    boost::asio::ip::tcp::endpoint listen_address(std::uint16_t port = 0) const {
        return {boost::asio::ip::make_address(virtual_time_ ? "198.18.7.1" : "127.0.0.1"), port};
    }

    // Turns both until they are out of work. Throws if nothing moves any more, or it takes long.
    void run() {
        run_until([this] { return out_of_work_; });
    }
    // ... until `over` says so. A context without work goes on to move its frames.
    template <class Condition>
    void run_until(Condition&& over) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        out_of_work_ = false;
        for (int idle = 0; !over();) {
            bool working = false;
            std::size_t ran = turn(*server_, working);
            if (has_client()) ran += turn(*client_, working);
            out_of_work_ = !working;
            idle = ran == 0 ? idle + 1 : 0;
            // Frames without handlers move in a few rounds; then only time can help.
            if (idle > 8 && !over()) let_time_pass();
            if (std::chrono::steady_clock::now() > limit)
                throw std::runtime_error("the world takes too long");
        }
    }

  private:
    coax::context_options options(const std::string& backend) {
        return {.backend = backend, .seed = 7, .clock = virtual_time_ ? &clock_ : nullptr};
    }
    static std::size_t turn(coax::io_context& io, bool& working) {
        io.restart();
        std::size_t ran = 0;
        {
            const auto guard = boost::asio::make_work_guard(io);
            ran = io.poll();
        }
        ran += io.poll();
        working = working || !io.stopped();
        io.restart();
        return ran;
    }
    void let_time_pass() {
        if (!virtual_time_) return;
        auto next = server_->next_deadline();
        if (has_client()) next = std::min(next, client_->next_deadline());
        if (next == coax::clock::time_point::max())
            throw std::runtime_error("the world stands still: nobody has anything to do");
        clock_.advance_to(next);
    }

    bool has_client() const { return client_ && !client_frozen_; }

    bool virtual_time_;
    bool client_frozen_ = false;
    bool out_of_work_ = false;
    coax::virtual_clock clock_;
    std::optional<coax::io_context> server_;
    std::optional<coax::io_context> client_;
};

// A connection: `near` on the client's context, `far` on the server's.
struct connection {
    explicit connection(world& w) : near(w.client()), far(w.server()) {
        coax::tcp::acceptor acceptor(w.server(), w.listen_address());
        int left = 2;
        boost::system::error_code failure;
        const auto done = [&](boost::system::error_code ec) {
            if (ec) failure = ec;
            --left;
        };
        acceptor.async_accept(far, done);
        near.async_connect(acceptor.local_endpoint(), done);
        w.run_until([&] { return left == 0; });
        if (failure) throw boost::system::system_error(failure);
    }
    coax::tcp::socket near;
    coax::tcp::socket far;
};

}  // namespace coax_test
