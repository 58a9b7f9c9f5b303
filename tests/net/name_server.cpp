// A name server on kernel sockets, for resolvers on the other side of a lab: the one of
// tests/framework/dns_server.hpp. Usage: net_name_server ADDRESS
//
//   www.example      one A and one AAAA
//   many.example     forty A: by UDP truncated, whole by TCP
//   lossy.example    the first question of each type is not answered
//   silent.example   is never answered
//
// Says "ready"; at SIGTERM what it was asked ("www.example A", "many.example A by TCP"), in order.
#include <csignal>
#include <cstdio>
#include <set>

#include "tests/framework/dns_server.hpp"

int main(int argc, char** argv) try {
    using namespace coax_test;
    if (argc != 2) return 2;
    coax::io_context io({.backend = "kernel"});
    dns_server server(io, {boost::asio::ip::make_address(argv[1]), 53});
    server.zone = {a("www.example", "198.18.0.80"), aaaa("www.example", "fd00:c0a0::80"),
                   a("lossy.example", "198.18.0.81"), a("silent.example", "198.18.0.82")};
    for (int i = 1; i <= 40; ++i)
        server.zone.push_back(a("many.example", "198.18.1." + std::to_string(i)));
    std::set<std::string> heard;
    server.say = [&](const dns_query& q) -> std::vector<octets> {
        if (q.by_tcp) server.asked.push_back(q.name + " by TCP");
        if (q.name == "silent.example") return {};
        if (q.name == "lossy.example" && heard.insert(std::to_string(q.type)).second) return {};
        if (q.name == "many.example" && !q.by_tcp && q.type == A) {
            dns_reply r{q};
            r.flags = truncated_flags;
            return {r.made()};
        }
        return {server.from_zone(q)};
    };
    boost::asio::signal_set signals(io, SIGTERM);
    signals.async_wait([&](boost::system::error_code, int) { server.stop(); });
    std::puts("ready");
    std::fflush(stdout);
    io.run();
    for (const std::string& each : server.asked) std::printf("asked %s\n", each.c_str());
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
}
