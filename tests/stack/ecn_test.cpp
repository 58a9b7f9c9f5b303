// ECN and pacing of two whole stacks: the bits of the IP header as they leave and arrive, with a
// router between them that marks instead of dropping, in virtual time.
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include <catch2/catch.hpp>

#include "stack/stack.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/memory_device.hpp"

namespace {

using namespace coax;
using namespace std::chrono_literals;

class counting_random final : public stack::random_source {
  public:
    std::uint64_t next() noexcept override { return state_ += 0x9e3779b97f4a7c15U; }

  private:
    std::uint64_t state_ = 1;
};

struct end {
    end(std::uint8_t host, const stack::stack_config& config)
        : address(stack::ip_address::v4(198, 18, 0, host)) {
        device.caps.address.octets[5] = host;
        stack.emplace(config, device, random);
        REQUIRE(stack->add_address({{address, 24}}));
    }
    stack::ip_address address;
    test::memory_device device;
    counting_random random;
    std::optional<stack::ip_stack> stack;
};

struct passed {
    stack::instant when;
    std::uint8_t from;
    std::uint8_t traffic_class;
    stack::wire::tcp_header header;
    std::size_t payload;
};

// Two hosts, a delay, and a router that sees every packet.
struct path_with_router {
    explicit path_with_router(const stack::stack_config& config) : a(1, config), b(2, config) {}

    void carry(end& from, end& to) {
        while (auto frame = from.device.take_sent()) {
            auto packet = test::take_apart(frame->data);
            if (packet && packet->ip.protocol == stack::wire::protocol_tcp) {
                const auto parsed = stack::wire::parse_tcp(packet->inside);
                passed p{now, static_cast<std::uint8_t>(&from == &a ? 1 : 2),
                         packet->ip.traffic_class, parsed.header,
                         packet->inside.size() - parsed.header_length};
                if ((p.traffic_class & 3) == 2 && marks && marks(p)) {
                    packet->ip.traffic_class |= 3;  // RFC 3168 5: CE
                    frame->data =
                        test::ethernet_frame(packet->ethernet.destination, packet->ethernet.source,
                                             stack::wire::ethernet_type_ipv4,
                                             test::ipv4_packet(packet->ip, packet->inside));
                }
                log.push_back(p);
            }
            travelling.push_back({now + delay, &to, std::move(frame->data)});
        }
    }
    void arrive() {
        while (!travelling.empty() && travelling.front().due <= now) {
            travelling.front().to->device.deliver(std::move(travelling.front().frame));
            travelling.pop_front();
        }
    }
    void run(stack::duration time, const std::function<void()>& turn = [] {}) {
        for (const stack::instant until = now + time; now < until; now += 1ms) {
            arrive();
            for (end* e : {&a, &b}) {
                while (e->stack->receive(now)) {
                }
                e->stack->advance(now);
            }
            turn();
            for (end* e : {&a, &b}) {
                e->stack->flush(now);
                e->device.room = 1'000'000;
            }
            carry(a, b);
            carry(b, a);
        }
    }
    // The client is `a`; data flows from it.
    void open() {
        listener = *b.stack->tcp_open(nullptr);
        REQUIRE(b.stack->tcp_bind(listener, {b.address, 80}, true));
        REQUIRE(b.stack->tcp_listen(listener, 8));
        client = *a.stack->tcp_open(nullptr);
        REQUIRE(a.stack->tcp_connect(client, {b.address, 80}, now));
        run(100ms);
        const auto accepted = b.stack->tcp_accept(listener);
        REQUIRE(accepted);
        server = accepted->socket;
    }
    void send(std::size_t bytes, stack::duration time) {
        std::vector<std::byte> chunk(65536);
        run(time, [&] {
            while (bytes != 0) {
                const stack::const_bytes piece(chunk.data(), std::min(bytes, chunk.size()));
                const auto taken = a.stack->tcp_send(client, {&piece, 1}, now);
                if (!taken) break;
                bytes -= *taken;
            }
            const stack::mutable_bytes room(chunk);
            while (const auto got = b.stack->tcp_receive(server, {&room, 1}, now)) received += *got;
        });
    }
    std::uint64_t counter(end& e, std::string_view name) const {
        for (const auto& c : e.stack->counters())
            if (c.name == name) return c.value;
        FAIL("no such counter");
        return 0;
    }

