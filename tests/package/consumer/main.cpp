// One message there and back between two sockets of one host, through the whole stack. The backend
// comes from the command line: a wire in memory by default.
#include <array>
#include <cstdio>
#include <exception>
#include <string>

#include <boost/asio.hpp>

#include <coax/coax.hpp>

namespace asio = boost::asio;

namespace {

coax::awaitable<void> echo_once(coax::fast_acceptor& acceptor) {
    auto socket = co_await acceptor.async_accept();
    std::array<char, 64> data{};
    const auto n = co_await socket.async_read_some(asio::buffer(data));
    co_await asio::async_write(socket, asio::buffer(data, n), asio::deferred);
}

coax::awaitable<void> ask(coax::tcp::endpoint server, std::string& answer) {
    coax::fast_socket socket(co_await asio::this_coro::executor);
    co_await socket.async_connect(server);
    const std::string message = "hello";
    co_await asio::async_write(socket, asio::buffer(message), asio::deferred);
    answer.resize(message.size());
    co_await asio::async_read(socket, asio::buffer(answer), asio::deferred);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const bool kernel = argc > 1;
        coax::io_context io({.backend = kernel ? argv[1] : "wire:consumer,ip=198.18.0.1/24"});
        const auto address = asio::ip::make_address(kernel ? "127.0.0.1" : "198.18.0.1");
        coax::fast_acceptor acceptor(io, {address, 0});
        std::string answer;
        asio::co_spawn(io, echo_once(acceptor), asio::detached);
        asio::co_spawn(io, ask(acceptor.local_endpoint(), answer), asio::detached);
        io.run();
        std::printf("%s: %s\n", io.backend().to_line().c_str(), answer.c_str());
        return answer == "hello" ? 0 : 1;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "consumer: %s\n", e.what());
        return 1;
    }
}
