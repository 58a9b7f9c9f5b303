// Turns the stack between its driver and the streams.
#include "framework/transport/stack_transport.hpp"

#include <utility>

#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include "framework/backend_values.hpp"
#include "framework/randomness.hpp"

namespace coax::detail {

namespace {

// Bursts taken per turn: enough to drain what came while handlers ran, not so many that handlers
// wait for a flood to end.
constexpr int bursts_per_turn = 4;

}  // namespace

stack_transport::stack_transport(engine& where, std::unique_ptr<backends::driver> medium,
                                 std::unique_ptr<stack::random_source> randomness,
                                 const settings& s)
    : engine_(where),
      driver_(std::move(medium)),
      randomness_(std::move(randomness)),
      stack_(s.config, driver_->device(), *randomness_),
      names_(s.names),
      seed_(s.seed),
      description_(to_public(driver_->describe())) {
    if (stack::siblings* const others = driver_->siblings()) stack_.set_siblings(*others);
    const auto refuse = [](const std::string& what, stack::error e) {
        throw backend_error(what + ": " + std::string(stack::to_string(e)));
    };
    for (const stack::ip_prefix& address : s.addresses)
        if (const auto added = stack_.add_address({address}); !added)
            refuse("ip=" + address.to_string(), added.code());
    if (s.gateway.is_unspecified()) return;
    const stack::ip_prefix everything{
        s.gateway.is_v4() ? stack::ip_address::any_v4() : stack::ip_address(), 0};
    if (const auto added = stack_.add_route({everything, s.gateway}); !added)
        refuse("gw=" + s.gateway.to_string(), added.code());
}

stack_transport::~stack_transport() = default;

std::unique_ptr<stream_state> stack_transport::open_stream(int family, error_code& ec) {
    return stack_stream::open(*this, family, ec);
}

std::unique_ptr<datagram_state> stack_transport::open_datagram(int family, error_code& ec) {
    return stack_datagram::open(*this, family, ec);
}

// Its randomness is its own: what it draws must not change what the stack draws.
std::unique_ptr<name_resolver> stack_transport::make_resolver() {
    constexpr std::uint64_t other = 0x6e61'6d65'7300'0000;
    return std::make_unique<dns_resolver>(
        engine_, make_random_source(seed_ == 0 ? 0 : seed_ ^ other), names_);
}

void stack_transport::append_counters(std::vector<counter>& all) const {
    for (const stack::counter& c : stack_.counters()) all.push_back({c.name, c.value});
    for (const backends::counter& c : driver_->counters()) all.push_back({c.name, c.value});
}

// --- a turn

transport::intake stack_transport::take_input(stack::instant now) noexcept {
    if (dead_) return intake::nothing;
    bool more = driver_->frames_waiting();
    const bool due = stack_transport::next_deadline() <= now;
    if (!more && !due) {
        const bool news = look_for_events_ && take_events();
        return news ? intake::some : intake::nothing;
    }
    deadline_known_ = false;
    for (int burst = 0; more && burst != bursts_per_turn; ++burst) more = stack_.receive(now);
    if (due) stack_.advance(now);
    take_events();
    return more ? intake::more : intake::some;
}

bool stack_transport::take_events() noexcept {
    look_for_events_ = false;
    bool any = false;
    stack::tcp::event happened;
    while (stack_.next_event(happened)) {
        if (happened.user == nullptr) continue;
        any = true;
        static_cast<stack_stream*>(happened.user)->on_event(happened.ready);
    }
    stack::udp::event heard;
    while (stack_.next_udp_event(heard)) {
        if (heard.user == nullptr) continue;
        any = true;
        static_cast<stack_datagram*>(heard.user)->on_event();
    }
    return any;
}

bool stack_transport::flush_output(stack::instant now) noexcept {
    if (dead_) return true;
    // false: the device is full; the next turn, or the end of its back-pressure, tries again.
    deadline_known_ = false;
    const bool sent = stack_.flush(now);
    driver_->kick(engine_.ring());
    check_medium();
    return sent;
}

bool stack_transport::prepare_to_sleep() noexcept {
    if (take_events()) return false;
    if (dead_) return true;
    const bool quiet = driver_->prepare_to_sleep(engine_.ring());
    check_medium();
    return quiet;
}

void stack_transport::check_medium() noexcept {
    if (dead_ || driver_->dead() == nullptr) return;
    dead_ = true;
    description_.notes.push_back(*driver_->dead());
    for (stack_stream& s : streams_) s.fail_operations(boost::asio::error::network_down);
    for (stack_datagram& s : datagrams_) s.fail_operations(boost::asio::error::network_down);
}

// --- the end

void stack_transport::abandon_operations() noexcept {
    for (stack_stream& s : streams_) s.cancel_all();
    for (stack_datagram& s : datagrams_) s.cancel_all();
}

void stack_transport::shut_down() noexcept { driver_->shut_down(engine_.ring()); }

error_code stack_transport::check_open(int family) const noexcept {
    if (family != AF_INET && family != AF_INET6)
        return boost::asio::error::address_family_not_supported;
    return dead_ ? error_code(boost::asio::error::network_down) : error_code();
}

}  // namespace coax::detail
