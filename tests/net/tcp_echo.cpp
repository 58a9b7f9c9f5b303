// An echo server on kernel sockets, one thread for each connection: the peer of net_tcp_ask where
// the kernel is asked. Usage: net_tcp_echo ADDRESS PORT. Prints "ready"; ends by a signal.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

void echo(int connection) {
    std::array<char, 65536> buffer;
    while (true) {
        const ssize_t got = read(connection, buffer.data(), buffer.size());
        if (got <= 0) break;
        for (ssize_t at = 0; at != got;) {
            const ssize_t sent = send(connection, buffer.data() + at,
                                      static_cast<std::size_t>(got - at), MSG_NOSIGNAL);
            if (sent <= 0) {
                close(connection);
                return;
            }
            at += sent;
        }
    }
    close(connection);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
    if (inet_pton(AF_INET, argv[1], &own.sin_addr) != 1) return 2;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
        listen(listener, 1024) != 0) {
        std::perror("listen");
        return 1;
    }
    std::puts("ready");
    std::fflush(stdout);
    while (true) {
        const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection >= 0) std::thread(echo, connection).detach();
    }
}
