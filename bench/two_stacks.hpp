// Two whole stacks on a memory wire, turned in one thread: the ground of the stack-only benchmarks.
// Its clock is the machine's, or a virtual one that makes each run the same run.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "backends/wire/port.hpp"
#include "backends/wire/segment.hpp"
#include "stack/base/random.hpp"
#include "stack/stack.hpp"

namespace bench {

using namespace coax;

inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "bench: failed: %s\n", what);
    std::exit(1);
}

class splitmix final : public stack::random_source {
  public:
    explicit splitmix(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() noexcept override {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

  private:
    std::uint64_t state_;
};

struct setting {
    stack::stack_config config;
    bool checksums = true;  // computed and verified, as on a real medium
    bool gso = false;
    bool virtual_clock = false;
};

class side;

// The user of a socket.
class user {
  public:
    virtual ~user() = default;
    virtual void on_ready(side& at, const stack::tcp::readiness& ready) = 0;
    stack::tcp_socket socket;
};

class side {
  public:
    side(backends::wire::segment& wire, const setting& how, std::uint64_t seed, std::uint8_t host)
        : port_(wire.connect(port_options(how))),
          random_(seed),
          stack(how.config, *port_, random_),
          address(stack::ip_address::v4(198, 18, 0, host)) {
        require(stack.add_address({{address, 24}}).has_value(), "add_address");
    }

    // What the loop of a context does in one turn.
    void turn(stack::instant at) {
        now = at;
        while (stack.receive(now)) {
        }
        if (stack.next_deadline() <= now) stack.advance(now);
        stack::tcp::event event;
        while (stack.next_event(event))
            if (event.user != nullptr) static_cast<user*>(event.user)->on_ready(*this, event.ready);
        stack.flush(now);
    }

    backends::wire::port& port() { return *port_; }

  private:
    static backends::wire::port_options port_options(const setting& how) {
        backends::wire::port_options options;
        options.trusted = !how.checksums;
        return options;
    }

    std::unique_ptr<backends::wire::port> port_;
    splitmix random_;

  public:
    stack::ip_stack stack;
    stack::ip_address address;
    stack::instant now{};
};

class two_stacks {
  public:
    explicit two_stacks(const setting& how)
        : virtual_(how.virtual_clock),
          wire_(backends::wire::segment::create({how.gso, false, 1024, 256})),
          client(*wire_, how, 1, 1),
          server(*wire_, how, 2, 2) {}

    void turn() {
        client.turn(tick());
        server.turn(tick());
    }
    template <class Done>
    void turn_until(Done&& done) {
        while (!done()) turn();
    }
    stack::instant tick() {
        if (virtual_) return virtual_now_ += std::chrono::microseconds(1);
        return stack::instant{std::chrono::steady_clock::now().time_since_epoch()};
    }
    std::uint64_t frames() { return client.port().counters().sent + server.port().counters().sent; }

  private:
    bool virtual_;
    stack::instant virtual_now_{std::chrono::hours(1)};
    std::shared_ptr<backends::wire::segment> wire_;

  public:
    side client;
    side server;
};

}  // namespace bench
