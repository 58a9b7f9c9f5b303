// The key-value server on kernel sockets over loopback: what sockets add to conversations.
#include "services/kv/kv_server.hpp"

#include <chrono>
#include <string>
#include <system_error>
#include <thread>

#include <catch2/catch.hpp>

#include "services/program/endpoint_text.hpp"
#include "services/serve/background_server.hpp"
#include "tests/services/loopback_client.hpp"

using namespace coax::services;
using namespace std::chrono_literals;

namespace {

class kv_site {
  public:
    explicit kv_site(server_limits limits = {}, kv::store_limits store = {})
        : server_({"kernel", {}}, [&](coax::io_context& io) {
              auto s =
                  std::make_unique<kv_server>(io, *parse_endpoint("127.0.0.1:0"), limits, store);
              endpoint = s->local_endpoint();
              return s;
          }) {}

    coax::tcp::endpoint endpoint;

  private:
    background_server server_;
};

// A number of INFO.
long counter(loopback_client& client, const std::string& name) {
    client.send("INFO\r\n");
    const std::string head = client.receive_until("\r\n");
    const std::string text = client.receive(std::stoul(head.substr(1)) + 2);
    return std::stol(text.substr(text.find(name + ":") + name.size() + 1));
}

void await_counter(loopback_client& client, const std::string& name, long value) {
    for (int i = 0; i < 2'000 && counter(client, name) != value; ++i)
        std::this_thread::sleep_for(5ms);
    CHECK(counter(client, name) == value);
}

// How much there is to read until the connection ends, in order or not.
std::size_t drain(loopback_client& client) {
    std::size_t size = 0;
    try {
        for (std::size_t n = 1; n > 0; size += n) n = client.receive_some(1 << 20).size();
    } catch (const std::system_error& e) {
        CHECK(e.code() == std::errc::connection_reset);
    }
    return size;
}

std::string set_request(const std::string& key, const std::string& value) {
    return "*3\r\n$3\r\nSET\r\n$" + std::to_string(key.size()) + "\r\n" + key + "\r\n$" +
           std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

}  // namespace

TEST_CASE("kv server: a pipeline is answered in order, also when answers are large") {
    const kv_site site;
    loopback_client client(site.endpoint);
    const std::string big(300'000, 'x');
    client.send(set_request("a", big) + "GET a\r\nGET a\r\nINCR n\r\nQUIT\r\n");
    const std::string answer = "$300000\r\n" + big + "\r\n";
    CHECK(client.receive_all() == "+OK\r\n" + answer + answer + ":1\r\n+OK\r\n");
}

TEST_CASE("kv server: who breaks the protocol is told why, though it goes on sending") {
    const kv_site site;
    loopback_client client(site.endpoint);
    client.send("PING\r\n*1\r\n$x\r\n" + std::string(100'000, 'y'));
    client.end();
    CHECK(client.receive_all() == "+PONG\r\n-ERR Protocol error: invalid bulk length\r\n");
}

TEST_CASE("kv server: messages come between answers") {
    const kv_site site;
    loopback_client publisher(site.endpoint);
    loopback_client subscriber(site.endpoint);
    subscriber.send("HELLO 3\r\nSUBSCRIBE c\r\n");
    subscriber.receive_until("subscribe\r\n$1\r\nc\r\n:1\r\n");
    std::string publications;
    std::string messages;
    for (int i = 0; i < 500; ++i) {
        const std::string text = std::to_string(1'000 + i);
        publications += "PUBLISH c " + text + "\r\n";
        messages += ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\n" + text + "\r\n";
    }
    publisher.send(publications);
    CHECK(subscriber.receive(messages.size()) == messages);
    publisher.receive(500 * 4);
    // Answers beside deliveries: both whole, in some order.
    publisher.send(publications);
    std::string pings;
    for (int i = 0; i < 500; ++i) pings += "PING\r\n";
    subscriber.send(pings);
    std::string both = subscriber.receive(messages.size() + 500 * 7);
    std::size_t pongs = 0;
    for (std::size_t at = both.find("+PONG\r\n"); at != std::string::npos;
         at = both.find("+PONG\r\n", at)) {
        both.erase(at, 7);
        ++pongs;
    }
    CHECK(pongs == 500);
    CHECK(both == messages);
}

TEST_CASE("kv server: a subscriber that does not read is closed, whoever publishes goes on") {
    const kv_site site;
    loopback_client publisher(site.endpoint);
    loopback_client slow(site.endpoint);
    slow.send("SUBSCRIBE c\r\n");
    slow.receive_until(":1\r\n");
    const std::string publication =
        "*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$1000000\r\n" + std::string(1'000'000, 'x') + "\r\n";
    for (int i = 0; i < 50; ++i) {
        publisher.send(publication);
        const std::string answer = publisher.receive(4);
        CHECK((answer == ":1\r\n" || answer == ":0\r\n"));
    }
    await_counter(publisher, "slow_subscribers_closed", 1);
    await_counter(publisher, "pubsub_clients", 0);
    CHECK(drain(slow) < 50'000'000);
}

TEST_CASE("kv server: who takes no answers, or does not end a large request, is closed") {
    const kv_site site({16, 200ms});
    loopback_client other(site.endpoint);
    other.send(set_request("a", std::string(1'000'000, 'x')));
    other.receive(5);
    {
        loopback_client deaf(site.endpoint);
        std::string requests;
        for (int i = 0; i < 100; ++i) requests += "GET a\r\n";
        deaf.send(requests);
        await_counter(other, "stalled_clients_closed", 1);
        CHECK(drain(deaf) < 100'000'000);
    }
    loopback_client half(site.endpoint);
    half.send("*2\r\n$4\r\nECHO\r\n$9000000\r\n" + std::string(1'000'000, 'x'));
    await_counter(other, "stalled_clients_closed", 2);
    CHECK(drain(half) == 0);
    await_counter(other, "connected_clients", 1);
}

TEST_CASE("kv server: keys go when their time is over, though nobody asks for them") {
    const kv_site site;
    loopback_client client(site.endpoint);
    std::string requests;
    for (int i = 0; i < 5'000; ++i) requests += "SET k" + std::to_string(i) + " v PX 10\r\n";
    client.send(requests);
    client.receive(5'000 * 5);
    await_counter(client, "expired_keys", 5'000);
    client.send("DBSIZE\r\n");
    CHECK(client.receive(4) == ":0\r\n");
}

TEST_CASE("kv server: it stops while clients listen, send and do not read") {
    {
        const kv_site site;
        loopback_client idle(site.endpoint);
        loopback_client listener(site.endpoint);
        loopback_client half(site.endpoint);
        loopback_client deaf(site.endpoint);
        listener.send("SUBSCRIBE c\r\n");
        listener.receive_until(":1\r\n");
        half.send("*2\r\n$4\r\nEC");
        deaf.send(set_request("a", std::string(5'000'000, 'x')) + "GET a\r\nGET a\r\nGET a\r\n");
        CHECK(deaf.receive(5) == "+OK\r\n");
        idle.send("PUBLISH c " + std::string(50'000, 'x') + "\r\n");
        CHECK(idle.receive(4) == ":1\r\n");
    }
    SUCCEED("the server has ended");
}
