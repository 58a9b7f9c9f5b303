// The thread's clock, and the scheduler's account in /proc.
#include "services/load/thread_usage.hpp"

#include <array>
#include <cstdio>
#include <ctime>

#include <fcntl.h>
#include <unistd.h>

#include "services/program/descriptor.hpp"

namespace coax::services {
namespace {

// "ON-CPU WAITING SLICES", nanoseconds; the first is up to a tick old.
std::chrono::nanoseconds waiting_so_far() noexcept {
    const descriptor file(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
    std::array<char, 128> text{};
    if (!file.is_open() || ::read(file.get(), text.data(), text.size() - 1) <= 0) return {};
    unsigned long long on_cpu = 0;
    unsigned long long waiting = 0;
    // NOLINTNEXTLINE(cert-err34-c): the kernel writes it, and it is checked that both are there
    if (std::sscanf(text.data(), "%llu %llu", &on_cpu, &waiting) != 2) return {};
    return std::chrono::nanoseconds(waiting);
}

}  // namespace

thread_usage usage_of_this_thread() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return {std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec), waiting_so_far()};
}

}  // namespace coax::services
