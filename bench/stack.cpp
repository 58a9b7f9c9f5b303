// Stack-only benchmarks: two stacks, one thread, a memory wire. A unit is one message round trip,
// one full segment of bulk data, or one connection with a request; both stacks, the wire and the
// small application on top are in it. Prints wall time per unit, or runs one case for a profiler.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include <malloc.h>

#include "bench/cases.hpp"
#include "bench/two_stacks.hpp"

namespace {

using namespace bench;
using stack::const_bytes;
using stack::mutable_bytes;
using stack::tcp::readiness;

constexpr std::uint16_t service_port = 7;
constexpr std::size_t message_bytes = 64;

// --- the applications

class echo final : public user {
  public:
    void on_ready(side& at, const readiness&) override {
        std::array<std::byte, 4096> buffer;
        for (;;) {
            const std::array<mutable_bytes, 1> room{mutable_bytes(buffer)};
            const auto got = at.stack.tcp_receive(socket, room, at.now);
            if (!got) {
                if (got.code() != stack::error::would_block) at.stack.tcp_close(socket, at.now);
                return;
            }
            const std::array<const_bytes, 1> reply{const_bytes(buffer.data(), *got)};
            const auto sent = at.stack.tcp_send(socket, reply, at.now);
            require(sent.has_value() && *sent == *got, "echo: send");
            if (*got < buffer.size()) return;  // that was all; an event tells of more
        }
    }
};

class sink final : public user {
  public:
    std::uint64_t received = 0;
    void on_ready(side& at, const readiness&) override {
        static std::array<std::byte, 65536> buffer;
        for (;;) {
            const std::array<mutable_bytes, 1> room{mutable_bytes(buffer)};
            const auto got = at.stack.tcp_receive(socket, room, at.now);
            if (!got) return;
            received += *got;
            if (*got < buffer.size()) return;
        }
    }
};

class acceptor final : public user {
  public:
    explicit acceptor(std::function<user&()> make) : make_(std::move(make)) {}
    void open(side& at) {
        const auto made = at.stack.tcp_open(this);
        require(made.has_value(), "open");
        socket = *made;
        require(at.stack.tcp_bind(socket, {at.address, service_port}, false).has_value(), "bind");
        require(at.stack.tcp_listen(socket, 4096).has_value(), "listen");
    }
    void on_ready(side& at, const readiness&) override {
        while (const auto accepted = at.stack.tcp_accept(socket)) {
            user& next = make_();
            next.socket = accepted->socket;
            at.stack.tcp_set_user(next.socket, &next);
            next.on_ready(at, {});
        }
    }

  private:
    std::function<user&()> make_;
};

void start(two_stacks& two, user& from) {
    const auto made = two.client.stack.tcp_open(&from);
    require(made.has_value(), "open");
    from.socket = *made;
    require(two.client.stack
                .tcp_connect(from.socket, {two.server.address, service_port}, two.client.now)
                .has_value(),
            "connect");
}

// Sends a message and waits for its echo, again and again.
class asker final : public user {
  public:
    static inline std::uint64_t answered = 0;
    static inline std::uint64_t limit = 0;  // of all askers together
    bool connected = false;

    void ask(side& at) {
        static const std::array<std::byte, message_bytes> message{};
        const std::array<const_bytes, 1> piece{const_bytes(message)};
        const auto sent = at.stack.tcp_send(socket, piece, at.now);
        require(sent.has_value() && *sent == message_bytes, "ask");
        missing_ = message_bytes;
    }
    void on_ready(side& at, const readiness& ready) override {
        require(!ready.failed, "connection lives");
        if (ready.connected) connected = true;
        std::array<std::byte, 4096> buffer;
        for (;;) {
            const std::array<mutable_bytes, 1> room{mutable_bytes(buffer)};
            const auto got = at.stack.tcp_receive(socket, room, at.now);
            if (!got) return;
            missing_ -= *got;
            if (missing_ == 0 && ++answered < limit) ask(at);
            if (*got < buffer.size()) return;
        }
    }

