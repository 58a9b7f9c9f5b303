// A simulated host: one stack on one card, turned as the framework's loop turns it, whenever frames
// came, a timer is due or somebody asked. Events go to the users of the sockets. Knows nothing of
// what these do.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "stack/stack.hpp"
#include "tests/sim/network/nic.hpp"
#include "tests/sim/network/random.hpp"
#include "tests/sim/network/schedule.hpp"

namespace coax::sim {

class host;

// What stands behind a socket (ip_stack::tcp_set_user). Must live as long as the socket has it.
class socket_user {
  public:
    virtual void on_ready(host& at, const stack::tcp::readiness& ready) = 0;

  protected:
    socket_user() = default;
    ~socket_user() = default;
    socket_user(const socket_user&) = default;
    socket_user& operator=(const socket_user&) = default;
};

// The same of a UDP socket (ip_stack::udp_open).
class udp_user {
  public:
    virtual void on_datagrams(host& at, const stack::udp::readiness& ready) = 0;

  protected:
    udp_user() = default;
    ~udp_user() = default;
    udp_user(const udp_user&) = default;
    udp_user& operator=(const udp_user&) = default;
};

struct host_options {
    stack::stack_config config;
    nic_options card;
    stack::ip_prefix address;
    stack::ip_address gateway;         // unspecified: no default route
    stack::duration turn_delay{1000};  // from a frame's arrival to the turn that takes it
    std::uint64_t seed = 1;
};

class host final : public actor {
  public:
    // `time` and `frames` must outlive the host.
    host(schedule& time, frame_pool& frames, const host_options& options,
         const stack::mac_address& mac);
    ~host();
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    stack::ip_stack& stack() noexcept { return *stack_; }
    const stack::ip_stack& stack() const noexcept { return *stack_; }
    sim::nic& card() noexcept { return card_; }
    const sim::nic& card() const noexcept { return card_; }
    const stack::ip_address& address() const noexcept { return options_.address.address; }
    const host_options& options() const noexcept { return options_; }
    stack::instant now() const noexcept { return time_.now(); }
    schedule& time() noexcept { return time_; }

    void connect(lane& out) {
        card_.connect(out, [this] { turn_at(now() + options_.turn_delay); });
    }
    // After socket calls from outside a turn: what they caused is sent now.
    void wake() { turn_at(now()); }
    // Called at the end of each turn.
    std::function<void(host&)> after_turn;

    std::uint64_t turns() const noexcept { return turns_; }
    // Turns in a row at the end of which a deadline had already passed: a loop without progress.
    std::uint64_t idle_turns() const noexcept { return idle_turns_; }
    std::uint64_t counter(std::string_view name) const;  // 0 if there is none of this name
    bool exists() const noexcept { return stack_ != nullptr; }
    void end() { stack_.reset(); }  // the stack ends, and gives its slots back

    void on_moment(std::uint64_t what) override;

  private:
    void turn();
    void turn_at(stack::instant when);

    schedule& time_;
    host_options options_;
    sim::nic card_;
    seeded_random random_;
    std::unique_ptr<stack::ip_stack> stack_;
    stack::instant next_turn_ = stack::never;
    std::uint64_t alarm_ = 0;  // number of the scheduled turn that counts
    std::uint64_t turns_ = 0;
    std::uint64_t idle_turns_ = 0;
};

}  // namespace coax::sim
