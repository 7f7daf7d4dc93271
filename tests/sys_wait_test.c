/* SPDX-License-Identifier: MIT */
/* The seam: waiting for events, also on a kernel without epoll_pwait2. */
#include "../src/sys.h"

#include "check.h"
#include "filter.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif

enum { MS = 1000000 };

/* A child says that all was well, as valgrind changes the status of one that has leaks. */
static int says_well(void)
{
    return fputs("all is well", stderr) < 0;
}

static void assert_well_in_child(int (*fn)(void *arg), void *arg)
{
    char err[8192];
    const int status = check_child(fn, arg, err, sizeof err);
    if (!WIFEXITED(status) || !strstr(err, "all is well")) fail_msg("status %#x: %s", (unsigned)status, err);
}

/* Waits so long for nothing; 1 if that took less, 2 if there was an event or an error. */
static int wait_is_early(int64_t timeout_ns)
{
    struct epoll_event event;
    const int epfd = sys_epoll_create();
    const int64_t start = sys_clock_ns();
    const int n = sys_epoll_wait(epfd, &event, 1, timeout_ns);
    const int64_t took = sys_clock_ns() - start;
    sys_close(epfd);
    return n != 0 ? 2 : took < timeout_ns;
}

static int waits_are_early(void *arg)
{
    (void)arg;
    static const int64_t timeouts[] = {0, 1, 100000, 999999, 1000000, 1000001, 2500000};
    int early = 0;
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) early |= wait_is_early(timeouts[i]);
    return early;
}

static void a_wait_is_never_early(void **state)
{
    (void)state;
    assert_int_equal(waits_are_early(NULL), 0);
}

/* As on a kernel or in a container that lacks it. */
static int refuse_pwait2(int error)
{
    return filter_call(SYS_epoll_pwait2, ANY_ARGUMENT, 0, error);
}

static int waits_are_early_without_pwait2(void *arg)
{
    if (refuse_pwait2(*(int *)arg) == 0 && waits_are_early(NULL)) return 1; /* there may be no filters here */
    return says_well();
}

static void a_wait_is_never_early_without_pwait2(void **state)
{
    (void)state;
    int error = ENOSYS;
    assert_well_in_child(waits_are_early_without_pwait2, &error);
    error = EPERM;
    assert_well_in_child(waits_are_early_without_pwait2, &error);
}

/* bugs.md row 37: none of these may overflow, return at once, or fail. */
static int wait_with_event(void)
{
    static const int64_t timeouts[] = {-1, INT64_MIN, INT64_MAX, (int64_t)INT32_MAX * MS, 1};
    struct epoll_event event = {.events = 0};
    const int epfd = sys_epoll_create(), fd = sys_eventfd();
    const uint64_t one = 1;
    if (sys_write(fd, &one, sizeof one) != (ssize_t)sizeof one) return 1;
    if (sys_epoll_ctl(epfd, EPOLL_CTL_ADD, fd, EPOLLIN, UINT64_MAX - 5) < 0) return 2;
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        if (sys_epoll_wait(epfd, &event, 1, timeouts[i]) != 1) return 3;
        if (event.data.u64 != UINT64_MAX - 5 || event.events != EPOLLIN) return 4;
    }
    return sys_close(epfd) + sys_close(fd);
}

static int wait_with_event_without_pwait2(void *arg)
{
    (void)arg;
    if (refuse_pwait2(ENOSYS) == 0 && wait_with_event()) return 1;
    return says_well();
}

static void any_timeout_is_valid(void **state)
{
    (void)state;
    assert_int_equal(wait_with_event(), 0);
    assert_well_in_child(wait_with_event_without_pwait2, NULL);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

/* bugs.md row 36: a signal ends the wait without an error, so that the loop looks at its clock. */
static void a_signal_ends_a_wait(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = count_alarm}, before;
    assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
    struct epoll_event event;
    const int epfd = sys_epoll_create();
    const struct itimerval soon = {.it_interval = {0, 10000}, .it_value = {0, 10000}},
                           never = {{0, 0}, {0, 0}};
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(sys_epoll_wait(epfd, &event, 1, -1), 0);
    assert_int_equal(sys_epoll_wait(epfd, &event, 1, INT64_MAX), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_true(alarms >= 1);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_int_equal(sys_close(epfd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_is_never_early),
        cmocka_unit_test(a_wait_is_never_early_without_pwait2),
        cmocka_unit_test(any_timeout_is_valid),
        cmocka_unit_test(a_signal_ends_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
