// Hosts with several queues and a stack on each, in one thread and virtual time: what comes by a
// queue finds whose it is, and nobody is told that nobody is there.
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/wire/sharded_world.hpp"

namespace {

using namespace wire_test;

struct session_of_shard {
    unsigned shard;
    stack::tcp_socket socket;
};

void accept_all(sharded_world& w, const std::vector<stack::tcp_socket>& listeners,
                std::vector<session_of_shard>& to) {
    for (unsigned i = 0; i != listeners.size(); ++i)
        while (const auto got = w.server[i]->ip.tcp_accept(listeners[i]))
            to.push_back({i, got->socket});
}

// Echoes until the peers have finished; then closes.
void echo_all(sharded_world& w, std::vector<session_of_shard>& sessions) {
    for (auto at = sessions.begin(); at != sessions.end();) {
        node& n = *w.server[at->shard];
        bool ended = false;
        const std::string text = n.take(at->socket, w.now, &ended);
        if (!text.empty()) n.send(at->socket, text, w.now);
        if (ended) n.ip.tcp_close(at->socket, w.now);
        at = ended ? sessions.erase(at) : at + 1;
    }
}

}  // namespace

TEST_CASE("frames of every flow by every queue: connections stay where they began") {
    const unsigned shards = GENERATE(2U, 3U, 5U);
    sharded_world w(shards);
    std::vector<stack::tcp_socket> listeners;
    for (const auto& each : w.server) listeners.push_back(each->listen(7));
    constexpr unsigned count = 40;
    std::vector<stack::tcp_socket> mine;
    for (unsigned i = 0; i != count; ++i)
        mine.push_back(w.client->connect({server_address, 7}, w.now));
    std::vector<session_of_shard> sessions;
    std::vector<unsigned> accepted(shards);
    std::vector<std::string> got(count);
    std::vector<bool> sent(count);
    const auto text_of = [](unsigned i) {
        return std::string(3000 + i, static_cast<char>('a' + i % 26));
    };
    const bool over = w.run_until([&] {
        const std::size_t before = sessions.size();
        accept_all(w, listeners, sessions);
        for (std::size_t i = before; i != sessions.size(); ++i) ++accepted[sessions[i].shard];
        echo_all(w, sessions);
        bool all = true;
        for (unsigned i = 0; i != count; ++i) {
            if (!sent[i] && w.client->state(mine[i]) == stack::tcp::state::established) {
                sent[i] = true;
                w.client->send(mine[i], text_of(i), w.now);
            }
            got[i] += w.client->take(mine[i], w.now);
            all = all && got[i].size() == text_of(i).size();
        }
        return all;
    });
    REQUIRE(over);
    for (unsigned i = 0; i != count; ++i) CHECK(got[i] == text_of(i));
    for (unsigned i = 0; i != shards; ++i) CHECK(accepted[i] > 0);
    CHECK(w.sum("shards.handed_over") > count);
    CHECK(w.stack_sum("tcp.passive_opens") == count);

    // The ends, too, come by any queue.
    std::vector<stack::flow> flows;
    for (const auto s : mine) flows.push_back(*w.client->ip.tcp_ends(s));
    for (const auto s : mine) w.client->ip.tcp_close(s, w.now);
    CHECK(w.run_until([&] {
        echo_all(w, sessions);
        return sessions.empty() && w.stack_sum("tcp.segments_sent") > 0 &&
               w.client->ip.tcp_socket_count() == count;
    }));
    w.run(200);
    w.now += 300s;
    w.run(10);
    CHECK(w.client->ip.tcp_socket_count() == 0);
    w.check_nobody_was_refused();
    for (const stack::flow& f : flows) CHECK(w.all->where().owner_of({f.remote, f.local}) == 0);
}

