/* SPDX-License-Identifier: MIT */
/* Files, bide's own and foreign ones: in threads, in order, while others go on. */
#include "ends.h"
#include "faults.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LETTERS = 200, BLOCK = 4096, BLOCKS = 64 };

static char path[64]; /* of the file of the test that runs */

static int make_path(void **state)
{
    (void)state;
    strcpy(path, "/tmp/bide.XXXXXX");
    const int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_path(void **state)
{
    (void)state;
    faults_clear();
    return unlink(path);
}

/* Opened by bide, or by libc and foreign. */
static int open_file(bool own, int flags)
{
    return own ? bide_open(path, flags, 0600) : open(path, flags | O_CLOEXEC, 0600);
}

/* ---- opening ---- */

TASK(open_is_like_open)
{
    struct stat status;
    char other[80], text[8] = "";
    snprintf(other, sizeof other, "%s.new", path);
    CHECK_INT(bide_open(other, O_RDONLY, 0), -ENOENT);
    CHECK_INT(bide_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), -EEXIST);
    CHECK_INT(bide_open("/", O_WRONLY, 0), -EISDIR);
    CHECK_INT(bide_open(NULL, O_RDONLY, 0), -EINVAL);
    const int fd = bide_open(other, O_RDWR | O_CREAT | O_EXCL, 0640);
    CHECK(fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & 0700) == 0600);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK && fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(bide_write_all(fd, "hello", 5, NULL), 0);
    CHECK_INT(bide_read(fd, text, sizeof text), 0);
    CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
    CHECK_INT(bide_read(fd, text, sizeof text), 5);
    CHECK(strcmp(text, "hello") == 0 && bide_close(fd) == 0);
    return unlink(other);
}

TASK(open_reads_other_things_than_files)
{
    char text[8];
    const int nothing = bide_open("/dev/null", O_RDWR, 0);
    CHECK(nothing >= 0 && bide_read(nothing, text, sizeof text) == 0);
    CHECK(bide_write(nothing, "x", 1) == 1 && bide_close(nothing) == 0);
    const int zeros = bide_open("/dev/zero", O_RDONLY, 0);
    CHECK(zeros >= 0 && bide_read(zeros, text, sizeof text) == sizeof text && text[7] == 0);
    CHECK_INT(bide_close(zeros), 0);
    const int directory = bide_open("/", O_RDONLY, 0);
    CHECK(directory >= 0 && bide_read(directory, text, sizeof text) == -EISDIR);
    return bide_close(directory);
}

TASK(open_while_cancelled_opens_nothing)
{
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    for (int i = 0; i < 100; i++) CHECK_INT(bide_open(path, O_RDONLY, 0), -ECANCELED);
    CHECK_INT(bide_uncancel(), 0);
    return 0;
}

static int open_it(void *arg)
{
    (void)arg;
    return bide_open(path, O_RDONLY, 0);
}

/* Whether a cancel comes before, while or after a thread opens it: it is nothing, or a descriptor to close. */
TASK(a_cancel_leaves_no_descriptor_open)
{
    int opened = 0;
    for (long i = 0; i < rounds(2000); i++) {
        int result = 0;
        struct bide_task *task = bide_create_task(open_it, NULL);
        for (long j = 0; j < i % 7; j++) CHECK_INT(bide_yield(), 0);
        if (i % 7 == 6) CHECK_INT(bide_sleep(1e-5 * (double)(i % 11)), 0);
        bide_cancel(task);
        CHECK_INT(bide_await(task, &result), 0);
        CHECK(result >= 0 || result == -ECANCELED);
        opened += result >= 0;
        if (result >= 0) CHECK_INT(bide_close(result), 0);
    }
    CHECK(opened < rounds(2000));
    return 0;
}

/* ---- reading and writing ---- */

struct writer {
    int fd, i;
};

static int write_letter(void *arg)
{
    const struct writer *writer = arg;
    const char letter = (char)('a' + writer->i % 26);
    return (int)bide_write(writer->fd, &letter, 1);
}

/* Many wait to write one file: in the order of asking, though several threads could do it. */
TASK(writers_of_one_file_are_served_in_order)
{
    for (int own = 0; own < 2; own++) {
        struct writer writers[LETTERS];
        struct bide_call calls[LETTERS];
        int results[LETTERS];
        char text[LETTERS] = "";
        const int fd = open_file(own, O_RDWR | O_TRUNC | O_APPEND);
        for (int i = 0; i < LETTERS; i++) {
            writers[i] = (struct writer){fd, i};
            calls[i] = (struct bide_call){write_letter, &writers[i]};
        }
        CHECK_INT(bide_gather(calls, LETTERS, results), 0);
        CHECK_INT(pread(fd, text, sizeof text, 0), LETTERS);
        for (int i = 0; i < LETTERS; i++) {
            CHECK_INT(results[i], 1);
            CHECK_INT(text[i], 97 + i % 26);
        }
        CHECK_INT(bide_close(fd), 0);
    }
    return 0;
}

static int tick(void *arg)
{
    int *ticks = arg;
    while (bide_yield() == 0) ++*ticks;
    return 0;
}

