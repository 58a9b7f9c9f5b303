// Resolvers on a context with its own stack: what DNS says, against a name server on the wire, in
// virtual time.
#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "framework/resolver/message.hpp"
#include "tests/framework/dns_server.hpp"

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;
using coax_test::dns_query;
using coax_test::dns_reply;
using coax_test::dns_server;
using coax_test::octets;
using coax_test::resolve;
using coax_test::resolved;
using coax_test::world;
using tcp = coax::tcp;
using texts = std::vector<std::string>;

namespace {

const std::string one_server = ",dns=198.18.7.1,hosts=/dev/null";
const std::string two_servers = ",dns=198.18.7.1,dns=198.18.7.1:5353,hosts=/dev/null";

std::uint64_t counted(coax::io_context& io, std::string_view name) {
    for (const coax::counter& c : io.counters())
        if (c.name == name) return c.value;
    return 0;
}

}  // namespace

TEST_CASE("resolver: A and AAAA, for async_connect over the results") {
    world w("wire", one_server);
    dns_server server(w);
    server.zone = {coax_test::aaaa("www.example", "fd00:c0a0::1"),
                   coax_test::a("www.example", "198.18.7.9"),
                   coax_test::a("www.example", "198.18.7.1")};
    tcp::acceptor acceptor(w.server(), w.listen_address(8080));
    tcp::resolver resolver(w.client());
    tcp::socket socket(w.client());
    bool connected = false;
    acceptor.async_accept([](error_code, const tcp::socket&) {});
    resolver.async_resolve(
        "WWW.example", "8080", [&](error_code ec, const tcp::resolver::results_type& results) {
            REQUIRE(!ec);
            REQUIRE(results.size() == 3);
            // Those of a family that the stack has no address of come last.
            CHECK(results.begin()->endpoint() ==
                  tcp::endpoint(asio::ip::make_address("198.18.7.9"), 8080));
            CHECK(std::next(results.begin(), 2)->endpoint().address().is_v6());
            CHECK(results.begin()->host_name() == "WWW.example");
            CHECK(results.begin()->service_name() == "8080");
            // Nobody has the first address; the second one listens.
            asio::async_connect(socket, results, [&](error_code e, const tcp::endpoint& to) {
                CHECK(!e);
                CHECK(to.address().to_string() == "198.18.7.1");
                connected = true;
            });
        });
    w.run_until([&] { return connected; });
    std::sort(server.asked.begin(), server.asked.end());
    CHECK(server.asked == texts{"www.example A", "www.example AAAA"});
    CHECK(resolve(w, "www.example", "http").all->begin()->endpoint().port() == 80);
    CHECK(*resolve(w, "www.example", "nothing-such").ec == asio::error::service_not_found);
    // One family alone.
    error_code ec;
    const auto v6 = tcp::resolver(w.client()).resolve(tcp::v6(), "www.example", "8080", ec);
    CHECK(!ec);
    REQUIRE(v6.size() == 1);
    CHECK(v6.begin()->endpoint().address().to_string() == "fd00:c0a0::1");
}

// RFC 1034 3.6.2
TEST_CASE("resolver: aliases are followed, what lies beside the way is not looked at") {
    world w("wire", one_server);
    dns_server server(w);
    server.say = [](const dns_query& q) {
        dns_reply r{q};
        // In any order, as RFC 1034 lets it.
        r.answers = {
            coax_test::a("other.example", "198.18.7.66"), coax_test::a("c.example", "198.18.7.3"),
            coax_test::alias("b.example", "c.example"), coax_test::alias("a.example", "B.Example")};
        if (q.type != coax_test::A) r.answers.erase(r.answers.begin(), r.answers.begin() + 2);
        return std::vector<octets>{r.made()};
    };
    auto plain = resolve(w, "a.example");
    CHECK(plain.addresses() == texts{"198.18.7.3"});
    CHECK(plain.host() == "a.example");
    CHECK(resolve(w, "a.example", "80", tcp::resolver::canonical_name).host() == "c.example");
}

TEST_CASE("resolver: a circle of aliases ends, and aliases to nowhere") {
    world w("wire", one_server);
    dns_server server(w);
    server.say = [](const dns_query& q) {
        dns_reply r{q};
        r.answers = {coax_test::alias("a.example", "b.example"),
                     coax_test::alias("b.example", "a.example"),
                     coax_test::alias("self.example", "self.example")};
        return std::vector<octets>{r.made()};
    };
    CHECK(*resolve(w, "a.example").ec == asio::error::host_not_found);
    CHECK(*resolve(w, "self.example").ec == asio::error::host_not_found);
    server.say = [](const dns_query& q) {
        // Seventeen steps: one too many.
        dns_reply r{q};
        for (int i = 0; i != 17; ++i)
            r.answers.push_back(coax_test::alias("n" + std::to_string(i) + ".example",
                                                 "n" + std::to_string(i + 1) + ".example"));
        r.answers.push_back(coax_test::a("n17.example", "198.18.7.3"));
        return std::vector<octets>{r.made()};
    };
    CHECK(*resolve(w, "n0.example").ec == asio::error::host_not_found);
    CHECK(!*resolve(w, "n1.example").ec);
}

