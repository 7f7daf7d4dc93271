/* SPDX-License-Identifier: MIT */
/*
 * What a loop costs that has nothing to do: no system calls, whatever hang-ups, errors and
 * leftovers epoll may know of; and what is left when epoll refuses.
 */
#include "counts.h"
#include "ends.h"
#include "faults.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FEW = 5 };

static long switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* Sleeps for so long, in which the loop must make only few calls of any kind. */
static int idle(double seconds)
{
    const long before = switches();
    counts_start();
    CHECK_INT(bide_sleep(seconds), 0);
    const long calls = counts_all();
    counts_stop();
    CHECK(calls < FEW);
    CHECK(switches() - before < 4 * FEW); /* whoever spins without these calls is seen all the same */
    return 0;
}

/* ---- nothing to do ---- */

static int wait_for_it(void *arg)
{
    return bide_poll(*(int *)arg, POLLIN);
}

TASK(an_idle_program_makes_no_system_calls)
{
    struct bide_task *tasks[2 * MANNERS];
    int fds[MANNERS][2];
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        memcpy(fds[manner], ends, sizeof ends);
        tasks[2 * manner] = bide_create_task(wait_for_it, &fds[manner][0]);
        tasks[2 * manner + 1] = bide_create_task(wait_for_it, &fds[manner][1]);
    }
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(idle(0.3), 0);
    for (int i = 0; i < 2 * MANNERS; i++) CHECK_INT(bide_cancel(tasks[i]), 1);
    for (int i = 0; i < 2 * MANNERS; i++) CHECK_INT(bide_await(tasks[i], NULL), -ECANCELED);
    CHECK_INT(idle(0.1), 0);
    for (int i = 0; i < MANNERS; i++) CHECK(bide_close(fds[i][0]) == 0 && bide_close(fds[i][1]) == 0);
    return 0;
}

/* ---- hang-ups ---- */

/* The way in which the other side ends: closed, or reset with data unread, or half. */
static int hang_up(int how)
{
    if (how == 1) CHECK_INT(bide_write(ends[0], "x", 1), 1);
    if (how == 2) return shutdown(ends[1], SHUT_WR);
    CHECK_INT(bide_close(ends[1]), 0);
    ends[1] = -1;
    return 0;
}

