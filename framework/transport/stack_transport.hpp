// The transport over coax's own stack: a driver that moves frames, the stack on it, and the sockets
// of the context. Their operations: stack_stream.hpp.
#pragma once

#include <memory>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "backends/driver.hpp"
#include "framework/engine.hpp"
#include "framework/resolver/dns_resolver.hpp"
#include "framework/transport/stack_datagram.hpp"
#include "framework/transport/stack_stream.hpp"
#include "framework/transport/transport.hpp"
#include "stack/base/random.hpp"
#include "stack/stack.hpp"

namespace coax::detail {

class stack_transport final : public transport {
  public:
    struct settings {
        std::vector<stack::ip_prefix> addresses;
        stack::ip_address gateway;  // unspecified: none
        stack::stack_config config;
        dns_resolver::options names;
        std::uint64_t seed = 0;  // of identifiers of DNS; 0: the system's randomness
    };

    // Throws backend_error when the stack refuses an address or the gateway.
    stack_transport(engine& where, std::unique_ptr<backends::driver> medium,
                    std::unique_ptr<stack::random_source> randomness, const settings& s);
    ~stack_transport() override;

    // --- transport
    std::unique_ptr<stream_state> open_stream(int family, error_code& ec) override;
    std::unique_ptr<datagram_state> open_datagram(int family, error_code& ec) override;
    std::unique_ptr<name_resolver> make_resolver() override;
    const backend_description& describe() const noexcept override { return description_; }
    void append_counters(std::vector<counter>& all) const override;
    bool input_waiting() noexcept override { return !dead_ && driver_->frames_waiting(); }
    intake take_input(stack::instant now) noexcept override;
    bool flush_output(stack::instant now) noexcept override;
    stack::instant next_deadline() const noexcept override {
        if (dead_) return stack::never;
        if (!deadline_known_) {
            deadline_ = stack_.next_deadline();
            deadline_known_ = true;
        }
        return deadline_;
    }
    bool prepare_to_sleep() noexcept override;
    void abandon_operations() noexcept override;
    bool is_delivering() const noexcept override { return !dead_ && stack_.tcp_is_delivering(); }
    void shut_down() noexcept override;
    bool idle() const noexcept override { return driver_->idle(); }

    // --- for its streams
    // For whatever may leave something to send, or an event.
    stack::ip_stack& stack() noexcept {
        look_for_events_ = true;
        return stack_for_data();
    }
    // For sending and receiving, which make no events.
    stack::ip_stack& stack_for_data() noexcept {
        engine_.output_is_due();
        deadline_known_ = false;
        return stack_;
    }
    engine& loop_of() noexcept { return engine_; }
    // The time for a socket call: that of the turn, or now, outside of one.
    stack::instant present() noexcept { return engine_.present(); }
    void enlist(stack_stream& s) noexcept { streams_.push_back(s); }
    void delist(stack_stream& s) noexcept { streams_.erase(streams_.iterator_to(s)); }
    void enlist(stack_datagram& s) noexcept { datagrams_.push_back(s); }
    void delist(stack_datagram& s) noexcept { datagrams_.erase(datagrams_.iterator_to(s)); }
    bool is_dead() const noexcept { return dead_; }
    // Why no socket of this family can be opened: address_family_not_supported, network_down.
    error_code check_open(int family) const noexcept;

  private:
    bool take_events() noexcept;
    void check_medium() noexcept;

    engine& engine_;
    std::unique_ptr<backends::driver> driver_;
    std::unique_ptr<stack::random_source> randomness_;
    stack::ip_stack stack_;
    dns_resolver::options names_;
    std::uint64_t seed_;
    backend_description description_;
    boost::intrusive::list<stack_stream, boost::intrusive::constant_time_size<false>> streams_;
    boost::intrusive::list<stack_datagram, boost::intrusive::constant_time_size<false>> datagrams_;
    bool look_for_events_ = false;  // of socket calls
    mutable bool deadline_known_ = false;
    mutable stack::instant deadline_{};
    bool dead_ = false;  // the medium is gone: every socket fails with network_down
};

inline void stack_stream::finish(socket_operation* o, error_code result) noexcept {
    o->result = result;
    where_.loop_of().complete(o);
}

}  // namespace coax::detail