TEST_CASE("a SYN that comes again by another queue opens no second connection") {
    sharded_world w(2);
    std::vector<stack::tcp_socket> listeners;
    for (const auto& each : w.server) listeners.push_back(each->listen(7));
    // The neighbours know each other, and the first SYN goes to shard 0, which sleeps.
    const auto s = w.client->hear(9);
    const std::array<stack::const_bytes, 1> nothing{};
    REQUIRE(w.client->ip.udp_send_to(s, {server_address, 99}, nothing, w.now));
    w.run(10);
    bool shard_0_has_it = false;
    while (!shard_0_has_it) {
        w.asleep = 3;
        const auto mine = w.client->connect({server_address, 7}, w.now);
        w.turn();
        shard_0_has_it = w.ports[0]->frames_waiting();
        if (!shard_0_has_it) {
            w.client->ip.tcp_abort(mine, w.now);
            w.asleep = 0;
            w.run(20);
            REQUIRE(w.client->ip.udp_send_to(s, {server_address, 99}, nothing, w.now));
            w.run(20);  // an odd number of frames in all: the next SYN goes there
            continue;
        }
        w.asleep = 1;  // shard 1 gets the next one
        REQUIRE(
            w.run_until([&] { return w.client->state(mine) == stack::tcp::state::established; }));
        w.asleep = 0;
        w.run(50);
        w.client->send(mine, "after both", w.now);
        w.run(50);
    }
    std::vector<session_of_shard> sessions;
    accept_all(w, listeners, sessions);
    REQUIRE(!sessions.empty());
    CHECK(sessions.back().shard == 1);
    CHECK(w.server[1]->take(sessions.back().socket, w.now) == "after both");
    CHECK(w.server[0]->counter("tcp.passive_opens") == 0);
    CHECK(w.server[0]->counter("tcp.resets_sent") == 0);
}

TEST_CASE(
    "who listens alone gets the connections of all queues, and who asks for nobody is refused") {
    sharded_world w(3);
    const auto listener = w.server[1]->listen(7);
    std::vector<stack::tcp_socket> mine;
    for (int i = 0; i != 12; ++i) mine.push_back(w.client->connect({server_address, 7}, w.now));
    CHECK(w.run_until([&] { return w.server[1]->counter("tcp.passive_opens") == 12; }));
    w.check_nobody_was_refused();
    CHECK(w.server[1]->ip.tcp_accept(listener));

    const auto before = w.sum("shards.handed_over");
    const auto lost = w.client->connect({server_address, 8}, w.now);
    w.run(50);
    CHECK(w.client->ip.tcp_error(lost) == error::connection_refused);
    CHECK(w.sum("shards.handed_over") == before);

    // The listener ends: then there is nobody for this port, either.
    w.server[1]->ip.tcp_close(listener, w.now);
    w.run(50);
    const auto late = w.client->connect({server_address, 7}, w.now);
    w.run(50);
    CHECK(w.client->ip.tcp_error(late) == error::connection_refused);
}

TEST_CASE("a group that one shard has joined is heard by it, by whatever queue it comes") {
    sharded_world w(3);
    const auto group = stack::ip_address::v4(224, 0, 0, 251);
    std::vector<stack::udp_socket> ears;
    for (const auto& each : w.server) ears.push_back(each->hear(5353));
    REQUIRE(w.server[1]->ip.udp_join_group(ears[1], group));
    const auto from = w.client->hear(5353);
    for (const std::size_t size : {100U, 100U, 100U, 4000U, 4000U, 4000U}) {
        const std::string text(size, 'm');
        const std::array<stack::const_bytes, 1> pieces{bytes_of(text)};
        REQUIRE(w.client->ip.udp_send_to(from, {group, 5353}, pieces, w.now));
        w.run(20);
        CHECK(w.server[1]->take_datagram(ears[1]) == text);
        CHECK(w.server[1]->take_datagram(ears[1]).empty());
        CHECK(w.server[0]->take_datagram(ears[0]).empty());
        CHECK(w.server[2]->take_datagram(ears[2]).empty());
    }
}

