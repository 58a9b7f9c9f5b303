// A loop around one driver for programs that test it: bursts in, a function, kick, sleep. Ends by
// SIGINT or SIGTERM, or when the driver is dead.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <variant>

#include "backends/driver.hpp"
#include "backends/ring.hpp"
#include "backends/spec.hpp"
#include "backends/xdp/open.hpp"

namespace coax::tests {

inline volatile std::sig_atomic_t signal_came = 0;

inline void catch_signals() {
    struct sigaction action{};
    action.sa_handler = [](int) { signal_came = 1; };
    for (const int s : {SIGINT, SIGTERM}) sigaction(s, &action, nullptr);
}

// The driver of an xdp specification, or null after printing why not.
inline std::unique_ptr<backends::driver> open_or_say(const char* text) {
    auto parsed = backends::parse_spec(text);
    if (const auto* wrong = std::get_if<backends::failure>(&parsed)) {
        std::fprintf(stderr, "%s\n", wrong->message.c_str());
        return nullptr;
    }
    const auto* spec = std::get_if<backends::xdp_spec>(&std::get<backends::spec>(parsed));
    if (spec == nullptr) {
        std::fprintf(stderr, "%s is not an xdp specification\n", text);
        return nullptr;
    }
    auto opened = backends::open_xdp(*spec);
    if (const auto* wrong = std::get_if<backends::failure>(&opened)) {
        std::fprintf(stderr, "%s\n", wrong->message.c_str());
        return nullptr;
    }
    return std::move(std::get<std::unique_ptr<backends::driver>>(opened));
}

inline void print_ready(const backends::driver& d) {
    std::printf("ready: %s\n", d.describe().to_line().c_str());
    for (const auto& note : d.describe().notes) std::printf("note: %s\n", note.c_str());
    std::fflush(stdout);
}

// turn() does all work with frames, answers true while there is some, and tells how long the loop
// may sleep at most. Returns the exit status: 0 after a signal, 3 if the medium died.
template <class Turn, class Limit>
int run_loop(backends::driver& driver, backends::ring& ring, Turn&& turn, Limit&& sleep_limit) {
    using namespace std::chrono_literals;
    int status = 0;
    while (signal_came == 0) {
        ring.reap();
        if (const std::string* text = driver.dead()) {
            std::printf("dead: %s\n", text->c_str());
            status = 3;
            break;
        }
        if (turn()) {
            driver.kick(ring);
            ring.flush();
            continue;
        }
        if (!driver.prepare_to_sleep(ring)) continue;
        // A signal may come before the sleep begins: so it is never long.
        ring.submit_and_wait(std::min<stack::duration>(sleep_limit(), 50ms));
    }
    driver.shut_down(ring);
    for (int i = 0; i != 1000 && !driver.idle(); ++i) {
        ring.submit_and_wait(10ms);
        ring.reap();
    }
    if (!driver.idle()) {
        std::printf("the driver does not become idle\n");
        status = 4;
    }
    for (const auto& [name, value] : driver.counters())
        std::printf("%.*s %llu\n", static_cast<int>(name.size()), name.data(),
                    static_cast<unsigned long long>(value));
    std::fflush(stdout);
    return status;
}

}  // namespace coax::tests