  private:
    std::size_t missing_ = 0;
};

// --- the cases. Each is prepared once, and then runs so many units.

class bench_case {
  public:
    virtual ~bench_case() = default;
    virtual void run(std::uint64_t units) = 0;
    virtual two_stacks& ground() = 0;
};

class ping_pong final : public bench_case {
  public:
    ping_pong(const setting& how, unsigned connections)
        : two_(how), listener_([this]() -> user& { return echoes_.emplace_back(); }) {
        listener_.open(two_.server);
        askers_.resize(connections);
        asker::answered = asker::limit = 0;
        for (asker& each : askers_) {
            start(two_, each);
            if ((&each - askers_.data()) % 256 == 0) two_.turn();
        }
        two_.turn_until([this] {
            return std::all_of(askers_.begin(), askers_.end(),
                               [](const asker& each) { return each.connected; }) &&
                   echoes_.size() == askers_.size();
        });
    }
    void run(std::uint64_t units) override {
        asker::limit = asker::answered + units;
        for (asker& each : askers_) each.ask(two_.client);
        two_.turn_until([] { return asker::answered >= asker::limit; });
        // The others' answers are still under way.
        const std::uint64_t all = asker::limit + askers_.size() - 1;
        two_.turn_until([all] { return asker::answered >= all; });
    }
    two_stacks& ground() override { return two_; }

  private:
    two_stacks two_;
    std::deque<echo> echoes_;
    acceptor listener_;
    std::vector<asker> askers_;
};

class bulk final : public bench_case, private user {
  public:
    static constexpr std::size_t segment_bytes = 1448;  // 1460 less the timestamps option

    explicit bulk(const setting& how)
        : two_(how), listener_([this]() -> user& { return sink_; }), data_(65536) {
        listener_.open(two_.server);
        start(two_, *this);
        two_.turn_until([this] { return connected_; });
    }
    void run(std::uint64_t units) override {
        left_ += units * segment_bytes;
        const std::uint64_t end = sink_.received + left_;
        pump(two_.client);
        two_.turn_until([this, end] { return sink_.received >= end; });
    }
    two_stacks& ground() override { return two_; }

  private:
    void on_ready(side& at, const readiness& ready) override {
        require(!ready.failed, "connection lives");
        connected_ = connected_ || ready.connected;
        pump(at);
    }
    void pump(side& at) {
        while (left_ != 0) {
            const std::array<const_bytes, 1> piece{
                const_bytes(data_).first(std::min<std::size_t>(left_, data_.size()))};
            const auto sent = at.stack.tcp_send(socket, piece, at.now);
            if (!sent) return;
            left_ -= *sent;
        }
    }

    two_stacks two_;
    sink sink_;
    acceptor listener_;
    std::vector<std::byte> data_;
    std::uint64_t left_ = 0;
    bool connected_ = false;
};

class churn final : public bench_case {
  public:
    churn(const setting& how, unsigned together)
        : two_(how), listener_([this]() -> user& { return next_echo(); }), visitors_(together) {
        listener_.open(two_.server);
        for (visitor& each : visitors_) each.all = this;
    }
    void run(std::uint64_t units) override {
        to_open_ = units;
        const std::uint64_t end = finished_ + units;
        for (visitor& each : visitors_) open(each);
        two_.turn_until([this, end] { return finished_ >= end; });
    }
    two_stacks& ground() override { return two_; }

