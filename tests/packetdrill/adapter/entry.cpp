// The doors of the shared object: the table that packetdrill asks for, and the two functions of
// libc that it calls behind the table's back. Preloaded into packetdrill, the same object (one
// copy, one state) answers getsockopt() for the sockets it made and keeps the scripts' set-up
// commands, meant for a kernel, from being run.
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <vector>

#include <dlfcn.h>

#include "tests/packetdrill/adapter/host.hpp"
#include "tests/packetdrill/interface.hpp"

namespace coax::packetdrill {

namespace {

host* the_host = nullptr;

host& at(void* user) { return *static_cast<host*>(user); }

int not_here() {
    errno = ENOSYS;
    return -1;
}

stack::const_bytes bytes(const void* data, size_t size) {
    return {static_cast<const std::byte*>(data), size};
}
stack::mutable_bytes bytes(void* data, size_t size) {
    return {static_cast<std::byte*>(data), size};
}

ssize_t receive(void* user, int fd, const iovec* pieces, size_t count, int flags, sockaddr* address,
                socklen_t* length) {
    std::vector<stack::mutable_bytes> into;
    for (size_t i = 0; i < count; ++i) into.push_back(bytes(pieces[i].iov_base, pieces[i].iov_len));
    return at(user).receive(fd, into, flags, address, length);
}

ssize_t send(void* user, int fd, const iovec* pieces, size_t count, int flags) {
    std::vector<stack::const_bytes> from;
    for (size_t i = 0; i < count; ++i)
        from.push_back(bytes(static_cast<const void*>(pieces[i].iov_base), pieces[i].iov_len));
    return at(user).send(fd, from, flags);
}

ssize_t receive_one(void* user, int fd, void* buffer, size_t size, int flags,
                    sockaddr* address = nullptr, socklen_t* length = nullptr) {
    const iovec one{buffer, size};
    return receive(user, fd, &one, 1, flags, address, length);
}

ssize_t send_one(void* user, int fd, const void* buffer, size_t size, int flags) {
    const stack::const_bytes one[] = {bytes(buffer, size)};
    return at(user).send(fd, one, flags);
}

void end(void* user) {
    delete static_cast<host*>(user);
    the_host = nullptr;
}

int fcntl_call(void* user, int fd, int command, ...) {
    va_list list;
    va_start(list, command);
    const long argument = va_arg(list, long);
    va_end(list);
    return at(user).fcntl(fd, command, argument);
}

int ioctl_call(void* user, int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void* argument = va_arg(list, void*);
    va_end(list);
    return at(user).ioctl(fd, request, argument);
}

void add_calls(interface& i) {
    i.free = end;
    i.socket = [](void* u, int domain, int type, int protocol) {
        return at(u).socket(domain, type, protocol);
    };
    i.bind = [](void* u, int fd, const sockaddr* a, socklen_t n) { return at(u).bind(fd, a, n); };
    i.listen = [](void* u, int fd, int backlog) { return at(u).listen(fd, backlog); };
    i.accept = [](void* u, int fd, sockaddr* a, socklen_t* n) { return at(u).accept(fd, a, n); };
    i.connect = [](void* u, int fd, const sockaddr* a, socklen_t n) {
        return at(u).connect(fd, a, n);
    };
    i.fcntl = fcntl_call;
    i.ioctl = ioctl_call;
    i.close = [](void* u, int fd) { return at(u).close(fd); };
    i.shutdown = [](void* u, int fd, int how) { return at(u).shutdown(fd, how); };
    i.getsockopt = [](void* u, int fd, int level, int name, void* value, socklen_t* n) {
        return at(u).getsockopt(fd, level, name, value, n);
    };
    i.setsockopt = [](void* u, int fd, int level, int name, const void* value, socklen_t n) {
        return at(u).setsockopt(fd, level, name, value, n);
    };
    i.poll = [](void* u, pollfd* fds, nfds_t n, int ms) { return at(u).poll(fds, n, ms); };
    i.epoll_create = [](void* u, int) { return at(u).epoll_create(); };
    i.epoll_ctl = [](void* u, int epoll, int operation, int fd, epoll_event* event) {
        return at(u).epoll_ctl(epoll, operation, fd, event);
    };
    i.epoll_wait = [](void* u, int epoll, epoll_event* events, int most, int ms) {
        return at(u).epoll_wait(epoll, events, most, ms);
    };
    i.pipe = [](void*, int*) { return not_here(); };
    i.splice = [](void*, int, loff_t*, int, loff_t*, size_t, unsigned int) { return not_here(); };
}

void add_transfers(interface& i) {
    i.read = [](void* u, int fd, void* b, size_t n) { return receive_one(u, fd, b, n, 0); };
    i.readv = [](void* u, int fd, const iovec* pieces, int count) {
        return receive(u, fd, pieces, static_cast<size_t>(count), 0, nullptr, nullptr);
    };
    i.recv = [](void* u, int fd, void* b, size_t n, int flags) {
        return receive_one(u, fd, b, n, flags);
    };
    i.recvfrom = [](void* u, int fd, void* b, size_t n, int flags, sockaddr* a, socklen_t* length) {
        return receive_one(u, fd, b, n, flags, a, length);
    };
    i.recvmsg = [](void* u, int fd, msghdr* m, int flags) {
        m->msg_controllen = 0;
        m->msg_flags = 0;
        return receive(u, fd, m->msg_iov, m->msg_iovlen, flags, nullptr, nullptr);
    };
    i.write = [](void* u, int fd, const void* b, size_t n) { return send_one(u, fd, b, n, 0); };
    i.writev = [](void* u, int fd, const iovec* pieces, int count) {
        return send(u, fd, pieces, static_cast<size_t>(count), 0);
    };
    i.send = [](void* u, int fd, const void* b, size_t n, int flags) {
        return send_one(u, fd, b, n, flags);
    };
    i.sendto = [](void* u, int fd, const void* b, size_t n, int flags, const sockaddr*, socklen_t) {
        return send_one(u, fd, b, n, flags);
    };
    i.sendmsg = [](void* u, int fd, const msghdr* m, int flags) {
        return send(u, fd, m->msg_iov, m->msg_iovlen, flags);
    };
}

void add_world(interface& i) {
    i.netdev_send = [](void* u, const void* packet, size_t n) {
        return at(u).netdev_send(packet, n);
    };
    i.netdev_receive = [](void* u, void* packet, size_t* n, long long* microseconds) {
        return at(u).netdev_receive(packet, n, microseconds);
    };
    i.usleep = [](void* u, useconds_t microseconds) {
        at(u).usleep(microseconds);
        return 0;
    };
    i.gettimeofday = [](void* u, struct timeval* now, struct timezone*) {
        *now = at(u).time_of_day();
        return 0;
    };
}

template <class Function>
Function* next_in_line(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

}  // namespace coax::packetdrill

extern "C" {

[[gnu::visibility("default")]] void packetdrill_interface_init(const char* flags,
                                                               coax::packetdrill::interface* out) {
    using namespace coax::packetdrill;
    *out = {};
    the_host = new host(flags);
    out->user = the_host;
    add_calls(*out);
    add_transfers(*out);
    add_world(*out);
}

// --- preloaded

[[gnu::visibility("default")]] int getsockopt(int fd, int level, int name, void* value,
                                              socklen_t* length) noexcept {
    using namespace coax::packetdrill;
    if (the_host != nullptr && the_host->owns(fd))
        return the_host->getsockopt(fd, level, name, value, length);
    static const auto real = next_in_line<decltype(::getsockopt)>("getsockopt");
    return real(fd, level, name, value, length);
}

[[gnu::visibility("default")]] int system(const char* command) {
    using namespace coax::packetdrill;
    static const auto real = next_in_line<decltype(::system)>("system");
    if (command == nullptr || the_host == nullptr || std::strncmp(command, "python", 6) == 0)
        return real(command);
    the_host->read_command(command);
    return 0;
}
}
