// A mask and a signal descriptor.
#include "services/load/interruption.hpp"

#include <cerrno>
#include <system_error>

#include <sys/signalfd.h>
#include <unistd.h>

namespace coax::services {

interruption::interruption() {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    ::sigaddset(&wanted, SIGINT);
    ::sigaddset(&wanted, SIGTERM);
    file_ = descriptor(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!file_.is_open()) throw std::system_error(errno, std::system_category(), "signalfd");
    ::pthread_sigmask(SIG_BLOCK, &wanted, &before_);
}

interruption::~interruption() {
    while (take()) {
    }
    let_through();
}

bool interruption::take() const noexcept {
    signalfd_siginfo info{};
    return ::read(file_.get(), &info, sizeof info) == sizeof info;
}

}  // namespace coax::services
