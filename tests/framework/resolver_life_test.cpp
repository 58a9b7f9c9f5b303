// Resolvers: flags and errors on every transport, cancellation, sharing, blocking calls, threads,
// and the end with questions pending.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "framework/resolver/cache.hpp"
#include "tests/framework/dns_server.hpp"

namespace asio = boost::asio;
namespace error = boost::asio::error;
using boost::system::error_code;
using namespace std::chrono_literals;
using coax_test::dns_query;
using coax_test::dns_server;
using coax_test::octets;
using coax_test::resolve;
using coax_test::resolved;
using coax_test::world;
using tcp = coax::tcp;
using flags = tcp::resolver::flags;
using texts = std::vector<std::string>;

namespace {

const std::string one_server = ",dns=198.18.7.1,hosts=/dev/null";

std::uint64_t counted(coax::io_context& io, std::string_view name) {
    for (const coax::counter& c : io.counters())
        if (c.name == name) return c.value;
    return 0;
}

std::ptrdiff_t threads() {
    const std::filesystem::directory_iterator all("/proc/self/task");
    return std::distance(begin(all), end(all));
}

const auto silence = [](const dns_query&) { return std::vector<octets>{}; };

}  // namespace

TEST_CASE("resolver: numbers, services and flags, the same everywhere") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind);
    tcp::resolver r(w.client());
    error_code ec;
    CHECK(resolve(w, "198.18.0.5", "80").addresses() == texts{"198.18.0.5"});
    CHECK(resolve(w, "fd00::5", "80").addresses() == texts{"fd00::5"});
    CHECK(resolve(w, "127.1", "").addresses() == texts{"127.0.0.1"});
    auto both = resolve(w, "", "http");
    CHECK(both.all->size() == 2);
    for (const auto& each : *both.all) {
        CHECK(each.endpoint().address().is_loopback());
        CHECK(each.endpoint().port() == 80);
        CHECK(each.host_name().empty());
        CHECK(each.service_name() == "http");
    }
    both = resolve(w, "", "80", tcp::resolver::passive);
    CHECK(both.all->size() == 2);
    for (const auto& each : *both.all) CHECK(each.endpoint().address().is_unspecified());
    CHECK(resolve(w, "198.18.0.5", "", tcp::resolver::canonical_name).host() == "198.18.0.5");
    CHECK(*resolve(w, "", "").ec == error::host_not_found);
    CHECK(*resolve(w, "", "80", tcp::resolver::canonical_name).ec == error::invalid_argument);
    CHECK(*resolve(w, "www.example", "80", tcp::resolver::numeric_host).ec ==
          error::host_not_found);
    CHECK(*resolve(w, "127.0.0.1", "http", tcp::resolver::numeric_service).ec ==
          error::host_not_found);
    CHECK(*resolve(w, "127.0.0.1", "no-such-service").ec == error::service_not_found);
    // (The kernel's resolver would ask its server.)
    if (kind == "wire") CHECK(*resolve(w, "bad name", "80").ec == error::host_not_found);
    // The family asked for, or made from the other one.
    CHECK(r.resolve(tcp::v6(), "198.18.0.5", "80", ec).empty());
    CHECK(ec == error::host_not_found);
    CHECK_THROWS_AS(r.resolve(tcp::v4(), "fd00::5", "80"), boost::system::system_error);
    const auto mapped = r.resolve(tcp::v6(), "198.18.0.5", "80", tcp::resolver::v4_mapped);
    CHECK(mapped.begin()->endpoint().address().to_string() == "::ffff:198.18.0.5");
    // Services are of a protocol.
    coax::udp::resolver datagrams(w.client());
    CHECK(datagrams.resolve("127.0.0.1", "domain").begin()->endpoint().port() == 53);
    CHECK(datagrams.resolve("127.0.0.1", "tftp").begin()->endpoint().port() == 69);
    CHECK(r.resolve("127.0.0.1", "tftp", ec).empty());
    CHECK(ec == error::service_not_found);
    CHECK(r.resolve(tcp::endpoint(asio::ip::make_address("127.0.0.1"), 443))
              .begin()
              ->service_name() == "https");
    const auto local = resolve(w, "localhost", "7");
    CHECK(!*local.ec);
    for (const auto& each : *local.all) CHECK(each.endpoint().address().is_loopback());
}

