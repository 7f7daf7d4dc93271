/* SPDX-License-Identifier: MIT */
/* Corners of descriptors: turns, long streaks of data at hand, full batches of events, numbers used again. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- a turn that is handed over while its descriptor ends ---- */

static int read_one(void *fd)
{
    char byte;
    return (int)bide_read(*(int *)fd, &byte, 1);
}

/* The next in turn is woken by this read's end, and finds the descriptor closed. */
static int read_one_and_close(void *fd)
{
    const int n = read_one(fd);
    CHECK_INT(bide_close(*(int *)fd), 0);
    return n;
}

static int close_while_handed_over(void *arg)
{
    (void)arg;
    int old[2], new[2], first = 0, second = 0;
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, old), 0);
    struct bide_task *tasks[] = {bide_create_task(read_one_and_close, old), bide_create_task(read_one, old)};
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(write(old[1], "x", 1), 1);
    CHECK_INT(bide_await(tasks[0], &first), 0);
    CHECK_INT(bide_await(tasks[1], &second), 0);
    CHECK_INT(first, 1);
    CHECK_INT(second, -EBADF);

    /* The number stands for something new, and no turn of it is taken. */
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, new), 0);
    if (new[0] != old[0]) {
        CHECK_INT(dup2(new[0], old[0]), old[0]);
        CHECK_INT(close(new[0]), 0);
    }
    CHECK_INT(write(new[1], "y", 1), 1);
    ssize_t n = 0;
    BIDE_TIMEOUT(1) n = read_one(old);
    CHECK_INT(n, 1);
    CHECK_INT(bide_close(old[0]), 0);
    CHECK_INT(bide_close(old[1]), 0);
    CHECK_INT(close(new[1]), 0);
    return 0;
}

static void a_turn_ends_with_its_descriptor(void **state)
{
    (void)state;
    assert_int_equal(check_run(close_while_handed_over, NULL), 0);
}

/* ---- a cancel that comes while a streak lets others run ---- */

struct streak {
    int busy[2];  /* always has data */
    int quiet[2]; /* has none, and its turn is taken */
    struct bide_task *reader;
};

static int read_quiet(void *arg)
{
    return read_one(((struct streak *)arg)->quiet);
}

static int cancel_reader(void *arg)
{
    return bide_cancel(((struct streak *)arg)->reader);
}

/* Some read of these lets others run: the cancel that they bring is seen there and then. */
static int read_long_streak(void *arg)
{
    struct streak *streak = arg;
    const int most = 1000;
    bide_detach(bide_create_task(cancel_reader, streak));
    for (int i = 0; i < most; i++) {
        char byte;
        const ssize_t n = bide_recv(streak->busy[0], &byte, 1, MSG_PEEK);
        if (n == -ECANCELED) return -ECANCELED;
        CHECK_INT(n, 1);
        if (bide_cancelled()) return -ENOTRECOVERABLE; /* it was let through */
    }
    return -EPROTO;
}

/* The same where the streak's last call would have to wait for its turn. */
static int read_quiet_after_streak(void *arg)
{
    struct streak *streak = arg;
    char byte;
    CHECK_INT(bide_sleep(1), 0); /* a streak begins anew with each poll */
    bide_detach(bide_create_task(cancel_reader, streak));
    for (int i = 0; i < 64; i++) CHECK_INT(bide_recv(streak->busy[0], &byte, 1, MSG_PEEK), 1);
    return read_quiet(streak);
}

static int cancel_in_streak(bide_fn fn)
{
    struct streak streak;
    int result = 0;
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, streak.busy), 0);
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, streak.quiet), 0);
    CHECK_INT(write(streak.busy[1], "x", 1), 1);
    struct bide_task *other = bide_create_task(read_quiet, &streak);
    streak.reader = bide_create_task(fn, &streak);
    CHECK_INT(bide_sleep(2), 0);
    CHECK(bide_task_done(streak.reader));
    CHECK_INT(bide_await(streak.reader, &result), 0);
    CHECK_INT(result, -ECANCELED);
    bide_cancel(other);
    CHECK_INT(bide_await(other, &result), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(bide_close(streak.busy[i]), 0);
        CHECK_INT(bide_close(streak.quiet[i]), 0);
    }
    return 0;
}

static int cancel_in_streaks(void *arg)
{
    (void)arg;
    const int code = cancel_in_streak(read_long_streak);
    return code < 0 ? code : cancel_in_streak(read_quiet_after_streak);
}

static void a_cancel_that_comes_in_a_streak_is_seen(void **state)
{
    (void)state;
    assert_int_equal(check_run(cancel_in_streaks, NULL), 0);
}

/* ---- poll of what is always ready ---- */

static int raise_flag(void *flag)
{
    *(bool *)flag = true;
    return 0;
}

static int poll_until_flag(void *arg)
{
    (void)arg;
    bool flag = false;
    int fds[2], rounds = 0;
    CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct bide_task *other = bide_create_task(raise_flag, &flag);
    for (; !flag && rounds < 10000; rounds++) CHECK_INT(bide_poll(fds[0], POLLOUT), POLLOUT);
    CHECK(flag);
    CHECK_INT(bide_await(other, NULL), 0);
    CHECK_INT(bide_close(fds[0]), 0);
    CHECK_INT(bide_close(fds[1]), 0);
    return 0;
}

