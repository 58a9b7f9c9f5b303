// The program of lib/datagram_program.hpp on coax.
// Usage: net_udp_coax BACKEND VERB ADDRESS PORT ...
// At its end it prints the counters that are not zero.
#include <coax/coax.hpp>

#include "tests/net/lib/datagram_program.hpp"

int main(int argc, char** argv) try {
    if (argc < 2) return 2;
    coax::io_context io({.backend = argv[1]});
    const int status = datagram_program::run<coax::udp>(io, argc - 2, argv + 2);
    for (const coax::counter& c : io.counters())
        if (c.value != 0)
            std::printf("%.*s %llu\n", static_cast<int>(c.name.size()), c.name.data(),
                        static_cast<unsigned long long>(c.value));
    return status;
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
}
