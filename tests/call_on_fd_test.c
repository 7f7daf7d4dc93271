/* SPDX-License-Identifier: MIT */
/* Functions that the loop calls when a descriptor is ready: once for each time they are asked for. */
#include "ends.h"
#include "faults.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

static struct bide_handle handle, other;
static struct bide_event said;

static void say(void *arg)
{
    log_event("%s", (const char *)arg);
    bide_event_set(&said);
}

static int when_ready(int fd, int events, const char *text)
{
    return bide_call_on_fd(&handle, fd, events, say, (void *)(uintptr_t)text);
}

/* Lets the loop look at its descriptors, and make the calls that are due then. */
static int look(void)
{
    CHECK_INT(bide_sleep(0.001), 0);
    return bide_sleep(0.001);
}

/* Of every kind, bide's own and foreign: called when it can be read, not before, and once. */
TASK(called_once_when_ready)
{
    for (size_t i = 0; i < KINDS * MANNERS; i++) {
        const struct kind *kind = &kinds[i / MANNERS];
        const uint64_t eight = 1;
        if (!have_terminals() && (kind == &kinds[TTY] || kind == &kinds[PTY_MASTER])) continue;
        CHECK_INT(open_ends(kind, (enum manner)(i % MANNERS)), 0);
        log_clear();
        CHECK_INT(when_ready(ends[0], POLLIN, "called"), 0);
        CHECK_INT(look(), 0);
        CHECK_LOG("");
        bide_event_clear(&said);
        CHECK_INT(write(ends[1], &eight, sizeof eight), sizeof eight);
        CHECK_INT(bide_event_wait(&said), 0);
        CHECK_LOG("called");
        CHECK_INT(look(), 0);
        CHECK_LOG("called");
        CHECK_INT(when_ready(ends[0], POLLIN, "again"), 0); /* ready already */
        log_event("asked");
        CHECK_INT(look(), 0);
        CHECK_LOG("called asked again");
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

static struct bide_event done;

static void drink(void *arg)
{
    size_t *left = arg;
    char bytes[100];
    const ssize_t n = read(ends[0], bytes, sizeof bytes);
    if (n > 0) *left -= (size_t)n;
    if (*left > 0 && bide_call_on_fd(&handle, ends[0], POLLIN, drink, left) == 0) return;
    bide_event_set(&done);
}

static void pour(void *arg)
{
    size_t *left = arg;
    ssize_t n;
    while (*left > 0 && (n = write(ends[1], "................", *left < 16 ? *left : 16)) > 0)
        *left -= (size_t)n;
    if (*left > 0) (void)bide_call_on_fd(&other, ends[1], POLLOUT, pour, left);
}

/* All by calls, no task but one who waits for the end: which is no deadlock. */
TASK(asked_for_anew)
{
    for (int manner = OWN; manner <= NONBLOCKING; manner += NONBLOCKING - OWN) {
        size_t to_read = 1000 * 1000, to_write = to_read;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], (enum manner)manner), 0);
        done = (struct bide_event){0};
        CHECK_INT(bide_call_on_fd(&handle, ends[0], POLLIN, drink, &to_read), 0);
        pour(&to_write);
        CHECK_INT(bide_event_wait(&done), 0);
        CHECK(to_read == 0 && to_write == 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

TASK(cancelled)
{
    CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
    CHECK_INT(when_ready(ends[0], POLLIN, "never"), 0);
    CHECK_INT(when_ready(ends[0], POLLIN, "busy"), -EBUSY);
    CHECK_INT(bide_handle_cancel(&handle), 1);
    CHECK_INT(bide_handle_cancel(&handle), 0);
    CHECK_INT(bide_write(ends[1], "x", 1), 1);
    CHECK_INT(look(), 0);
    CHECK_INT(when_ready(ends[0], POLLIN, "due"), 0);
    CHECK_INT(when_ready(ends[0], POLLIN, "busy"), -EBUSY);
    CHECK_INT(bide_handle_cancel(&handle), 1);
    CHECK_INT(look(), 0);
    CHECK_LOG("");
    CHECK_INT(bide_call_soon(&handle, say, (void *)(uintptr_t) "soon"), 0); /* a handle like any other */
    CHECK_INT(look(), 0);
    CHECK_LOG("soon");
    return close_ends();
}

/* The end of what it waits for is the end of the call, too. */
TASK(closed_or_released)
{
    CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
    CHECK_INT(when_ready(ends[0], POLLIN, "released"), 0);
    CHECK_INT(bide_release(ends[0]), 0);
    CHECK_INT(bide_handle_cancel(&handle), 0);
    CHECK_INT(when_ready(ends[0], POLLIN, "closed"), 0);
    CHECK_INT(bide_close(ends[0]), 0);
    CHECK_INT(bide_handle_cancel(&handle), 0);
    ends[0] = -1;
    CHECK_INT(look(), 0);
    CHECK_LOG("");
    return close_ends();
}

TASK(write_later)
{
    CHECK_INT(bide_yield(), 0);
    return bide_write(ends[1], "x", 1) == 1 ? 0 : -EPROTO;
}

/* A task that waits for the same descriptor, and another call: all are told. An end is no room to write. */
TASK(beside_others)
{
    for (int manner = OWN; manner < MANNERS; manner++) {
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], (enum manner)manner), 0);
        log_clear();
        CHECK_INT(when_ready(ends[0], POLLIN, "one"), 0);
        CHECK_INT(bide_call_on_fd(&other, ends[0], POLLIN, say, (void *)(uintptr_t) "two"), 0);
        bide_detach(bide_create_task(write_later, NULL));
        CHECK_INT(bide_poll(ends[0], POLLIN), POLLIN);
        CHECK_INT(look(), 0);
        CHECK_LOG("one two");
        CHECK(fill(ends[1]) > 0);
        CHECK_INT(when_ready(ends[1], POLLOUT, "room"), 0);
        CHECK_INT(shutdown(ends[0], SHUT_WR), 0);
        CHECK_INT(look(), 0);
        CHECK_LOG("one two");
        CHECK_INT(bide_handle_cancel(&handle), 1);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

TASK(left_pending)
{
    CHECK_INT(open_ends(&kinds[PIPE], NONBLOCKING), 0);
    return when_ready(ends[0], POLLIN, "never");
}

/* What is pending at the end of its loop is cancelled; the next loop may use the handle. */
static void the_end_of_the_loop(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bide_run(left_pending, NULL), 0);
        assert_int_equal(bide_handle_cancel(&handle), 0);
        close(ends[0]);
        close(ends[1]);
    }
    assert_int_equal(bide_call_on_fd(&handle, 0, POLLIN, say, NULL), -EPERM);
}

