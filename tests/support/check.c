/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "../../src/sanitizer.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char first_failure[512];
static char events[16384];

void check_failed(const char *file, int line, const char *format, ...)
{
    pthread_mutex_lock(&lock);
    if (!first_failure[0]) {
        const int used = snprintf(first_failure, sizeof first_failure, "%s:%d: ", file, line);
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(first_failure + used, sizeof first_failure - (size_t)used, format, arguments);
        va_end(arguments);
    }
    pthread_mutex_unlock(&lock);
}

void log_clear(void)
{
    events[0] = '\0';
}

void log_event(const char *format, ...)
{
    size_t used = strlen(events);
    if (used && used + 1 < sizeof events) events[used++] = ' ';
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(events + used, sizeof events - used, format, arguments);
    va_end(arguments);
}

const char *log_text(void)
{
    return events;
}

int check_open_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    if (!directory) return -1;
    int count = 0;
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

bool check_emulated(void)
{
    const char *emulator = getenv("EMULATOR");
    return emulator && emulator[0];
}

void check_skip(const char *why)
{
    print_message("skipped: %s\n", why);
    skip();
}

int check_run_with(const struct bide_options *options, bide_fn fn, void *arg)
{
    first_failure[0] = '\0';
    const int fds = check_open_fds();
    const int result = bide_run_with(options, fn, arg);
    if (first_failure[0]) fail_msg("%s", first_failure);
    assert_int_equal(check_open_fds(), fds);
    return result;
}

int check_run(bide_fn fn, void *arg)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return check_run_with(&options, fn, arg);
}

static _Noreturn void child_main(int (*fn)(void *arg), void *arg, int err)
{
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGABRT, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    dup2(err, STDERR_FILENO);
    close(err);
    _exit(fn(arg) & 0x7f);
}

int check_child(int (*fn)(void *arg), void *arg, char *err, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        child_main(fn, arg, ends[1]);
    }
    close(ends[1]);
    size_t used = 0;
    char rest[256];
    for (;;) {
        const bool full = used + 1 >= size;
        const ssize_t n =
            full ? read(ends[0], rest, sizeof rest) : read(ends[0], err + used, size - 1 - used);
        if (n <= 0) break;
        if (!full) used += (size_t)n;
    }
    if (size) err[used] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

void check_aborts(int (*fn)(void *arg), void *arg, const char *words)
{
    char err[4096];
    const int status = check_child(fn, arg, err, sizeof err);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
        fail_msg("expected an abort, got status %#x and: %s", (unsigned)status, err);
    if (!strstr(err, words)) fail_msg("expected \"%s\" in: %s", words, err);
}

long rounds(long n)
{
    return sanitizer_valgrind() ? n / 20 : SANITIZER_FIBERS ? n / 5 : n;
}