  private:
    struct visitor final : user {
        churn* all = nullptr;
        std::size_t missing = 0;
        void on_ready(side& at, const readiness& ready) override {
            require(!ready.failed, "connection lives");
            if (ready.connected) {
                static const std::array<std::byte, message_bytes> message{};
                const std::array<const_bytes, 1> piece{const_bytes(message)};
                require(at.stack.tcp_send(socket, piece, at.now).has_value(), "request");
                missing = message_bytes;
            }
            std::array<std::byte, 4096> buffer;
            const std::array<mutable_bytes, 1> room{mutable_bytes(buffer)};
            while (missing != 0) {
                const auto got = at.stack.tcp_receive(socket, room, at.now);
                if (!got) return;
                missing -= *got;
            }
            at.stack.tcp_close(socket, at.now);
            ++all->finished_;
            all->open(*this);
        }
    };
    // The server's users are used again when their connection has closed.
    struct served final : user {
        churn* all = nullptr;
        void on_ready(side& at, const readiness&) override {
            std::array<std::byte, 4096> buffer;
            for (;;) {
                const std::array<mutable_bytes, 1> room{mutable_bytes(buffer)};
                const auto got = at.stack.tcp_receive(socket, room, at.now);
                if (!got) {
                    if (got.code() == stack::error::would_block) return;
                    at.stack.tcp_close(socket, at.now);
                    all->free_.push_back(this);
                    return;
                }
                const std::array<const_bytes, 1> reply{const_bytes(buffer.data(), *got)};
                require(at.stack.tcp_send(socket, reply, at.now).has_value(), "reply");
            }
        }
    };

    user& next_echo() {
        if (free_.empty()) {
            free_.push_back(&served_.emplace_back());
            free_.back()->all = this;
        }
        served& next = *free_.back();
        free_.pop_back();
        return next;
    }
    void open(visitor& by) {
        if (to_open_ == 0) return;
        --to_open_;
        start(two_, by);
    }

    two_stacks two_;
    std::deque<served> served_;
    std::vector<served*> free_;
    acceptor listener_;
    std::vector<visitor> visitors_;
    std::uint64_t to_open_ = 0;
    std::uint64_t finished_ = 0;
};

// No stack at all: what the wire and the clock cost of every other figure.
class wire_alone final : public bench_case {
  public:
    static constexpr std::uint32_t frame_bytes = 118;  // 64 bytes of TCP payload

    explicit wire_alone(const setting& how) : two_(how) {}
    void run(std::uint64_t units) override {
        for (; units != 0; --units) {
            pass(two_.client.port(), two_.server.port());
            pass(two_.server.port(), two_.client.port());
        }
    }
    two_stacks& ground() override { return two_; }

  private:
    void pass(backends::wire::port& from, backends::wire::port& to) {
        two_.tick();
        std::array<stack::tx_slot, 1> slot;
        require(from.reserve(slot) == 1, "slot");
        const auto target = to.capabilities().address.octets;
        std::memcpy(slot[0].data, target.data(), target.size());
        slot[0].length = frame_bytes;
        from.transmit(slot);
        require(to.receive(frames_) == 1, "frame");
        to.release();
    }

