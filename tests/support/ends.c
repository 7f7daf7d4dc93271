/* SPDX-License-Identifier: MIT */
#include "ends.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { SMALL_BUFFER = 16384, FLOOD_BLOCK = 4096 };

int ends[2];
static int flags[2][2]; /* of foreign ones: of the file, of the descriptor; -1: not foreign */

/* ---- kinds ---- */

static int shrink(int fd)
{
    const int size = SMALL_BUFFER;
    return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static int open_unix(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) return -1;
    return shrink(fds[1]);
}

static int open_datagram(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) < 0) return -1;
    return shrink(fds[1]);
}

int open_listener(struct sockaddr_in *address, int backlog)
{
    socklen_t len = sizeof *address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)address, len) < 0 || listen(fd, backlog) < 0) return -1;
    return getsockname(fd, (struct sockaddr *)address, &len) < 0 ? -1 : fd;
}

static int open_tcp(int fds[2])
{
    struct sockaddr_in address;
    const int listener = open_listener(&address, 1);
    fds[1] = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || fds[1] < 0 || shrink(fds[1]) < 0) return -1;
    if (connect(fds[1], (struct sockaddr *)&address, sizeof address) < 0) return -1;
    fds[0] = accept(listener, NULL, NULL);
    return fds[0] < 0 ? -1 : close(listener);
}

static int open_fifo(int fds[2])
{
    char directory[] = "/tmp/bide.XXXXXX", path[64];
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/fifo", directory);
    if (mkfifo(path, 0600) < 0) return -1;
    fds[0] = open(path, O_RDONLY | O_NONBLOCK);
    fds[1] = open(path, O_WRONLY);
    if (fds[0] < 0 || fds[1] < 0 || fcntl(fds[0], F_SETFL, O_RDONLY) < 0) return -1;
    return unlink(path) + rmdir(directory);
}

static int open_terminal(int *master, int *terminal)
{
    struct termios raw;
    *master = posix_openpt(O_RDWR | O_NOCTTY);
    if (*master < 0 || grantpt(*master) < 0 || unlockpt(*master) < 0) return -1;
    *terminal = open(ptsname(*master), O_RDWR | O_NOCTTY);
    if (*terminal < 0 || tcgetattr(*terminal, &raw) < 0) return -1;
    cfmakeraw(&raw);
    return tcsetattr(*terminal, TCSANOW, &raw);
}

static int open_tty(int fds[2])
{
    return open_terminal(&fds[1], &fds[0]);
}

static int open_pty_master(int fds[2])
{
    return open_terminal(&fds[0], &fds[1]);
}

static int open_eventfd(int fds[2])
{
    fds[0] = eventfd(0, 0);
    fds[1] = dup(fds[0]);
    return fds[1] < 0 ? -1 : 0;
}

const struct kind kinds[KINDS] = {
    [UNIX_STREAM] = {"unix", open_unix, .has_end = true},
    [UNIX_DATAGRAM] = {"datagram", open_datagram, .messages = true},
    [TCP] = {"tcp", open_tcp, .has_end = true},
    [PIPE] = {"pipe", pipe, .has_end = true},
    [FIFO] = {"fifo", open_fifo, .has_end = true},
    [TTY] = {"tty", open_tty, .has_end = true},
    [PTY_MASTER] = {"pty_master", open_pty_master, .has_end = true},
    [EVENTFD] = {"eventfd", open_eventfd, .counts = true},
};

const char *const manners[MANNERS] = {"own", "foreign_blocking", "foreign_nonblocking"};

bool have_terminals(void)
{
    int fds[2] = {-1, -1};
    const bool works = open_tty(fds) == 0;
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0) close(fds[i]);
    return works;
}

bool have_kind(const struct kind *kind)
{
    const bool is_terminal = kind == &kinds[TTY] || kind == &kinds[PTY_MASTER];
    return !is_terminal || have_terminals();
}

void need_kind(const struct kind *kind)
{
    if (!have_kind(kind)) check_skip("there are no pseudo-terminals here (/dev/pts)");
}

/* ---- of the test that runs ---- */

static int set_up(int i, enum manner manner)
{
    flags[i][0] = flags[i][1] = -1;
    if (manner == OWN) return bide_adopt(ends[i]);
    if (manner == NONBLOCKING) CHECK_INT(fcntl(ends[i], F_SETFL, fcntl(ends[i], F_GETFL) | O_NONBLOCK), 0);
    flags[i][0] = fcntl(ends[i], F_GETFL);
    flags[i][1] = fcntl(ends[i], F_GETFD);
    return 0;
}

int open_ends(const struct kind *kind, enum manner manner)
{
    CHECK_INT(kind->open(ends), 0);
    CHECK_INT(set_up(0, manner), 0);
    CHECK_INT(set_up(1, manner), 0);
    return 0;
}

int close_ends(void)
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] < 0) continue;
        if (flags[i][0] >= 0) {
            CHECK_INT(fcntl(ends[i], F_GETFL), flags[i][0]);
            CHECK_INT(fcntl(ends[i], F_GETFD), flags[i][1]);
        }
        CHECK_INT(bide_close(ends[i]), 0);
    }
    return 0;
}

int read_some(void *arg)
{
    struct reading *reading = arg;
    reading->code = bide_read(reading->fd, reading->text, reading->n);
    if (reading->code > 0) log_event("%.*s", (int)reading->code, reading->text);
    return 0;
}

/* ---- much at once ---- */

static unsigned char byte_at(size_t place)
{
    return (unsigned char)(place * 7 + place / 251);
}

int write_flood(void *arg)
{
    struct flood *flood = arg;
    unsigned char block[FLOOD_BLOCK];
    flood->done = 0;
    flood->code = 0;
    while (flood->done < flood->n && flood->code == 0) {
        const size_t left = flood->n - flood->done;
        const size_t size = left < flood->block ? left : flood->block;
        size_t written = SIZE_MAX;
        for (size_t i = 0; i < size; i++) block[i] = byte_at(flood->done + i);
        flood->code = bide_write_all(flood->fd, block, size, &written);
        CHECK(written <= size && (written == size) == (flood->code == 0));
        flood->done += written;
    }
    return 0;
}

ssize_t read_flood(int fd, size_t n, size_t from)
{
    unsigned char block[FLOOD_BLOCK];
    size_t all = 0;
    while (n == 0 || all < n) {
        const ssize_t got = bide_read(fd, block, sizeof block);
        CHECK(got >= 0);
        if (got == 0) break;
        for (size_t i = 0; i < (size_t)got; i++) CHECK_INT(block[i], byte_at(from + all + i));
        all += (size_t)got;
    }
    return (ssize_t)all;
}

ssize_t fill(int fd)
{
    static const char block[1000];
    ssize_t n, all = 0;
    const int before = fcntl(fd, F_GETFL);
    CHECK_INT(fcntl(fd, F_SETFL, before | O_NONBLOCK), 0);
    for (size_t size = sizeof block; size > 0; size /= 10)
        while ((n = write(fd, block, size)) > 0) all += n;
    CHECK_INT(errno, EAGAIN);
    CHECK_INT(fcntl(fd, F_SETFL, before), 0);
    return all;
}

/* ---- running it ---- */

const struct bide_options on_virtual_time = {.clock = BIDE_CLOCK_VIRTUAL}, on_real_time;

void run_in_loop(void **state)
{
    const struct in_loop *test = *state;
    log_clear();
    assert_int_equal(check_run_with(test->options, test->fn, NULL), 0);
}
