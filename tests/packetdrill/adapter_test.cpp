// The adapter played as packetdrill plays it: loaded as a shared object, driven through its table,
// packets by hand, blocking calls on a second thread. So it works where the tool is not.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/packetdrill/interface.hpp"
#include "tests/support/frames.hpp"

namespace {

using namespace coax;
using packetdrill::interface;

constexpr std::string_view own_ip = "192.168.0.1";
constexpr std::string_view peer_ip = "192.0.2.1";
constexpr std::uint16_t own_port = 8080;
constexpr std::uint16_t peer_port = 40000;
constexpr std::uint32_t peer_start = 1000;

sockaddr_in socket_address(std::string_view ip, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(stack::ip_address::parse(ip)->to_v4());
    return address;
}

// A segment as it left the stack. Sequence numbers as on the wire.
struct left {
    stack::wire::tcp_header header;
    std::size_t length = 0;  // payload
    long long at = 0;        // microseconds
};

class table {
  public:
    explicit table(const char* flags = nullptr) {
        object_ = ::dlopen(COAX_PACKETDRILL_MODULE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        INFO("dlopen: " << (object_ == nullptr ? ::dlerror() : "good"));
        REQUIRE(object_ != nullptr);
        const auto init = reinterpret_cast<packetdrill::initialise>(
            ::dlsym(object_, "packetdrill_interface_init"));
        REQUIRE(init != nullptr);
        init(flags, &calls_);
    }
    ~table() {
        calls_.free(calls_.user);
        ::dlclose(object_);
    }
    table(const table&) = delete;
    table& operator=(const table&) = delete;

    const interface& calls() const { return calls_; }
    const interface* operator->() const { return &calls_; }
    void* user() const { return calls_.user; }

    long long now() const {
        timeval t{};
        calls_.gettimeofday(calls_.user, &t, nullptr);
        return t.tv_sec * 1'000'000LL + t.tv_usec;
    }
    void sleep(useconds_t microseconds) const {
        const long long until = now() + microseconds;
        for (long long t = now(); t < until; t = now())
            calls_.usleep(calls_.user, static_cast<useconds_t>(until - t));
    }
    int listener() const {
        const int fd = calls_.socket(user(), AF_INET, SOCK_STREAM, IPPROTO_TCP);
        REQUIRE(fd >= 0);
        const sockaddr_in address = socket_address(own_ip, own_port);
        REQUIRE(calls_.bind(user(), fd, reinterpret_cast<const sockaddr*>(&address),
                            sizeof address) == 0);
        REQUIRE(calls_.listen(user(), fd, 1) == 0);
        return fd;
    }
    int accept(int fd, sockaddr_in* remote = nullptr) const {
        sockaddr_in storage{};
        socklen_t length = sizeof storage;
        const int made = calls_.accept(user(), fd, reinterpret_cast<sockaddr*>(&storage), &length);
        if (remote != nullptr) *remote = storage;
        return made;
    }

    // --- the peer
    void inject(stack::wire::tcp_header header, const test::bytes& payload = {}) const {
        header.source_port = peer_port;
        header.destination_port = own_port;
        header.window = 60000;
        const test::bytes packet =
            test::tcp_packet(test::ipv4_of(peer_ip, own_ip, 6), header, payload);
        REQUIRE(calls_.netdev_send(user(), packet.data(), packet.size()) == 0);
    }
    std::optional<left> next() const {
        std::vector<std::byte> room(65536);
        std::size_t size = room.size();
        left out;
        REQUIRE(calls_.netdev_receive(user(), room.data(), &size, &out.at) == 0);
        if (size == 0) return {};
        const auto ip = stack::wire::parse_ipv4(stack::const_bytes(room).first(size), size);
        REQUIRE(ip.fault == stack::wire::ipv4_fault::none);
        const auto segment = stack::const_bytes(room).subspan(
            ip.header_length, ip.header.total_length - ip.header_length);
        const auto pseudo = stack::wire::pseudo_header_sum(
            ip.header.source, ip.header.destination, ip.header.protocol,
            static_cast<std::uint32_t>(segment.size()));
        REQUIRE(stack::wire::fold_sum(
                    stack::wire::sum_bytes(pseudo, segment.data(), segment.size())) == 0xffff);
        const auto tcp = stack::wire::parse_tcp(segment);
        REQUIRE(tcp.fault == stack::wire::tcp_fault::none);
        out.header = tcp.header;
        out.length = segment.size() - tcp.header_length;
        return out;
    }
    // From LISTEN to ESTABLISHED, without options; the SYN-ACK's sequence number.
    std::uint32_t shake_hands() const {
        stack::wire::tcp_header syn;
        syn.flags.syn = true;
        syn.sequence = peer_start;
        inject(syn);
        const auto answer = next();
        REQUIRE(answer);
        REQUIRE((answer->header.flags.syn && answer->header.flags.ack));
        CHECK(answer->header.acknowledgment == peer_start + 1);
        inject(ack(peer_start + 1, answer->header.sequence + 1));
        return answer->header.sequence;
    }
    static stack::wire::tcp_header ack(std::uint32_t sequence, std::uint32_t acknowledgment) {
        stack::wire::tcp_header header;
        header.flags.ack = true;
        header.sequence = sequence;
        header.acknowledgment = acknowledgment;
        return header;
    }

  private:
    void* object_ = nullptr;
    interface calls_{};
};

// A call on a thread of its own, asleep in it when the constructor returns; asks for the time when
// the call is over, as packetdrill does.
class blocked_call {
  public:
    blocked_call(const table& t, const std::function<ssize_t()>& call)
        : thread_([this, &t, call] {
              id_ = ::gettid();
              result_ = call();
              ended_ = t.now();
          }) {
        while (id_ == 0 || !is_asleep()) std::this_thread::yield();
    }
    ~blocked_call() {
        if (thread_.joinable()) thread_.join();
    }
    blocked_call(const blocked_call&) = delete;
    blocked_call& operator=(const blocked_call&) = delete;

