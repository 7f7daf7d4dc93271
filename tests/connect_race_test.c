/* SPDX-License-Identifier: MIT */
/* Connecting to several addresses, some of which never answer: who is tried when, in virtual time. */
#include "check.h"
#include "faults.h"
#include "holes.h"
#include "resolver.h"

#include <bide/net.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- several addresses ---- */

/* When each connect was begun, in hundredths of a second; the address it chose at last, and when. */
static int noted(enum sys_call call)
{
    if (call == SYS_CONNECT) log_event("%.0f", bide_time() * 100);
    return 0;
}

static int race(const char *const *addresses, double delay)
{
    char text[BIDE_ADDRESS_TEXT];
    const struct bide_connect_options options = {.delay = delay};
    const int before = check_open_fds();
    resolver_set(addresses);
    log_clear();
    sys_fault = noted;
    const int fd = bide_connect_to("host", holes_port, &options);
    sys_fault = NULL;
    if (fd < 0) {
        CHECK_INT(check_open_fds(), before);
        log_event("failed %.0f", bide_time() * 100);
        return fd;
    }
    CHECK_INT(check_open_fds(), before + 1); /* the losers are closed */
    const int code = holes_peer(fd, text);
    CHECK_INT(bide_close(fd), 0);
    CHECK_INT(code, 0);
    *strrchr(text, ':') = '\0';
    log_event("%s %.0f", text, bide_time() * 100);
    return 0;
}

IN_WORLD(the_next_address_is_tried_beside_a_slow_one)
{
    CHECK_INT(race((const char *const[]){"127.0.0.1", "127.0.0.4", NULL}, 0), 0);
    CHECK_LOG("0 25 127.0.0.4 25");
    return 0;
}

