// Whole hosts on one wire segment in virtual time: every run with the same seeds is the same run.
// Turns the stacks, hands events to the sessions of the sockets, and lets time pass. Knows nothing
// of what the sessions do.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/faults/device.hpp"
#include "backends/wire/port.hpp"
#include "backends/wire/segment.hpp"
#include "stack/base/random.hpp"
#include "stack/base/time.hpp"
#include "stack/config.hpp"
#include "stack/stack.hpp"

namespace wire_test {

using namespace coax;
using namespace std::chrono_literals;

class seeded_random final : public stack::random_source {
  public:
    explicit seeded_random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() noexcept override {  // SplitMix64
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

  private:
    std::uint64_t state_;
};

class host;

// What stands behind a socket: the user of it. Lives as long as its host.
class session {
  public:
    virtual ~session() = default;
    virtual void on_ready(host& at, const stack::tcp::readiness& ready) = 0;
    stack::tcp_socket socket;
};

struct host_options {
    stack::stack_config config;
    backends::wire::port_options port;
    backends::fault_options faults;  // both directions
    std::uint64_t seed = 1;
};

class world;

class host {
  public:
    host(world& in, const host_options& options, const stack::ip_address& address);
    ~host();
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    stack::ip_stack& stack() { return *stack_; }
    stack::instant now() const;
    const stack::ip_address& address() const { return address_; }
    backends::wire::port& port() { return *port_; }
    backends::faulty_device& faults() { return *faulty_; }

    // A listener; `accept` makes the session of each connection.
    void listen(std::uint16_t port, std::function<std::unique_ptr<session>()> accept,
                std::uint32_t backlog = 4096);
    // Starts an active open for the session.
    template <class Session>
    Session& connect(std::unique_ptr<Session> made, const stack::endpoint& to) {
        Session& user = *made;
        add(std::move(made));
        start(user, to);
        return user;
    }
    session& add(std::unique_ptr<session> made);
    void attach(session& user, stack::tcp_socket socket);

    std::uint64_t counter(std::string_view name) const;
    std::string nonzero_counters() const;
    bool all_sent() const { return all_sent_; }
    // The stack ends, and leaves the wire (the port with it).
    void vanish();

  private:
    friend class world;
    struct listener;
    bool turn();  // true: something happened
    void start(session& user, const stack::endpoint& to);
    void take_accepted(listener& at);

    world& world_;
    stack::ip_address address_;
    std::unique_ptr<backends::wire::port> port_;
    std::unique_ptr<backends::faulty_device> faulty_;
    seeded_random random_;
    std::unique_ptr<stack::ip_stack> stack_;
    std::vector<std::unique_ptr<session>> sessions_;
    bool all_sent_ = true;
};

class world {
  public:
    // `step`: how long a turn of all hosts takes, so the delay of one hop.
    explicit world(const backends::wire::segment_options& options = {}, stack::duration step = 10us)
        : segment_(backends::wire::segment::create(options)), step_(step) {}

    // Hosts have the addresses 198.18.0.1, .2, ...
    host& add_host(const host_options& options = {});
    // Turns all until `done`, for at most `limit` of virtual time. False: `done` never was.
    bool run_until(const std::function<bool()>& done, stack::duration limit);
    void run_for(stack::duration time) {
        run_until([] { return false; }, time);
    }
    // Lets everything end that ends by itself (TIME-WAIT, ...). True: no socket is left anywhere.
    bool run_down(stack::duration limit = 300s);

    stack::instant now() const { return now_; }
    std::uint64_t turns() const { return turns_; }
    backends::wire::segment& segment() { return *segment_; }

  private:
    bool turn();
    stack::instant next_deadline() const;

    std::shared_ptr<backends::wire::segment> segment_;
    stack::instant now_{std::chrono::hours{1}};
    stack::duration step_;
    std::uint64_t turns_ = 0;
    std::vector<std::unique_ptr<host>> hosts_;
};

}  // namespace wire_test