    struct on_the_way {
        stack::instant due;
        end* to;
        test::bytes frame;
    };

    end a, b;
    stack::instant now{100s};
    stack::duration delay = 10ms;  // each way
    std::deque<on_the_way> travelling;
    std::vector<passed> log;
    std::function<bool(const passed&)> marks;
    stack::tcp_socket listener, client, server;
    std::size_t received = 0;
};

// RFC 3168 6.1.1, 6.1.2, 6.1.4
TEST_CASE("ECN over whole stacks: ECT(0) on data alone, a mark becomes ECE and then CWR") {
    stack::stack_config config;
    config.tcp.ecn = stack::ecn_use::request;
    path_with_router net(config);
    int marked = 0;
    std::size_t seen = 0;
    net.marks = [&](const passed& p) {
        return p.payload != 0 && ++seen % 200 == 0 && ++marked != 0;
    };
    net.open();
    net.send(2'000'000, 20s);
    CHECK(net.received == 2'000'000);
    REQUIRE(marked >= 5);
    bool only_data = true;
    int told = 0;
    int echoed = 0;
    for (const passed& p : net.log) {
        only_data = only_data && (p.traffic_class == 2) == (p.payload != 0);
        if (p.header.flags.syn) continue;
        if (p.header.flags.cwr) ++told;
        if (p.header.flags.ece) ++echoed;
    }
    CHECK(only_data);
    CHECK(net.log[0].header.flags.ece);
    CHECK(net.log[0].header.flags.cwr);
    CHECK(net.counter(net.b, "tcp.ecn_marks_received") == static_cast<std::uint64_t>(marked));
    const auto reductions = net.counter(net.a, "tcp.ecn_reductions");
    CHECK(reductions >= 1);
    CHECK(reductions <= static_cast<std::uint64_t>(marked));
    CHECK(told == static_cast<int>(net.counter(net.a, "tcp.ecn_reductions_told")));
    CHECK(told >= static_cast<int>(reductions) - 1);
    CHECK(echoed >= told);
    CHECK(net.counter(net.a, "tcp.retransmitted") == 0);
}

// A router that clears the two bits: the connection never hears a mark and works.
TEST_CASE("a connection with ECN whose marks are bleached works as any other") {
    stack::stack_config config;
    config.tcp.ecn = stack::ecn_use::request;
    path_with_router net(config);
    net.open();
    net.send(500'000, 5s);
    CHECK(net.received == 500'000);
    CHECK(net.a.stack->tcp_info(net.client)->congestion_notification);
    CHECK(net.counter(net.a, "tcp.ecn_reductions") == 0);
}

TEST_CASE("pacing over whole stacks: the first window leaves spread over half a round trip") {
    stack::stack_config config;
    config.tcp.pacing = true;
    path_with_router net(config);
    net.open();
    net.log.clear();
    net.send(14'000, 1ms);
    const auto rate = net.a.stack->tcp_info(net.client)->pacing_rate;
    REQUIRE(rate != 0);
    std::size_t first_burst = 0;
    for (const passed& p : net.log)
        if (p.from == 1) first_burst += p.payload;
    // A quantum (a millisecond's worth, two segments at least) and the segment that crosses it.
    CHECK(first_burst <= std::max<std::size_t>(rate / 1000, 2896) + 1448);
    CHECK(first_burst < 14'000);
    net.send(0, 100ms);
    CHECK(net.received == 14'000);
    CHECK(net.counter(net.a, "tcp.paced_waits") > 0);
    // Ten segments at twice the window per round trip: the last leaves half a round trip later,
    // less what the quantum let go at once.
    stack::instant last{};
    for (const passed& p : net.log)
        if (p.from == 1 && p.payload != 0) last = p.when;
    CHECK(last - net.log.front().when >= 5ms);
    CHECK(last - net.log.front().when <= 11ms);
}

}  // namespace
