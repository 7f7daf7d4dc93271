/* SPDX-License-Identifier: MIT */
/*
 * Checks that may fail anywhere. cmocka's asserts longjmp and must never fail on a task's
 * stack, so a check in a task records file and line and returns; check_run looks at the record
 * on the main stack, after the loop has ended, together with the zero state.
 */
#ifndef CHECK_H
#define CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bide.h>
#include <errno.h>

/* Records the first failed check of a test; thread-safe. */
void check_failed(const char *file, int line, const char *format, ...) BIDE_PRINTF(3, 4);

/* In any function that returns an int: leaves it with -EPROTO when the condition is false. */
#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            check_failed(__FILE__, __LINE__, "%s", #condition);                                              \
            return -EPROTO;                                                                                  \
        }                                                                                                    \
    } while (0)

/* The same for two integers, both shown. */
#define CHECK_INT(actual, expected)                                                                          \
    do {                                                                                                     \
        const long long actual_ = (long long)(actual), expected_ = (long long)(expected);                    \
        if (actual_ != expected_) {                                                                          \
            check_failed(__FILE__, __LINE__, "%s is %lld, not %s (%lld)", #actual, actual_, #expected,       \
                         expected_);                                                                         \
            return -EPROTO;                                                                                  \
        }                                                                                                    \
    } while (0)

/* Events of a test, as words separated by blanks, to be compared as one list. */
void log_clear(void);
void log_event(const char *format, ...) BIDE_PRINTF(1, 2);
const char *log_text(void);
#define CHECK_LOG(expected)                                                                                  \
    do {                                                                                                     \
        if (strcmp(log_text(), (expected)) != 0) {                                                           \
            check_failed(__FILE__, __LINE__, "log is \"%s\", not \"%s\"", log_text(), (expected));           \
            return -EPROTO;                                                                                  \
        }                                                                                                    \
    } while (0)

/*
 * Runs fn(arg) in a loop of its own, then asserts on the main stack that no check failed and
 * that the number of open descriptors is what it was. Returns what bide_run_with returned.
 * check_run uses the virtual clock, check_run_with what the options say.
 */
int check_run(bide_fn fn, void *arg);
int check_run_with(const struct bide_options *options, bide_fn fn, void *arg);

/* How many descriptors this process has open. */
int check_open_fds(void);

/* Does this program run in an emulator? Memory and mappings of both are then counted as one. */
bool check_emulated(void);

/* That many rounds of a test, or fewer where a tool makes them slow. */
long rounds(long n);

/* Skips the test and says why. Only on the main stack. */
void check_skip(const char *why);

/*
 * Runs fn(arg) in a child process. Returns its wait status; what it printed on standard error
 * is in err, cut to size. For what must abort or die of a signal.
 */
int check_child(int (*fn)(void *arg), void *arg, char *err, size_t size);

/* Asserts that fn(arg) aborts (SIGABRT) with a line on standard error that contains the words. */
void check_aborts(int (*fn)(void *arg), void *arg, const char *words);

#endif