TEST_CASE("resolver: families by flags") {
    world w("wire", one_server);
    dns_server server(w);
    server.zone = {coax_test::a("www.example", "198.18.7.3"),
                   coax_test::aaaa("www.example", "fd00:c0a0::1"),
                   coax_test::a("old.example", "198.18.7.4")};
    tcp::resolver r(w.client());
    const auto ask = [&](const tcp& protocol, const char* host, flags f) {
        resolved<> answer;
        r.async_resolve(protocol, host, "80", f, answer);
        w.run_until([&] { return *answer.ended; });
        return answer.addresses();
    };
    const auto configured = tcp::resolver::address_configured;
    CHECK(resolve(w, "www.example", "80", configured).addresses() == texts{"198.18.7.3"});
    CHECK(server.asked == texts{"www.example A"});
    CHECK(ask(tcp::v6(), "www.example", configured).empty());
    CHECK(ask(tcp::v6(), "old.example", {}).empty());
    CHECK(ask(tcp::v6(), "old.example", tcp::resolver::v4_mapped) == texts{"::ffff:198.18.7.4"});
    CHECK(ask(tcp::v6(), "www.example", tcp::resolver::v4_mapped) == texts{"fd00:c0a0::1"});
    CHECK(ask(tcp::v6(), "www.example", tcp::resolver::v4_mapped | tcp::resolver::all_matching)
              .size() == 2);
    // localhost is never asked for (RFC 6761 6.3).
    CHECK(ask(tcp::v4(), "a.localhost", {}) == texts{"127.0.0.1"});
    CHECK(server.count("a.localhost A") == 0);
}

TEST_CASE("resolver: who asks the same shares the answer") {
    world w("wire", one_server);
    dns_server server(w);
    server.zone = {coax_test::a("www.example", "198.18.7.3")};
    tcp::resolver r(w.client());
    std::vector<resolved<>> answers(5);
    for (const auto& each : answers) r.async_resolve("www.example", "80", each);
    // And the one that does not want to know any more takes nothing from the others.
    resolved<> cancelled;
    asio::cancellation_signal signal;
    r.async_resolve("www.example", "80", asio::bind_cancellation_slot(signal.slot(), cancelled));
    signal.emit(asio::cancellation_type::total);
    w.run_until([&] { return *cancelled.ended && *answers.back().ended; });
    CHECK(*cancelled.ec == error::operation_aborted);
    for (const auto& each : answers) CHECK(each.addresses() == texts{"198.18.7.3"});
    CHECK(server.asked.size() == 2);
}

TEST_CASE("resolver: cancellation by signal, by cancel(), by destruction, in coroutines") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    world w(kind, kind == "wire" ? one_server : "");
    std::optional<dns_server> server;
    if (kind == "wire") server.emplace(w).say = silence;
    const auto type = GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial,
                               asio::cancellation_type::total);
    const auto aborted = [](const resolved<>& r) {
        return *r.ended && *r.ec == error::operation_aborted && r.all->empty();
    };
    tcp::resolver r(w.client());
    // Even if the kernel's resolver has its answer by then.
    resolved<> first;
    asio::cancellation_signal signal;
    r.async_resolve("localhost", "http", asio::bind_cancellation_slot(signal.slot(), first));
    if (kind == "kernel") signal.emit(type);
    w.run_until([&] { return *first.ended; });
    CHECK((kind == "wire" ? !*first.ec : aborted(first)));
    if (kind == "wire") {
        resolved<> by_signal;
        resolved<> by_cancel;
        resolved<> by_destruction;
        r.async_resolve("www.example", "80",
                        asio::bind_cancellation_slot(signal.slot(), by_signal));
        w.run_until([&] { return server->asked.size() == 2; });
        signal.emit(type);
        w.run_until([&] { return *by_signal.ended; });
        CHECK(aborted(by_signal));
        r.async_resolve("www.example", "80", by_cancel);
        r.cancel();
        {
            tcp::resolver other(w.client());
            other.async_resolve("www.example", "80", by_destruction);
            tcp::resolver moved(std::move(other));
            other = tcp::resolver(w.client());
            w.run_until([&] { return server->asked.size() >= 4; });
            CHECK(!*by_destruction.ended);
        }
        w.run_until([&] { return *by_cancel.ended && *by_destruction.ended; });
        CHECK(aborted(by_cancel));
        CHECK(aborted(by_destruction));
        signal.emit(type);  // nothing is there any more
        // A timeout in a coroutine.
        bool timed_out = false;
        asio::co_spawn(
            w.client(),
            [&]() -> asio::awaitable<void> {
                using namespace asio::experimental::awaitable_operators;
                coax::steady_timer timer(w.client(), 1s);
                const auto which =
                    co_await (r.async_resolve("www.example", "80", asio::use_awaitable) ||
                              timer.async_wait(asio::use_awaitable));
                timed_out = which.index() == 1;
            },
            asio::detached);
        w.run_until([&] { return timed_out; });
        CHECK(timed_out);
    }
}

