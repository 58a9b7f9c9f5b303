// How hosts are turned: as the framework's loop does, one after the other, in virtual time.

#include "tests/wire/world.hpp"

#include <algorithm>
#include <utility>

#include <catch2/catch.hpp>

namespace wire_test {

struct host::listener final : session {
    std::function<std::unique_ptr<session>()> accept;
    void on_ready(host& at, const stack::tcp::readiness& ready) override {
        if (ready.acceptable) at.take_accepted(*this);
    }
};

host::host(world& in, const host_options& options, const stack::ip_address& address)
    : world_(in),
      address_(address),
      port_(in.segment().connect(options.port)),
      faulty_(std::make_unique<backends::faulty_device>(*port_, options.faults,
                                                        [this] { return world_.now(); })),
      random_(options.seed),
      stack_(std::make_unique<stack::ip_stack>(options.config, *faulty_, random_)) {
    REQUIRE(stack_->add_address({{address, 24}}));
}

host::~host() = default;

stack::instant host::now() const { return world_.now(); }

session& host::add(std::unique_ptr<session> made) {
    sessions_.push_back(std::move(made));
    return *sessions_.back();
}

void host::attach(session& user, stack::tcp_socket socket) {
    user.socket = socket;
    stack_->tcp_set_user(socket, &user);
}

void host::listen(std::uint16_t port, std::function<std::unique_ptr<session>()> accept,
                  std::uint32_t backlog) {
    auto made = std::make_unique<listener>();
    made->accept = std::move(accept);
    session& user = add(std::move(made));
    const auto socket = stack_->tcp_open(&user);
    REQUIRE(socket);
    user.socket = *socket;
    REQUIRE(stack_->tcp_bind(*socket, {stack::ip_address::any_v4(), port}, false));
    REQUIRE(stack_->tcp_listen(*socket, backlog));
}

void host::take_accepted(listener& at) {
    while (const auto accepted = stack_->tcp_accept(at.socket)) {
        session& user = add(at.accept());
        attach(user, accepted->socket);
        // What came before the session was there is not told again.
        stack::tcp::readiness ready;
        ready.connected = ready.readable = ready.writable = true;
        user.on_ready(*this, ready);
    }
}

void host::start(session& user, const stack::endpoint& to) {
    const auto socket = stack_->tcp_open(&user);
    REQUIRE(socket);
    user.socket = *socket;
    REQUIRE(stack_->tcp_connect(*socket, to, now()));
}

bool host::turn() {
    if (!stack_) return false;
    const stack::instant now = world_.now();
    bool busy = false;
    while (port_->frames_waiting() || faulty_->receivable()) {
        busy = true;
        stack_->receive(now);
    }
    if (stack_->next_deadline() <= now) {
        busy = true;
        stack_->advance(now);
    }
    stack::tcp::event event;
    while (stack_->next_event(event)) {
        busy = true;
        if (event.user != nullptr) static_cast<session*>(event.user)->on_ready(*this, event.ready);
    }
    const std::uint64_t sent = port_->counters().sent;
    all_sent_ = stack_->flush(now);
    faulty_->send_due();
    return busy || port_->counters().sent != sent;
}

void host::vanish() {
    stack_.reset();
    faulty_.reset();
    port_.reset();
}

std::uint64_t host::counter(std::string_view name) const {
    for (const stack::counter& each : stack_->counters())
        if (each.name == name) return each.value;
    FAIL("no counter " << name);
    return 0;
}

std::string host::nonzero_counters() const {
    std::string text;
    for (const stack::counter& each : stack_->counters())
        if (each.value != 0)
            text += std::string(each.name) + "=" + std::to_string(each.value) + " ";
    return text;
}

host& world::add_host(const host_options& options) {
    const auto number = static_cast<std::uint32_t>(hosts_.size() + 1);
    hosts_.push_back(
        std::make_unique<host>(*this, options, stack::ip_address::v4(0xC6120000U + number)));
    return *hosts_.back();
}

bool world::turn() {
    ++turns_;
    bool busy = false;
    for (const auto& each : hosts_) busy = each->turn() || busy;
    return busy;
}

stack::instant world::next_deadline() const {
    stack::instant next = stack::never;
    for (const auto& each : hosts_) {
        if (!each->stack_) continue;
        next = std::min({next, each->stack_->next_deadline(), each->faulty_->next_due()});
    }
    return next;
}

bool world::run_until(const std::function<bool()>& done, stack::duration limit) {
    const stack::instant end = now_ + limit;
    while (!done()) {
        if (now_ >= end) return false;
        if (turn()) {
            now_ += step_;
        } else {
            now_ = std::clamp(next_deadline(), now_ + 1ns, end);
        }
    }
    return true;
}

bool world::run_down(stack::duration limit) {
    return run_until(
        [this] {
            return std::all_of(hosts_.begin(), hosts_.end(), [](const auto& each) {
                return !each->stack_ || each->stack_->tcp_socket_count() == 0;
            });
        },
        limit);
}

}  // namespace wire_test