TEST_CASE("connections that shards open get their answers, whatever queue they come by") {
    sharded_world w(3);
    const auto listener = w.client->listen(80);
    std::vector<session_of_shard> mine;
    for (unsigned i = 0; i != 30; ++i)
        mine.push_back({i % 3, w.server[i % 3]->connect({client_address, 80}, w.now)});
    std::vector<stack::tcp_socket> far;
    std::size_t greeted = 0;
    REQUIRE(w.run_until([&] {
        while (const auto got = w.client->ip.tcp_accept(listener)) {
            far.push_back(got->socket);
            w.client->send(got->socket, "hello", w.now);
        }
        for (const auto& [shard, socket] : mine)
            if (w.server[shard]->take(socket, w.now) == "hello") ++greeted;
        return greeted == mine.size();
    }));
    CHECK(w.sum("shards.handed_over") > 0);
    CHECK(w.sum("shards.flows_contested") == 0);
    w.check_nobody_was_refused();

    // Two shards can't have one flow.
    const auto first = *w.server[0]->ip.tcp_ends(mine[0].socket);
    const auto second = *w.server[1]->ip.tcp_open(nullptr);
    REQUIRE(w.server[1]->ip.tcp_bind(second, first.local, true));
    CHECK(w.server[1]->ip.tcp_connect(second, {client_address, 80}, w.now).code() ==
          error::address_in_use);

    // Who closes first keeps the flow until its TIME-WAIT is over.
    std::vector<stack::flow> flows;
    for (const auto& [shard, socket] : mine) {
        flows.push_back(*w.server[shard]->ip.tcp_ends(socket));
        w.server[shard]->ip.tcp_close(socket, w.now);
    }
    w.run(50);
    for (const auto s : far) w.client->ip.tcp_close(s, w.now);
    w.run(50);
    for (std::size_t i = 0; i != mine.size(); ++i)
        CHECK(w.all->where().owner_of(flows[i]) == stack::siblings::set{1} << mine[i].shard);
    w.now += 300s;
    w.run(10);
    for (const stack::flow& f : flows) CHECK(w.all->where().owner_of(f) == 0);
    w.check_nobody_was_refused();
}

TEST_CASE("SYN cookies are taken back by the shard that gave them") {
    stack::stack_config config;
    config.tcp.syn_cookies = stack::syn_cookie_mode::always;
    sharded_world w(3, true, config);
    std::vector<stack::tcp_socket> listeners;
    for (const auto& each : w.server) listeners.push_back(each->listen(7));
    std::vector<stack::tcp_socket> mine;
    for (int i = 0; i != 30; ++i) {
        mine.push_back(w.client->connect({server_address, 7}, w.now));
        w.run(3);
    }
    CHECK(w.run_until([&] { return w.stack_sum("tcp.syn_cookies_accepted") == 30; }));
    w.check_nobody_was_refused();
    CHECK(w.stack_sum("tcp.syn_cookies_failed") == 0);
    std::vector<session_of_shard> sessions;
    accept_all(w, listeners, sessions);
    CHECK(sessions.size() == 30);
}

TEST_CASE("datagrams find their socket, whole or in fragments; where there is none, it is said") {
    sharded_world w(3);
    const auto alone = w.server[2]->hear(53);
    const auto from = w.client->hear(9);
    std::vector<std::string> sent;
    for (std::size_t i = 0; i != 24; ++i) {
        sent.push_back(std::string(1 + i * 331, static_cast<char>('a' + i)));
        const std::array<stack::const_bytes, 1> pieces{bytes_of(sent.back())};
        REQUIRE(w.client->ip.udp_send_to(from, {server_address, 53}, pieces, w.now));
        w.run(5);
    }
    std::vector<std::string> got;
    REQUIRE(w.run_until([&] {
        for (std::string one; !(one = w.server[2]->take_datagram(alone)).empty();)
            got.push_back(one);
        return got.size() == sent.size();
    }));
    std::sort(got.begin(), got.end());
    CHECK(got == sent);
    CHECK(w.stack_sum("ip.fragments_elsewhere") > 0);
    CHECK(w.stack_sum("udp.no_port") == 0);

    const auto lost = w.client->hear(10);
    REQUIRE(w.client->ip.udp_connect(lost, {server_address, 54}));
    const std::array<stack::const_bytes, 1> nothing{};
    for (int i = 0; i != 3; ++i) {
        REQUIRE(w.client->ip.udp_send(lost, nothing, w.now));
        w.run(10);
        error why = error::none;
        w.client->take_datagram(lost, &why);
        CHECK(why == error::connection_refused);
    }
}

