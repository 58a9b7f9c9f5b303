// A server on Boost.Asio in the way its users write it today: a coroutine for each connection, one
// thread. Built twice: bench_asio_epoll, and bench_asio_uring with Asio's own io_uring backend
// instead. Roles:
//   echo    sends back what comes, over TCP
//   sink    reads and drops
//   source  sends without end to whoever connects, and drops what comes
//   udp     sends back datagrams, one at a time
// It measures nothing and knows no protocol. Options as in epoll.c.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio.hpp>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

using context = asio::io_context;
using stream_socket = asio::basic_stream_socket<asio::ip::tcp, context::executor_type>;
using stream_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, context::executor_type>;
using datagram_socket = asio::basic_datagram_socket<asio::ip::udp, context::executor_type>;
#ifdef BOOST_ASIO_HAS_IO_URING_AS_DEFAULT
constexpr const char* library = "Boost.Asio, io_uring";
#else
constexpr const char* library = "Boost.Asio, epoll";
#endif
using task = asio::awaitable<void, context::executor_type>;

constexpr auto as_tuple = asio::as_tuple(asio::deferred);
constexpr std::size_t first_buffer = 2'048;
constexpr std::size_t largest_buffer = 131'072;

struct options {
    std::string role;
    asio::ip::tcp::endpoint at;
    int busy_poll = 0;  // microseconds; 0: not asked for
    bool reuse_port = false;
    bool quick_ack = false;
    bool spins = false;  // polls instead of waiting
};

// What Asio has no name for.
template <class Socket>
void set(Socket& socket, int level, int name, int value) {
    if (::setsockopt(socket.native_handle(), level, name, &value, sizeof value) != 0)
        throw boost::system::system_error(errno, boost::system::system_category(), "setsockopt");
}

void tune(stream_socket& s, const options& asked) {
    s.set_option(asio::ip::tcp::no_delay(true));
    if (asked.quick_ack) set(s, IPPROTO_TCP, TCP_QUICKACK, 1);
    if (asked.busy_poll != 0) set(s, SOL_SOCKET, SO_BUSY_POLL, asked.busy_poll);
}

task echo(stream_socket s) {
    std::vector<char> buffer(first_buffer);
    for (;;) {
        const auto [ended, n] = co_await s.async_read_some(asio::buffer(buffer), as_tuple);
        if (ended) co_return;
        const auto [failed, sent] =
            co_await asio::async_write(s, asio::buffer(buffer.data(), n), as_tuple);
        if (failed) co_return;
        if (n == buffer.size() && n < largest_buffer) buffer.resize(n * 4);
    }
}

task sink(stream_socket s) {
    std::vector<char> buffer(largest_buffer);
    for (;;) {
        const auto [ended, n] = co_await s.async_read_some(asio::buffer(buffer), as_tuple);
        if (ended) co_return;
    }
}

// Beside source: drops what comes, and ends both when the peer has ended.
task drop_until_end(std::shared_ptr<stream_socket> s) {
    std::vector<char> buffer(first_buffer);
    for (;;) {
        const auto [ended, n] = co_await s->async_read_some(asio::buffer(buffer), as_tuple);
        if (ended) break;
    }
    error_code ignored;
    s->close(ignored);
}

task source(stream_socket socket) {
    const auto s = std::make_shared<stream_socket>(std::move(socket));
    asio::co_spawn(s->get_executor(), drop_until_end(s), asio::detached);
    const std::vector<char> buffer(largest_buffer);
    for (;;) {
        const auto [failed, n] = co_await asio::async_write(*s, asio::buffer(buffer), as_tuple);
        if (failed) break;
    }
    error_code ignored;
    s->close(ignored);
}

task echo_datagrams(datagram_socket s) {
    std::vector<char> buffer(65'536);
    asio::ip::udp::endpoint from;
    for (;;) {
        const auto [failed, n] =
            co_await s.async_receive_from(asio::buffer(buffer), from, as_tuple);
        if (failed) continue;  // what an earlier datagram met
        // What the kernel has no room for is lost, as datagrams are.
        co_await s.async_send_to(asio::buffer(buffer.data(), n), from, as_tuple);
    }
}

task accept_all(stream_acceptor acceptor, const options& asked) {
    for (;;) {
        auto [failed, s] = co_await acceptor.async_accept(as_tuple);
        if (failed) continue;
        tune(s, asked);
        auto conversation = asked.role == "echo"   ? echo(std::move(s))
                            : asked.role == "sink" ? sink(std::move(s))
                                                   : source(std::move(s));
        asio::co_spawn(acceptor.get_executor(), std::move(conversation), asio::detached);
    }
}

template <class Socket>
void bind(Socket& socket, const typename Socket::endpoint_type& at, const options& asked) {
    socket.open(at.protocol());
    socket.set_option(asio::socket_base::reuse_address(true));
    if (asked.reuse_port) set(socket, SOL_SOCKET, SO_REUSEPORT, 1);
    if (asked.busy_poll != 0) set(socket, SOL_SOCKET, SO_BUSY_POLL, asked.busy_poll);
    socket.bind(at);
}

void start(context& io, const options& asked) {
    if (asked.role == "udp") {
        datagram_socket s(io);
        bind(s, {asked.at.address(), asked.at.port()}, asked);
        asio::co_spawn(io, echo_datagrams(std::move(s)), asio::detached);
    } else {
        stream_acceptor acceptor(io);
        bind(acceptor, asked.at, asked);
        acceptor.listen(16'384);
        asio::co_spawn(io, accept_all(std::move(acceptor), asked), asio::detached);
    }
    std::printf("ready: %s on %s:%u, %s\n", asked.role.c_str(),
                asked.at.address().to_string().c_str(), asked.at.port(), library);
    std::fflush(stdout);
}

void run(const options& asked) {
    // Asio without its locks, as nobody else uses this context.
    context io(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
    start(io, asked);
    if (!asked.spins) io.run();
    else
        for (;;) io.poll();
}

[[noreturn]] void refuse() {
    std::fputs(
        "usage: bench_asio_epoll|bench_asio_uring echo|sink|source|udp --listen A.B.C.D:PORT "
        "[--busy-poll MICROSECONDS] [--reuse-port] [--quick-ack] [--spin]\n",
        stderr);
    std::exit(2);
}

asio::ip::tcp::endpoint endpoint_of(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) refuse();
    error_code error;
    const auto address = asio::ip::make_address(std::string(text.substr(0, colon)), error);
    const int port = std::atoi(std::string(text.substr(colon + 1)).c_str());
    if (error || port < 1 || port > 65'535) refuse();
    return {address, static_cast<std::uint16_t>(port)};
}

options parse(const std::vector<std::string>& words) {
    options asked;
    for (std::size_t i = 0; i != words.size(); ++i) {
        const std::string& word = words[i];
        const auto value = [&]() -> const std::string& {
            if (++i == words.size()) refuse();
            return words[i];
        };
        if (word == "echo" || word == "sink" || word == "source" || word == "udp")
            asked.role = word;
        else if (word == "--listen") asked.at = endpoint_of(value());
        else if (word == "--busy-poll") asked.busy_poll = std::atoi(value().c_str());
        else if (word == "--reuse-port") asked.reuse_port = true;
        else if (word == "--quick-ack") asked.quick_ack = true;
        else if (word == "--spin") asked.spins = true;
        else refuse();
    }
    if (asked.role.empty() || asked.at.port() == 0) refuse();
    return asked;
}

}  // namespace

int main(int count, char** arguments) {
    const options asked = parse({arguments + 1, arguments + count});
    try {
        run(asked);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
