// A server on a bare epoll loop in C, one thread: the least that kernel sockets cost.
// Level-triggered; one buffer for all connections, and a copy of what a peer does not take at once.
// Roles:
//   echo    sends back what comes, over TCP
//   sink    reads and drops
//   source  sends without end to whoever connects, and drops what comes
//   udp     sends back datagrams, up to 16 a system call
// It measures nothing and knows no protocol. Options as in asio.cpp.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    buffer_size = 131072,
    events_at_once = 256,
    datagrams_at_once = 16,
    datagram_size = 65536,
    backlog = 16384
};

// linux/eventpoll.h since Linux 6.9; Debian 12's headers are older.
struct busy_poll_parameters {
    uint32_t microseconds;
    uint16_t budget;
    uint8_t prefer;
    uint8_t padding;
};
#define SET_BUSY_POLL _IOW(0x8A, 0x01, struct busy_poll_parameters)

struct options {
    const char* role;
    struct sockaddr_in at;
    unsigned busy_poll;  // microseconds; 0: not asked for
    bool reuse_port;
    bool quick_ack;
    bool spin;
};

struct connection {
    int descriptor;
    bool reads;      // what it waits for
    size_t pending;  // bytes that the peer has not taken
    char* unsent;    // they
};

static struct options asked;
static char buffer[buffer_size];
static int loop;

static void fail(const char* what) {
    fprintf(stderr, "bench_epoll: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void set(int descriptor, int level, int name, int value, const char* what) {
    if (setsockopt(descriptor, level, name, &value, sizeof value) != 0) fail(what);
}

static void watch(struct connection* c, int operation, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(loop, operation, c->descriptor, &e) != 0) fail("epoll_ctl");
}

static void end(struct connection* c) {
    close(c->descriptor);
    free(c->unsent);
    free(c);
}

// What cannot be sent now is kept, and reading stops until it is gone. False: the connection is
// over.
static bool send_or_keep(struct connection* c, const char* data, size_t size) {
    ssize_t sent = send(c->descriptor, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) sent = 0;
    c->pending = size - (size_t)sent;
    if (c->pending != 0) {
        char* left = malloc(c->pending);
        if (left == NULL) fail("malloc");
        memcpy(left, data + sent, c->pending);
        free(c->unsent);
        c->unsent = left;
    }
    const bool reads = c->pending == 0;
    if (reads != c->reads) watch(c, EPOLL_CTL_MOD, reads ? EPOLLIN : EPOLLOUT);
    c->reads = reads;
    return true;
}

static bool echo(struct connection* c, uint32_t events) {
    (void)events;
    if (c->pending != 0) {
        char* unsent = c->unsent;
        c->unsent = NULL;
        const bool going_on = send_or_keep(c, unsent, c->pending);
        free(unsent);
        return going_on;
    }
    const ssize_t n = recv(c->descriptor, buffer, buffer_size, 0);
    if (n < 0) return errno == EAGAIN;
    return n > 0 && send_or_keep(c, buffer, (size_t)n);
}

