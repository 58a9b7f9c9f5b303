// What a thread has had of its core, and how long it had to wait for it: whether a measuring
// program was itself what limited the figure.
#pragma once

#include <chrono>

namespace coax::services {

struct thread_usage {
    std::chrono::nanoseconds cpu{0};      // user and system
    std::chrono::nanoseconds waiting{0};  // ready to run, but others had the core

    thread_usage operator-(const thread_usage& earlier) const noexcept {
        return {cpu - earlier.cpu, waiting - earlier.waiting};
    }
};

// Of the calling thread, so far. Kernels without scheduler statistics tell no waiting.
thread_usage usage_of_this_thread() noexcept;

}  // namespace coax::services
