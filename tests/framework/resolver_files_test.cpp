// Resolvers on a context with its own stack: what files say, beside DNS and without it.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "tests/framework/dns_server.hpp"

namespace asio = boost::asio;
using namespace std::chrono_literals;
using coax_test::dns_query;
using coax_test::dns_server;
using coax_test::octets;
using coax_test::resolve;
using coax_test::resolved;
using coax_test::world;
using tcp = coax::tcp;
using texts = std::vector<std::string>;

namespace {

class temporary_file {
  public:
    explicit temporary_file(const std::string& text) {
        static int number = 0;
        path_ = "/tmp/coax_resolver_" + std::to_string(::getpid()) + "_" + std::to_string(++number);
        write(text);
    }
    ~temporary_file() { std::remove(path_.c_str()); }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;
    void write(const std::string& text) const { std::ofstream(path_) << text; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace

TEST_CASE("resolver: servers, search list and numbers from a file, read again when it changes") {
    const temporary_file file(
        "# ours\n; as well\nnameserver 127.0.0.53\nnameserver 198.18.7.1\nnameserver nonsense\n"
        "search a.example 1.2.3 b.example\noptions ndots:2 timeout:2 attempts:1 edns0\n");
    world w("wire", ",hosts=/dev/null,resolv=" + file.path());
    dns_server server(w);
    server.zone = {coax_test::a("x.y.b.example", "198.18.7.3")};
    CHECK(resolve(w, "x.y").addresses() == texts{"198.18.7.3"});
    CHECK(server.count("x.y A") == 0);
    server.say = [](const dns_query&) { return std::vector<octets>{}; };
    const auto begin = w.clock().now();
    CHECK(*resolve(w, "silent.").ec == asio::error::host_not_found_try_again);
    CHECK(w.clock().now() - begin >= 2s);
    CHECK(w.clock().now() - begin < 3s);
    // No server at all: none could say.
    file.write("domain a.example\n");
    CHECK(*resolve(w, "www").ec == asio::error::host_not_found_try_again);
    const temporary_file none("");
    world without("wire", ",hosts=/dev/null,resolv=/nonexistent/resolv.conf");
    CHECK(*resolve(without, "www.example").ec == asio::error::host_not_found_try_again);
}

TEST_CASE("resolver: the hosts file comes first, read again when it changes") {
    const temporary_file hosts(
        "198.18.7.5 Box.example box  # and a comment\n198.18.7.6 box\nfd00:c0a0::5 six\n"
        "not-an-address box\n198.18.7.8\n198.18.7.9 bad/name good\n");
    world w("wire", ",dns=198.18.7.1,hosts=" + hosts.path());
    dns_server server(w);
    server.zone = {coax_test::a("six", "198.18.7.7")};
    const auto box = resolve(w, "BOX", "80", tcp::resolver::canonical_name);
    CHECK(box.addresses() == texts{"198.18.7.5", "198.18.7.6"});
    CHECK(box.host() == "box.example");
    CHECK(resolve(w, "good").addresses() == texts{"198.18.7.9"});
    CHECK(server.asked.empty());
    // Only an IPv6 address in the file: DNS is asked for the other family.
    resolved<> answer;
    tcp::resolver r(w.client());
    r.async_resolve(tcp::v4(), "six", "80", answer);
    w.run_until([&] { return *answer.ended; });
    CHECK(answer.addresses() == texts{"198.18.7.7"});
    hosts.write("198.18.7.11 box\n");
    CHECK(resolve(w, "box").addresses() == texts{"198.18.7.11"});
}

TEST_CASE("resolver: from an address to a name") {
    const temporary_file hosts("198.18.7.5 box.example box\n");
    world w("wire", ",dns=198.18.7.1,hosts=" + hosts.path());
    dns_server server(w);
    server.zone = {coax_test::ptr("3.7.18.198.in-addr.arpa", "www.example"),
                   coax_test::ptr("4.7.18.198.in-addr.arpa", "no\r\nname"),
                   coax_test::ptr("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.0.c.0.0.d.f"
                                  ".ip6.arpa",
                                  "six.example")};
    const auto back = [&](const char* address, std::uint16_t port) {
        tcp::resolver r(w.client());
        resolved<> answer;
        r.async_resolve(tcp::endpoint(asio::ip::make_address(address), port), answer);
        w.run_until([&] { return *answer.ended; });
        CHECK(!*answer.ec);
        return answer.host() + " " + answer.all->begin()->service_name();
    };
    CHECK(back("198.18.7.3", 80) == "www.example http");
    CHECK(back("fd00:c0a0::1", 80) == "six.example http");
    CHECK(back("198.18.7.5", 65000) == "box.example 65000");
    CHECK(back("127.0.0.1", 80) == "localhost http");
    CHECK(back("198.18.7.4", 80) == "198.18.7.4 http");  // not what a log should hold
    CHECK(back("198.18.7.99", 80) == "198.18.7.99 http");
}