static bool sink(struct connection* c, uint32_t events) {
    (void)events;
    const ssize_t n = recv(c->descriptor, buffer, buffer_size, 0);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static bool source(struct connection* c, uint32_t events) {
    if ((events & EPOLLIN) != 0 && !sink(c, events)) return false;
    static const char data[buffer_size];
    return send(c->descriptor, data, buffer_size, MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
}

// What is done with a connection that can be read or written; false: it is over.
static bool (*converse)(struct connection* c, uint32_t events);

static void accept_all(int listener) {
    for (;;) {
        const int s = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (s < 0) {
            if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return;
            fail("accept");
        }
        set(s, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
        if (asked.quick_ack) set(s, IPPROTO_TCP, TCP_QUICKACK, 1, "TCP_QUICKACK");
        if (asked.busy_poll != 0)
            set(s, SOL_SOCKET, SO_BUSY_POLL, (int)asked.busy_poll, "SO_BUSY_POLL");
        struct connection* c = calloc(1, sizeof *c);
        if (c == NULL) fail("calloc");
        c->descriptor = s;
        c->reads = true;
        watch(c, EPOLL_CTL_ADD, converse == source ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void echo_datagrams(int s) {
    static char memory[datagrams_at_once][datagram_size];
    static struct sockaddr_in from[datagrams_at_once];
    struct iovec pieces[datagrams_at_once];
    struct mmsghdr messages[datagrams_at_once];
    memset(messages, 0, sizeof messages);
    for (int i = 0; i != datagrams_at_once; ++i) {
        pieces[i] = (struct iovec){memory[i], datagram_size};
        messages[i].msg_hdr.msg_name = &from[i];
        messages[i].msg_hdr.msg_namelen = sizeof from[i];
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int got = recvmmsg(s, messages, datagrams_at_once, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; ++i) pieces[i].iov_len = messages[i].msg_len;
    // What the kernel has no room for is lost, as datagrams are.
    if (got > 0) sendmmsg(s, messages, (unsigned)got, MSG_DONTWAIT);
}

static void serve(int listener, bool datagrams) {
    struct epoll_event events[events_at_once];
    for (;;) {
        const int count = epoll_wait(loop, events, events_at_once, asked.spin ? 0 : -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; ++i) {
            struct connection* c = events[i].data.ptr;
            if (c->descriptor == listener) {
                if (datagrams) echo_datagrams(listener);
                else accept_all(listener);
                continue;
            }
            if (!converse(c, events[i].events)) end(c);
        }
    }
}

static void parse_endpoint(const char* text) {
    char address[INET_ADDRSTRLEN];
    unsigned port = 0;
    asked.at.sin_family = AF_INET;
    if (sscanf(text, "%15[0-9.]:%u", address, &port) != 2 || port > 65535 ||
        inet_pton(AF_INET, address, &asked.at.sin_addr) != 1) {
        fprintf(stderr, "bench_epoll: '%s' is not A.B.C.D:PORT\n", text);
        exit(2);
    }
    asked.at.sin_port = htons((uint16_t)port);
}

static void parse(int count, char** arguments) {
    static const char* const roles[] = {"echo", "sink", "source", "udp"};
    for (int i = 1; i < count; ++i) {
        const char* a = arguments[i];
        if (strcmp(a, "--listen") == 0 && i + 1 < count) parse_endpoint(arguments[++i]);
        else if (strcmp(a, "--busy-poll") == 0 && i + 1 < count)
            asked.busy_poll = (unsigned)strtoul(arguments[++i], NULL, 10);
        else if (strcmp(a, "--reuse-port") == 0) asked.reuse_port = true;
        else if (strcmp(a, "--quick-ack") == 0) asked.quick_ack = true;
        else if (strcmp(a, "--spin") == 0) asked.spin = true;
        else
            for (size_t r = 0; r != sizeof roles / sizeof *roles; ++r)
                if (strcmp(a, roles[r]) == 0) asked.role = roles[r];
    }
    if (asked.role != NULL && asked.at.sin_port != 0) return;
    fputs(
        "usage: bench_epoll echo|sink|source|udp --listen A.B.C.D:PORT [--busy-poll MICROSECONDS] "
        "[--reuse-port] [--quick-ack] [--spin]\n",
        stderr);
    exit(2);
}

int main(int count, char** arguments) {
    parse(count, arguments);
    const bool datagrams = strcmp(asked.role, "udp") == 0;
    converse = strcmp(asked.role, "echo") == 0   ? echo
               : strcmp(asked.role, "sink") == 0 ? sink
                                                 : source;
    const int listener =
        socket(AF_INET, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) fail("socket");
    set(listener, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
    if (asked.reuse_port) set(listener, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
    if (asked.busy_poll != 0)
        set(listener, SOL_SOCKET, SO_BUSY_POLL, (int)asked.busy_poll, "SO_BUSY_POLL");
    if (bind(listener, (struct sockaddr*)&asked.at, sizeof asked.at) != 0) fail("bind");
    if (!datagrams && listen(listener, backlog) != 0) fail("listen");
    loop = epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0) fail("epoll_create1");
    struct busy_poll_parameters busy = {asked.busy_poll, 64, 1, 0};
    if (asked.busy_poll != 0 && ioctl(loop, SET_BUSY_POLL, &busy) != 0)
        fprintf(stderr, "bench_epoll: no busy polling by epoll itself: %s\n", strerror(errno));
    static struct connection door;
    door.descriptor = listener;
    watch(&door, EPOLL_CTL_ADD, EPOLLIN);
    char address[INET_ADDRSTRLEN];
    printf("ready: %s on %s:%u, bare epoll\n", asked.role,
           inet_ntop(AF_INET, &asked.at.sin_addr, address, sizeof address),
           ntohs(asked.at.sin_port));
    fflush(stdout);
    serve(listener, datagrams);
}
