// Whole servers on kernel sockets over loopback, talked to byte by byte.
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "services/program/endpoint_text.hpp"
#include "services/serve/background_server.hpp"
#include "services/serve/foreground.hpp"
#include "tests/services/loopback_client.hpp"
#include "tests/services/temporary_directory.hpp"

using namespace coax::services;
using namespace std::chrono_literals;

namespace {

const coax::tcp::endpoint any_port = *parse_endpoint("127.0.0.1:0");

class http_site {
  public:
    explicit http_site(server_limits limits = {})
        : server_({"kernel", {}}, [&](coax::io_context& io) {
              files.write("index.html", "<p>hello</p>");
              files.write("a.txt", "aaaa");
              files.write("big", std::string(20'000'000, 'b'));
              auto s = std::make_unique<http_server>(io, any_port, limits,
                                                     document_root(files.path().string()));
              endpoint = s->local_endpoint();
              return s;
          }) {}

    temporary_directory files;
    coax::tcp::endpoint endpoint;

  private:
    background_server server_;
};

class echo_site {
  public:
    explicit echo_site(server_limits limits = {})
        : server_({"kernel", {}}, [&](coax::io_context& io) {
              auto s = std::make_unique<echo_server>(io, any_port, limits);
              endpoint = s->local_endpoint();
              return s;
          }) {}

    coax::tcp::endpoint endpoint;

  private:
    background_server server_;
};

std::string get(const std::string& path, const std::string& more = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + more + "\r\n";
}

// One response whose length its header tells.
std::string receive_response(loopback_client& client) {
    std::string head = client.receive_until("\r\n\r\n");
    const std::string name = "Content-Length: ";
    const std::size_t at = head.find(name);
    if (at == std::string::npos) return head;
    return head + client.receive(std::stoul(head.substr(at + name.size())));
}

bool starts(const std::string& response, const std::string& status) {
    return response.starts_with("HTTP/1.1 " + status + " ");
}

}  // namespace

TEST_CASE("requests on one connection are answered in order, pipelined or not") {
    const http_site site;
    loopback_client client(site.endpoint);
    client.send(get("/") + get("/a.txt") + get("/none"));
    CHECK(receive_response(client).ends_with("<p>hello</p>"));
    CHECK(receive_response(client).ends_with("aaaa"));
    CHECK(starts(receive_response(client), "404"));
    client.send(get("/a.txt", "Connection: close\r\n"));
    CHECK(client.receive_all().ends_with("aaaa"));
}

TEST_CASE("a request that comes in drops is one request") {
    const http_site site;
    loopback_client client(site.endpoint);
    for (const char c : get("/a.txt")) client.send({&c, 1});
    CHECK(receive_response(client).ends_with("aaaa"));
}

TEST_CASE("a client may end its side before the answer") {
    const http_site site;
    loopback_client client(site.endpoint);
    client.send(get("/a.txt"));
    client.end();
    CHECK(client.receive_all().ends_with("aaaa"));
}

TEST_CASE("HEAD and 304 bring no body, and the connection goes on") {
    const http_site site;
    loopback_client client(site.endpoint);
    client.send("HEAD /a.txt HTTP/1.1\r\nHost: test\r\n\r\n" +
                get("/a.txt", "If-None-Match: *\r\n") + get("/a.txt"));
    CHECK(starts(client.receive_until("\r\n\r\n"), "200"));
    CHECK(starts(client.receive_until("\r\n\r\n"), "304"));
    CHECK(receive_response(client).ends_with("aaaa"));
}

