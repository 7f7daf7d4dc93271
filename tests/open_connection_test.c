/* SPDX-License-Identifier: MIT */
/* Streams to hosts. */
#include "check.h"
#include "faults.h"
#include "resolver.h"

#include <bide/io.h>
#include <bide/net.h>
#include <bide/stream.h>
#include <stdio.h>
#include <string.h>

static int answer(void *arg)
{
    const int fd = bide_accept(*(int *)arg, NULL, NULL);
    if (fd < 0) return fd;
    struct bide_stream *stream = bide_stream_new(fd);
    char *line;
    ssize_t n = stream ? bide_stream_read_line(stream, &line) : -errno;
    if (n > 0) n = bide_stream_printf(stream, "got %s", line);
    const int closed = bide_stream_close(stream);
    return n < 0 ? (int)n : closed;
}

static int lines(void *arg)
{
    char *line;
    (void)arg;
    int listener = bide_listen("127.0.0.1", 0, 0);
    CHECK(listener >= 0);
    struct bide_task *server = bide_create_task(answer, &listener);
    struct bide_stream *stream = bide_open_connection("127.0.0.1", resolver_port(listener));
    CHECK(stream);
    CHECK_INT(bide_stream_printf(stream, "hello\n"), 6);
    CHECK_INT(bide_stream_drain(stream), 0);
    CHECK_INT(bide_stream_read_line(stream, &line), 10);
    CHECK(strncmp(line, "got hello\n", 10) == 0);
    CHECK_INT(bide_stream_close(stream), 0);
    CHECK_INT(bide_await(server, NULL), 0);
    return bide_close(listener);
}

static void a_line_goes_and_comes(void **state)
{
    (void)state;
    assert_int_equal(check_run(lines, NULL), 0);
}

static int failing(void *arg)
{
    char text[200];
    (void)arg;
    const int listener = bide_listen("127.0.0.1", 0, 0), port = resolver_port(listener);
    CHECK(!bide_open_connection("127.0.0.5", port));
    CHECK_INT(errno, ECONNREFUSED);
    snprintf(text, sizeof text, "cannot connect to 127.0.0.5:%d: %s", port, strerror(ECONNREFUSED));
    CHECK(strcmp(bide_error_text(errno), text) == 0);
    CHECK(!bide_open_connection(NULL, port) && errno == EINVAL);
    CHECK(!bide_open_connection("127.0.0.1", 70000) && errno == EINVAL);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK(!bide_open_connection("127.0.0.1", port) && errno == ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    const int before = check_open_fds();
    for (long after = 0;; after++) { /* every allocation in turn */
        faults_set(SYS_ALLOC, ENOMEM, after, 1);
        struct bide_stream *stream = bide_open_connection("127.0.0.1", port);
        const bool all = faults_asked() <= after;
        faults_clear();
        CHECK(stream || errno == ENOMEM);
        if (stream) bide_stream_abort(stream);
        CHECK_INT(check_open_fds(), before);
        if (all) break;
    }
    return bide_close(listener);
}

static void nothing_is_left_of_a_failure(void **state)
{
    (void)state;
    assert_false(bide_open_connection("127.0.0.1", 80));
    assert_int_equal(errno, EPERM);
    assert_int_equal(check_run(failing, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_goes_and_comes),
        cmocka_unit_test(nothing_is_left_of_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
