// Sends datagrams from kernel sockets and expects each back, byte for byte: the peer of
// net_xdp_reflect. Usage: net_udp_ask ADDRESS PORT COUNT BYTES [SOCKETS]
// At most 16 datagrams are under way at a time; one that does not come back in time is sent again,
// and counted. Exit status 0: all came back right, at most one in ten sent twice.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using clock_type = std::chrono::steady_clock;
constexpr std::size_t window = 16;
constexpr std::chrono::milliseconds patience{500};

struct datagram {
    std::uint32_t number = 0;
    clock_type::time_point sent;
    std::vector<std::uint8_t> bytes;
};

std::vector<std::uint8_t> content(std::uint32_t number, std::size_t size) {
    std::minstd_rand random(number + 1);
    std::vector<std::uint8_t> bytes(std::max(size, sizeof number));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random() >> 8);
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
}

class asker {
  public:
    asker(const sockaddr_in& peer, std::size_t sockets) {
        for (std::size_t i = 0; i != sockets; ++i) {
            const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            if (s < 0 || connect(s, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
                std::perror("socket");
                std::exit(1);
            }
            sockets_.push_back({s, POLLIN, 0});
        }
    }
    ~asker() {
        for (const auto& s : sockets_) close(s.fd);
    }

    bool run(std::uint32_t count, std::size_t size) {
        const auto limit = clock_type::now() + std::chrono::seconds{30};
        while (right_ != count && clock_type::now() < limit) {
            while (under_way_.size() < window && next_ != count) {
                under_way_.push_back({next_, {}, content(next_, size)});
                ++next_;
                send_one(under_way_.back());
            }
            for (auto& d : under_way_)
                if (clock_type::now() - d.sent > patience) {
                    ++again_;
                    send_one(d);
                }
            if (poll(sockets_.data(), sockets_.size(), 20) > 0) receive();
        }
        std::printf("right %u wrong %u again %u\n", right_, wrong_, again_);
        return right_ == count && wrong_ == 0 && again_ <= count / 10;
    }

  private:
    void send_one(datagram& d) {
        d.sent = clock_type::now();
        const int s = sockets_[d.number % sockets_.size()].fd;
        // A failure is a loss, made good later.
        [[maybe_unused]] const auto ignored = send(s, d.bytes.data(), d.bytes.size(), 0);
    }

    void receive() {
        std::array<std::uint8_t, 65536> buffer;
        for (const auto& s : sockets_) {
            if ((s.revents & POLLIN) == 0) continue;
            while (true) {
                const ssize_t size = recv(s.fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
                if (size < 0) break;
                take({buffer.data(), buffer.data() + size});
            }
        }
    }

    void take(const std::vector<std::uint8_t>& bytes) {
        std::uint32_t number = 0;
        if (bytes.size() >= sizeof number) std::memcpy(&number, bytes.data(), sizeof number);
        const auto found = std::find_if(under_way_.begin(), under_way_.end(),
                                        [&](const auto& d) { return d.number == number; });
        if (found == under_way_.end()) return;  // the second answer to one sent again
        if (found->bytes == bytes) ++right_;
        else ++wrong_;
        under_way_.erase(found);
    }

    std::vector<pollfd> sockets_;
    std::vector<datagram> under_way_;
    std::uint32_t next_ = 0, right_ = 0, wrong_ = 0, again_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) return 2;
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[2])));
    if (inet_pton(AF_INET, argv[1], &peer.sin_addr) != 1) return 2;
    asker a(peer, argc > 5 ? static_cast<std::size_t>(std::atoi(argv[5])) : 1);
    return a.run(static_cast<std::uint32_t>(std::atoi(argv[3])),
                 static_cast<std::size_t>(std::atoi(argv[4])))
               ? 0
               : 1;
}