/* bugs.md row 33: the descriptor was waited for once, and then its other end goes while nobody waits. */
TASK(bug_33_a_hang_up_that_nobody_waits_for_costs_nothing)
{
    static const int which[] = {UNIX_STREAM, TCP, PIPE};
    for (size_t i = 0; i < 3 * MANNERS * 3; i++) {
        const struct kind *kind = &kinds[which[i % 3]];
        const int how = (int)(i / 3 / MANNERS);
        char byte;
        if (kind == &kinds[PIPE] && how) continue;
        CHECK_INT(open_ends(kind, (enum manner)(i / 3 % MANNERS)), 0);
        BIDE_TIMEOUT(0.001) {
            CHECK_INT(bide_read(ends[0], &byte, 1), -ETIMEDOUT);
        }
        CHECK_INT(hang_up(how), 0);
        CHECK_INT(idle(0.05), 0);
        CHECK(bide_read(ends[0], &byte, 1) <= 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* The same with a writer of a pipe whose reader goes: EPOLLERR. */
TASK(bug_33_an_error_that_nobody_waits_for_costs_nothing)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[PIPE], manner), 0);
        CHECK(fill(ends[1]) > 0);
        BIDE_TIMEOUT(0.001) {
            CHECK_INT(bide_write(ends[1], "x", 1), -ETIMEDOUT);
        }
        CHECK_INT(bide_close(ends[0]), 0);
        ends[0] = -1;
        CHECK_INT(idle(0.05), 0);
        CHECK_INT(bide_write(ends[1], "x", 1), -EPIPE);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* Data that nobody reads, room that nobody needs. */
TASK(data_that_nobody_waits_for_costs_nothing)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        char byte;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        BIDE_TIMEOUT(0.001) {
            CHECK_INT(bide_read(ends[0], &byte, 1), -ETIMEDOUT);
        }
        CHECK_INT(write(ends[1], "abc", 3), 3);
        CHECK_INT(idle(0.05), 0);
        CHECK_INT(bide_read(ends[0], &byte, 1), 1);
        CHECK_INT(idle(0.05), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* A reader waits while the writer's side of the same descriptor is in error or ready for ever. */
TASK(a_reader_is_not_woken_for_what_others_need)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        struct bide_task *reader = bide_create_task(wait_for_it, &ends[0]);
        CHECK_INT(bide_poll(ends[0], POLLOUT), POLLOUT);
        CHECK_INT(bide_yield(), 0);
        CHECK_INT(idle(0.05), 0);
        CHECK(bide_cancel(reader) == 1 && bide_await(reader, NULL) == -ECANCELED);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- when epoll refuses ---- */

static int read_byte(void *arg)
{
    char byte;
    return (int)bide_read(*(int *)arg, &byte, 1);
}

static int write_byte(void *arg)
{
    return (int)bide_write(*(int *)arg, "x", 1);
}

/* bugs.md row 35: the call that has to wait fails, and the next one does not. */
static int refuse_once(bide_fn fn, int fd, int error)
{
    int result = 0;
    faults_set(SYS_EPOLL_CTL, error, 0, 3);
    struct bide_task *task = bide_create_task(fn, &fd);
    CHECK_INT(bide_sleep(1), 0);
    const bool asked = faults_asked() > 0; /* one of bide's own may be registered already */
    faults_clear();
    CHECK(bide_task_done(task) == asked);
    if (!asked) CHECK_INT(bide_cancel(task), 1);
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, asked ? -error : -ECANCELED);
    struct bide_task *next = bide_create_task(fn, &fd);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(!bide_task_done(next) && bide_cancel(next) == 1);
    return bide_await(next, NULL) == -ECANCELED ? 0 : -EPROTO;
}

TASK(bug_35_the_call_fails_and_the_next_one_does_not)
{
    static const int errors[] = {ENOMEM, ENOSPC, EINVAL, ELOOP, EBADF};
    static const bide_fn fns[] = {read_byte, write_byte, wait_for_it};
    for (size_t i = 0; i < MANNERS * 5; i++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], (enum manner)(i % MANNERS)), 0);
        CHECK(fill(ends[1]) > 0);
        for (int j = 0; j < 3; j++) CHECK_INT(refuse_once(fns[j], ends[1], errors[i / MANNERS]), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* Arming anew for those who still wait fails: they are told, not forgotten. */
TASK(bug_35_who_still_waits_is_told)
{
    for (enum manner manner = BLOCKING; manner < MANNERS; manner++) {
        int result = 0;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        CHECK(fill(ends[1]) > 0);
        struct bide_task *reader = bide_create_task(read_byte, &ends[1]);
        struct bide_task *writer = bide_create_task(write_byte, &ends[1]);
        CHECK_INT(bide_sleep(1), 0);
        faults_set(SYS_EPOLL_CTL, ENOMEM, 0, FOR_EVER);
        CHECK_INT(bide_write(ends[0], "x", 1), 1);
        CHECK(bide_await(reader, &result) == 0 && result == 1);
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_await(writer, &result), 0);
        }
        faults_clear();
        CHECK(!bide_expired());
        CHECK_INT(result, -ENOMEM);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/*
 * Epoll still knows, by a copy, what bide has forgotten, or has forgotten what bide still knows: the
 * number is closed and given back behind bide's back.
 */
TASK(bug_35_what_epoll_forgot_or_remembers_is_put_right)
{
    for (int i = 0; i < 2 * MANNERS; i++) {
        const enum manner manner = (enum manner)(i / 2);
        int result = 0;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], manner), 0);
        const int number = ends[0], copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
        BIDE_TIMEOUT(1) {
            CHECK_INT(read_byte(&ends[0]), -ETIMEDOUT);
        }
        CHECK_INT(close(number), 0);
        if (i % 2) CHECK_INT(bide_close(number), -EBADF);
        CHECK_INT(dup2(copy, number), number);
        if (manner == OWN) CHECK_INT(bide_adopt(number), 0);
        struct bide_task *reader = bide_create_task(read_byte, &ends[0]);
        CHECK_INT(bide_sleep(1), 0);
        CHECK(!bide_task_done(reader) && bide_write(ends[1], "x", 1) == 1);
        BIDE_TIMEOUT(1) {
            CHECK_INT(bide_await(reader, &result), 0);
        }
        CHECK_INT(result, 1);
        CHECK(bide_close(copy) == 0 && bide_close(ends[0]) == 0 && bide_close(ends[1]) == 0);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(an_idle_program_makes_no_system_calls, real),
        RUN(bug_33_a_hang_up_that_nobody_waits_for_costs_nothing, real),
        RUN(bug_33_an_error_that_nobody_waits_for_costs_nothing, real),
        RUN(data_that_nobody_waits_for_costs_nothing, real),
        RUN(a_reader_is_not_woken_for_what_others_need, real),
        RUN(bug_35_the_call_fails_and_the_next_one_does_not, virtual),
        RUN(bug_35_who_still_waits_is_told, virtual),
        RUN(bug_35_what_epoll_forgot_or_remembers_is_put_right, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
