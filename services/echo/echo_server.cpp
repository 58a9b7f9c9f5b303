// One coroutine per connection: read some, write it all back, until the peer has finished. One for
// all datagrams: take what there is, send it all back.
#include "services/echo/echo_server.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "services/program/endpoint_text.hpp"
#include "services/program/failure.hpp"

namespace coax::services {
namespace {

// Small, as ten thousand idle connections each have one; a busy stream gets a larger one.
constexpr std::size_t first_buffer = 2'048;
constexpr std::size_t largest_buffer = 131'072;

constexpr std::size_t datagrams_at_once = 16;
constexpr std::size_t largest_datagram = 65'507;

coax::fast_udp_socket open_datagrams(coax::io_context& io, const coax::tcp::endpoint& at) {
    coax::fast_udp_socket socket(io);
    const coax::udp::endpoint local(at.address(), at.port());
    error_code error;
    error = socket.open(local.protocol(), error);
    if (!error) error = socket.bind(local, error);
    if (error)
        throw failure(
            exit_status::usage,
            fmt::format("cannot take datagrams on {}: {}", to_text(at),
                        error == asio::error::address_in_use
                            ? "another program does; stop it, choose another port, or leave out "
                              "--udp"
                            : error.message()));
    return socket;
}

}  // namespace

echo_server::echo_server(coax::io_context& io, const coax::tcp::endpoint& listen_at,
                         server_limits limits, bool datagrams)
    : server(io, listen_at, limits), io_(io) {
    if (datagrams) datagrams_ = open_datagrams(io, local_endpoint());
}

std::string echo_server::kind() const { return datagrams_ ? "TCP and UDP" : ""; }

std::string echo_server::details() const {
    if (!datagrams_) return {};
    return fmt::format("{} messages by UDP, {} ignored", datagrams_answered_, datagrams_ignored_);
}

void echo_server::opening() {
    if (datagrams_) asio::co_spawn(io_, answer_datagrams(), asio::detached);
}

void echo_server::closing() {
    if (datagrams_) close_quietly(*datagrams_);
}

// A sender at our own port is another echo server, or somebody who claims to be one: the two would
// talk for ever. Nobody is at port 0. Both are ignored.
coax::awaitable<void> echo_server::answer_datagrams() {
    std::vector<char> memory(datagrams_at_once * largest_datagram);
    std::array<coax::incoming_datagram, datagrams_at_once> in;
    for (std::size_t i = 0; i < in.size(); ++i)
        in[i].room = asio::buffer(memory.data() + i * largest_datagram, largest_datagram);
    std::array<coax::outgoing_datagram, datagrams_at_once> out;
    const std::uint16_t own_port = local_endpoint().port();
    while (!is_stopping()) {
        const auto [error, count] = co_await datagrams_->async_receive_many(in, as_value);
        if (is_stopping()) co_return;
        if (error) {
            ++counts().errors;
            co_await pause(std::chrono::milliseconds(20));
            continue;
        }
        std::span<coax::outgoing_datagram> left(out.data(), 0);
        for (const coax::incoming_datagram& each : std::span(in).first(count)) {
            counts().bytes_in += each.size;
            if (each.from.port() == 0 || each.from.port() == own_port) {
                ++datagrams_ignored_;
                continue;
            }
            out[left.size()] = {asio::buffer(each.room, each.size), each.from};
            left = {out.data(), left.size() + 1};
        }
        while (!left.empty()) {
            const auto [failed, sent] = co_await datagrams_->async_send_many(left, as_value);
            if (is_stopping()) co_return;
            for (const coax::outgoing_datagram& each : left.first(sent))
                counts().bytes_out += each.data.size();
            counts().requests += sent;
            datagrams_answered_ += sent;
            if (failed) ++counts().errors;  // of the first: its sender cannot be reached
            left = left.subspan(failed ? 1 : sent);
        }
    }
}

coax::awaitable<void> echo_server::converse(coax::fast_socket socket) {
    const presence here(*this, socket);
    std::vector<char> buffer(first_buffer);
    for (;;) {
        const auto [error, n] = co_await socket.async_read_some(asio::buffer(buffer), as_value);
        if (error) {
            const bool in_order =
                error == asio::error::eof || error == asio::error::operation_aborted;
            if (!in_order) ++counts().errors;
            co_return;  // the socket closes in order: the peer reads the rest and then its end
        }
        counts().bytes_in += n;
        const auto [failed, written] =
            co_await asio::async_write(socket, asio::buffer(buffer.data(), n), as_value);
        counts().bytes_out += written;
        if (failed) {
            if (failed != asio::error::operation_aborted) ++counts().errors;
            co_return;
        }
        ++counts().requests;
        if (n == buffer.size() && n < largest_buffer)
            buffer.resize(std::min(n * 4, largest_buffer));
    }
}

}  // namespace coax::services
