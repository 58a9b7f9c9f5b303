// The program of pair/program.hpp on coax.
// Usage: net_pair_coax server|client ADDRESS DIRECTORY BACKEND
#include <coax/coax.hpp>

#include "tests/net/pair/program.hpp"

int main(int argc, char** argv) try {
    if (argc != 5) return 2;
    coax::io_context io({.backend = argv[4]});
    return pair::run<coax::tcp>(io, argv[1], argv[2], argv[3]);
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
}
