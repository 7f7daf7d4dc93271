/* SPDX-License-Identifier: MIT */
/*
 * bugs.md rows 31, 32 and 36: short reads, spurious readiness and signals at the worst moments.
 * Nobody may wait for what has come already. A stall ends by a deadline, and fails the test.
 */
#include "counts.h"
#include "ends.h"
#include "faults.h"
#include "filter.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum { STALL = 50, STEPS = 40, STORM = 100000 };

/* ---- signals ---- */

static volatile sig_atomic_t alarms_left;
static struct itimerval pause_between;

/* The next one is asked for here, so that the program gets on between two however slow it is. */
static void count_alarm(int number)
{
    (void)number;
    if (--alarms_left > 0) setitimer(ITIMER_REAL, &pause_between, NULL);
}

/* So many, one each so many microseconds, which interrupt system calls; 0: none but one that is on its way. */
static void storm(int n, int microseconds)
{
    const struct sigaction action = {.sa_handler = count_alarm};
    sigaction(SIGALRM, &action, NULL);
    alarms_left = n;
    pause_between.it_value.tv_usec = microseconds;
    setitimer(ITIMER_REAL, &pause_between, NULL);
}

/* ---- large messages ---- */

static int flood_and_close(void *arg)
{
    struct flood *flood = arg;
    CHECK_INT(write_flood(flood), 0);
    CHECK_INT(flood->code, 0);
    CHECK_INT(bide_close(ends[1]), 0);
    ends[1] = -1;
    return 0;
}

TASK(bug_31_a_signal_storm_stalls_nobody)
{
    bool disturbed = false;
    for (int i = 0; i < 3 * MANNERS; i++) {
        static const int which[] = {UNIX_STREAM, TCP, PIPE};
        const size_t n = (size_t)rounds(8 << 20);
        int result = -1;
        CHECK_INT(open_ends(&kinds[which[i / MANNERS]], (enum manner)(i % MANNERS)), 0);
        struct flood flood = {.fd = ends[1], .n = n, .block = 4096};
        storm(STORM, 500);
        struct bide_task *writer = bide_create_task(flood_and_close, &flood);
        BIDE_TIMEOUT(STALL) {
            CHECK_INT(read_flood(ends[0], 0, 0), n);
        }
        disturbed |= alarms_left < STORM;
        storm(0, 0);
        CHECK(!bide_expired() && bide_await(writer, &result) == 0 && result == 0);
        CHECK_INT(close_ends(), 0);
    }
    CHECK(disturbed);
    return 0;
}

/* ---- short reads ---- */

static uint32_t random_state;

static uint32_t draw(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 16) % n;
}

/* One call that reads, of several kinds, with room for n bytes. */
static ssize_t read_somehow(char *buf, size_t n, uint32_t how)
{
    const struct iovec iov[] = {{buf, n / 2}, {buf + n / 2, n - n / 2}};
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = 2};
    switch (how) {
    case 0: return bide_read(ends[0], buf, n);
    case 1: return bide_readv(ends[0], iov, 2);
    case 2: return bide_recv(ends[0], buf, n, 0);
    case 3: return bide_recvmsg(ends[0], &message, 0);
    case 4: return bide_poll(ends[0], POLLIN) > 0 ? bide_read(ends[0], buf, n) : -EPROTO;
    default: return bide_recv(ends[0], buf, n, MSG_PEEK) > 0 ? bide_read(ends[0], buf, n) : -EPROTO;
    }
}

/*
 * Bytes are sent before, between and after reads that are longer or shorter than what is there, with
 * turns of the loop between them, in which it sees events that nobody waits for. All that was sent
 * can be read without a wait, and so can the end.
 */
static int short_reads(bool is_socket)
{
    char buf[64], next = 0, expected = 0;
    unsigned there = 0;
    for (int step = 0; step < STEPS; step++) {
        const uint32_t what = draw(4);
        if (what == 0) CHECK_INT(bide_sleep(draw(2)), 0);
        if (what == 1) {
            const unsigned n = draw(20) + 1;
            for (unsigned i = 0; i < n; i++) buf[i] = next++;
            CHECK_INT(write(ends[1], buf, n), n);
            there += n;
        }
        if (what < 2 || there == 0) continue;
        const ssize_t n = read_somehow(buf, draw(30) + 1, draw(is_socket ? 6 : 2));
        CHECK(n > 0 && n <= (ssize_t)there);
        for (ssize_t i = 0; i < n; i++, expected++) CHECK_INT(buf[i], expected);
        there -= (unsigned)n;
    }
    CHECK(bide_close(ends[1]) == 0);
    ends[1] = -1;
    if (draw(2)) CHECK_INT(bide_sleep(1), 0);
    while (there > 0) there -= (unsigned)bide_read(ends[0], buf, sizeof buf);
    CHECK_INT(bide_read(ends[0], buf, sizeof buf), 0);
    return 0;
}

