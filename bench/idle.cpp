// Many established connections that say nothing, between two stacks on a memory wire: what they
// hold, what opening them takes, and that each of them answers when it is asked.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include <malloc.h>
#include <unistd.h>

#include "bench/two_stacks.hpp"

namespace {

using namespace bench;
using stack::const_bytes;
using stack::mutable_bytes;
using stack::tcp::readiness;

constexpr std::uint16_t first_port = 7;
// A pair of addresses has 28,232 ephemeral ports for each port of the server.
constexpr std::uint32_t connections_per_port = 20'000;
constexpr std::size_t message_bytes = 64;
constexpr std::uint32_t under_way_max = 256;  // handshakes or messages at once

using clock = std::chrono::steady_clock;

double microseconds_since(clock::time_point start) {
    return std::chrono::duration<double, std::micro>(clock::now() - start).count();
}

double heap_bytes() {
    const auto info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

// Answers what it is asked.
class idle_server final : public user {
  public:
    void on_ready(side& at, const readiness& ready) override {
        require(!ready.failed, "connection lives");
        std::array<std::byte, 2 * message_bytes> data;
        const std::array<mutable_bytes, 1> room{mutable_bytes(data)};
        const auto got = at.stack.tcp_receive(socket, room, at.now);
        if (!got) return;
        const std::array<const_bytes, 1> reply{const_bytes(data.data(), *got)};
        require(at.stack.tcp_send(socket, reply, at.now).has_value(), "reply");
    }
};

struct progress {
    std::uint32_t connected = 0;
    std::uint32_t accepted = 0;
    std::uint64_t answered_bytes = 0;
};

class idle_client final : public user {
  public:
    progress* all = nullptr;

    void open(side& at, const stack::endpoint& to) {
        const auto made = at.stack.tcp_open(this);
        require(made.has_value(), "open");
        socket = *made;
        require(at.stack.tcp_connect(socket, to, at.now).has_value(), "connect");
    }
    void ask(side& at) {
        static const std::array<std::byte, message_bytes> message{};
        const std::array<const_bytes, 1> piece{const_bytes(message)};
        require(at.stack.tcp_send(socket, piece, at.now).has_value(), "ask");
    }
    void on_ready(side& at, const readiness& ready) override {
        require(!ready.failed, "connection lives");
        if (ready.connected) ++all->connected;
        std::array<std::byte, 2 * message_bytes> data;
        const std::array<mutable_bytes, 1> room{mutable_bytes(data)};
        const auto got = at.stack.tcp_receive(socket, room, at.now);
        if (got) all->answered_bytes += *got;
    }
};

class listener final : public user {
  public:
    listener(std::vector<idle_server>& servers, progress& all) : servers_(servers), all_(all) {}
    void open(side& at, std::uint16_t port) {
        const auto made = at.stack.tcp_open(this);
        require(made.has_value(), "open");
        socket = *made;
        require(at.stack.tcp_bind(socket, {at.address, port}, false).has_value(), "bind");
        require(at.stack.tcp_listen(socket, 4096).has_value(), "listen");
    }
    void on_ready(side& at, const readiness&) override {
        while (const auto accepted = at.stack.tcp_accept(socket)) {
            idle_server& next = servers_[all_.accepted++];
            next.socket = accepted->socket;
            at.stack.tcp_set_user(next.socket, &next);
            next.on_ready(at, {});
        }
    }

  private:
    std::vector<idle_server>& servers_;
    progress& all_;
};

setting setting_of(std::uint32_t connections) {
    setting how;
    how.virtual_clock = true;
    const std::uint32_t sockets = connections + connections / connections_per_port + 1;
    how.config.tcp.connections_max = std::max(how.config.tcp.connections_max, sockets);
    return how;
}

void measure(std::uint32_t count) {
    // What the application keeps is no matter of the stack's.
    progress all;
    std::vector<idle_server> servers(count);
    std::vector<idle_client> clients(count);
    std::vector<listener> listeners(count / connections_per_port + 1, listener(servers, all));
    two_stacks two(setting_of(count));
    for (std::size_t i = 0; i < listeners.size(); ++i)
        listeners[i].open(two.server, static_cast<std::uint16_t>(first_port + i));
    two.turn();

    const double before = heap_bytes();
    auto start = clock::now();
    for (std::uint32_t i = 0; i < count; ++i) {
        clients[i].all = &all;
        const auto port = static_cast<std::uint16_t>(first_port + i / connections_per_port);
        clients[i].open(two.client, {two.server.address, port});
        two.turn_until([&] { return i < all.accepted + under_way_max; });
    }
    two.turn_until([&] { return all.connected == count && all.accepted == count; });
    const double opening = microseconds_since(start) / count;
    const double idle = (heap_bytes() - before) / count / 2;

    start = clock::now();
    for (std::uint32_t i = 0; i < count; ++i) {
        clients[i].ask(two.client);
        two.turn_until([&] { return i < all.answered_bytes / message_bytes + under_way_max; });
    }
    two.turn_until([&] { return all.answered_bytes == std::uint64_t{count} * message_bytes; });
    const double asking = microseconds_since(start) / count;
    const double again = (heap_bytes() - before) / count / 2;
    std::printf("%11u  %12.1f  %19.0f  %14.2f  %18.0f\n", count, opening, idle, asking, again);
    std::fflush(stdout);
}

int usage() {
    std::fputs(
        "usage: bench_idle [CONNECTIONS...]   without: 1000 100000 1000000\n"
        "A connection takes about 1 kB of memory for both ends.\n"
        "example: bench_idle 1000\n",
        stderr);
    return 2;
}

}  // namespace

int main(int words, char** word) {
    std::vector<std::uint32_t> counts;
    for (int i = 1; i < words; ++i) {
        const std::string_view text = word[i];
        std::uint32_t count = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
        if (error != std::errc() || end != text.data() + text.size() || count == 0 ||
            count > 4'000'000)
            return usage();
        counts.push_back(count);
    }
    if (counts.empty()) counts = {1'000, 100'000, 1'000'000};
    std::printf("%11s  %12s  %19s  %14s  %18s\n", "connections", "us to open", "bytes each, idle",
                "us to ask", "bytes, after that");
    for (const std::uint32_t each : counts) measure(each);
    return 0;
}
