// Sends a stream to an echo server by kernel sockets and compares what comes back, byte for byte,
// on several connections one after the other or at once.
// Usage: net_tcp_ask ADDRESS PORT BYTES [CONNECTIONS]
// Exit status 0: everything came back and the ends were orderly.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

// Byte `at` of the stream of connection `number`: no repetition that a misplaced piece could hide
// behind.
std::uint8_t byte_at(unsigned number, std::uint64_t at) {
    std::uint64_t x = at / 8 + std::uint64_t{number} * 0x9e37'79b9'7f4a'7c15U;
    x ^= x >> 31;
    x *= 0xbf58'476d'1ce4'e5b9U;
    x ^= x >> 29;
    return static_cast<std::uint8_t>(x >> (at % 8 * 8));
}

class connection {
  public:
    connection(const sockaddr_in& peer, unsigned number, std::uint64_t size)
        : number_(number), size_(size) {
        descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (descriptor_ < 0 ||
            connect(descriptor_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0)
            fail("connect");
        else fcntl(descriptor_, F_SETFL, O_NONBLOCK);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() {
        if (descriptor_ >= 0) close(descriptor_);
    }

    pollfd wanted() const {
        const short events =
            static_cast<short>(POLLIN | (sent_ != size_ && !failed_ ? POLLOUT : 0));
        return {done() ? -1 : descriptor_, events, 0};
    }
    bool done() const { return failed_ || ended_; }
    bool good() const { return ended_ && !failed_ && received_ == size_; }

    void turn(short events) {
        if ((events & POLLOUT) != 0 && sent_ != size_) write_some();
        if ((events & (POLLIN | POLLERR | POLLHUP)) != 0 && !failed_) read_some();
    }

  private:
    void fail(const char* what) {
        std::printf("connection %u: %s after %llu of %llu: %s\n", number_, what,
                    static_cast<unsigned long long>(received_),
                    static_cast<unsigned long long>(size_), std::strerror(errno));
        failed_ = true;
    }

    void write_some() {
        std::array<std::uint8_t, 65536> buffer;
        const std::size_t count = std::min<std::uint64_t>(buffer.size(), size_ - sent_);
        for (std::size_t i = 0; i != count; ++i) buffer[i] = byte_at(number_, sent_ + i);
        const ssize_t written = write(descriptor_, buffer.data(), count);
        if (written < 0) {
            if (errno != EAGAIN) fail("write");
            return;
        }
        sent_ += static_cast<std::uint64_t>(written);
        if (sent_ == size_) shutdown(descriptor_, SHUT_WR);
    }

    void read_some() {
        std::array<std::uint8_t, 65536> buffer;
        const ssize_t got = read(descriptor_, buffer.data(), buffer.size());
        if (got < 0) {
            if (errno != EAGAIN) fail("read");
            return;
        }
        if (got == 0) {
            ended_ = true;
            if (received_ != size_) fail("early end");
            return;
        }
        for (std::size_t i = 0; i != static_cast<std::size_t>(got); ++i, ++received_)
            if (buffer[i] != byte_at(number_, received_)) return fail("another byte");
    }

    int descriptor_ = -1;
    unsigned number_;
    std::uint64_t size_;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    bool ended_ = false;
    bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
    if (inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1) return 2;
    const std::uint64_t size = std::strtoull(argv[3], nullptr, 10);
    const unsigned count = argc > 4 ? static_cast<unsigned>(std::atoi(argv[4])) : 1;
    std::vector<std::unique_ptr<connection>> all;
    for (unsigned i = 0; i != count; ++i)
        all.push_back(std::make_unique<connection>(peer, i, size));
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    std::vector<pollfd> wanted(count);
    while (std::chrono::steady_clock::now() < limit) {
        bool busy = false;
        for (unsigned i = 0; i != count; ++i) {
            wanted[i] = all[i]->wanted();
            busy = busy || !all[i]->done();
        }
        if (!busy) break;
        poll(wanted.data(), wanted.size(), 100);
        for (unsigned i = 0; i != count; ++i)
            if (wanted[i].fd >= 0) all[i]->turn(wanted[i].revents);
    }
    unsigned good = 0;
    for (const auto& c : all) good += c->good() ? 1U : 0U;
    std::printf("good %u of %u\n", good, count);
    return good == count ? 0 : 1;
}