// RFC 2308 5: a "no" is kept for as long as the SOA record says.
TEST_CASE("resolver: no such name, no such data; kept as long as the zone allows") {
    world w("wire", one_server);
    dns_server server(w);
    server.zone = {coax_test::a("v4.example", "198.18.7.3", 30)};
    server.negative = coax_test::soa("example", 20);
    CHECK(*resolve(w, "gone.example").ec == asio::error::host_not_found);
    CHECK(server.asked.size() == 2);
    CHECK(*resolve(w, "gone.example").ec == asio::error::host_not_found);
    CHECK(server.asked.size() == 2);
    CHECK(resolve(w, "v4.example").addresses() == texts{"198.18.7.3"});
    CHECK(server.asked.size() == 4);
    w.clock().advance(19s);
    CHECK(*resolve(w, "gone.example").ec == asio::error::host_not_found);
    resolve(w, "v4.example");
    CHECK(server.asked.size() == 4);
    w.clock().advance(2s);
    CHECK(*resolve(w, "gone.example").ec == asio::error::host_not_found);
    CHECK(server.asked.size() == 6);
    // Its AAAA is asked for again; the A still holds, for ten seconds more.
    resolve(w, "v4.example");
    CHECK(server.count("v4.example AAAA") == 2);
    CHECK(server.count("v4.example A") == 1);
    w.clock().advance(10s);
    resolve(w, "v4.example");
    CHECK(server.count("v4.example A") == 2);
    // Without a SOA record, or with one of another zone, nothing is kept; nor with a lifetime of 0.
    server.negative.reset();
    resolve(w, "lost.example");
    resolve(w, "lost.example");
    CHECK(server.count("lost.example A") == 2);
    server.negative = coax_test::soa("elsewhere", 20);
    resolve(w, "lost.example");
    resolve(w, "lost.example");
    CHECK(server.count("lost.example A") == 4);
    server.zone = {coax_test::a("now.example", "198.18.7.3", 0),
                   coax_test::a("sign.example", "198.18.7.3", 0x8000'0001U)};  // RFC 2181 8
    for (int i = 0; i != 2; ++i) {
        resolve(w, "now.example");
        resolve(w, "sign.example");
    }
    CHECK(server.count("now.example A") == 2);
    CHECK(server.count("sign.example A") == 2);
    CHECK(counted(w.client(), "resolver.cached") > 0);
}

// RFC 7766 5: what does not fit into a datagram is asked for by TCP.
TEST_CASE("resolver: truncated answers come by TCP") {
    world w("wire", one_server);
    dns_server server(w);
    server.say = [&](const dns_query& q) {
        dns_reply r{q};
        if (!q.by_tcp) {
            r.flags = coax_test::truncated_flags;
        } else if (q.type == coax_test::A) {
            for (int i = 1; i != 100; ++i)
                r.answers.push_back(coax_test::a(q.name, "198.18.9." + std::to_string(i)));
        }
        return std::vector<octets>{r.made()};
    };
    const auto answer = resolve(w, "large.example");
    CHECK(!*answer.ec);
    CHECK(answer.all->size() == 64);  // bounded
    CHECK(server.by_tcp == 2);
    CHECK(counted(w.client(), "resolver.by_tcp") == 2);
}

TEST_CASE("resolver: a server that is silent, and one that answers") {
    world w("wire", two_servers);
    dns_server silent(w);
    dns_server speaking(w, 5353);
    silent.say = [](const dns_query&) { return std::vector<octets>{}; };
    speaking.zone = {coax_test::a("www.example", "198.18.7.3"),
                     coax_test::a("b.example", "198.18.7.4")};
    const auto begin = w.clock().now();
    CHECK(resolve(w, "www.example").addresses() == texts{"198.18.7.3"});
    CHECK(w.clock().now() - begin >= 5s);
    CHECK(w.clock().now() - begin < 6s);
    CHECK(silent.asked.size() == 2);
    CHECK(speaking.asked.size() == 2);
    // From now on the other one is asked first.
    CHECK(resolve(w, "b.example").addresses() == texts{"198.18.7.4"});
    CHECK(silent.asked.size() == 2);
    CHECK(counted(w.client(), "resolver.timed_out") == 2);
}

TEST_CASE("resolver: nobody answers, or nobody is there, or nobody wants to") {
    world w("wire", two_servers);
    std::optional<dns_server> first(std::in_place, w);
    std::optional<dns_server> second(std::in_place, w, std::uint16_t{5353});
    const auto silence = [](const dns_query&) { return std::vector<octets>{}; };
    const auto code = [](unsigned number) {
        return [number](const dns_query& q) {
            return std::vector<octets>{dns_reply{q, {}, {}, number}.made()};
        };
    };
    first->say = second->say = silence;
    auto begin = w.clock().now();
    CHECK(*resolve(w, "www.example").ec == asio::error::host_not_found_try_again);
    // Two rounds, of five seconds each server, and of ten.
    CHECK(w.clock().now() - begin >= 30s);
    CHECK(w.clock().now() - begin < 31s);
    CHECK(first->count("www.example A") == 2);
    CHECK(second->count("www.example A") == 2);
    first->say = code(coax_test::server_failure);
    second->say = code(coax_test::refused);
    CHECK(*resolve(w, "www.example").ec == asio::error::host_not_found_try_again);
    first->say = second->say = code(coax_test::refused);
    CHECK(*resolve(w, "www.example").ec == asio::error::no_recovery);
    // One that only points at others is no help (neither recursive nor authoritative).
    first->say = [](const dns_query& q) {
        dns_reply r{q};
        r.flags = 0x8100;
        return std::vector<octets>{r.made()};
    };
    second->say = [](const dns_query& q) {
        dns_reply r{q};
        if (q.type == coax_test::A) r.answers = {coax_test::a(q.name, "198.18.7.5")};
        return std::vector<octets>{r.made()};
    };
    CHECK(resolve(w, "www.example").addresses() == texts{"198.18.7.5"});
    // ICMP says that nobody listens: no time is lost.
    first.reset();
    second.reset();
    w.run();
    begin = w.clock().now();
    CHECK(*resolve(w, "none.example").ec == asio::error::host_not_found_try_again);
    CHECK(w.clock().now() - begin < 1s);
    CHECK(counted(w.client(), "resolver.unreachable") > 0);
}

// RFC 5452 9.1: identifier, question, address and port must all be right.
TEST_CASE("resolver: replies that are none of ours are not heard") {
    world w("wire", one_server);
    dns_server server(w);
    coax::udp::socket stranger(w.server(), {w.listen_address().address(), 5300});
    server.say = [&](const dns_query& q) {
        const auto with = [&](const dns_query& to, const char* address) {
            dns_reply r{to};
            if (to.type == coax_test::A) r.answers = {coax_test::a(to.name, address)};
            return r.made();
        };
        dns_query other = q;
        other.id = static_cast<std::uint16_t>(q.id + 1);
        const octets wrong_id = with(other, "198.18.7.66");
        other = q;
        other.name = "xxx.example";
        const octets wrong_name = with(other, "198.18.7.66");
        other = q;
        other.type = q.type == coax_test::A ? coax_test::AAAA : coax_test::A;
        const octets wrong_type = with(other, "198.18.7.66");
        octets query = with(q, "198.18.7.66");
        query[2] &= 0x7f;  // not a response
        octets other_code = with(q, "198.18.7.66");
        other_code[2] |= 0x08;  // an inverse query's
        stranger.send_to(asio::buffer(with(q, "198.18.7.66")), server.client);
        return std::vector<octets>{wrong_id,   wrong_name, wrong_type, query,
                                   other_code, {1, 2, 3},  octets(12), with(q, "198.18.7.3")};
    };
    CHECK(resolve(w, "www.example").addresses() == texts{"198.18.7.3"});
    CHECK(counted(w.client(), "resolver.foreign") == 14);
}

// RFC 5452 9.3
TEST_CASE("resolver: who is guessed at asks by TCP") {
    world w("wire", one_server);
    dns_server server(w);
    server.say = [&](const dns_query& q) {
        std::vector<octets> all;
        dns_query guess = q;
        if (q.by_tcp) {
            all.push_back(dns_reply{q, {coax_test::a(q.name, "198.18.7.3")}}.made());
        } else {
            for (int i = 1; i != 40; ++i) {
                guess.id = static_cast<std::uint16_t>(q.id + i);
                all.push_back(dns_reply{guess, {coax_test::a(q.name, "198.18.7.66")}}.made());
            }
        }
        return all;
    };
    tcp::resolver r(w.client());
    resolved<> answer;
    r.async_resolve(tcp::v4(), "www.example", "80", answer);
    w.run_until([&] { return *answer.ended; });
    CHECK(answer.addresses() == texts{"198.18.7.3"});
    CHECK(server.by_tcp == 1);
}

// RFC 5452 9.2: nobody can guess the identifier and the port of the next question.
TEST_CASE("resolver: identifiers and ports are not to be foreseen") {
    world w("wire", one_server);
    dns_server server(w);
    std::vector<unsigned> identifiers;
    std::vector<unsigned> ports;
    server.say = [&](const dns_query& q) {
        identifiers.push_back(q.id);
        ports.push_back(server.client.port());
        return std::vector<octets>{dns_reply{q}.made()};
    };
    for (int i = 0; i != 64; ++i) resolve(w, "n" + std::to_string(i) + ".example");
    for (auto* const numbers : {&identifiers, &ports}) {
        REQUIRE(numbers->size() == 128);
        unsigned steps = 0;  // to a neighbour, as a counter makes them
        for (std::size_t i = 1; i != numbers->size(); ++i)
            if ((*numbers)[i] - (*numbers)[i - 1] + 2 <= 4) ++steps;
        CHECK(steps < 4);
        std::sort(numbers->begin(), numbers->end());
        CHECK(std::unique(numbers->begin(), numbers->end()) - numbers->begin() > 110);
    }
}

TEST_CASE("resolver: messages that end too early, or say what cannot be") {
    world w("wire", two_servers);
    dns_server server(w);
    dns_server honest(w, 5353);
    honest.zone = {coax_test::a("www.example", "198.18.7.3")};
    server.say = [](const dns_query& q) {
        octets m = dns_reply{q, {coax_test::a(q.name, "198.18.7.66")}}.made();
        m.resize(m.size() - 3);
        return std::vector<octets>{m};
    };
    CHECK(resolve(w, "www.example").addresses() == texts{"198.18.7.3"});
    // A name that points at itself; an address of three bytes; a count without records.
    world again("wire", two_servers);
    dns_server liar(again);
    dns_server other(again, 5353);
    other.zone = {coax_test::a("www.example", "198.18.7.4"),
                  coax_test::a("b.example", "198.18.7.4"), coax_test::a("c.example", "198.18.7.4")};
    liar.say = [](const dns_query& q) {
        dns_reply r{q};
        if (q.name == "www.example") {
            const auto at = static_cast<std::uint8_t>(12 + q.name.size() + 2 + 4);
            octets m = r.made();
            m[7] = 1;
            coax_test::append(m, {0xc0, at, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 198, 18, 7, 66});
            return std::vector<octets>{m};
        }
        if (q.name == "b.example") {
            r.answers = {{q.name, coax_test::A, 60, {198, 18, 7}}};
            return std::vector<octets>{r.made()};
        }
        octets m = r.made();
        m[7] = 200;
        return std::vector<octets>{m};
    };
    CHECK(resolve(again, "www.example").addresses() != texts{"198.18.7.66"});
    CHECK(*resolve(again, "b.example").ec == asio::error::host_not_found);
    CHECK(resolve(again, "c.example").addresses() == texts{"198.18.7.4"});
}

// Found by the fuzz target `names`: an address beside NXDOMAIN.
TEST_CASE("resolver: no such name stays so, whatever stands beside it") {
    namespace dns = coax::detail::dns;
    const dns::question asked{"s.example", dns::record_type::a};
    dns_reply said;
    said.to.name = asked.name;
    said.to.type = coax_test::A;
    said.answers.push_back(coax_test::a(asked.name, "198.18.7.3"));
    const auto content = [&said, &asked] {
        const octets m = said.made();
        return dns::read_reply(std::as_bytes(std::span(m)), asked, said.to.id).content;
    };
    CHECK(content().addresses.size() == 1);
    said.code = coax_test::no_name;
    CHECK(content().what == dns::answer::kind::no_name);
    CHECK(content().addresses.empty());
}

TEST_CASE("resolver: the search list, and names with a dot at the end") {
    world w("wire", one_server + ",search=lab.example,search=example");
    dns_server server(w);
    server.zone = {coax_test::a("www.example", "198.18.7.3"),
                   coax_test::a("www.lab", "198.18.7.4")};
    CHECK(resolve(w, "www").addresses() == texts{"198.18.7.3"});
    CHECK(server.count("www.lab.example A") == 1);
    CHECK(server.count("www A") == 0);
    CHECK(resolve(w, "www.lab").addresses() == texts{"198.18.7.4"});
    CHECK(server.count("www.lab.lab.example A") == 0);
    CHECK(*resolve(w, "www.").ec == asio::error::host_not_found);
    CHECK(server.count("www A") == 1);
    CHECK(*resolve(w, "none").ec == asio::error::host_not_found);
    for (const char* each : {"none.lab.example A", "none.example A", "none A"})
        CHECK(server.count(each) == 1);
    // A name that no server can tell about is not replaced by another one.
    server.say = [&](const dns_query& q) {
        if (q.name == "mail.lab.example")
            return std::vector<octets>{dns_reply{q, {}, {}, coax_test::server_failure}.made()};
        return std::vector<octets>{dns_reply{q, {coax_test::a(q.name, "198.18.7.66")}}.made()};
    };
    CHECK(*resolve(w, "mail").ec == asio::error::host_not_found_try_again);
}
