/* SPDX-License-Identifier: MIT */
/*
 * bugs.md rows 48 and 49: descriptors with great numbers, many of them at once, and limits so
 * great that nothing may be sized by them. Where the limit is too low for 19,999 it takes the
 * greatest number that there is.
 */
#include "counts.h"
#include "ends.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HIGHEST = 19999, MANY = 1000, HUGE_LIMIT = 1 << 30, MEGABYTE = 1 << 20 };

/* ---- great numbers ---- */

/* Raises the limit as far as it goes, up to that many. Returns how many there may be. */
static int raise_limit(int wanted)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    const struct rlimit more = {(rlim_t)wanted,
                                limit.rlim_max < (rlim_t)wanted ? (rlim_t)wanted : limit.rlim_max};
    if (limit.rlim_cur >= (rlim_t)wanted || setrlimit(RLIMIT_NOFILE, &more) == 0) return wanted;
    limit.rlim_cur = limit.rlim_max < (rlim_t)wanted ? limit.rlim_max : (rlim_t)wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    return (int)limit.rlim_cur;
}

/* Gives an end the number, or the next free one below it. */
static int move_to(int *fd, int number)
{
    const int most = raise_limit(HIGHEST + 1) - 4; /* there are two ends, or three */
    const int moved = fcntl(*fd, F_DUPFD_CLOEXEC, number < most ? number : most);
    CHECK(moved >= 0 && bide_close(*fd) == 0);
    *fd = moved;
    return 0;
}

static int pass_a_byte(void)
{
    struct reading reading = {.fd = ends[0], .n = 8};
    struct bide_task *reader = bide_create_task(read_some, &reading);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(!bide_task_done(reader));
    CHECK_INT(bide_poll(ends[1], POLLOUT), POLLOUT);
    CHECK_INT(bide_write_all(ends[1], "12345678", 8, NULL), 0);
    CHECK_INT(bide_await(reader, NULL), 0);
    CHECK_INT(reading.code, 8);
    return 0;
}

static int wait_for_room(void)
{
    struct flood flood = {.fd = ends[1], .n = 1 << 18, .block = 4096};
    struct bide_task *writer = bide_create_task(write_flood, &flood);
    CHECK_INT(read_flood(ends[0], 1 << 18, 0), 1 << 18);
    CHECK(bide_await(writer, NULL) == 0 && flood.code == 0);
    return 0;
}

TASK(bug_48_great_numbers_work_as_small_ones)
{
    static const int numbers[] = {63, 64, 1000, 1023, 1024, 1025, 4095, 4096, 16384, HIGHEST - 3};
    for (size_t i = 0; i < KINDS * MANNERS * 10; i++) {
        const struct kind *kind = &kinds[i % KINDS];
        const enum manner manner = (enum manner)(i / KINDS % MANNERS);
        if (!have_kind(kind)) continue; /* fd_kinds_test says so */
        CHECK_INT(open_ends(kind, manner), 0);
        for (int j = 0; j < 2; j++) {
            if (manner == OWN) CHECK_INT(bide_release(ends[j]), 0);
            CHECK_INT(move_to(&ends[j], numbers[i / KINDS / MANNERS]), 0);
            if (manner == OWN) CHECK_INT(bide_adopt(ends[j]), 0);
        }
        CHECK(ends[0] >= 63 && pass_a_byte() == 0);
        if (!kind->counts) CHECK_INT(wait_for_room(), 0);
        CHECK(bide_close(ends[0]) == 0 && bide_close(ends[1]) == 0);
    }
    return 0;
}

static int accept_one(void *arg)
{
    return bide_accept(*(int *)arg, NULL, NULL);
}

