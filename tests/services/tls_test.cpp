// HTTP in TLS over loopback, spoken to by OpenSSL on kernel sockets.
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "services/program/endpoint_text.hpp"
#include "services/program/failure.hpp"
#include "services/serve/background_server.hpp"
#include "services/serve/tls_context.hpp"
#include "tests/services/certificate.hpp"
#include "tests/services/tls_client.hpp"

using namespace coax::services;
using namespace std::chrono_literals;

namespace {

class https_site {
  public:
    explicit https_site(server_limits limits = {})
        : server_({"kernel", {}}, [&](coax::io_context& io) {
              files.write("a.txt", "aaaa");
              files.write("big", std::string(5'000'000, 'b'));
              auto s = std::make_unique<http_server>(
                  io, *parse_endpoint("127.0.0.1:0"), limits, document_root(files.path().string()),
                  make_tls_context({identity.chain(), identity.key()}));
              endpoint = s->local_endpoint();
              return s;
          }) {}

    temporary_directory files;
    certificate identity;
    coax::tcp::endpoint endpoint;

  private:
    background_server server_;
};

std::string get(const std::string& path, const std::string& more = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + more + "\r\n";
}

void check_answers(const https_site& site) {
    tls_client client(site.endpoint, site.identity.chain());
    REQUIRE(client.shake_hands());
    client.send(get("/a.txt", "Connection: close\r\n"));
    CHECK(client.receive_all().ends_with("aaaa"));
}

// The context's refusal, or nothing.
std::string refusal_of(const tls_files& files) {
    try {
        make_tls_context(files);
    } catch (const failure& f) {
        CHECK(f.status() == exit_status::usage);
        return f.what();
    }
    return "";
}

}  // namespace

TEST_CASE("TLS 1.2 and 1.3 carry requests in order, pipelined or not, and end by close_notify") {
    const https_site site;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        tls_client client(site.endpoint, site.identity.chain(), version);
        REQUIRE(client.shake_hands());
        CHECK(client.version() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
        client.send(get("/a.txt") + get("/none"));
        CHECK(client.receive_until("aaaa").starts_with("HTTP/1.1 200 "));
        CHECK(client.receive_until("404 Not Found\n").starts_with("HTTP/1.1 404 "));
        client.send(get("/a.txt", "Connection: close\r\n"));
        CHECK(client.receive_all().ends_with("aaaa"));
        CHECK(client.end());
    }
}

TEST_CASE("a big file arrives whole through TLS") {
    const https_site site;
    tls_client client(site.endpoint, site.identity.chain());
    REQUIRE(client.shake_hands());
    client.send(get("/big", "Connection: close\r\n"));
    const std::string all = client.receive_all();
    CHECK(all.substr(all.find("\r\n\r\n") + 4) == std::string(5'000'000, 'b'));
}

TEST_CASE("a client's close_notify is answered by the server's") {
    const https_site site;
    tls_client client(site.endpoint, site.identity.chain());
    REQUIRE(client.shake_hands());
    client.send(get("/a.txt"));
    client.receive_until("aaaa");
    CHECK(client.end());
}

TEST_CASE("what is no TLS ends its connection alone") {
    const https_site site;
    {
        loopback_client plain(site.endpoint);
        plain.send(get("/a.txt"));
        CHECK(plain.receive_all().find("HTTP/1.1 200") == std::string::npos);
        loopback_client garbage(site.endpoint);
        garbage.send("\x16\x03\x01\xff\xff" + std::string(70'000, '\xff'));
        loopback_client half(site.endpoint);
        half.send("\x16\x03\x01");
        half.end();
        CHECK_NOTHROW(half.receive_all());
    }
    check_answers(site);
}

TEST_CASE("old versions and foreign protocols are refused by an alert") {
    const https_site site;
    tls_client old(site.endpoint, site.identity.chain(), TLS1_1_VERSION);
    CHECK_FALSE(old.shake_hands());
    tls_client foreign(site.endpoint, site.identity.chain(), 0, "\x02h2");
    CHECK_FALSE(foreign.shake_hands());
    tls_client none(site.endpoint, site.identity.chain(), 0, "");
    CHECK(none.shake_hands());
    check_answers(site);
}

TEST_CASE("a client that does not shake hands is cut off") {
    const https_site site({1, 1000ms});
    loopback_client silent(site.endpoint);
    // There is room for one: whoever comes next is answered when the silent one is gone.
    check_answers(site);
}

TEST_CASE("a silent client is told close_notify, and one that does not shake hands gets an end") {
    const https_site site({16, 1000ms});
    loopback_client dumb(site.endpoint);
    loopback_client half(site.endpoint);
    half.send("\x16\x03\x01");
    tls_client silent(site.endpoint, site.identity.chain());
    tls_client in_mid_request(site.endpoint, site.identity.chain());
    REQUIRE(silent.shake_hands());
    REQUIRE(in_mid_request.shake_hands());
    in_mid_request.send("GET / HT");
    CHECK(silent.receive_all().empty());
    CHECK(silent.end());
    CHECK(in_mid_request.receive_all().empty());
    // No reset, which would throw.
    CHECK(dumb.receive_all().empty());
    CHECK(half.receive_all().empty());
}

TEST_CASE("a server that ends says close_notify to whoever waits, and finishes its answers") {
    auto site = std::make_unique<https_site>(server_limits{16, 60s, 60s});
    tls_client idle(site->endpoint, site->identity.chain());
    tls_client fresh(site->endpoint, site->identity.chain());
    tls_client reading(site->endpoint, site->identity.chain());
    REQUIRE(idle.shake_hands());
    REQUIRE(fresh.shake_hands());
    REQUIRE(reading.shake_hands());
    idle.send(get("/a.txt"));
    idle.receive_until("aaaa");
    reading.send(get("/big"));
    const std::string head = reading.receive_until("\r\n\r\n");
    std::thread ending([&] { site.reset(); });
    CHECK(idle.receive_all().empty());
    CHECK(fresh.receive_all().empty());
    CHECK(reading.receive_all() == std::string(5'000'000, 'b'));
    CHECK(idle.end());
    CHECK(fresh.end());
    CHECK(reading.end());
    ending.join();
}

TEST_CASE("certificates and keys that cannot be used are the user's mistake") {
    const certificate one;
    const certificate other;
    const temporary_directory files;
    CHECK(refusal_of({one.chain(), one.key()}).empty());
    CHECK(refusal_of({one.chain(), other.key()}).find("is not that of the certificate") !=
          std::string::npos);
    CHECK(refusal_of({files / "none", one.key()}).find("No such file") != std::string::npos);
    CHECK(refusal_of({one.chain(), files / "none"}).find("No such file") != std::string::npos);
    CHECK(refusal_of({files.path().string(), one.key()}).find("directory") != std::string::npos);
    files.write("text", "no PEM");
    CHECK(refusal_of({files / "text", one.key()}).find("no certificate") != std::string::npos);
    CHECK(refusal_of({one.chain(), files / "text"}).find("no private key") != std::string::npos);
    run_openssl("pkey -aes128 -passout pass:secret -in " + one.key() + " -out " + (one / "locked"));
    CHECK(refusal_of({one.chain(), one / "locked"}).find("is encrypted") != std::string::npos);
}
