// A blocking kernel client for tests of servers in this process. Every wait is bounded.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <coax/coax.hpp>

class loopback_client {
  public:
    explicit loopback_client(const coax::tcp::endpoint& server)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval limit{10, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (::connect(socket_, server.data(), static_cast<socklen_t>(server.size())) != 0)
            fail("connect");
    }
    ~loopback_client() { ::close(socket_); }
    loopback_client(const loopback_client&) = delete;
    loopback_client& operator=(const loopback_client&) = delete;

    void send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t n = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) fail("send");
            text.remove_prefix(static_cast<std::size_t>(n));
        }
    }
    int number() const noexcept { return socket_; }
    void end() { ::shutdown(socket_, SHUT_WR); }

    // At least one byte, at most `most`; empty at the end of the stream.
    std::string receive_some(std::size_t most = 4096) {
        std::string text(most, '\0');
        ssize_t n = 0;
        // EINTR comes without a signal, too: an io_uring made on this thread has work for it.
        do n = ::recv(socket_, text.data(), most, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0) fail("recv");
        text.resize(static_cast<std::size_t>(n));
        return text;
    }
    std::string receive(std::size_t size) {
        std::string text;
        while (text.size() < size) {
            const std::string more = receive_some(size - text.size());
            if (more.empty()) throw std::runtime_error("end of stream");
            text += more;
        }
        return text;
    }
    // Up to and with `mark`.
    std::string receive_until(std::string_view mark) {
        std::string text;
        while (!text.ends_with(mark)) text += receive(1);
        return text;
    }
    std::string receive_all() {
        std::string text;
        for (;;) {
            const std::string more = receive_some();
            if (more.empty()) return text;
            text += more;
        }
    }

  private:
    [[noreturn]] static void fail(const char* what) {
        throw std::system_error(errno, std::system_category(), what);
    }

    int socket_;
};
