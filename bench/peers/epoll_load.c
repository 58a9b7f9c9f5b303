// The client that goes with epoll.c: a closed loop of echo messages on a bare epoll loop in C, one
// thread. Counts and times, compares only lengths; prints JSON as `coax load echo --json` does,
// with fewer members. Usage:
//   bench_epoll_load A.B.C.D:PORT CONNECTIONS BYTES SECONDS [--spin]
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

enum { largest = 65536, events_at_once = 256 };

static char question[largest];
static char answer[largest];

static void fail(const char* what) {
    fprintf(stderr, "bench_epoll_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double seconds_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int connect_one(const struct sockaddr_in* to) {
    const int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || connect(s, (const struct sockaddr*)to, sizeof *to) != 0) fail("connect");
    const int on = 1;
    if (setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) fail("TCP_NODELAY");
    return s;
}

struct exchange {
    int loop;
    size_t size;
    int* sockets;
    size_t* left;  // bytes of the answer to come
    uint64_t messages;
    bool spin;
};

static void ask(struct exchange* e, size_t which) {
    if (send(e->sockets[which], question, e->size, MSG_NOSIGNAL) != (ssize_t)e->size) fail("send");
    e->left[which] = e->size;
}

static void turn(struct exchange* e) {
    struct epoll_event events[events_at_once];
    const int count = epoll_wait(e->loop, events, events_at_once, e->spin ? 0 : 1000);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; ++i) {
        const size_t which = events[i].data.u64;
        const ssize_t n = recv(e->sockets[which], answer, e->left[which], 0);
        if (n <= 0) fail("recv");
        e->left[which] -= (size_t)n;
        if (e->left[which] != 0) continue;
        ++e->messages;
        ask(e, which);
    }
}

static void print_result(const struct exchange* e, long connections, double seconds, double cpu) {
    printf(
        "{\"messages\": %llu, \"messages_per_second\": %.1f, \"errors\": 0, \"mismatches\": 0, "
        "\"connections\": %ld, \"connected\": %ld, \"size\": %zu, \"seconds\": %.6f, "
        "\"cpu_seconds\": %.6f, \"own_cpu_busy\": %.4f, \"backend\": \"bare epoll\"}\n",
        (unsigned long long)e->messages, (double)e->messages / seconds, connections, connections,
        e->size, seconds, cpu, cpu / seconds);
}

int main(int count, char** arguments) {
    struct sockaddr_in to = {.sin_family = AF_INET};
    char address[INET_ADDRSTRLEN];
    unsigned port = 0;
    const long connections = count > 4 ? strtol(arguments[2], NULL, 10) : 0;
    struct exchange e = {.size = count > 4 ? strtoul(arguments[3], NULL, 10) : 0};
    const double duration = count > 4 ? strtod(arguments[4], NULL) : 0;
    if (connections < 1 || connections > 100000 || e.size < 1 || e.size > largest ||
        duration <= 0 || sscanf(arguments[1], "%15[0-9.]:%u", address, &port) != 2 ||
        port > 65535 || inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        fputs("usage: bench_epoll_load A.B.C.D:PORT CONNECTIONS BYTES SECONDS [--spin]\n", stderr);
        return 2;
    }
    to.sin_port = htons((uint16_t)port);
    e.spin = count > 5 && strcmp(arguments[5], "--spin") == 0;
    e.sockets = calloc((size_t)connections, sizeof *e.sockets);
    e.left = calloc((size_t)connections, sizeof *e.left);
    e.loop = epoll_create1(EPOLL_CLOEXEC);
    if (e.sockets == NULL || e.left == NULL || e.loop < 0) fail("preparing");
    for (size_t i = 0; i != (size_t)connections; ++i) {
        e.sockets[i] = connect_one(&to);
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
        if (epoll_ctl(e.loop, EPOLL_CTL_ADD, e.sockets[i], &event) != 0) fail("epoll_ctl");
    }
    const double start = seconds_of(CLOCK_MONOTONIC);
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i != (size_t)connections; ++i) ask(&e, i);
    double now = start;
    while (now - start < duration) {
        turn(&e);
        now = seconds_of(CLOCK_MONOTONIC);
    }
    print_result(&e, connections, now - start, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return e.messages == 0 ? 1 : 0;
}