    two_stacks two_;
    std::array<stack::rx_frame, 64> frames_;
};

// --- choosing and measuring

struct choice {
    const char* name;
    const char* unit;
    std::uint64_t units;  // of a round
    std::function<std::unique_ptr<bench_case>(setting)> make;
};

const std::vector<choice>& choices() {
    const auto pings = [](unsigned connections, bool checksums) {
        return [connections, checksums](setting how) -> std::unique_ptr<bench_case> {
            how.checksums = checksums;
            return std::make_unique<ping_pong>(how, connections);
        };
    };
    const auto streams = [](std::uint32_t buffer, bool checksums, bool gso) {
        return [buffer, checksums, gso](setting how) -> std::unique_ptr<bench_case> {
            how.checksums = checksums;
            how.gso = gso;
            how.config.tcp.send_buffer_bytes = buffer;
            how.config.tcp.send_buffer_max_bytes = buffer;
            how.config.tcp.receive_buffer_bytes = buffer;
            how.config.tcp.receive_buffer_max_bytes = buffer;
            return std::make_unique<bulk>(how);
        };
    };
    const auto visits = [](bool checksums) {
        return [checksums](setting how) -> std::unique_ptr<bench_case> {
            how.checksums = checksums;
            // Or the ports of the one pair of addresses would all be in TIME-WAIT in no time.
            how.config.tcp.time_wait = std::chrono::milliseconds(1);
            return std::make_unique<churn>(how, 64);
        };
    };
    static const std::vector<choice> all{
        {"wire-alone", "round trip", 1'000'000,
         [](setting how) { return std::make_unique<wire_alone>(how); }},
        {"ping-1", "round trip", 300'000, pings(1, true)},
        {"ping-1-trusted", "round trip", 300'000, pings(1, false)},
        {"ping-64", "round trip", 300'000, pings(64, true)},
        {"ping-64-trusted", "round trip", 300'000, pings(64, false)},
        {"ping-1000", "round trip", 300'000, pings(1000, true)},
        {"ping-10000", "round trip", 300'000, pings(10'000, true)},
        {"bulk-1M", "segment", 300'000, streams(1U << 20, true, false)},
        {"bulk-64K", "segment", 300'000, streams(1U << 16, true, false)},
        {"bulk-64K-trusted", "segment", 300'000, streams(1U << 16, false, false)},
        {"bulk-1M-gso", "segment", 1'000'000, streams(1U << 20, false, true)},
        {"churn", "connection", 50'000, visits(true)},
        {"churn-trusted", "connection", 50'000, visits(false)},
    };
    return all;
}

double elapsed_ns(std::chrono::steady_clock::time_point since) {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - since)
        .count();
}

void measure(const choice& what, int rounds, std::uint64_t scale) {
    const auto ready = what.make(setting{});
    const std::uint64_t units = std::max<std::uint64_t>(1, what.units / scale);
    ready->run(units / 10 + 1);  // warm
    const std::uint64_t frames_before = ready->ground().frames();
    std::vector<double> per_unit;
    for (int round = 0; round < rounds; ++round) {
        const auto since = std::chrono::steady_clock::now();
        ready->run(units);
        per_unit.push_back(elapsed_ns(since) / static_cast<double>(units));
    }
    std::sort(per_unit.begin(), per_unit.end());
    const double median = per_unit[per_unit.size() / 2];
    const double frames = static_cast<double>(ready->ground().frames() - frames_before) /
                          static_cast<double>(units) / rounds;
    std::printf("%-18s %8.0f  [%6.0f .. %6.0f]  %10.0f  %7.2f   %s\n", what.name, median,
                per_unit.front(), per_unit.back(), 1e9 / median, frames, what.unit);
    std::fflush(stdout);
}

// Heap per idle connection pair, both sides with what the application keeps.
void measure_memory(unsigned connections) {
    setting how;
    const auto bytes = [] {
        const auto info = ::mallinfo2();
        return static_cast<double>(info.uordblks + info.hblkhd);
    };
    const double before = bytes();
    ping_pong ready(how, 1);
    const double one = bytes();
    const ping_pong many(how, connections);
    const double all = bytes() - one;
    std::printf("memory: %.0f bytes of heap for each pair of idle connections (%u of them)\n",
                (all - (one - before)) / connections, connections);
}

int usage() {
    std::fprintf(
        stderr,
        "bench_stack [--rounds N] [--quick]      wall time of every case\n"
        "bench_stack CASE --units N              one case in virtual time, unmeasured: for "
        "a profiler\n"
        "cases:");
    for (const choice& each : choices()) std::fprintf(stderr, " %s", each.name);
    std::fprintf(stderr, "\n");
    return 2;
}

}  // namespace

int main(int count, char** words) {
    const auto what = read_command_line(count, words);
    if (!what) return usage();
    const auto [rounds, scale, units, one] = *what;
    if (!one.empty()) {
        for (const choice& each : choices()) {
            if (one != each.name) continue;
            setting how;
            how.virtual_clock = true;
            if (units != 0) each.make(how)->run(units);
            else measure(each, rounds, scale);
            return 0;
        }
        return usage();
    }
    std::printf("%-18s %8s  [%6s .. %6s]  %10s  %7s   %s\n", "case", "ns/unit", "min", "max",
                "units/s", "frames", "unit");
    for (const choice& each : choices()) measure(each, rounds, scale);
    measure_memory(10'000);
    return 0;
}
