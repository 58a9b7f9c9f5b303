// Datagrams in fragments over a router that cuts them again.

#include "tests/sim/swarm/datagrams.hpp"

#include <deque>

#include <catch2/catch.hpp>

namespace {

using namespace coax;
using namespace coax::sim;
using namespace std::chrono_literals;

// RFC 791 3.2
TEST_CASE("router: fragments too large for the next link are cut, and the whole arrives") {
    network net;
    router& middle = net.add_router();
    fault_list faults;
    std::deque<datagram_user> users;
    for (std::uint8_t number = 1; number <= 2; ++number) {
        host_options o;
        o.card.mtu = 9000;
        o.address = {stack::ip_address::v4(198, 18, number, 2), 24};
        o.gateway = stack::ip_address::v4(198, 18, number, 1);
        host& made = net.add_host(o);
        const std::uint16_t mtu = number == 1 ? 9000 : 600;
        net.attach(middle, made, {}, {}, mtu, true, number);
        users.emplace_back(made, faults).open();
    }
    const host& from = *net.hosts()[0];
    const host& to = *net.hosts()[1];
    users[0].send(to.address(), datagram_head_bytes);
    net.run_for(1s);
    users[0].send(to.address(), datagram_bytes_max);
    net.run_for(1s);
    CHECK(users[1].received() == 2);
    CHECK(faults.empty());
    // 65,515 bytes: seven of 8,976 and the rest; each but the last is cut in sixteen.
    CHECK(from.counter("ip.fragments_sent") == 8);
    CHECK(middle.counters().cut == 8);
    CHECK(to.counter("ip.fragments_received") == 7 * 16 + 5);
    for (const stack::counter& each : to.stack().usage())
        if (each.name == "ip.reassembly_bytes") CHECK(each.value == 0);
}

}  // namespace