TASK(bug_31_a_short_read_is_not_the_end_of_it)
{
    static const int which[] = {TCP, UNIX_STREAM, PIPE};
    for (uint32_t seed = 1; seed <= (uint32_t)rounds(2000); seed++) {
        int code = 0;
        random_state = seed;
        const int kind = which[seed % 3];
        CHECK_INT(open_ends(&kinds[kind], (enum manner)(seed / 3 % MANNERS)), 0);
        BIDE_TIMEOUT(STALL *STEPS) {
            code = short_reads(kind != PIPE);
        }
        CHECK(code == 0 && !bide_expired());
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* Urgent data is an event of its own, and none that ends what comes before or behind it. */
TASK(bug_31_urgent_data_stalls_nobody)
{
    for (enum manner manner = OWN; manner < MANNERS; manner++) {
        char text[8];
        CHECK_INT(open_ends(&kinds[TCP], manner), 0);
        CHECK_INT(bide_write(ends[1], "ab", 2), 2);
        CHECK_INT(bide_read(ends[0], text, 8), 2);
        CHECK_INT(send(ends[1], "u", 1, MSG_OOB), 1);
        CHECK_INT(bide_sleep(1), 0);
        CHECK_INT(bide_write(ends[1], "cd", 2), 2);
        BIDE_TIMEOUT(STALL) {
            CHECK_INT(recv(ends[0], text, 1, MSG_OOB), 1);
            CHECK_INT(bide_read(ends[0], text, 8), 2);
            CHECK_INT(bide_write(ends[1], "ef", 2), 2);
            CHECK_INT(bide_read(ends[0], text, 8), 2);
        }
        CHECK(!bide_expired() && close_ends() == 0);
    }
    return 0;
}

/* ---- spurious readiness ---- */

TASK(bug_32_ready_and_then_not_waits_again)
{
    for (int i = 0; i < 2; i++) {
        CHECK_INT(open_ends(&kinds[i ? PIPE : UNIX_STREAM], OWN), 0);
        struct reading reading = {.fd = ends[0], .n = 8};
        struct bide_task *reader = bide_create_task(read_some, &reading);
        CHECK_INT(bide_sleep(1), 0);
        faults_set(SYS_READ, EAGAIN, 0, 1);
        CHECK_INT(write(ends[1], "a", 1), 1); /* an edge: ready, but the read says that it is not */
        CHECK_INT(bide_sleep(1), 0);
        CHECK(!bide_task_done(reader) && faults_asked() == 1);
        CHECK_INT(write(ends[1], "b", 1), 1);
        CHECK_INT(bide_await(reader, NULL), 0);
        faults_clear();
        CHECK_INT(reading.code, 2);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* ---- timers ---- */

enum { TIMERS = 100 };

static int sleep_often(void *arg)
{
    (void)arg;
    counts_start();
    for (int i = 0; i < TIMERS; i++) {
        const double before = bide_time();
        CHECK_INT(bide_sleep(100e-6), 0);
        CHECK(bide_time() - before >= 100e-6);
    }
    const long polls = counts_of(SYS_EPOLL_WAIT);
    counts_stop();
    CHECK(polls < 3 * TIMERS);
    return 0;
}

static int sleep_often_without_pwait2(void *arg)
{
    const int *error = arg;
    if (filter_call(SYS_epoll_pwait2, ANY_ARGUMENT, 0, *error) < 0) return fputs("all is well", stderr) < 0;
    const int code = bide_run(sleep_often, NULL);
    return code == 0 ? fputs("all is well", stderr) < 0 : 1;
}

static void bug_36_short_timers_do_not_spin(void **state)
{
    (void)state;
    static int errors[] = {ENOSYS, EPERM};
    assert_int_equal(check_run_with(NULL, sleep_often, NULL), 0);
    for (int i = 0; i < 2; i++) {
        char err[4096];
        const int status = check_child(sleep_often_without_pwait2, &errors[i], err, sizeof err);
        if (!WIFEXITED(status) || !strstr(err, "all is well")) fail_msg("%#x: %s", (unsigned)status, err);
    }
}

/* Each signal ends a wait of the loop, which goes on for what is left of it, not for all of it again. */
TASK(bug_36_signals_make_no_timer_late)
{
    enum { FEW = 1000 };
    storm(FEW, 5000);
    const double start = bide_time();
    CHECK_INT(bide_sleep(0.1), 0);
    CHECK(bide_time() - start >= 0.1);
    CHECK(alarms_left > 0 && alarms_left < FEW); /* else it would have waited for the storm's end */
    storm(0, 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_31_a_signal_storm_stalls_nobody, real),
        RUN(bug_31_a_short_read_is_not_the_end_of_it, virtual),
        RUN(bug_31_urgent_data_stalls_nobody, virtual),
        RUN(bug_32_ready_and_then_not_waits_again, virtual),
        cmocka_unit_test(bug_36_short_timers_do_not_spin),
        RUN(bug_36_signals_make_no_timer_late, real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
