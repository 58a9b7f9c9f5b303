// The table of functions through which packetdrill drives a stack that lives in a shared object
// (its option --so_filename), declared from its documentation: one word of user data and 32
// pointers, in this order. All calls answer as the system call of the name does: -1 and errno.
#pragma once

#include <cstddef>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace coax::packetdrill {

struct interface {
    void* user;
    void (*free)(void* user);
    int (*socket)(void* user, int domain, int type, int protocol);
    int (*bind)(void* user, int fd, const sockaddr* address, socklen_t length);
    int (*listen)(void* user, int fd, int backlog);
    int (*accept)(void* user, int fd, sockaddr* address, socklen_t* length);
    int (*connect)(void* user, int fd, const sockaddr* address, socklen_t length);
    ssize_t (*read)(void* user, int fd, void* buffer, size_t size);
    ssize_t (*readv)(void* user, int fd, const iovec* pieces, int count);
    ssize_t (*recv)(void* user, int fd, void* buffer, size_t size, int flags);
    ssize_t (*recvfrom)(void* user, int fd, void* buffer, size_t size, int flags, sockaddr* address,
                        socklen_t* length);
    ssize_t (*recvmsg)(void* user, int fd, msghdr* message, int flags);
    ssize_t (*write)(void* user, int fd, const void* buffer, size_t size);
    ssize_t (*writev)(void* user, int fd, const iovec* pieces, int count);
    ssize_t (*send)(void* user, int fd, const void* buffer, size_t size, int flags);
    ssize_t (*sendto)(void* user, int fd, const void* buffer, size_t size, int flags,
                      const sockaddr* address, socklen_t length);
    ssize_t (*sendmsg)(void* user, int fd, const msghdr* message, int flags);
    int (*fcntl)(void* user, int fd, int command, ...);
    int (*ioctl)(void* user, int fd, unsigned long request, ...);
    int (*close)(void* user, int fd);
    int (*shutdown)(void* user, int fd, int how);
    int (*getsockopt)(void* user, int fd, int level, int name, void* value, socklen_t* length);
    int (*setsockopt)(void* user, int fd, int level, int name, const void* value, socklen_t length);
    int (*poll)(void* user, pollfd* fds, nfds_t count, int timeout);
    // One IP packet into the stack.
    int (*netdev_send)(void* user, const void* packet, size_t size);
    // The next IP packet out of the stack: `size` comes as the room and goes as the length, 0 when
    // there is none and none will come; `microseconds`: when it left, on gettimeofday's clock.
    int (*netdev_receive)(void* user, void* packet, size_t* size, long long* microseconds);
    int (*usleep)(void* user, useconds_t microseconds);
    int (*gettimeofday)(void* user, struct timeval* now, struct timezone* zone);
    int (*epoll_create)(void* user, int size);
    int (*epoll_ctl)(void* user, int epoll, int operation, int fd, epoll_event* event);
    int (*epoll_wait)(void* user, int epoll, epoll_event* events, int most, int timeout);
    int (*pipe)(void* user, int fds[2]);
    int (*splice)(void* user, int in, loff_t* in_offset, int out, loff_t* out_offset, size_t size,
                  unsigned int flags);
};
static_assert(sizeof(interface) == 33 * sizeof(void*));

// What the shared object exports as "packetdrill_interface_init". `flags`: the value of --so_flags,
// or null.
using initialise = void (*)(const char* flags, interface* out);

}  // namespace coax::packetdrill
