// One sender, one receiver, one cable; as many bytes as arrive in some seconds.
#include "tests/sim/goodput/goodput.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tests/sim/network/network.hpp"
#include "tests/sim/swarm/single_server.hpp"

namespace coax::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t bits_per_second = 50'000'000;
constexpr std::uint16_t port = 9;
constexpr stack::duration measured = 4s;
constexpr std::array<std::uint64_t, 3> runs{1, 2, 3};  // each cell is the mean over these

struct algorithm {
    const char* name;
    void (*choose)(stack::tcp_config&);
};
constexpr std::array<algorithm, 3> algorithms{
    {{"cubic", [](stack::tcp_config& c) { c.congestion = stack::congestion_algorithm::cubic; }},
     {"newreno", [](stack::tcp_config& c) { c.congestion = stack::congestion_algorithm::newreno; }},
     {"bbr", [](stack::tcp_config& c) { c.congestion = stack::congestion_algorithm::bbr; }}}};

constexpr std::array<std::uint32_t, 2> buffers{64U << 10, 2U << 20};  // bytes, both ends, at most
constexpr std::array<stack::duration, 3> round_trips{2ms, 20ms, 100ms};
constexpr std::array<per_million, 4> losses{0, 1'000, 10'000, 30'000};

struct cell {
    const algorithm* control;
    std::uint32_t buffer;
    stack::duration round_trip;
    per_million loss;
};

host_options host_of(const cell& c, std::uint8_t number, std::uint64_t seed) {
    host_options o;
    o.address = {stack::ip_address::v4(198, 18, 0, number), 24};
    stack::tcp_config& t = o.config.tcp;
    t.send_buffer_bytes = std::min(t.send_buffer_bytes, c.buffer);
    t.receive_buffer_bytes = std::min(t.receive_buffer_bytes, c.buffer);
    t.send_buffer_max_bytes = t.receive_buffer_max_bytes = c.buffer;  // they tune themselves
    o.config.neighbour.retries_max = 20;  // an unlucky ARP is not what is measured
    o.seed = seed * 10 + number;
    c.control->choose(o.config.tcp);
    return o;
}

// Bytes that arrived.
std::uint64_t measure(const cell& c, std::uint64_t seed) {
    network net;
    host& from = net.add_host(host_of(c, 1, seed));
    host& to = net.add_host(host_of(c, 2, seed));
    lane_options there;
    there.delay = c.round_trip / 2;
    there.bits_per_second = bits_per_second;
    there.queue_bytes = 128U << 10;
    lane_options back = there;
    there.loss = c.loss;  // of data; acknowledgments mend themselves
    net.cable(from, to, there, back, seed);
    fault_list faults;
    dialogue d;
    d.server = {to.address(), port};
    d.client_script.send_bytes = ~std::uint64_t{0} >> 1;
    single_server server(to, d, faults);
    server.listen();
    session client(from, d, true, faults);
    client.open(d.server, 0);
    net.run_for(measured);
    return faults.empty() ? d.server_end.received : 0;
}

void add_row(std::string& text, const cell& row) {
    char line[160];
    std::snprintf(line, sizeof line, "%-10s %8u %6d", row.control->name, row.buffer / 1024,
                  static_cast<int>(row.round_trip / 1ms));
    text += line;
    for (const per_million loss : losses) {
        cell c = row;
        c.loss = loss;
        std::uint64_t bytes = 0;
        for (const std::uint64_t seed : runs) bytes += measure(c, seed);
        // Tenths of a Mbit/s, in whole numbers.
        const std::uint64_t tenths =
            bytes * 80 / runs.size() / static_cast<std::uint64_t>(measured / 1s) / 1'000'000U;
        std::snprintf(line, sizeof line, " %6u.%u", static_cast<unsigned>(tenths / 10),
                      static_cast<unsigned>(tenths % 10));
        text += line;
    }
    text += '\n';
}

}  // namespace

std::string goodput_table() {
    std::string text =
        "# Goodput in Mbit/s: 4 s of virtual time over 50 Mbit/s with a queue of 128 KiB, the "
        "mean\n"
        "# of three seeds; loss of data, each frame for itself. Made by ./dev sim --goodput "
        "--update\n"
        "control    KiB each RTT ms  loss 0    0.1 %      1 %      3 %\n";
    for (const algorithm& control : algorithms)
        for (const std::uint32_t buffer : buffers)
            for (const stack::duration round_trip : round_trips)
                add_row(text, {&control, buffer, round_trip, 0});
    return text;
}

}  // namespace coax::sim
