// An attacker beside the path of a connection: a host of its own that forges the client's address
// and sees nothing of what is said (RFC 5961). It knows both ends of the connection.

#include <array>
#include <numeric>
#include <optional>
#include <vector>

#include <catch2/catch.hpp>

#include "stack/wire/ethernet.hpp"
#include "tests/sim/network/forgery.hpp"
#include "tests/sim/network/network.hpp"
#include "tests/sim/swarm/single_server.hpp"

namespace {

using namespace coax;
using namespace coax::sim;
using namespace std::chrono_literals;
namespace wire = stack::wire;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t guesses = 1U << 15;
#else
constexpr std::uint64_t guesses = 1U << 20;
#endif
constexpr stack::duration between_guesses = 10us;
constexpr stack::duration attack_begins = 1s;

// A server, its client and the attacker, each with a line of its own to a router.
struct arena {
    explicit arena(bool timestamps)
        : server(add(1, timestamps)), client(add(2, timestamps)), attacker(add(3, timestamps)) {
        router& middle = net.add_router();
        lane_options line;
        line.delay = 5ms;
        net.attach(middle, server, line, line, 1500, true, 1);
        net.attach(middle, attacker, line, line, 1500, true, 3);
        line.bits_per_second = 20'000'000;
        line.loss = 100;  // repaired meanwhile
        net.attach(middle, client, line, line, 1500, true, 2);
    }
    host& add(std::uint8_t number, bool timestamps) {
        host_options o;
        o.address = {stack::ip_address::v4(198, 18, number, 2), 24};
        o.gateway = stack::ip_address::v4(198, 18, number, 1);
        o.config.tcp.timestamps = timestamps;
        // Windows of a usual size: with ever larger ones, guessing becomes easier.
        o.config.tcp.send_buffer_max_bytes = o.config.tcp.receive_buffer_max_bytes = 1U << 17;
        o.seed = number;
        return net.add_host(o);
    }
    void forge(const stack::endpoint& from, const wire::tcp_header& segment,
               stack::const_bytes payload) {
        wire::ipv4_header ip;
        ip.source = from.address;
        ip.destination = server.address();
        net.inject(attacker, forge_tcp(net.frames(), ip, segment, payload));
    }

    network net;
    host& server;
    host& client;
    host& attacker;
};

// A connection to the server.
struct conversation {
    conversation(arena& in, host& from, std::uint16_t port)
        : client(from), server(in.server, talk, faults) {
        talk.server = {in.server.address(), port};
        server.listen();
    }
    // Both scripts are as they are to be.
    void begin() {
        opener.emplace(client, talk, true, faults);
        opener->open(talk.server, 0);
    }
    bool over() const noexcept { return talk.client_end.over && talk.server_end.over; }

    host& client;
    fault_list faults;
    dialogue talk;
    single_server server;
    std::optional<session> opener;
};

// Spends its budget, evenly in time: resets, SYNs and data in turn, with numbers out of the air.
class blind_attacker final : public actor {
  public:
    blind_attacker(arena& in, const dialogue& victim) : arena_(in), victim_(victim) {
        payload_.fill(std::byte{0xee});
    }
    void on_moment(std::uint64_t number) override {
        guess(number);
        if (number + 1 < guesses)
            arena_.net.time().at(arena_.net.now() + between_guesses, *this, number + 1);
    }

  private:
    void guess(std::uint64_t number) {
        wire::tcp_header h;
        h.source_port = victim_.client.port;
        h.destination_port = victim_.server.port;
        h.sequence = static_cast<std::uint32_t>(random_.next());
        h.acknowledgment = static_cast<std::uint32_t>(random_.next());
        h.window = 65535;
        if (number % 2 == 0)
            h.options.timestamps = wire::tcp_timestamps{static_cast<std::uint32_t>(random_.next()),
                                                        static_cast<std::uint32_t>(random_.next())};
        stack::const_bytes payload;
        switch (number % 3) {
            case 0: h.flags.rst = true; break;
            case 1: h.flags.syn = true; break;
            default: h.flags.ack = true; payload = payload_;
        }
        arena_.forge(victim_.client, h, payload);
    }