TASK(what_cannot_be)
{
    CHECK_INT(open_ends(&kinds[PIPE], OWN), 0);
    CHECK_INT(bide_call_on_fd(NULL, ends[0], POLLIN, say, NULL), -EINVAL);
    CHECK_INT(bide_call_on_fd(&handle, ends[0], POLLIN, NULL, NULL), -EINVAL);
    CHECK_INT(when_ready(ends[0], 0, ""), -EINVAL);
    CHECK_INT(when_ready(ends[0], POLLPRI, ""), -EINVAL);
    CHECK_INT(when_ready(-1, POLLIN, ""), -EBADF);
    CHECK_INT(when_ready(9999, POLLIN, ""), -EBADF);
    faults_set(SYS_ALLOC, ENOMEM, 0, 1);
    CHECK_INT(when_ready(ends[0], POLLIN, ""), -ENOMEM);
    faults_set(SYS_EPOLL_CTL, ENOSPC, 0, 1);
    CHECK_INT(when_ready(ends[0], POLLIN, ""), -ENOSPC);
    faults_clear();
    CHECK_INT(bide_handle_cancel(&handle), 0);
    CHECK_INT(when_ready(ends[0], POLLIN, "fine"), 0);
    CHECK_INT(bide_write(ends[1], "x", 1), 1);
    CHECK_INT(look(), 0);
    CHECK_LOG("fine");
    return close_ends();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(called_once_when_ready, virtual),
        RUN(asked_for_anew, virtual),
        RUN(cancelled, virtual),
        RUN(closed_or_released, virtual),
        RUN(beside_others, virtual),
        cmocka_unit_test(the_end_of_the_loop),
        RUN(what_cannot_be, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