    ssize_t result() {
        if (thread_.joinable()) thread_.join();
        return result_;
    }
    long long ended() {
        if (thread_.joinable()) thread_.join();
        return ended_;
    }

  private:
    bool is_asleep() const {
        std::ifstream file("/proc/self/task/" + std::to_string(id_) + "/stat");
        std::string line;
        std::getline(file, line);
        return line.find(") S") != std::string::npos;
    }

    std::atomic<pid_t> id_{0};
    ssize_t result_ = 0;
    long long ended_ = 0;
    std::thread thread_;
};

const test::bytes hello = test::text_bytes("hello");

}  // namespace

TEST_CASE("a conversation: accept, echo, close, the peer's FIN first") {
    const table t;
    const int listener = t.listener();
    const std::uint32_t own_start = t.shake_hands();
    sockaddr_in remote{};
    const int fd = t.accept(listener, &remote);
    REQUIRE(fd >= 0);
    CHECK(ntohs(remote.sin_port) == peer_port);
    CHECK(ntohl(remote.sin_addr.s_addr) == stack::ip_address::parse(peer_ip)->to_v4());

    t.inject(table::ack(peer_start + 1, own_start + 1), hello);
    char buffer[100];
    REQUIRE(t->read(t.user(), fd, buffer, sizeof buffer) == 5);
    REQUIRE(t->write(t.user(), fd, buffer, 5) == 5);
    auto echo = t.next();
    if (echo && echo->length == 0) echo = t.next();  // the acknowledgment alone, before it
    REQUIRE(echo);
    CHECK(echo->length == 5);
    CHECK(echo->header.sequence == own_start + 1);
    CHECK(echo->header.acknowledgment == peer_start + 6);

    stack::wire::tcp_header fin = table::ack(peer_start + 6, own_start + 6);
    fin.flags.fin = true;
    t.inject(fin);
    CHECK(t->read(t.user(), fd, buffer, sizeof buffer) == 0);
    CHECK(t->close(t.user(), fd) == 0);
    auto last = t.next();
    if (last && !last->header.flags.fin) last = t.next();
    REQUIRE(last);
    CHECK(last->header.flags.fin);
    CHECK(last->header.acknowledgment == peer_start + 7);
    t.inject(table::ack(peer_start + 7, own_start + 7));
    CHECK_FALSE(t.next());  // in virtual time: it is over
    CHECK(t->close(t.user(), listener) == 0);
}

TEST_CASE("a blocking accept sleeps until the handshake is over, and ends at its moment") {
    const table t;
    const int listener = t.listener();
    const long long begun = t.now();
    blocked_call accept(t, [&] { return t.accept(listener); });
    t.sleep(100'000);
    t.shake_hands();
    const long long done = t.now();
    CHECK(accept.result() >= 0);
    CHECK(accept.ended() >= begun + 100'000);
    CHECK(accept.ended() <= done + 10);
}

TEST_CASE("a blocking read sleeps until data comes") {
    const table t;
    const int listener = t.listener();
    const std::uint32_t own_start = t.shake_hands();
    const int fd = t.accept(listener);
    char buffer[100];
    blocked_call read(t, [&] { return t->read(t.user(), fd, buffer, sizeof buffer); });
    t.sleep(1'500'000);
    const long long before = t.now();
    t.inject(table::ack(peer_start + 1, own_start + 1), hello);
    const long long after = t.now();
    CHECK(read.result() == 5);
    CHECK(std::string_view(buffer, 5) == "hello");
    CHECK(read.ended() >= before);
    CHECK(read.ended() <= after);
}

TEST_CASE("a SYN-ACK is sent again after 1, 3 and 7 seconds") {  // RFC 6298 (2.1), (5.5)
    const table t;
    t.listener();
    stack::wire::tcp_header syn;
    syn.flags.syn = true;
    syn.sequence = peer_start;
    t.inject(syn);
    const auto first = t.next();
    REQUIRE(first);
    for (const long long seconds : {1, 3, 7}) {
        const auto again = t.next();
        REQUIRE(again);
        CHECK(again->header.flags.syn);
        CHECK(again->header.sequence == first->header.sequence);
        // the wheel's ticks are 16.4 us
        CHECK(again->at >= first->at + seconds * 1'000'000);
        CHECK(again->at < first->at + seconds * 1'000'000 + 100);
    }
}

TEST_CASE("a blocking connect is refused by a RST") {
    const table t("local=192.168.0.7/16,tcp_timestamps=0");
    const int fd = t->socket(t.user(), AF_INET, SOCK_STREAM, IPPROTO_TCP);
    const sockaddr_in remote = socket_address(peer_ip, 8080);
    std::atomic<int> error{0};
    blocked_call connect(t, [&] {
        const int result =
            t->connect(t.user(), fd, reinterpret_cast<const sockaddr*>(&remote), sizeof remote);
        error = errno;
        return result;
    });
    const auto syn = t.next();
    REQUIRE(syn);
    CHECK(syn->header.flags.syn);
    CHECK_FALSE(syn->header.options.timestamps);
    stack::wire::tcp_header reset;
    reset.source_port = 8080;
    reset.destination_port = syn->header.source_port;
    reset.flags.rst = reset.flags.ack = true;
    reset.acknowledgment = syn->header.sequence + 1;
    const test::bytes packet = test::tcp_packet(test::ipv4_of(peer_ip, "192.168.0.7", 6), reset);
    REQUIRE(t->netdev_send(t.user(), packet.data(), packet.size()) == 0);
    CHECK(connect.result() == -1);
    CHECK(error == ECONNREFUSED);
}

TEST_CASE("poll and a non-blocking socket") {
    const table t;
    const int listener = t.listener();
    CHECK(t->fcntl(t.user(), listener, F_GETFL, 0L) == O_RDWR);
    CHECK(t->fcntl(t.user(), listener, F_SETFL, static_cast<long>(O_RDWR | O_NONBLOCK)) == 0);
    CHECK(t.accept(listener) == -1);
    CHECK(errno == EAGAIN);
    pollfd one{listener, POLLIN, 0};
    const long long begun = t.now();
    CHECK(t->poll(t.user(), &one, 1, 250) == 0);  // nobody else lets time pass: the call does
    CHECK(t.now() >= begun + 250'000);
    t.shake_hands();
    CHECK(t->poll(t.user(), &one, 1, 250) == 1);
    CHECK(one.revents == POLLIN);
    CHECK(t.accept(listener) >= 0);
}

TEST_CASE("epoll, edge-triggered: told again only when more has come") {
    const table t;
    const int listener = t.listener();
    const std::uint32_t own_start = t.shake_hands();
    const int fd = t.accept(listener);
    const int epoll = t->epoll_create(t.user(), 1);
    REQUIRE(epoll >= 0);
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLET;
    wanted.data.fd = 42;
    REQUIRE(t->epoll_ctl(t.user(), epoll, EPOLL_CTL_ADD, fd, &wanted) == 0);
    epoll_event got{};
    CHECK(t->epoll_wait(t.user(), epoll, &got, 1, 0) == 0);
    for (std::uint32_t i = 0; i < 2; ++i) {
        t.inject(table::ack(peer_start + 1 + 5 * i, own_start + 1), hello);
        CHECK(t->epoll_wait(t.user(), epoll, &got, 1, 0) == 1);
        CHECK(got.events == EPOLLIN);
        CHECK(got.data.fd == 42);
        CHECK(t->epoll_wait(t.user(), epoll, &got, 1, 0) == 0);
    }
    CHECK(t->close(t.user(), epoll) == 0);
}

TEST_CASE("TCP_INFO is Linux's, and as long as it was asked for") {
    const table t;
    const int listener = t.listener();
    t.shake_hands();
    const int fd = t.accept(listener);
    unsigned char raw[280];
    std::memset(raw, 0xff, sizeof raw);
    socklen_t length = sizeof raw;
    REQUIRE(t->getsockopt(t.user(), fd, IPPROTO_TCP, TCP_INFO, raw, &length) == 0);
    CHECK(length == sizeof raw);
    struct tcp_info info;
    std::memcpy(&info, raw, sizeof info);
    CHECK(info.tcpi_state == TCP_ESTABLISHED);
    CHECK(info.tcpi_snd_cwnd == 10);  // RFC 6928
    CHECK(info.tcpi_snd_mss == 536);  // the peer offered none
    CHECK(raw[279] == 0);
}

TEST_CASE("what holds no byte is sent at once, whatever pieces it has") {
    const table t;
    const int listener = t.listener();
    const std::uint32_t own_start = t.shake_hands();
    const int fd = t.accept(listener);
    char data[3] = {'a', 'b', 'c'};
    std::array<iovec, 3> pieces{{{data, 0}, {data, 0}, {data, 0}}};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    CHECK(t->sendmsg(t.user(), fd, &message, 0) == 0);
    CHECK(t->write(t.user(), fd, data, 0) == 0);
    CHECK_FALSE(t.next());
    pieces[1].iov_len = 3;
    CHECK(t->sendmsg(t.user(), fd, &message, 0) == 3);
    const auto sent = t.next();
    REQUIRE(sent);
    CHECK(sent->length == 3);
    CHECK(sent->header.sequence == own_start + 1);
}

TEST_CASE("bad arguments: EBADF, EFAULT, and what is not there") {
    const table t;
    CHECK(t->listen(t.user(), 12345, 1) == -1);
    CHECK(errno == EBADF);
    const int listener = t.listener();
    t.shake_hands();
    const int fd = t.accept(listener);
    CHECK(t->write(t.user(), fd, nullptr, 10) == -1);
    CHECK(errno == EFAULT);
    CHECK(t->read(t.user(), fd, nullptr, 10) == -1);
    CHECK(errno == EFAULT);
    int fds[2];
    CHECK(t->pipe(t.user(), fds) == -1);
    CHECK(errno == ENOSYS);
    CHECK(t->close(t.user(), fd) == 0);
    CHECK(t->close(t.user(), fd) == -1);
    CHECK(errno == EBADF);
}