TASK(large_files_are_read_and_written_while_others_go_on)
{
    for (int own = 0; own < 2; own++) {
        int ticks = 0;
        const int fd = open_file(own, O_RDWR | O_TRUNC);
        struct flood flood = {.fd = fd, .n = BLOCK * BLOCKS, .block = BLOCK};
        struct bide_task *ticker = bide_create_task(tick, &ticks);
        CHECK_INT(write_flood(&flood), 0);
        CHECK(flood.code == 0 && flood.done == BLOCK * BLOCKS);
        CHECK_INT(lseek(fd, 0, SEEK_SET), 0);
        CHECK_INT(read_flood(fd, 0, 0), BLOCK * BLOCKS);
        if (own) CHECK(ticks >= 2 * BLOCKS); /* a foreign file may be in memory already */
        CHECK_INT(bide_cancel(ticker), 1);
        CHECK_INT(bide_await(ticker, NULL), 0);
        if (!own) CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        CHECK_INT(bide_close(fd), 0);
    }
    return 0;
}

/* An adopted file is no more non-blocking than others: it goes to threads, too. */
TASK(an_adopted_file_is_a_file)
{
    int ticks = 0;
    const int fd = open_file(false, O_RDWR);
    CHECK_INT(bide_adopt(fd), 0);
    struct bide_task *ticker = bide_create_task(tick, &ticks);
    CHECK_INT(bide_write_all(fd, "abc", 3, NULL), 0);
    CHECK(ticks > 0);
    CHECK_INT(bide_poll(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_INT(bide_release(fd), 0);
    CHECK_INT(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_INT(bide_cancel(ticker), 1);
    return bide_await(ticker, NULL) + bide_close(fd);
}

/* ---- closing ---- */

struct slow {
    int fd;
    ssize_t code;
};

static int read_block(void *arg)
{
    struct slow *slow = arg;
    char block[BLOCK];
    slow->code = bide_read(slow->fd, block, sizeof block);
    return 0;
}

/*
 * bugs.md rows 1 and 5: a file is closed while threads read it and tasks queue for it, and its number is
 * used again: nobody reads the new one, everybody ends.
 */
TASK(bug_01_05_a_file_is_closed_while_it_is_read)
{
    char block[BLOCK];
    memset(block, 'o', sizeof block);
    for (long i = 0; i < rounds(1000); i++) {
        const bool own = i % 2;
        int fresh[2];
        const int fd = open_file(own, O_RDWR | O_TRUNC);
        CHECK_INT(pwrite(fd, block, sizeof block, 0), BLOCK);
        struct slow slows[3] = {{fd, -1}, {fd, -1}, {fd, -1}};
        struct bide_task *tasks[3];
        for (int j = 0; j < 3; j++) tasks[j] = bide_create_task(read_block, &slows[j]);
        for (long j = 0; j <= i % 5; j++) CHECK_INT(bide_yield(), 0);
        CHECK_INT(bide_close(fd), 0);
        CHECK_INT(bide_pipe(fresh), 0);
        CHECK_INT(bide_write(fresh[1], "new", 3), 3);
        for (int j = 0; j < 3; j++) CHECK_INT(bide_await(tasks[j], NULL), 0);
        for (int j = 0; j < 3; j++)
            CHECK(slows[j].code == BLOCK || slows[j].code == 0 || slows[j].code == -EBADF);
        CHECK_INT(bide_read(fresh[0], block, sizeof block), 3);
        memset(block, 'o', sizeof block);
        CHECK(bide_close(fresh[0]) == 0 && bide_close(fresh[1]) == 0);
    }
    return 0;
}

/* Faults of threads and memory: the call fails, the next one succeeds. */
TASK(a_file_without_threads_says_so)
{
    char byte;
    const int fd = open_file(false, O_RDWR);
    CHECK_INT(bide_adopt(fd), 0);
    faults_set(SYS_THREAD, EAGAIN, 0, 2);
    CHECK_INT(bide_read(fd, &byte, 1), -ENOMEM);
    CHECK_INT(bide_open(path, O_RDONLY, 0), -ENOMEM);
    CHECK_INT(bide_read(fd, &byte, 1), 0);
    faults_clear();
    return bide_close(fd);
}

#define RUN_FILE(fn, clock)                                                                                  \
    {                                                                                                        \
#fn, run_in_loop, make_path, remove_path, &(struct in_loop)                                          \
        {                                                                                                    \
            fn, &on_##clock##_time                                                                           \
        }                                                                                                    \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN_FILE(open_is_like_open, virtual),
        RUN_FILE(open_reads_other_things_than_files, virtual),
        RUN_FILE(open_while_cancelled_opens_nothing, virtual),
        RUN_FILE(a_cancel_leaves_no_descriptor_open, real),
        RUN_FILE(writers_of_one_file_are_served_in_order, virtual),
        RUN_FILE(large_files_are_read_and_written_while_others_go_on, virtual),
        RUN_FILE(an_adopted_file_is_a_file, virtual),
        RUN_FILE(bug_01_05_a_file_is_closed_while_it_is_read, virtual),
        RUN_FILE(a_file_without_threads_says_so, virtual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
