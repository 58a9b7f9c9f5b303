// The accept loop and the list of open connections.
#include "services/serve/server.hpp"

#include <exception>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "services/program/endpoint_text.hpp"
#include "services/program/failure.hpp"

namespace coax::services {
namespace {

std::string listen_advice(const error_code& error, const coax::io_context& io) {
    if (error == asio::error::address_in_use)
        return "another program listens there; stop it or choose another port";
    if (error == asio::error::access_denied)
        return "ports below 1024 need root; choose a higher one";
    if (error == boost::system::errc::address_not_available) {
        std::string owned;
        for (const std::string& address : io.backend().addresses)
            owned += (owned.empty() ? "" : ", ") + address;
        if (owned.empty()) return "not an address of this machine; 'ip address' shows them";
        return fmt::format("not an address of this backend, which has {}", owned);
    }
    return error.message();
}

error_code try_listen(coax::fast_acceptor& acceptor, const coax::tcp::endpoint& at) {
    error_code error;
    error = acceptor.open(at.protocol(), error);
    // So that a restarted server need not wait for the TIME-WAIT of its predecessor.
    if (!error) error = acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) error = acceptor.bind(at, error);
    if (!error) error = acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error;
}

coax::fast_acceptor open_acceptor(coax::io_context& io, const coax::tcp::endpoint& at) {
    coax::fast_acceptor acceptor(io);
    error_code error = try_listen(acceptor, at);
    // What a killed server had open on its io_uring is closed by a kernel thread a moment later.
    for (int i = 0; i < 20 && error == asio::error::address_in_use; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
        acceptor = coax::fast_acceptor(io);
        error = try_listen(acceptor, at);
    }
    if (error)
        throw failure(exit_status::usage, fmt::format("cannot listen on {}: {}", to_text(at),
                                                      listen_advice(error, io)));
    return acceptor;
}

// Worth going on after a moment: the next accept may well succeed.
bool passes(const error_code& error) {
    return error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
           error == asio::error::no_memory || error == asio::error::connection_aborted ||
           error == boost::system::errc::too_many_files_open_in_system ||
           error == boost::system::errc::protocol_error;
}

}  // namespace

server::presence::presence(server& s, coax::fast_socket& socket)
    : shared_(s.shared_), at_(shared_->list.insert(shared_->list.end(), {&socket, {}})) {
    ++shared_->counts.open;
}

server::presence::~presence() {
    shared_->list.erase(at_);
    --shared_->counts.open;
    if (shared_->is_waiting && shared_->list.empty()) shared_->farewell.cancel();
}

server::server(coax::io_context& io, const coax::tcp::endpoint& listen_at, server_limits limits)
    : io_(io),
      acceptor_(open_acceptor(io, listen_at)),
      local_(acceptor_.local_endpoint()),
      limits_(limits),
      shared_(std::make_shared<open_connections>(io)) {}

void server::start(std::function<void(const error_code&)> broken) {
    broken_ = std::move(broken);
    asio::co_spawn(io_, accept_connections(), asio::detached);
    opening();
}

void server::stop() {
    stopping_ = true;
    close_quietly(acceptor_);
    closing();
    bool was_asked = false;
    for (const open_connection& c : shared_->list) {
        if (!c.ask_to_end) close_quietly(*c.socket);
        else c.ask_to_end(), was_asked = true;
    }
    if (!was_asked || shared_->is_waiting) return;
    shared_->is_waiting = true;
    shared_->farewell.expires_after(limits_.farewell);
    shared_->farewell.async_wait([shared = shared_](const error_code& error) {
        shared->is_waiting = false;
        if (error) return;
        for (const open_connection& c : shared->list) close_quietly(*c.socket);
    });
}

coax::awaitable<void> server::pause(std::chrono::milliseconds duration) {
    coax::steady_timer timer(io_);
    timer.expires_after(duration);
    co_await timer.async_wait(as_value);
}

coax::awaitable<void> server::accept_connections() {
    while (!stopping_) {
        if (statistics().open >= limits_.connections) {
            co_await pause(std::chrono::milliseconds(5));
            continue;
        }
        auto [error, socket] = co_await acceptor_.async_accept(as_value);
        if (stopping_) co_return;
        if (error && passes(error)) {
            ++counts().errors;
            co_await pause(std::chrono::milliseconds(20));
            continue;
        }
        if (error) {
            if (broken_) broken_(error);
            co_return;
        }
        ++counts().connections;
        send_without_delay(socket);
        asio::co_spawn(io_, converse(std::move(socket)),
                       [shared = shared_](const std::exception_ptr& thrown) {
                           if (thrown) ++shared->counts.errors;
                       });
    }
}

}  // namespace coax::services
