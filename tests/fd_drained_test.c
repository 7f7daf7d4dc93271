/* SPDX-License-Identifier: MIT */
/*
 * bugs.md row 31: after a short read of a TCP socket the next one waits without trying. That must save a
 * system call and never stall: whatever can be read, or will be, has an event to come.
 */
#include "counts.h"
#include "ends.h"

#include "../src/poller.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STALL = 50 };

static bool is_drained(void)
{
    return poller_find(poller_current, ends[0])->drained;
}

/* A reader waits, and gets a message shorter than it would take. */
static int exchange(const char *text)
{
    struct reading reading = {.fd = ends[0], .n = sizeof reading.text};
    int result = -1;
    struct bide_task *reader = bide_create_task(read_some, &reading);
    CHECK_INT(bide_yield(), 0);
    CHECK_INT(bide_write(ends[1], text, strlen(text)), strlen(text));
    BIDE_TIMEOUT(STALL) {
        bide_await(reader, &result);
    }
    CHECK(!bide_expired() && result == 0);
    CHECK_INT(reading.code, strlen(text));
    CHECK(memcmp(reading.text, text, strlen(text)) == 0);
    return 0;
}

/* Two sockets, of which ends[0] is drained. */
static int open_drained(void)
{
    CHECK_INT(open_ends(&kinds[TCP], OWN), 0);
    CHECK_INT(exchange("first"), 0);
    CHECK(is_drained());
    return 0;
}

/* What the next read gives, within the time. */
static ssize_t next(void *buf, size_t n)
{
    ssize_t code = -ETIME;
    BIDE_TIMEOUT(STALL) {
        code = bide_read(ends[0], buf, n);
    }
    return code;
}

TASK(bug_31_one_read_for_each_message)
{
    CHECK_INT(open_drained(), 0);
    counts_start();
    for (int i = 0; i < 20; i++) CHECK_INT(exchange("message"), 0);
    const long reads = counts_of(SYS_READ);
    counts_stop();
    CHECK_INT(reads, 20);
    return close_ends();
}