static void poll_of_what_is_ready_lets_others_run(void **state)
{
    (void)state;
    assert_int_equal(check_run(poll_until_flag, NULL), 0);
}

/* ---- data and deadlines at the same time ---- */

enum { MANY = 200 };

struct reader {
    int fds[2];
    struct bide_scope scope;
};

static int read_within_scope(void *arg)
{
    struct reader *reader = arg;
    bide_timeout_enter(&reader->scope, BIDE_FOREVER);
    const int n = read_one(reader->fds);
    bide_scope_exit(&reader->scope);
    return n;
}

/* Nobody runs from the first write on, and all deadlines have passed before the loop looks again. */
static int many_at_once(void *arg)
{
    (void)arg;
    static struct reader readers[MANY];
    struct bide_task *tasks[MANY];
    int results[MANY];
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(bide_socketpair(AF_UNIX, SOCK_STREAM, 0, readers[i].fds), 0);
        tasks[i] = bide_create_task(read_within_scope, &readers[i]);
    }
    CHECK_INT(bide_yield(), 0);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(write(readers[i].fds[1], "x", 1), 1);
        CHECK_INT(bide_timeout_reschedule(&readers[i].scope, 1e-6), 0);
    }
    const struct timespec pause = {.tv_nsec = 2000000};
    nanosleep(&pause, NULL);
    CHECK_INT(bide_gather_tasks(tasks, MANY, results), 0);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(results[i], 1);
        CHECK_INT(bide_close(readers[i].fds[0]), 0);
        CHECK_INT(bide_close(readers[i].fds[1]), 0);
    }
    return 0;
}

static void all_data_beats_its_deadlines(void **state)
{
    (void)state;
    assert_int_equal(check_run_with(NULL, many_at_once, NULL), 0);
}

/* ---- numbers used again behind bide's back ---- */

static int write_later(void *fd)
{
    CHECK_INT(bide_sleep(5), 0);
    CHECK_INT(write(*(int *)fd, "x", 1), 1);
    return 0;
}

/* What was bide's is closed by close(2), and its number adopted again for another pipe. */
static int adopt_reused_number(void *arg)
{
    (void)arg;
    int old[2], new[2];
    CHECK_INT(pipe(old), 0);
    CHECK_INT(bide_adopt(old[0]), 0);
    BIDE_TIMEOUT(1) CHECK_INT(read_one(old), -ETIMEDOUT);
    CHECK_INT(close(old[0]), 0);
    CHECK_INT(close(old[1]), 0);
    CHECK_INT(pipe(new), 0);
    CHECK_INT(new[0], old[0]);
    CHECK_INT(bide_adopt(new[0]), 0);
    CHECK(fcntl(new[0], F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(new[0], F_GETFD) & FD_CLOEXEC);
    BIDE_TIMEOUT(1) CHECK_INT(read_one(new), -ETIMEDOUT);
    struct bide_task *writer = bide_create_task(write_later, &new[1]);
    ssize_t n = 0;
    BIDE_TIMEOUT(10) n = read_one(new);
    CHECK_INT(n, 1);
    CHECK_INT(bide_await(writer, NULL), 0);
    CHECK_INT(bide_close(new[0]), 0);
    CHECK_INT(close(new[1]), 0);
    return 0;
}

static void a_number_used_again_may_be_adopted_again(void **state)
{
    (void)state;
    assert_int_equal(check_run(adopt_reused_number, NULL), 0);
}

/* ---- nothing to read, nothing to wait for ---- */

static int read_nothing_of(int fd)
{
    char byte;
    ssize_t n = -1;
    BIDE_TIMEOUT(1) n = bide_read(fd, &byte, 0);
    return (int)n;
}

static int read_nothing(void *arg)
{
    (void)arg;
    int sockets[2], pipes[2];
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    CHECK_INT(pipe(pipes), 0);
    CHECK_INT(read_nothing_of(sockets[0]), 0);
    CHECK_INT(read_nothing_of(pipes[0]), 0);
    CHECK_INT(bide_adopt(sockets[0]), 0);
    CHECK_INT(bide_adopt(pipes[0]), 0);
    CHECK_INT(read_nothing_of(sockets[0]), 0);
    CHECK_INT(read_nothing_of(pipes[0]), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(bide_close(sockets[i]), 0);
        CHECK_INT(bide_close(pipes[i]), 0);
    }
    return 0;
}

static void a_read_of_no_bytes_does_not_wait(void **state)
{
    (void)state;
    assert_int_equal(check_run(read_nothing, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_ends_with_its_descriptor),
        cmocka_unit_test(a_cancel_that_comes_in_a_streak_is_seen),
        cmocka_unit_test(poll_of_what_is_ready_lets_others_run),
        cmocka_unit_test(all_data_beats_its_deadlines),
        cmocka_unit_test(a_number_used_again_may_be_adopted_again),
        cmocka_unit_test(a_read_of_no_bytes_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