TEST_CASE("what is no HTTP or too much is refused, and the connection closed") {
    const http_site site;
    const auto answer_to = [&](const std::string& request) {
        loopback_client client(site.endpoint);
        client.send(request);
        return client.receive_all();
    };
    CHECK(starts(answer_to("nonsense\r\n\r\n"), "400"));
    CHECK(starts(answer_to("GET / HTTP/9.9\r\n\r\n"), "505"));
    CHECK(starts(answer_to(get("/", "A: " + std::string(20'000, 'x') + "\r\n")), "431"));
    CHECK(starts(answer_to("GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n"), "431"));
    CHECK(
        starts(answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n"), "413"));
    CHECK(starts(answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                           "Expect: 100-continue\r\n\r\n"),
                 "405"));
}

TEST_CASE("the body of a refused request is not taken for the next request") {
    const http_site site;
    loopback_client client(site.endpoint);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 14\r\n\r\nGET / HTTP/1.1" +
                get("/a.txt"));
    CHECK(starts(receive_response(client), "405"));
    CHECK(receive_response(client).ends_with("aaaa"));
}

TEST_CASE("a big file arrives whole") {
    const http_site site;
    loopback_client client(site.endpoint);
    client.send(get("/big", "Connection: close\r\n"));
    const std::string all = client.receive_all();
    const std::size_t body = all.find("\r\n\r\n") + 4;
    CHECK(all.size() - body == 20'000'000);
    CHECK(all.find_first_not_of('b', body) == std::string::npos);
}

TEST_CASE("silent clients are cut off") {
    const http_site site({16, 50ms});
    loopback_client silent(site.endpoint);
    loopback_client half(site.endpoint);
    half.send("GET / HTTP/1.1\r\nHos");
    CHECK(silent.receive_all().empty());
    CHECK(half.receive_all().empty());
}

TEST_CASE("a client that does not read is cut off") {
    const http_site site({1, 50ms});
    loopback_client slow(site.endpoint);
    slow.send(get("/big"));
    // There is room for one: whoever comes next is answered when the slow one is gone.
    loopback_client next(site.endpoint);
    next.send(get("/a.txt"));
    CHECK(receive_response(next).ends_with("aaaa"));
}

TEST_CASE("servers stop while connections are open") {
    {
        const http_site http;
        const echo_site echo;
        loopback_client idle(http.endpoint);
        loopback_client reading(http.endpoint);
        loopback_client silent(echo.endpoint);
        reading.send(get("/big"));
        CHECK_FALSE(reading.receive_some().empty());
    }
    SUCCEED("both servers have ended");
}

TEST_CASE("a server that ends finishes its answers, and gives nobody longer than its farewell") {
    auto site = std::make_unique<http_site>(server_limits{16, 60s, 60s});
    loopback_client idle(site->endpoint);
    loopback_client half(site->endpoint);
    loopback_client reading(site->endpoint);
    half.send("GET / HTTP/1.1\r\nHos");
    // Pipelined: what is not under way when the end comes is not answered any more.
    reading.send(get("/big") + get("/a.txt"));
    const std::string head = reading.receive_until("\r\n\r\n");
    std::thread ending([&] { site.reset(); });
    CHECK(idle.receive_all().empty());
    CHECK(half.receive_all().empty());
    CHECK(reading.receive_all().size() == 20'000'000);
    for (const loopback_client* c : {&idle, &half, &reading}) ::shutdown(c->number(), SHUT_RDWR);
    ending.join();

    auto hasty = std::make_unique<http_site>(server_limits{16, 60s, 10ms});
    loopback_client stuck(hasty->endpoint);
    stuck.send(get("/big"));
    stuck.receive_until("\r\n\r\n");
    hasty.reset();  // would last for ever
    CHECK(stuck.receive_all().size() < 20'000'000);
}

TEST_CASE("a signal that comes as soon as a server says it is ready ends it in order") {
    coax::io_context io({.backend = "kernel"});
    echo_server serving(io, any_port, {});
    const machinery below{[&] {
                              ::raise(SIGTERM);  // before the first turn
                              io.run();
                          },
                          [&] { io.stop(); }, io.backend()};
    const auto status = [&] {
        const machinery lent = below;
        return run_in_foreground("test", {{&io, &serving}}, lent, {});
    }();
    CHECK(status == exit_status::success);
    // Whoever goes on with the context meets nothing of the foreground.
    io.restart();
    io.poll();
}

TEST_CASE("echo gives everything back, and ends when the client has ended") {
    const echo_site site;
    loopback_client client(site.endpoint);
    std::string sent;
    std::string received;
    for (int i = 0; i < 200; ++i) {
        const std::string piece(static_cast<std::size_t>(i * 37 % 5'000 + 1),
                                static_cast<char>('a' + i % 26));
        client.send(piece);
        received += client.receive(piece.size());
        sent += piece;
    }
    client.send("last");
    client.end();
    received += client.receive_all();
    CHECK(received == sent + "last");
}

TEST_CASE("more connections than allowed wait for their turn") {
    const echo_site site({2, 1s});
    loopback_client always(site.endpoint);
    auto first = std::make_unique<loopback_client>(site.endpoint);
    auto second = std::make_unique<loopback_client>(site.endpoint);
    always.send("a");
    CHECK(always.receive(1) == "a");
    first->send("b");
    CHECK(first->receive(1) == "b");
    second->send("c");  // accepted by nobody yet
    first.reset();
    CHECK(second->receive(1) == "c");
}
