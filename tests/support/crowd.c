/* SPDX-License-Identifier: MIT */
#include "crowd.h"

#include "../../src/sanitizer.h"
#include "check.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SOURCES = 8,
    AT_ONCE = 100,
    PATIENCE = 60,
    SINGLE = 20,
    FLOOD_EACH = 40,
    FLOOD = 256 * 1024,
    LITTLE = 2048
};

int connections;

static struct sockaddr_in address; /* of the server */
static int sockets[WANTED];
static int received[WANTED];

/*
 * A network of this process's own, if it may have one: the port of each connection that was half
 * closed rests for a minute, and that ends with the network. Else they rest at addresses that
 * nobody else uses (see connect_one).
 */
static void leave_network(void)
{
    struct ifreq loopback = {.ifr_name = "lo"};
    if (unshare(CLONE_NEWNET) < 0) return;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (ioctl(fd, SIOCGIFFLAGS, &loopback) < 0) print_message("the new network has no loopback\n");
    loopback.ifr_flags |= IFF_UP;
    if (ioctl(fd, SIOCSIFFLAGS, &loopback) < 0) print_message("the new network cannot be used\n");
    close(fd);
}

/* Fewer than wanted, in words. */
static void at_most(int n, const char *why)
{
    if (connections <= n) return;
    connections = n;
    print_message("only %d connections, for %s\n", n, why);
}

int crowd_set_up(void **state)
{
    (void)state;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    connections = WANTED;
    if (limit.rlim_cur < WANTED + 50)
        at_most(limit.rlim_cur > 100 ? (int)limit.rlim_cur - 50 : 50, "RLIMIT_NOFILE");
    if (SANITIZER_THREAD) at_most(6000, "the thread sanitizer");
    if (sanitizer_valgrind()) at_most(200, "valgrind");
    leave_network();
    return 0;
}

/* ---- the client ---- */

static char byte_of(int i, int place)
{
    return (char)(i * 31 + place * 7);
}

/* One round of connection i, as far as the server takes it. */
static void send_round(int i, int round)
{
    char bytes[ROUND];
    size_t sent = 0;
    for (int place = 0; place < ROUND; place++) bytes[place] = byte_of(i, round * ROUND + place);
    const size_t singly = round > 0 && i % FATES == BYTE_BY_BYTE ? SINGLE : 0;
    while (sent < singly && send(sockets[i], bytes + sent, 1, MSG_NOSIGNAL) == 1) sent++;
    (void)send(sockets[i], bytes + sent, sizeof bytes - sent, MSG_NOSIGNAL); /* it may have been cancelled */
}

/* As much as the server and the kernel take, up to a limit. */
static void send_flood(int i)
{
    static const char bytes[ROUND];
    for (int sent = 0; sent < FLOOD; sent += ROUND)
        if (send(sockets[i], bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
}

/* Receives up to there. False if wrong bytes came, or nothing came in time. */
static bool receive_until(int i, int end)
{
    char bytes[ROUND];
    const int most = i % FATES == BYTE_BY_BYTE ? 1 : ROUND;
    while (received[i] < end) {
        const int left = end - received[i];
        const ssize_t n = recv(sockets[i], bytes, (size_t)(left < most ? left : most), 0);
        if (n <= 0) return n == 0 || errno == ECONNRESET || errno == EPIPE;
        for (ssize_t j = 0; j < n; j++, received[i]++)
            if (bytes[j] != byte_of(i, received[i])) return false;
    }
    return true;
}

/* Connected from one of several addresses, so that there are ports enough; the port is chosen by connect. */
static bool connect_one(int i)
{
    const struct timeval limit = {PATIENCE, 0};
    const struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (in_addr_t)(i % SOURCES)),
    };
    const int fd = sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (i % FATES == NEVER_READS) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){LITTLE}, sizeof(int));
    if (i % FATES == BYTE_BY_BYTE) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return bind(fd, (const struct sockaddr *)&source, sizeof source) == 0 &&
           connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

/* All are connected, and each has been answered, before the first one ends; a few at a time, as servers queue few. */
static bool greet_all(void)
{
    memset(received, 0, sizeof received);
    for (int first = 0; first < connections; first += AT_ONCE) {
        const int end = first + AT_ONCE < connections ? first + AT_ONCE : connections;
        for (int i = first; i < end; i++) {
            if (!connect_one(i)) return false;
            send_round(i, 0);
        }
        for (int i = first; i < end; i++)
            if (!receive_until(i, ROUND) || received[i] < ROUND) return false;
    }
    return true;
}

static void reset(int i)
{
    const struct linger now = {1, 0};
    setsockopt(sockets[i], SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(sockets[i]);
}

static void go_on(int i)
{
    if (i % FATES != RESET || i % 2) send_round(i, 1);
    if (i % FATES == RESET) reset(i); /* every other one while its answer is under way */
    if (i % FATES == HALF_CLOSED || i % FATES == BYTE_BY_BYTE) send_round(i, 2);
    if (i % FATES == HALF_CLOSED) shutdown(sockets[i], SHUT_WR);
    if (i % FATES == NEVER_READS && i / FATES % FLOOD_EACH == 0) send_flood(i);
}

/* After all that was sent: the end of what was half closed, nothing else. */
static bool ends_well(int i)
{
    char byte;
    if (i % FATES == HALF_CLOSED) return recv(sockets[i], &byte, 1, 0) == 0;
    return recv(sockets[i], &byte, 1, MSG_DONTWAIT) <= 0;
}

/* Those that stay are reset at last, too: their ports are free at once. */
static void finish(int i, struct crowd_report *all)
{
    if (i % FATES == RESET) return;
    if (i % FATES == NEVER_READS) {
        reset(i);
        return;
    }
    bool right = receive_until(i, 2 * ROUND);
    if (i % FATES == STAYS && right) send_round(i, 2);
    right = right && receive_until(i, TOTAL);
    if (right && received[i] < TOTAL)
        all->cut++;
    else if (right && ends_well(i))
        all->complete++;
    else
        all->wrong++;
    reset(i);
}

struct crowd_report crowd_run(const struct sockaddr_in *server)
{
    struct crowd_report all = {0, 0, 0};
    address = *server;
    if (!greet_all()) return (struct crowd_report){0, 0, 1};
    for (int i = 0; i < connections; i++) go_on(i);
    for (int i = 0; i < connections; i++) finish(i, &all);
    return all;
}

int crowd_told(void)
{
    int told = 0;
    for (int i = 0; i < connections; i++) told += i % FATES != RESET && i % FATES != NEVER_READS;
    return told;
}

/* ---- as a process ---- */

struct crowd_process crowd_start(const struct sockaddr_in *server)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct crowd_report report = crowd_run(server);
        _exit(write(fds[1], &report, sizeof report) != sizeof report);
    }
    close(fds[1]);
    return (struct crowd_process){.pid = pid, .from = fds[0]};
}

void crowd_end(const struct crowd_process *process)
{
    int status = -1;
    assert_int_equal(close(process->from), 0);
    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    assert_true(WIFEXITED(status)); /* with a code of valgrind's where that is at work */
}