TEST_CASE("the word that nobody is there reaches the shard that asked") {
    sharded_world w(3);
    for (unsigned i = 0; i != 3; ++i) {
        const auto asking = *w.server[i]->ip.udp_open(nullptr);
        REQUIRE(w.server[i]->ip.udp_connect(asking, {client_address, 99}));
        for (int round = 0; round != 3; ++round) {
            const std::array<stack::const_bytes, 1> nothing{};
            REQUIRE(w.server[i]->ip.udp_send(asking, nothing, w.now));
            w.run(10);
            error why = error::none;
            w.server[i]->take_datagram(asking, &why);
            CHECK(why == error::connection_refused);
        }
    }
    CHECK(w.sum("shards.copied") > 0);
}

TEST_CASE("ARP that comes by one queue is learned by all shards, and answered once") {
    sharded_world w(3, false);
    w.run(10);
    const auto replies = [&] { return w.client->counter("device.frames_received"); };
    // Announcements are over; the answer to each request comes by the first queue.
    std::vector<stack::udp_socket> asking;
    const std::string text = "x";
    const auto ear = w.client->hear(5);
    for (unsigned i = 0; i != 3; ++i) {
        asking.push_back(*w.server[i]->ip.udp_open(nullptr));
        const std::array<stack::const_bytes, 1> pieces{bytes_of(text)};
        REQUIRE(w.server[i]->ip.udp_send_to(asking[i], {client_address, 5}, pieces, w.now));
        w.run(10);
        CHECK(w.client->take_datagram(ear) == text);
    }
    CHECK(w.sum("shards.copied") > 0);
    const auto before = replies();
    const auto address = w.client_port->capabilities().address;
    std::vector<std::byte> ask;  // who has 198.18.0.1? from a stranger's MAC
    for (int i = 0; i != 6; ++i) ask.push_back(std::byte{0xff});
    for (const auto octet : address.octets) ask.push_back(std::byte{octet});
    for (const int octet : {8, 6, 0, 1, 8, 0, 6, 4, 0, 1})
        ask.push_back(static_cast<std::byte>(octet));
    for (const auto octet : address.octets) ask.push_back(std::byte{octet});
    for (const int octet : {198, 18, 0, 9, 0, 0, 0, 0, 0, 0, 198, 18, 0, 1})
        ask.push_back(static_cast<std::byte>(octet));
    std::array<stack::tx_slot, 1> slot;
    REQUIRE(w.client_port->reserve(slot) == 1);
    std::copy(ask.begin(), ask.end(), slot[0].data);
    slot[0].length = static_cast<std::uint32_t>(ask.size());
    w.client_port->transmit(slot);
    w.run(10);
    CHECK(replies() == before + 1);
}

TEST_CASE("a shard that has ended is asked no more") {
    sharded_world w(2);
    const auto listener = w.server[1]->listen(7);
    w.devices[1]->leave();
    w.asleep = 2;
    std::vector<stack::tcp_socket> mine;
    for (int i = 0; i != 6; ++i) mine.push_back(w.client->connect({server_address, 7}, w.now));
    CHECK(w.run_until([&] {
        for (const auto s : mine)
            if (w.client->ip.tcp_error(s) == error::connection_refused) return true;
        return false;
    }));
    CHECK(w.sum("shards.handed_over") == 0);
    static_cast<void>(listener);
}