IN_WORLD(each_address_has_a_head_start)
{
    CHECK_INT(race((const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", NULL}, 0.1), 0);
    CHECK_LOG("0 10 20 30 127.0.0.4 30");
    return 0;
}

IN_WORLD(all_at_once)
{
    CHECK_INT(race((const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", NULL}, -1), 0);
    CHECK_LOG("0 0 0 0 127.0.0.4 0");
    return 0;
}

IN_WORLD(after_a_failure_the_next_one_need_not_wait)
{
    CHECK_INT(race((const char *const[]){"127.0.0.5", "127.0.0.6", "127.0.0.4", NULL}, 0), 0);
    CHECK_LOG("0 0 0 127.0.0.4 0");
    return 0;
}

/* The second one fails at 0.25: the third begins then, not at 0.5. */
IN_WORLD(a_failure_beside_a_slow_one)
{
    CHECK_INT(race((const char *const[]){"127.0.0.1", "127.0.0.5", "127.0.0.4", NULL}, 0), 0);
    CHECK_LOG("0 25 25 127.0.0.4 25");
    return 0;
}

IN_WORLD(the_first_failure_is_told)
{
    char text[200];
    CHECK_INT(race((const char *const[]){"127.0.0.6", "127.0.0.5", NULL}, 0), -ECONNREFUSED);
    CHECK_LOG("0 0 failed 0");
    snprintf(text, sizeof text, "cannot connect to 127.0.0.6:%d: %s", holes_port, strerror(ECONNREFUSED));
    CHECK(strcmp(bide_error_text(-ECONNREFUSED), text) == 0);
    return 0;
}

IN_WORLD(an_address_that_stands_there_twice_is_tried_once)
{
    CHECK_INT(race((const char *const[]){"127.0.0.5", "127.0.0.5", "127.0.0.5", NULL}, 0), -ECONNREFUSED);
    CHECK_LOG("0 failed 0");
    return 0;
}

static int families_noted(enum sys_call call)
{
    if (call == SYS_CONNECT) log_event("c");
    return call == SYS_CONNECT ? ENETUNREACH : 0;
}

IN_WORLD(families_take_turns)
{
    const char *const order[] = {"::1", "2001:db8::1", "2001:db8::2", "127.0.0.5", "127.0.0.6", NULL};
    resolver_set(order);
    log_clear();
    sys_fault = families_noted;
    CHECK_INT(bide_connect_to("host", holes_port, NULL), -ENETUNREACH);
    sys_fault = NULL;
    CHECK_LOG("c c c c c");
    CHECK(strstr(bide_error_text(-ENETUNREACH), "[::1]"));
    faults_set(SYS_CONNECT, ENETUNREACH, 0, 1);
    resolver_set((const char *const[]){"2001:db8::1", "2001:db8::2", "127.0.0.4", NULL});
    const int fd = bide_connect_to("host", holes_port, NULL);
    CHECK_INT(faults_asked(), 2); /* the second one was IPv4's */
    faults_clear();
    CHECK(fd >= 0);
    CHECK_INT(bide_close(fd), 0);
    return 0;
}

IN_WORLD(only_one_family)
{
    const struct bide_connect_options options = {.family = AF_INET};
    resolver_set((const char *const[]){"::1", "127.0.0.4", NULL});
    faults_set(SYS_CONNECT, ENETUNREACH, 1, 1);
    const int fd = bide_connect_to("host", holes_port, &options);
    faults_clear();
    CHECK(fd >= 0);
    CHECK_INT(bide_close(fd), 0);
    return 0;
}

/* Its own error is told, not want of memory, and the trials under way are given up with it. */
IN_WORLD(bug_35_a_trial_that_cannot_be_watched)
{
    static const int errors[] = {ENOSPC, ENOMEM, EINVAL};
    const struct bide_connect_options options = {.delay = 0.1};
    const int before = check_open_fds();
    resolver_set((const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.4", NULL});
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        for (int trial = 0; trial < 2; trial++) {
            faults_set(SYS_EPOLL_CTL, errors[i], trial, 1);
            CHECK_INT(bide_connect_to("host", holes_port, &options), -errors[i]);
            CHECK_INT(faults_asked(), 1 + 2 * trial); /* the first one is taken out again */
            faults_clear();
            CHECK_INT(check_open_fds(), before);
        }
    const int fd = bide_connect_to("host", holes_port, &options); /* all is as it was */
    CHECK(fd >= 0);
    return bide_close(fd);
}

/* ---- cut short ---- */

static int connect_somewhere(void *arg)
{
    const struct bide_connect_options *options = arg;
    const int fd = bide_connect_to("host", holes_port, options);
    if (fd < 0) return fd;
    (void)bide_close(fd);
    return 0;
}

IN_WORLD(a_deadline_closes_all)
{
    const int before = check_open_fds();
    int code = 0;
    resolver_set((const char *const[]){"127.0.0.1", "127.0.0.2", "127.0.0.3", NULL});
    BIDE_TIMEOUT(0.6) code = bide_connect_to("host", holes_port, NULL);
    CHECK_INT(code, -ETIMEDOUT);
    CHECK(bide_expired());
    CHECK_INT(bide_time() * 100, 60);
    CHECK_INT(check_open_fds(), before);
    return 0;
}

/* Before each turn that it takes, and a bit later each time. */
IN_WORLD(cancel_at_every_step)
{
    const int before = check_open_fds();
    resolver_set((const char *const[]){"127.0.0.1", "127.0.0.5", "127.0.0.2", "127.0.0.4", NULL});
    int ended = 0;
    CHECK_INT(fcntl(holes_answerer, F_SETFL, O_NONBLOCK), 0);
    for (int step = 0; step < 60 && ended < 3; step++) {
        struct bide_task *task = bide_create_task(connect_somewhere, NULL);
        for (int i = 0; i < step && i < 10; i++) CHECK_INT(bide_yield(), 0);
        CHECK_INT(bide_sleep(step * 0.02), 0);
        const int cancelled = bide_cancel(task);
        const int code = bide_await(task, NULL);
        if (code == 0) ended++;
        CHECK(code == 0 || (cancelled && code == -ECANCELED));
        CHECK_INT(check_open_fds(), before);
        int peer;
        while ((peer = accept4(holes_answerer, NULL, NULL, SOCK_NONBLOCK)) >= 0) close(peer);
    }
    CHECK_INT(ended, 3);
    return 0;
}

IN_WORLD(a_cancelled_task_connects_to_nothing)
{
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    faults_set(SYS_SOCKET, EMFILE, 0, 0);
    CHECK_INT(bide_connect_to("127.0.0.4", holes_port, NULL), -ECANCELED);
    CHECK_INT(faults_asked(), 0);
    faults_clear();
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_address_is_tried_beside_a_slow_one),
        cmocka_unit_test(each_address_has_a_head_start),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(after_a_failure_the_next_one_need_not_wait),
        cmocka_unit_test(a_failure_beside_a_slow_one),
        cmocka_unit_test(the_first_failure_is_told),
        cmocka_unit_test(an_address_that_stands_there_twice_is_tried_once),
        cmocka_unit_test(families_take_turns),
        cmocka_unit_test(only_one_family),
        cmocka_unit_test(bug_35_a_trial_that_cannot_be_watched),
        cmocka_unit_test(a_deadline_closes_all),
        cmocka_unit_test(cancel_at_every_step),
        cmocka_unit_test(a_cancelled_task_connects_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