TEST_CASE("resolver: the context goes away with questions pending") {
    const std::string kind = GENERATE("wire", "kernel");
    CAPTURE(kind);
    auto w = std::make_unique<world>(kind, kind == "wire" ? one_server : "");
    std::optional<dns_server> server;
    if (kind == "wire") server.emplace(*w).say = silence;
    struct restless {
        std::shared_ptr<tcp::resolver> r;
        std::shared_ptr<int> destroyed;
        bool mine = true;
        restless(std::shared_ptr<tcp::resolver> a, std::shared_ptr<int> b)
            : r(std::move(a)), destroyed(std::move(b)) {}
        restless(restless&& o) noexcept
            : r(std::move(o.r)),
              destroyed(std::move(o.destroyed)),
              mine(std::exchange(o.mine, false)) {}
        ~restless() {
            if (!mine) return;
            ++*destroyed;
            // A destructor that starts another one.
            if (*destroyed == 1) r->async_resolve("localhost", "ftp", restless(r, destroyed));
        }
        void operator()(error_code, const tcp::resolver::results_type&) const { FAIL("not run"); }
    };
    auto destroyed = std::make_shared<int>(0);
    {
        auto r = std::make_shared<tcp::resolver>(w->client());
        r->async_resolve("localhost", "http", [](error_code, const auto&) {});
        if (kind == "wire") {
            r->async_resolve("www.example", "80", restless(r, destroyed));
            w->run_until([&] { return server->asked.size() == 2; });
        } else {
            r->async_resolve("localhost", "https", restless(r, destroyed));
        }
    }
    w->destroy_client();
    CHECK(*destroyed == 2);
    if (server) server->stop();
}

TEST_CASE("resolver: the kernel's backend has one thread for names, and only when they need it") {
    std::thread([] {}).join();  // a sanitizer adds a thread of its own beside the first
    const auto before = threads();
    {
        world w("kernel");
        CHECK(threads() == before);
        CHECK(!*resolve(w, "127.0.0.1", "80").ec);
        CHECK(!*resolve(w, "", "80", tcp::resolver::passive).ec);
        CHECK(threads() == before);
        CHECK(!*resolve(w, "localhost", "http").ec);
        CHECK(threads() == before + 1);
        CHECK(!*resolve(w, "localhost", "https").ec);
        CHECK(threads() == before + 1);
        CHECK(counted(w.client(), "resolver.system_calls") == 2);
    }
    CHECK(threads() == before);
    world w("wire", one_server);
    dns_server server(w);
    server.zone = {coax_test::a("www.example", "198.18.7.3")};
    CHECK(!*resolve(w, "www.example").ec);
    CHECK(threads() == before);
}

TEST_CASE("resolver: more names at once than are asked for at a time") {
    world w("wire", one_server);
    dns_server server(w);
    server.say = [&](const dns_query& q) {
        return std::vector<octets>{
            coax_test::dns_reply{q, {coax_test::a(q.name, "198.18.7.3")}}.made()};
    };
    tcp::resolver r(w.client());
    std::vector<resolved<>> answers(300);
    for (std::size_t i = 0; i != answers.size(); ++i)
        r.async_resolve(tcp::v4(), "n" + std::to_string(i) + ".example", "80", answers[i]);
    w.run_until([&] {
        return std::all_of(answers.begin(), answers.end(), [](auto& each) { return *each.ended; });
    });
    for (const auto& each : answers) CHECK(each.addresses() == texts{"198.18.7.3"});
    CHECK(server.asked.size() == 300);
}

// A blocking call runs no handler: neither ours, nor those of the program.
TEST_CASE("resolver: blocking calls") {
    coax::io_context far({.backend = "wire:blocking_resolver,ip=198.18.7.1/24"});
    dns_server server(far, {asio::ip::make_address("198.18.7.1"), 53});
    server.zone = {coax_test::a("www.example", "198.18.7.3")};
    std::thread runner([&] { far.run(); });
    {
        coax::io_context near(
            {.backend = "wire:blocking_resolver,ip=198.18.7.2/24,dns=198.18.7.1,hosts=/dev/null"});
        bool ran = false;
        asio::post(near, [&] { ran = true; });
        tcp::resolver r(near);
        const auto results = r.resolve("www.example", "80");
        REQUIRE(results.size() == 1);
        CHECK(results.begin()->endpoint().address().to_string() == "198.18.7.3");
        error_code ec;
        CHECK(r.resolve("gone.example", "80", ec).empty());
        CHECK(ec == error::host_not_found);
        CHECK(!ran);
        // From within a handler as well.
        std::size_t found = 0;
        asio::post(near, [&] { found = r.resolve("www.example", "http").size(); });
        near.run();
        CHECK(ran);
        CHECK(found == 1);
    }
    asio::post(far, [&] { server.stop(); });
    far.stop();
    runner.join();
}

