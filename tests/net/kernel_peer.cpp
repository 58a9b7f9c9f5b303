// The other side of the tests in namespaces: plain blocking kernel sockets and threads, with
// nothing of coax in it, so that a fault of coax cannot hide in both ends.
//
//   kernel_peer serve-echo PORT              sends back what comes, on any number of connections
//   kernel_peer serve-file PORT FILE         answers every HTTP request with the file
//   kernel_peer receive PORT FILE            keeps the stream of each connection in the file
//   kernel_peer send ADDR PORT FILE BACK     sends the file, keeps what comes back in BACK
//   kernel_peer churn ADDR PORT COUNT        connect, one byte there and back, close; COUNT times
//   kernel_peer vanish ADDR PORT             floods the peer without reading until it is killed
//
// Before the verb, --congestion NAME chooses the kernel's algorithm for every socket.
// Servers print "ready" when they listen. Status 0: all went well.
#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

int check(int result, const char* what) {
    if (result < 0) die(what);
    return result;
}

sockaddr_in address_of(const char* host, const char* port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    if (::inet_pton(AF_INET, host, &address.sin_addr) != 1) die("address");
    return address;
}

const sockaddr* generic(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

const char* congestion = nullptr;

int open_socket() {
    const int made = check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    if (congestion != nullptr)
        check(::setsockopt(made, IPPROTO_TCP, TCP_CONGESTION, congestion,
                           static_cast<socklen_t>(std::strlen(congestion))),
              congestion);
    return made;
}

int listen_on(const char* port) {
    const int listener = open_socket();
    const int on = 1;
    check(::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    const sockaddr_in any = address_of("0.0.0.0", port);
    check(::bind(listener, generic(any), sizeof any), "bind");
    check(::listen(listener, 4096), "listen");
    std::puts("ready");
    std::fflush(stdout);
    return listener;
}

int connect_to(const char* host, const char* port) {
    const int peer = open_socket();
    const sockaddr_in address = address_of(host, port);
    check(::connect(peer, generic(address), sizeof address), "connect");
    return peer;
}

bool write_all(int to, const char* data, std::size_t size) {
    while (size > 0) {
        const ssize_t n = ::write(to, data, size);
        if (n < 0) return false;
        data += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

// Copies until the end of `from`; false after an error of either.
bool copy_all(int from, int to, std::uint64_t* total = nullptr) {
    std::vector<char> piece(256 * 1024);
    for (;;) {
        const ssize_t n = ::read(from, piece.data(), piece.size());
        if (n <= 0) return n == 0;
        if (!write_all(to, piece.data(), static_cast<std::size_t>(n))) return false;
        if (total != nullptr) *total += static_cast<std::uint64_t>(n);
    }
}

int create(const char* name) {
    return check(::open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), name);
}

int serve_echo(const char* port) {
    const int listener = listen_on(port);
    for (;;) {
        const int peer = check(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
        std::thread([peer] {
            copy_all(peer, peer);
            ::close(peer);
        }).detach();
    }
}

int serve_file(const char* port, const char* name) {
    const int listener = listen_on(port);
    for (;;) {
        const int peer = check(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
        std::string request;
        std::array<char, 4096> piece{};
        while (request.find("\r\n\r\n") == std::string::npos) {
            const ssize_t n = ::read(peer, piece.data(), piece.size());
            if (n <= 0) break;
            request.append(piece.data(), static_cast<std::size_t>(n));
        }
        const int file = check(::open(name, O_RDONLY | O_CLOEXEC), name);
        const off_t size = ::lseek(file, 0, SEEK_END);
        ::lseek(file, 0, SEEK_SET);
        const std::string head =
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(size) +
            "\r\n\r\n";
        if (write_all(peer, head.data(), head.size())) copy_all(file, peer);
        ::close(file);
        ::close(peer);
    }
}

int receive(const char* port, const char* name) {
    const int listener = listen_on(port);
    for (;;) {
        const int peer = check(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
        const int file = create(name);
        std::uint64_t total = 0;
        const bool whole = copy_all(peer, file, &total);
        ::close(file);
        ::close(peer);
        std::printf("%s %llu bytes\n", whole ? "received" : "lost after",
                    static_cast<unsigned long long>(total));
        std::fflush(stdout);
    }
}

int send_and_keep(const char* host, const char* port, const char* name, const char* back) {
    const int peer = connect_to(host, port);
    const int kept = create(back);
    bool sent = false;
    std::thread sender([&] {
        const int file = check(::open(name, O_RDONLY | O_CLOEXEC), name);
        sent = copy_all(file, peer) && ::shutdown(peer, SHUT_WR) == 0;
        ::close(file);
    });
    const bool whole = copy_all(peer, kept);
    if (!whole) std::perror("read");
    sender.join();
    ::close(peer);
    return sent && whole ? 0 : 1;
}

int churn(const char* host, const char* port, const char* count) {
    for (int i = 0; i < std::atoi(count); ++i) {
        const int peer = connect_to(host, port);
        const char sent = static_cast<char>(i);
        char received = static_cast<char>(~sent);
        if (!write_all(peer, &sent, 1)) die("write");
        if (::read(peer, &received, 1) != 1) die("read");
        if (sent != received) return 1;
        ::close(peer);
    }
    return 0;
}

int vanish(const char* host, const char* port) {
    const int peer = connect_to(host, port);
    const std::vector<char> piece(64 * 1024, 'x');
    while (write_all(peer, piece.data(), piece.size())) continue;
    return 1;
}

}  // namespace

int main(int count, char** arguments) {
    ::signal(SIGPIPE, SIG_IGN);
    if (count > 2 && std::strcmp(arguments[1], "--congestion") == 0) {
        congestion = arguments[2];
        arguments += 2;
        count -= 2;
    }
    const std::string verb = count > 1 ? arguments[1] : "";
    char** const a = arguments;
    if (verb == "serve-echo" && count == 3) return serve_echo(a[2]);
    if (verb == "serve-file" && count == 4) return serve_file(a[2], a[3]);
    if (verb == "receive" && count == 4) return receive(a[2], a[3]);
    if (verb == "send" && count == 6) return send_and_keep(a[2], a[3], a[4], a[5]);
    if (verb == "churn" && count == 5) return churn(a[2], a[3], a[4]);
    if (verb == "vanish" && count == 4) return vanish(a[2], a[3]);
    std::fputs("usage: see the first lines of kernel_peer.cpp\n", stderr);
    return 2;
}
