// The medium of a userspace stack dies under open sockets: every operation, pending or later, ends
// with network_down, and the context goes on.
#include <array>
#include <memory>
#include <optional>
#include <string>

#include <sys/socket.h>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <coax/coax.hpp>

#include "framework/engine.hpp"
#include "framework/randomness.hpp"
#include "framework/transport/stack_transport.hpp"

namespace asio = boost::asio;
namespace stack = coax::stack;
namespace backends = coax::backends;
using namespace coax::detail;

namespace {

// Takes every frame and delivers none, until it is dead.
class mortal_driver final : public backends::driver, private stack::device {
  public:
    explicit mortal_driver(bool& dead) : dead_(dead) { description_.kind = "mortal"; }

    stack::device& device() noexcept override { return *this; }
    const backends::description& describe() const noexcept override { return description_; }
    bool frames_waiting() noexcept override { return false; }
    void kick(backends::ring&) noexcept override {}
    bool prepare_to_sleep(backends::ring&) noexcept override { return !dead_; }
    const std::string* dead() const noexcept override { return dead_ ? &why_ : nullptr; }
    void shut_down(backends::ring&) noexcept override {}
    bool idle() const noexcept override { return true; }

  private:
    const stack::device_capabilities& capabilities() const noexcept override { return can_; }
    std::size_t receive(std::span<stack::rx_frame>) noexcept override { return 0; }
    void release() noexcept override {}
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override {
        if (dead_ || slots.empty()) return 0;
        slots[0].data = memory_.data();
        slots[0].capacity = static_cast<std::uint32_t>(memory_.size());
        return 1;
    }
    void transmit(std::span<const stack::tx_slot>) noexcept override {}
    void cancel(std::span<const stack::tx_slot>) noexcept override {}

    bool& dead_;
    const std::string why_ = "interface gone";
    backends::description description_;
    stack::device_capabilities can_;
    std::array<std::byte, 2048> memory_{};
};

template <class Base>
class noted final : public Base {
  public:
    noted() : Base(&noted::end) {}
    std::optional<error_code> ended;

  private:
    static void end(operation* o, bool) {
        auto* const self = static_cast<noted*>(o);
        self->ended = self->result;
    }
};

}  // namespace

TEST_CASE("a dead medium ends every operation with network_down") {
    coax::io_context io;
    asio::execution_context services;
    bool dead = false;
    engine e(io, services, {});
    stack_transport::settings settings;
    settings.addresses = {*stack::ip_prefix::parse("198.18.5.1/24")};
    stack_transport t(e, std::make_unique<mortal_driver>(dead), make_random_source(1), settings);
    const auto now = [&] { return stack::instant{e.now().time_since_epoch()}; };

    error_code ec;
    auto listener = t.open_stream(AF_INET, ec);
    REQUIRE(!ec);
    CHECK(!listener->bind({asio::ip::make_address("198.18.5.1"), 80}));
    CHECK(!listener->listen(5));
    auto client = t.open_stream(AF_INET, ec);
    noted<accept_operation> accept;
    noted<connect_operation> connect;
    connect.remote = {asio::ip::make_address("198.18.5.9"), 80};
    noted<wait_operation> wait;
    listener->start_accept(&accept);
    client->start_connect(&connect);
    listener->start_wait(&wait);
    t.take_input(now());
    t.flush_output(now());
    CHECK(!accept.ended);

    dead = true;
    t.flush_output(now());  // as in the turn after the completion that told it
    for (int i = 0; i < 3; ++i) e.work_started();  // as the sockets do for what they start
    CHECK(e.run_handlers(3, coax::clock::time_point::min()) == 3);
    const error_code down = asio::error::network_down;
    CHECK(accept.ended == down);
    CHECK(connect.ended == down);
    CHECK(wait.ended == down);
    CHECK(t.describe().notes == std::vector<std::string>{"interface gone"});

    CHECK(t.prepare_to_sleep());  // the context sleeps in peace
    CHECK(t.next_deadline() == stack::never);
    CHECK(t.open_stream(AF_INET, ec) == nullptr);
    CHECK(ec == down);
    coax::tcp::endpoint from;
    CHECK(listener->try_accept(from, ec) == nullptr);
    CHECK(ec == down);
    CHECK(!listener->close());
    listener.reset();
    client.reset();
    e.discard_operations();
    e.shut_down();
}