TEST_CASE("resolver: started and cancelled by another thread") {
    const std::string kind =
        GENERATE("wire:resolver_threads,dns=198.18.7.250,hosts=/dev/null", "kernel");
    CAPTURE(kind);
    coax::io_context io({.backend = kind});
    auto guard = asio::make_work_guard(io);
    std::thread runner([&] { io.run(); });
    {
        tcp::resolver r(io);
        auto number = r.async_resolve("198.18.0.5", "80", asio::use_future);
        CHECK(number.get().size() == 1);
        auto name = r.async_resolve("localhost", "http", asio::use_future);
        CHECK(!name.get().empty());
        if (kind != "kernel") {
            auto nobody = r.async_resolve("www.example", "80", asio::use_future);
            r.cancel();
            CHECK_THROWS(nobody.get());
        }
    }
    guard.reset();
    runner.join();
}

TEST_CASE("resolver: executors, tokens, and the older spellings") {
    world w("wire", one_server);
    dns_server server(w);
    server.zone = {coax_test::a("www.example", "198.18.7.3")};
    int done = 0;
    asio::co_spawn(
        w.client(),
        [&]() -> coax::awaitable<void> {
            coax::fast_resolver r(co_await asio::this_coro::executor);
            const auto all = co_await r.async_resolve("www.example", "80");
            CHECK(all.size() == 1);
            CHECK((co_await r.async_resolve(tcp::v4(), "www.example", "80")).size() == 1);
            CHECK((co_await r.async_resolve("www.example", "80", tcp::resolver::passive)).size() ==
                  1);
            auto [ec, none] =
                co_await r.async_resolve("gone.example", "80", asio::as_tuple(asio::deferred));
            CHECK(ec == error::host_not_found);
            CHECK(none.empty());
            const tcp::resolver general(std::move(r));
            ++done;
        },
        asio::detached);
    tcp::resolver r(w.client());
    const tcp::resolver::query q("www.example", "80");
    r.async_resolve(q, [&](error_code ec, tcp::resolver::iterator at) {
        CHECK(!ec);
        CHECK(at->endpoint().port() == 80);
        ++done;
    });
    const std::string host = "www.example";
    const std::string service = "80";
    auto token = [&done](error_code ec, const tcp::resolver::results_type&) { done += ec ? 0 : 1; };
    r.async_resolve(host, service, token);
    const auto strand = asio::make_strand(w.client());
    asio::ip::basic_resolver<tcp, asio::strand<coax::executor>> on_strand(strand);
    on_strand.async_resolve(host, service, token);
    w.run_until([&] { return done == 4; });
    using bound = asio::ip::basic_resolver<tcp>::rebind_executor<coax::executor>::other;
    static_assert(std::is_same_v<bound, coax::fast_resolver>);
    static_assert(std::is_same_v<coax::udp::resolver::endpoint_type, asio::ip::udp::endpoint>);
    asio::io_context foreign;
    CHECK_THROWS_AS(tcp::resolver(foreign), boost::system::system_error);
}

TEST_CASE("resolver: the cache is bounded, and forgets what was not used longest") {
    using namespace coax::detail::dns;
    cache c(3);
    const auto now = coax::clock::time_point{1h};
    answer yes;
    yes.what = answer::kind::found;
    yes.lifetime = 60s;
    const auto q = [](const char* name) { return question{name, record_type::a}; };
    for (const char* name : {"a", "b", "c"}) c.store(q(name), yes, now);
    CHECK(c.find(q("a"), now) != nullptr);
    c.store(q("d"), yes, now);
    CHECK(c.size() == 3);
    CHECK(c.find(q("b"), now) == nullptr);
    CHECK(c.find(q("a"), now + 59s) != nullptr);
    CHECK(c.find(q("a"), now + 60s) == nullptr);
    CHECK(c.size() == 2);
    // RFC 2308 5: no such name, whatever the type.
    answer no;
    no.what = answer::kind::no_name;
    no.lifetime = 10s;
    c.store(q("e"), no, now);
    CHECK(c.find({"e", record_type::aaaa}, now) != nullptr);
    CHECK(c.size() == 3);
}
