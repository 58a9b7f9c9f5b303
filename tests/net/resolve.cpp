// Asks a resolver of coax for names, one after the other.
// Usage: net_resolve BACKEND NAME...
// Prints a line for each: its addresses in order, or the error; then the counters of the resolver.
#include <cstdio>
#include <string>

#include <boost/asio.hpp>

#include <coax/coax.hpp>

int main(int argc, char** argv) try {
    if (argc < 3) return 2;
    coax::io_context io({.backend = argv[1]});
    coax::udp::resolver resolver(io);
    for (int i = 2; i < argc; ++i) {
        resolver.async_resolve(
            argv[i], "7",
            [&](boost::system::error_code ec, const coax::udp::resolver::results_type& found) {
                std::printf("%s:", argv[i]);
                if (ec) std::printf(" %s", ec.message().c_str());
                for (const auto& each : found)
                    std::printf(" %s", each.endpoint().address().to_string().c_str());
                std::printf("\n");
            });
        io.restart();
        io.run();
    }
    for (const coax::counter& c : io.counters())
        if (std::string_view(c.name).starts_with("resolver."))
            std::printf("%.*s %llu\n", static_cast<int>(c.name.size()), c.name.data(),
                        static_cast<unsigned long long>(c.value));
    return 0;
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 2;
}
