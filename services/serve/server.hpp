// What every server does around its protocol: accept, count, keep an eye on open connections, stop.
// Knows nothing of any protocol, of signals or of the terminal.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "services/asio.hpp"

namespace coax::services {

// Since the start of the server.
struct traffic {
    std::uint64_t connections = 0;  // accepted
    std::uint64_t open = 0;         // of these, now
    std::uint64_t requests = 0;     // answered; echo: pieces and datagrams that came and went back
    std::uint64_t bytes_in = 0;     // of payload
    std::uint64_t bytes_out = 0;
    std::uint64_t errors = 0;  // connections that ended otherwise than in order
};

struct server_limits {
    std::size_t connections = 16'384;  // open at once; more wait in the backlog
    std::chrono::milliseconds silence{
        30'000};  // http: a request or a piece of a response may take so long
    std::chrono::milliseconds farewell{500};  // what stop() gives connections to end in order
};

class server {
  public:
    // Listens at once. Throws failure (usage) if it cannot.
    server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits);
    virtual ~server() = default;
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    // Begins to accept; needs a running context. `broken` is called if accepting ends by itself,
    // as when the medium died.
    void start(std::function<void(const error_code&)> broken = {});
    // Closes the acceptor, and asks every connection to end; those whose protocol has no way to end
    // are closed at once, and those still open after limits().farewell, too. May be called again.
    void stop();

    coax::tcp::endpoint local_endpoint() const { return local_; }
    const traffic& statistics() const noexcept { return shared_->counts; }
    const server_limits& limits() const noexcept { return limits_; }
    // "messages", "requests": what statistics().requests counts.
    virtual const char* unit() const noexcept = 0;
    // For the ready line: what the address alone does not tell, as "TLS 1.2 or later". May be
    // empty.
    virtual std::string kind() const { return {}; }
    // For the summary: what this protocol counts beside `traffic`, "3 failed handshakes". May be
    // empty.
    virtual std::string details() const { return {}; }

  private:
    struct open_connection {
        coax::fast_socket* socket;
        std::function<void()> ask_to_end;  // empty: the socket is closed instead
    };
    // Outlives the server: coroutines that a stopped context destroys unfinished still refer to it.
    struct open_connections {
        explicit open_connections(coax::io_context& io) : farewell(io) {}

        traffic counts;
        std::list<open_connection> list;
        coax::steady_timer farewell;
        bool is_waiting = false;  // for the end of those that were asked
    };

  protected:
    // Called by start(): for what a server does beside its connections.
    virtual void opening() {}
    // Called by stop(), before the connections are asked or closed. May be called again.
    virtual void closing() {}
    bool is_stopping() const noexcept { return stopping_; }
    coax::awaitable<void> pause(std::chrono::milliseconds duration);

    // Speaks the protocol until the connection ends.
    virtual coax::awaitable<void> converse(coax::fast_socket socket) = 0;

    // While it lives, stop() can end the connection: by what on_stop() gave, or by closing the
    // socket. The socket must not move meanwhile.
    class presence {
      public:
        presence(server& s, coax::fast_socket& socket);
        presence(const presence&) = delete;
        presence& operator=(const presence&) = delete;
        ~presence();

        // `ask` is called on the context's thread, once for each call of stop().
        void on_stop(std::function<void()> ask) { at_->ask_to_end = std::move(ask); }

      private:
        std::shared_ptr<open_connections> shared_;
        std::list<open_connection>::iterator at_;
    };

    traffic& counts() noexcept { return shared_->counts; }

  private:
    coax::awaitable<void> accept_connections();

    coax::io_context& io_;
    coax::fast_acceptor acceptor_;
    coax::tcp::endpoint local_;
    server_limits limits_;
    std::shared_ptr<open_connections> shared_;
    std::function<void(const error_code&)> broken_;
    bool stopping_ = false;
};

}  // namespace coax::services