    arena& arena_;
    const dialogue& victim_;
    seeded_random random_{5961};
    std::array<std::byte, 100> payload_{};
};

// The attacker's own connection as its card sees it: how many segments of the server came in each
// second, and where both directions stand.
class own_view final : public frame_observer {
  public:
    explicit own_view(arena& in) : net_(in.net) { in.attacker.card().watch_with(this); }
    void on_sent(nic&, const frame& sent) override {
        if (const auto s = segment_of(sent))
            next = s->sequence + (s->flags.syn ? 1U : 0U);  // it says nothing else
    }
    void on_taken(nic&, const frame& taken) override {
        if (!segment_of(taken)) return;
        const auto second = static_cast<std::size_t>((net_.now() - schedule::beginning) / 1s);
        if (answers.size() <= second) answers.resize(second + 1);
        ++answers[second];
    }
    std::uint32_t next = 0;
    std::vector<unsigned> answers;

  private:
    static std::optional<wire::tcp_header> segment_of(const frame& f) {
        const auto header = wire::parse_ethernet(f.bytes());
        if (!header || header->type != wire::ethernet_type_ipv4) return {};
        const auto packet = f.bytes().subspan(wire::ethernet_header_size);
        const auto ip = wire::parse_ipv4(packet, packet.size());
        if (ip.header.protocol != wire::protocol_tcp) return {};
        return wire::parse_tcp(packet.subspan(ip.header_length)).header;
    }
    network& net_;
};

std::uint64_t challenges_allowed(const arena& a) {
    return 1 + static_cast<std::uint64_t>((a.net.now() - schedule::beginning) /
                                          a.server.options().config.tcp.challenge_ack_interval);
}

// What somebody forges against a connection that is not his, while he has one of his own.
enum class against_others : std::uint8_t {
    nothing,
    resets_in_window,
    resets_elsewhere,
    no_such_port
};

// For ten seconds the attacker draws challenges with resets on a connection of his own, a hundred a
// second (CVE-2016-5696), and as often forges a reset for the other one.
class counting_attacker final : public actor {
  public:
    counting_attacker(arena& in, const conversation& own, const conversation& victim,
                      against_others what)
        : arena_(in), own_(own), victim_(victim), what_(what), view_(in) {}
    void on_moment(std::uint64_t number) override {
        if (what_ != against_others::nothing)
            forge_for_other();  // first: it would take what is shared
        wire::tcp_header h;
        h.flags.rst = true;
        h.source_port = own_.talk.client.port;
        h.destination_port = own_.talk.server.port;
        h.sequence = view_.next + 1;  // in the window, and not where it should be
        arena_.forge(own_.talk.client, h, {});
        if (number + 1 < 1000) arena_.net.time().at(arena_.net.now() + 10ms, *this, number + 1);
    }
    const std::vector<unsigned>& answers() const noexcept { return view_.answers; }

    std::uint32_t expected = 0;  // what the victim's server expects of its client next

  private:
    void forge_for_other() {
        wire::tcp_header h;
        h.flags.rst = true;
        h.source_port = victim_.talk.client.port;
        h.destination_port = victim_.talk.server.port;
        h.sequence = expected + (what_ == against_others::resets_in_window ? 100U : 1U << 30);
        if (what_ == against_others::no_such_port) ++h.source_port;
        arena_.forge(victim_.talk.client, h, {});
    }

