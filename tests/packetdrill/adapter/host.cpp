// The host's life: its stack, its time, its packets.
#include "tests/packetdrill/adapter/host.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace coax::packetdrill {

using namespace std::chrono_literals;

namespace {

// How long a script may wait for a packet, in virtual time: beyond every timer of a connection.
constexpr stack::duration packet_patience = 3600s;

long long microseconds_of(stack::instant t) { return t.time_since_epoch() / 1us; }

}  // namespace

std::uint64_t seeded_random::next() noexcept {  // SplitMix64
    std::uint64_t x = state_ += 0x9e37'79b9'7f4a'7c15U;
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9U;
    x = (x ^ x >> 27) * 0x94d0'49bb'1331'11ebU;
    return x ^ x >> 31;
}

host::host(const char* flags) : time_([this] { turn(); }, [this] { return next_deadline(); }) {
    std::string unknown;
    if (flags != nullptr && !settings_.read_flags(flags, unknown))
        std::fprintf(stderr, "coax: --so_flags: \"%s\" is unknown or has no such value\n",
                     unknown.c_str());
}

host::~host() {
    for (const auto& [fd, s] : sockets_) ::close(fd);
    for (const auto& [fd, e] : epolls_) ::close(fd);
}

void host::start() {
    if (stack_) return;
    link_ = std::make_unique<link>(settings_.mtu, time_.now());
    link_->drops = settings_.unreachable;
    stack_ = std::make_unique<stack::ip_stack>(settings_.config, *link_, random_);
    (void)stack_->add_address({settings_.local});
    const stack::ip_address gateway = stack::ip_address::v4(settings_.local.address.to_v4() ^ 3U);
    (void)stack_->add_route({{stack::ip_address::any_v4(), 0}, gateway});
    turn();
}

void host::turn() {
    if (!stack_) return;
    // What the link answers at once (ARP) is taken at once.
    for (int rounds = 0; rounds < 64; ++rounds) {
        while (stack_->receive(time_.now())) continue;
        stack_->advance(time_.now());
        take_events();
        const bool all = stack_->flush(time_.now());
        if (all && !link_->has_incoming() && stack_->next_deadline() > time_.now()) break;
    }
    note_edges();
}

stack::instant host::next_deadline() const {
    return stack_ ? stack_->next_deadline() : stack::never;
}

void host::take_events() {
    stack::tcp::event event;
    while (stack_->next_event(event)) {
        for (auto& [fd, s] : sockets_) {
            if (s.id != event.socket) continue;
            s.connected |= event.ready.connected;
            s.acceptable |= event.ready.acceptable;
            s.failed |= event.ready.failed;
            if (event.ready.connected || event.ready.acceptable || event.ready.failed) ++s.edges;
        }
    }
}

// EPOLLET: something is told again when more data came, or when room came that a write lacked.
void host::note_edges() {
    for (auto& [fd, s] : sockets_) {
        if (s.listening) continue;
        const std::size_t readable = stack_->tcp_available(s.id);
        if (readable > s.readable_seen) ++s.edges;
        s.readable_seen = readable;
        if (s.wanted_space && is_writable(s)) {
            s.wanted_space = false;
            ++s.edges;
        }
    }
}

int host::netdev_send(const void* packet, std::size_t size) {
    lock held(time_.mutex);
    start();
    if (!link_->put({static_cast<const std::byte*>(packet), size})) return fails(EINVAL);
    time_.turn();
    return 0;
}

int host::netdev_receive(void* packet, std::size_t* size, long long* microseconds) {
    lock held(time_.mutex);
    start();
    if (!time_.pass_until(
            held, [this] { return !link_->sent.empty(); }, time_.now() + packet_patience)) {
        std::fprintf(stderr, "coax: no packet left the stack, and none will\n");
        *size = 0;
        return 0;
    }
    const sent_packet first = std::move(link_->sent.front());
    link_->sent.pop_front();
    if (first.bytes.size() > *size) return fails(EMSGSIZE);
    std::memcpy(packet, first.bytes.data(), first.bytes.size());
    *size = first.bytes.size();
    *microseconds = microseconds_of(first.at);
    return 0;
}

void host::usleep(std::uint32_t microseconds) {
    lock held(time_.mutex);
    time_.sleep(held, std::chrono::microseconds(microseconds));
}

timeval host::time_of_day() {
    lock held(time_.mutex);
    const long long now = microseconds_of(time_.look(held));
    return {static_cast<time_t>(now / 1'000'000), static_cast<suseconds_t>(now % 1'000'000)};
}

void host::read_command(const char* command) {
    lock held(time_.mutex);
    settings_.read_command(command);
    if (link_) link_->drops = settings_.unreachable;
}

bool host::owns(int fd) {
    lock held(time_.mutex);
    return sockets_.contains(fd) || epolls_.contains(fd);
}

open_socket* host::find(int fd) {
    const auto at = sockets_.find(fd);
    return at == sockets_.end() ? nullptr : &at->second;
}

int host::new_fd() { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }

int host::fails(int number) {
    errno = number;
    return -1;
}

stack::instant host::deadline_after(int milliseconds) const {
    return milliseconds < 0 ? stack::never : time_.now() + std::chrono::milliseconds(milliseconds);
}

}  // namespace coax::packetdrill