TASK(bug_48_connections_with_great_numbers)
{
    struct sockaddr_in address;
    int listener = open_listener(&address, 4), accepted = -1;
    int client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(move_to(&listener, HIGHEST - 8) == 0 && bide_adopt(listener) == 0);
    CHECK(move_to(&client, HIGHEST - 8) == 0 && bide_adopt(client) == 0);
    struct bide_task *server = bide_create_task(accept_one, &listener);
    CHECK_INT(bide_connect(client, (struct sockaddr *)&address, sizeof address), 0);
    CHECK(bide_await(server, &accepted) == 0 && accepted >= 0);
    ends[0] = client;
    ends[1] = accepted;
    CHECK_INT(pass_a_byte(), 0);
    return bide_close(client) + bide_close(accepted) + bide_close(listener);
}

/* ---- many at once ---- */

static int read_own(void *arg)
{
    char byte;
    const int fd = (int)(intptr_t)arg;
    CHECK_INT(bide_read(fd, &byte, 1), 1);
    return bide_close(fd);
}

TASK(bug_48_many_wait_and_all_are_ready_in_one_turn)
{
    static int fds[MANY][2];
    static struct bide_task *tasks[MANY];
    const int limit = raise_limit(4 * MANY);
    const int n = limit > 3 * MANY ? MANY : limit / 3;
    for (int round = 0; round < 2; round++) { /* own ones, foreign ones */
        for (int i = 0; i < n; i++) {
            CHECK_INT(round ? pipe(fds[i]) : bide_pipe(fds[i]), 0);
            tasks[i] = bide_create_task(read_own, (void *)(intptr_t)fds[i][0]);
        }
        CHECK_INT(bide_sleep(1), 0);
        for (int i = 0; i < n; i++) CHECK(write(fds[i][1], "x", 1) == 1 && bide_close(fds[i][1]) == 0);
        for (int i = 0; i < n; i++) {
            int result = -1;
            CHECK(bide_await(tasks[i], &result) == 0 && result == 0);
        }
    }
    return 0;
}

/* ---- great limits ---- */

static long resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* The greatest number that the system lets us have. */
static int use_the_greatest(void *arg)
{
    (void)arg;
    int limit = raise_limit(HUGE_LIMIT);
    for (int n = HUGE_LIMIT; limit < n && n > HIGHEST; n /= 2) limit = raise_limit(n);
    const long before = resident();
    CHECK_INT(open_ends(&kinds[UNIX_STREAM], BLOCKING), 0);
    const int moved = fcntl(ends[0], F_DUPFD_CLOEXEC, limit - 1);
    CHECK(moved == limit - 1 && bide_adopt(moved) == 0 && close(ends[0]) == 0);
    ends[0] = moved;
    CHECK_INT(pass_a_byte(), 0);
    CHECK(resident() - before < 16 * MEGABYTE);
    return bide_close(ends[0]) + bide_close(ends[1]);
}

TASK(bug_49_a_great_limit_costs_no_memory)
{
    return use_the_greatest(NULL);
}

TASK(bug_49_numbers_that_are_not_open_cost_no_memory)
{
    static const int numbers[] = {INT_MAX, INT_MAX - 1, 1 << 30, 1 << 24};
    char byte;
    counts_start();
    for (int i = 0; i < 4; i++) {
        CHECK_INT(bide_read(numbers[i], &byte, 1), -EBADF);
        CHECK_INT(bide_poll(numbers[i], POLLIN), -EBADF);
        CHECK_INT(bide_adopt(numbers[i]), -EBADF);
        CHECK_INT(bide_close(numbers[i]), -EBADF);
    }
    const long allocations = counts_of(SYS_ALLOC);
    counts_stop();
    CHECK_INT(allocations, 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_48_great_numbers_work_as_small_ones, virtual),
        RUN(bug_48_connections_with_great_numbers, virtual),
        RUN(bug_48_many_wait_and_all_are_ready_in_one_turn, virtual),
        RUN(bug_49_numbers_that_are_not_open_cost_no_memory, virtual),
        RUN(bug_49_a_great_limit_costs_no_memory, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