    arena& arena_;
    const conversation& own_;
    const conversation& victim_;
    against_others what_;
    own_view view_;
};

struct counted {
    std::vector<unsigned> answers;  // in each second
    std::uint64_t near_misses = 0;  // forged resets in a window
};

// Both connections are open and silent; their ends keep them for longer than is looked at.
counted count_challenges(against_others what) {
    arena a(true);
    conversation victim(a, a.client, 9);
    conversation own(a, a.attacker, 80);
    for (conversation* each : {&victim, &own}) {
        each->talk.client_script.send_bytes = 2;
        each->talk.client_script.write_piece = 1;
        each->talk.client_script.write_pause = 1min;
    }
    counting_attacker attacker(a, own, victim, what);
    // The harness, not the attacker, knows where the window of the other connection is.
    struct tap final : frame_observer {
        explicit tap(std::uint32_t& e) : expected(e) {}
        void on_sent(nic&, const frame& sent) override {
            const auto packet = sent.bytes().subspan(wire::ethernet_header_size);
            if (wire::parse_ethernet(sent.bytes())->type != wire::ethernet_type_ipv4) return;
            const auto tcp = wire::parse_tcp(packet.subspan(wire::ipv4_header_size));
            expected = tcp.header.sequence + (tcp.header.flags.syn ? 2U : 0U);  // a byte follows
        }
        void on_taken(nic&, const frame&) override {}
        std::uint32_t& expected;
    } tap(attacker.expected);
    a.client.card().watch_with(&tap);
    victim.begin();
    own.begin();
    a.net.time().at(a.net.now() + attack_begins, attacker, 0);
    a.net.run_for(attack_begins + 12s);
    CHECK_FALSE(victim.over());
    CHECK_FALSE(own.over());
    return {attacker.answers(), a.server.counter("tcp.blind_reset")};
}

}  // namespace

// RFC 5961 3.2, 4.2, 5.2, 7
TEST_CASE("a blind attacker beside the path spends 2^20 guesses for nothing") {
    constexpr stack::duration attack = guesses * between_guesses;
    constexpr auto bytes = static_cast<std::uint64_t>((attack_begins + attack) / 1us) * 5 / 2;
    arena a(GENERATE(false, true));
    conversation c(a, a.client, 9);
    c.talk.client_script.send_bytes = c.talk.server_script.send_bytes = bytes;
    c.begin();
    blind_attacker attacker(a, c.talk);
    a.net.time().at(a.net.now() + attack_begins, attacker, 0);
    a.net.run_for(attack_begins + attack);
    CHECK_FALSE(c.over());  // data went both ways all the time
    a.net.run_until([&c] { return c.over(); }, 1min);

    CHECK(c.faults.empty());  // every byte that was read was the right one
    CHECK(imbalance(c.talk).empty());
    for (const end_state* each : {&c.talk.client_end, &c.talk.server_end}) {
        CHECK(each->failure == stack::error::none);
        CHECK(each->received == bytes);
    }
    CHECK(c.server.accepted() == 1);
    CHECK(a.server.counter("tcp.resets_received") == 0);
    // The guesses came, some of them close, and were answered as rarely as is said.
    CHECK(a.server.counter("device.frames_received") >= guesses);
    CHECK(a.server.counter("tcp.challenge_acks") > 0);
    CHECK(a.server.counter("tcp.challenge_acks") <= challenges_allowed(a));
}

// CVE-2016-5696: a limit that all connections share tells one what another's segments caused.
TEST_CASE("who counts the challenges of his own connection learns nothing of others") {
    const counted alone = count_challenges(against_others::nothing);
    const unsigned all = std::accumulate(alone.answers.begin(), alone.answers.end(), 0U);
    CHECK(all > 20);  // two a second, and what opened the connection
    CHECK(all < 40);
    const counted near = count_challenges(against_others::resets_in_window);
    CHECK(near.near_misses == alone.near_misses + 1000);
    CHECK(near.answers == alone.answers);
    CHECK(count_challenges(against_others::resets_elsewhere).answers == alone.answers);
    CHECK(count_challenges(against_others::no_such_port).answers == alone.answers);
}
