// Trying again for a while, for what a killed predecessor leaves busy until the kernel has cleaned
// up behind it. Only used while a backend opens.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace coax::backends {

inline constexpr std::chrono::milliseconds busy_patience{3000};

// Calls attempt(), which answers an errno value or 0, until it answers something else than EBUSY or
// EEXIST, or patience ends; the pauses grow from 1 ms to 50 ms. Returns the last answer.
template <class Attempt>
int retry_while_busy(Attempt&& attempt) {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + busy_patience;
    std::chrono::milliseconds pause{1};
    while (true) {
        const int error = attempt();
        if ((error != EBUSY && error != EEXIST) || clock::now() >= end) return error;
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, std::chrono::milliseconds{50});
    }
}

}  // namespace coax::backends
