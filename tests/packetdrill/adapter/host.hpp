// One host: a coax stack on a link in virtual time, with the socket calls of POSIX on it as Linux
// answers them. File descriptors are real ones (of /dev/null), so that what packetdrill does with
// them behind the table's back does no harm. Thread-safe: every call takes the lock of time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "stack/base/random.hpp"
#include "stack/stack.hpp"
#include "tests/packetdrill/adapter/link.hpp"
#include "tests/packetdrill/adapter/settings.hpp"
#include "tests/packetdrill/adapter/virtual_time.hpp"

namespace coax::packetdrill {

// The same numbers in every run.
class seeded_random final : public stack::random_source {
  public:
    std::uint64_t next() noexcept override;

  private:
    std::uint64_t state_ = 1;
};

struct open_socket {
    stack::tcp_socket id;
    int domain = AF_INET;
    int flags = 0;  // O_NONBLOCK
    bool reuse_address = false;
    bool listening = false;
    bool connecting = false;
    bool connected = false;
    bool failed = false;
    bool error_taken = false;   // by SO_ERROR, connect() or a call
    bool acceptable = false;    // the last accept() did not find the queue empty
    bool wanted_space = false;  // a write took less than offered (EPOLLOUT's edge)
    bool shut_receive = false;
    bool shut_send = false;
    std::uint32_t send_buffer = 0;               // bytes, as getsockopt tells
    std::uint32_t receive_buffer = 0;            // bytes, as getsockopt tells
    std::uint32_t unsent_low_water = 0;          // bytes, TCP_NOTSENT_LOWAT
    std::map<std::pair<int, int>, int> options;  // others that were set, by level and name
    std::size_t readable_seen = 0;  // bytes that were readable after the last turn (EPOLLET)
    std::uint64_t edges = 0;        // moments when something became possible (EPOLLET)
};

struct watched {
    std::uint32_t events = 0;
    epoll_data_t data{};
    std::uint64_t edges_told = 0;
    bool disarmed = false;  // EPOLLONESHOT
};

struct open_epoll {
    std::map<int, watched> list;
};

class host {
  public:
    explicit host(const char* flags);
    ~host();
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    int socket(int domain, int type, int protocol);
    int bind(int fd, const sockaddr* address, socklen_t length);
    int listen(int fd, int backlog);
    int accept(int fd, sockaddr* address, socklen_t* length);
    int connect(int fd, const sockaddr* address, socklen_t length);
    ssize_t receive(int fd, std::span<const stack::mutable_bytes> pieces, int flags,
                    sockaddr* address, socklen_t* length);
    ssize_t send(int fd, std::span<const stack::const_bytes> pieces, int flags);
    int fcntl(int fd, int command, long argument);
    int ioctl(int fd, unsigned long request, void* argument);
    int close(int fd);
    int shutdown(int fd, int how);
    int getsockopt(int fd, int level, int name, void* value, socklen_t* length);
    int setsockopt(int fd, int level, int name, const void* value, socklen_t length);
    int poll(pollfd* fds, nfds_t count, int timeout);
    int epoll_create();
    int epoll_ctl(int epoll, int operation, int fd, epoll_event* event);
    int epoll_wait(int epoll, epoll_event* events, int most, int timeout);

    int netdev_send(const void* packet, std::size_t size);
    int netdev_receive(void* packet, std::size_t* size, long long* microseconds);
    void usleep(std::uint32_t microseconds);
    timeval time_of_day();

    // A shell command of the script, as it was given to system(3).
    void read_command(const char* command);
    bool owns(int fd);

  private:
    using lock = virtual_time::lock;

    void start();  // makes the stack, with the settings as they are by now
    void turn();
    stack::instant next_deadline() const;
    void take_events();
    void note_edges();
    open_socket* find(int fd);
    int new_fd();
    int failure(open_socket& s, stack::error e);
    int fails(int number);
    std::uint32_t readiness(open_socket& s);
    bool is_writable(const open_socket& s) const;
    std::uint32_t unsent_low_water(const open_socket& s) const {  // 0: none
        return s.unsent_low_water != 0 ? s.unsent_low_water : settings_.unsent_low_water;
    }
    std::vector<stack::const_bytes> what_may_be_written(
        const open_socket& s, const std::vector<stack::const_bytes>& all) const;
    stack::instant deadline_after(int milliseconds) const;
    int finish_connect(lock& held, open_socket& s);
    int tcp_option(open_socket& s, int name, int& value);
    int set_tcp_option(open_socket& s, int name, int value);
    int collect(open_epoll& e, epoll_event* events, int most);
    void say(const char* what) const;

    settings settings_;
    virtual_time time_;
    std::unique_ptr<link> link_;
    seeded_random random_;
    std::unique_ptr<stack::ip_stack> stack_;
    std::map<int, open_socket> sockets_;
    std::map<int, open_epoll> epolls_;
};

// The snapshot of a connection as Linux's struct tcp_info, `*length` bytes of it at most.
void fill_tcp_info(const stack::tcp::connection_info& from, void* value, socklen_t* length);

}  // namespace coax::packetdrill
