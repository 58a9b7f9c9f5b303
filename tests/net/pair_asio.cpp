// The program of pair/program.hpp on plain Asio.
// Usage: net_pair_asio server|client ADDRESS DIRECTORY
#include <boost/asio.hpp>

#include "tests/net/pair/program.hpp"

int main(int argc, char** argv) try {
    if (argc != 4) return 2;
    boost::asio::io_context io;
    return pair::run<boost::asio::ip::tcp>(io, argv[1], argv[2], argv[3]);
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
}