TASK(bug_31_an_end_is_seen)
{
    for (int with_data = 0; with_data < 2; with_data++) {
        char buf[64];
        CHECK_INT(open_drained(), 0);
        if (with_data) CHECK_INT(bide_write(ends[1], "last", 4), 4);
        CHECK_INT(bide_close(ends[1]), 0);
        ends[1] = -1;
        if (with_data) CHECK_INT(next(buf, sizeof buf), 4);
        for (int again = 0; again < 3; again++) CHECK_INT(next(buf, sizeof buf), 0);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

TASK(bug_31_the_readers_own_end_is_seen)
{
    char buf[64];
    CHECK_INT(open_drained(), 0);
    CHECK_INT(shutdown(ends[0], SHUT_RD), 0);
    CHECK_INT(next(buf, sizeof buf), 0);
    return close_ends();
}

TASK(bug_31_a_reset_is_seen)
{
    char buf[64];
    const struct linger abort_it = {.l_onoff = 1};
    CHECK_INT(open_drained(), 0);
    CHECK_INT(setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &abort_it, sizeof abort_it), 0);
    CHECK_INT(bide_close(ends[1]), 0);
    ends[1] = -1;
    CHECK_INT(next(buf, sizeof buf), -ECONNRESET);
    return close_ends();
}

/* A read stops in front of the urgent byte: what is behind it must be reached. */
TASK(bug_31_urgent_data_stall_nobody)
{
    for (int together = 0; together < 2; together++) {
        char buf[64];
        CHECK_INT(open_drained(), 0);
        CHECK_INT(bide_write(ends[1], "abc", 3), 3);
        if (!together) CHECK_INT(next(buf, sizeof buf), 3);
        CHECK_INT(bide_send(ends[1], "x", 1, MSG_OOB), 1);
        CHECK_INT(bide_write(ends[1], "def", 3), 3);
        if (together) CHECK_INT(next(buf, sizeof buf), 3);
        CHECK_INT(next(buf, sizeof buf), 3);
        CHECK(memcmp(buf, "def", 3) == 0);
        CHECK_INT(bide_write(ends[1], "ghi", 3), 3);
        CHECK_INT(next(buf, sizeof buf), 3);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

/* An event for what somebody else has read already: the reader waits on. */
TASK(bug_32_another_reader_was_faster)
{
    char buf[64];
    CHECK_INT(open_drained(), 0);
    CHECK_INT(bide_write(ends[1], "gone", 4), 4);
    CHECK_INT(read(ends[0], buf, sizeof buf), 4);
    CHECK_INT(exchange("here"), 0);
    return close_ends();
}

TASK(bug_31_a_low_water_mark_counts)
{
    char buf[64];
    const int least = 8;
    CHECK_INT(open_drained(), 0);
    CHECK_INT(setsockopt(ends[0], SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least), 0);
    CHECK_INT(bide_write(ends[1], "1234", 4), 4);
    CHECK_INT(bide_write(ends[1], "5678", 4), 4);
    CHECK_INT(next(buf, sizeof buf), 8);
    return close_ends();
}

TASK(a_read_of_nothing_does_not_wait)
{
    char byte;
    CHECK_INT(open_drained(), 0);
    CHECK_INT(bide_read(ends[0], &byte, 0), 0);
    CHECK_INT(bide_readv(ends[0], &(struct iovec){&byte, 0}, 1), 0);
    return close_ends();
}

/* A short read says nothing where something else may have stopped it. */
TASK(bug_31_only_plain_reads_drain)
{
    char buf[64];
    CHECK_INT(open_drained(), 0);
    CHECK_INT(bide_write(ends[1], "abcdef", 6), 6);
    CHECK_INT(bide_poll(ends[0], 1), 1);
    while (is_drained()) CHECK_INT(bide_sleep(0.0001), 0);
    CHECK_INT(bide_recv(ends[0], buf, sizeof buf, MSG_PEEK), 6);
    CHECK(!is_drained());
    struct iovec iov = {buf, 3};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    CHECK_INT(bide_recvmsg(ends[0], &message, 0), 3);
    CHECK(!is_drained());
    CHECK_INT(bide_read(ends[0], buf, 2), 2); /* all that was asked for */
    CHECK(!is_drained());
    CHECK_INT(bide_recv(ends[0], buf, 2, 0), 1);
    CHECK(is_drained());
    return close_ends();
}

TASK(bug_31_only_tcp_is_drained)
{
    static const int which[] = {UNIX_STREAM, UNIX_DATAGRAM, PIPE, FIFO};
    for (size_t i = 0; i < sizeof which / sizeof *which; i++) {
        CHECK_INT(open_ends(&kinds[which[i]], OWN), 0);
        CHECK_INT(exchange("text"), 0);
        CHECK(!is_drained());
        CHECK_INT(close_ends(), 0);
    }
    CHECK_INT(open_ends(&kinds[TCP], BLOCKING), 0);
    CHECK_INT(exchange("text"), 0);
    CHECK(!is_drained());
    return close_ends();
}

TASK(adopting_again_forgets)
{
    CHECK_INT(open_drained(), 0);
    CHECK_INT(bide_adopt(ends[0]), 0);
    CHECK(!is_drained());
    CHECK_INT(exchange("text"), 0);
    CHECK_INT(bide_release(ends[0]), 0);
    CHECK_INT(bide_adopt(ends[0]), 0);
    CHECK(!is_drained());
    CHECK_INT(exchange("text"), 0);
    CHECK(is_drained());
    return close_ends();
}

/* ---- at random ---- */

struct stream {
    uint64_t random;
    size_t sent, received;
};

static size_t draw(uint64_t *random, size_t most)
{
    *random ^= *random << 13, *random ^= *random >> 7, *random ^= *random << 17;
    return (size_t)(*random % most);
}

static int write_at_random(void *arg)
{
    struct stream *stream = arg;
    char block[400];
    for (int i = 0; i < 60; i++) {
        const size_t n = 1 + draw(&stream->random, sizeof block);
        for (size_t at = 0; at < n; at++) block[at] = (char)(stream->sent + at);
        CHECK_INT(bide_write_all(ends[1], block, n, NULL), 0);
        stream->sent += n;
        for (size_t yields = draw(&stream->random, 4); yields > 0; yields--) CHECK_INT(bide_yield(), 0);
    }
    CHECK_INT(shutdown(ends[1], SHUT_WR), 0);
    return 0;
}

static int read_at_random(struct stream *stream)
{
    char block[500];
    ssize_t n;
    while ((n = next(block, 1 + draw(&stream->random, sizeof block))) > 0) {
        for (ssize_t at = 0; at < n; at++) CHECK_INT(block[at], (char)(stream->received + (size_t)at));
        stream->received += (size_t)n;
        for (size_t yields = draw(&stream->random, 3); yields > 0; yields--) CHECK_INT(bide_yield(), 0);
    }
    return (int)n;
}

TASK(bug_31_random_streams_arrive)
{
    for (long seed = 1; seed <= rounds(100); seed++) {
        struct stream stream = {.random = (uint64_t)seed * 0x9e3779b97f4a7c15};
        int result = -1;
        CHECK_INT(open_ends(&kinds[TCP], OWN), 0);
        struct bide_task *writer = bide_create_task(write_at_random, &stream);
        CHECK_INT(read_at_random(&stream), 0);
        CHECK(bide_await(writer, &result) == 0 && result == 0);
        CHECK_INT(stream.received, stream.sent);
        CHECK_INT(close_ends(), 0);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(bug_31_one_read_for_each_message, real),
        RUN(bug_31_an_end_is_seen, real),
        RUN(bug_31_the_readers_own_end_is_seen, real),
        RUN(bug_31_a_reset_is_seen, real),
        RUN(bug_31_urgent_data_stall_nobody, real),
        RUN(bug_32_another_reader_was_faster, real),
        RUN(bug_31_a_low_water_mark_counts, real),
        RUN(a_read_of_nothing_does_not_wait, real),
        RUN(bug_31_only_plain_reads_drain, real),
        RUN(bug_31_only_tcp_is_drained, real),
        RUN(adopting_again_forgets, real),
        RUN(bug_31_random_streams_arrive, real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
