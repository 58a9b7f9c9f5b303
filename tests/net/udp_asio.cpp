// The program of lib/datagram_program.hpp on plain Boost.Asio: kernel sockets, nothing of coax.
// Usage: net_udp_asio VERB ADDRESS PORT ...
#include "tests/net/lib/datagram_program.hpp"

int main(int argc, char** argv) try {
    boost::asio::io_context io;
    return datagram_program::run<boost::asio::ip::udp>(io, argc - 1, argv + 1);
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
}
