// The stack over the AF_XDP driver, without the framework: ping, and TCP echo on port 7, for the
// scripts beside it. Usage: net_xdp_stack SPEC
// Prints "ready: ..."; when a signal ends it, the counters of the stack and the driver, and the
// size of the largest received frame.
#include <algorithm>
#include <cstring>
#include <random>
#include <unordered_map>
#include <vector>

#include "stack/stack.hpp"
#include "tests/net/lib/device_loop.hpp"

namespace {

using namespace coax;
using stack::error;
using stack::tcp_socket;

class seeded final : public stack::random_source {
  public:
    std::uint64_t next() noexcept override { return random_(); }

  private:
    std::mt19937_64 random_{std::random_device{}()};
};

stack::instant now() { return stack::instant{std::chrono::steady_clock::now().time_since_epoch()}; }

// What the stack sees, with a note of the largest frame.
class measuring_device final : public stack::device {
  public:
    explicit measuring_device(stack::device& inner) : inner_(inner) {}
    const stack::device_capabilities& capabilities() const noexcept override {
        return inner_.capabilities();
    }
    std::size_t receive(std::span<stack::rx_frame> frames) noexcept override {
        const std::size_t count = inner_.receive(frames);
        for (const auto& frame : frames.first(count))
            largest = std::max(largest, stack::payload_view(frame.head, frame.rest).size());
        return count;
    }
    void release() noexcept override { inner_.release(); }
    std::size_t reserve(std::span<stack::tx_slot> slots) noexcept override {
        return inner_.reserve(slots);
    }
    std::size_t reserve_large(std::span<stack::tx_slot> slots) noexcept override {
        return inner_.reserve_large(slots);
    }
    void transmit(std::span<const stack::tx_slot> slots) noexcept override {
        inner_.transmit(slots);
    }
    void cancel(std::span<const stack::tx_slot> slots) noexcept override { inner_.cancel(slots); }
    stack::error want_group(const stack::ip_address& group, bool wanted) noexcept override {
        return inner_.want_group(group, wanted);
    }

    std::size_t largest = 0;

  private:
    stack::device& inner_;
};

// One connection: what was read and not yet written back, in order.
struct echo {
    tcp_socket socket;
    std::vector<std::byte> waiting;
    bool ended = false;  // the peer sends no more
};

class echo_server {
  public:
    explicit echo_server(stack::ip_stack& s) : stack_(s) {
        const auto opened = stack_.tcp_open(this);
        if (!opened) return;
        listener_ = *opened;
        good_ = stack_.tcp_bind(listener_, {stack::ip_address::any_v4(), 7}, true).has_value() &&
                stack_.tcp_listen(listener_, 1024).has_value();
    }
    bool good() const { return good_; }

    void on_event(const stack::tcp::event& event) {
        if (event.socket == listener_) return accept();
        const auto found = echoes_.find(event.socket.index);
        if (found != echoes_.end() && found->second.socket == event.socket) serve(found->second);
    }

    void accept() {
        while (true) {
            const auto taken = stack_.tcp_accept(listener_);
            if (!taken) return;
            echo& e = echoes_[taken->socket.index];
            e = {taken->socket, {}, false};
            serve(e);
        }
    }

    void serve(echo& e) {
        std::byte buffer[65536];
        while (true) {
            if (!e.waiting.empty()) {
                const stack::const_bytes piece(e.waiting);
                const auto sent = stack_.tcp_send(e.socket, {&piece, 1}, now());
                if (!sent) return finish(e, sent.code());
                const auto count = static_cast<std::ptrdiff_t>(*sent);
                e.waiting.erase(e.waiting.begin(), e.waiting.begin() + count);
                continue;
            }
            if (e.ended) {
                stack_.tcp_close(e.socket, now());
                echoes_.erase(e.socket.index);
                return;
            }
            const stack::mutable_bytes room(buffer);
            const auto read = stack_.tcp_receive(e.socket, {&room, 1}, now());
            if (read) e.waiting.assign(buffer, buffer + *read);
            else if (read.code() == error::end_of_stream) e.ended = true;
            else return finish(e, read.code());
        }
    }

  private:
    void finish(echo& e, error code) {
        if (code == error::would_block) return;
        stack_.tcp_abort(e.socket, now());
        echoes_.erase(e.socket.index);
    }

    stack::ip_stack& stack_;
    tcp_socket listener_;
    bool good_ = false;
    std::unordered_map<std::uint32_t, echo> echoes_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    coax::tests::catch_signals();
    coax::backends::ring ring;
    if (ring.open(64)) return 1;
    const auto driver = coax::tests::open_or_say(argv[1]);
    if (driver == nullptr) return 2;
    measuring_device device(driver->device());
    seeded randomness;
    stack::ip_stack host(stack::stack_config{}, device, randomness);
    for (const auto& text : driver->describe().addresses)
        if (!host.add_address({*stack::ip_prefix::parse(text)})) return 1;
    echo_server server(host);
    if (!server.good()) return 1;
    coax::tests::print_ready(*driver);
    const int status = coax::tests::run_loop(
        *driver, ring,
        [&] {
            const auto before = driver->frames_waiting();
            while (host.receive(now())) {
            }
            host.advance(now());
            stack::tcp::event event;
            while (host.next_event(event)) server.on_event(event);
            const bool all = host.flush(now());
            return before || (!all && driver->frames_waiting());
        },
        [&] {
            const auto deadline = host.next_deadline();
            return deadline == stack::never ? stack::duration{std::chrono::hours{1}}
                                            : std::max(deadline - now(), stack::duration{0});
        });
    for (const auto& [name, value] : host.counters())
        std::printf("%.*s %llu\n", static_cast<int>(name.size()), name.data(),
                    static_cast<unsigned long long>(value));
    std::printf("largest %zu\n", device.largest);
    return status;
}
