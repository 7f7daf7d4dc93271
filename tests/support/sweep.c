/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include "faults.h"
#include "guard.h"
#include "sanitizer.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OFTEN = 100,      /* a call that is interrupted is, in the end, not */
    MOST_CALLS = 100, /* of a kind, that a sweep looks at */
    MOST_ITEMS = 512,
    REPEATS = 16, /* caches fill up, leaks do not */
    HANG = 20     /* seconds */
};

/* Of each kind, the errors that its man page gives and that this use of it can meet; up to a 0. */
static const struct {
    const char *name;
    int errors[8];
} kinds[SYS_CALLS] = {
    [SYS_ALLOC] = {"malloc", {ENOMEM}},
    [SYS_MMAP] = {"mmap", {ENOMEM}},
    [SYS_MPROTECT] = {"mprotect", {ENOMEM, EACCES}},
    [SYS_MADVISE] = {"madvise", {EINVAL, ENOMEM, EAGAIN, EPERM}},
    [SYS_THREAD] = {"pthread_create", {EAGAIN}},
    [SYS_EPOLL_CREATE] = {"epoll_create", {EMFILE, ENFILE, ENOMEM}},
    [SYS_EPOLL_CTL] = {"epoll_ctl", {ENOMEM, ENOSPC, ENOENT, EPERM}},
    [SYS_EPOLL_WAIT] = {"epoll_wait", {EINTR}},
    [SYS_EVENTFD] = {"eventfd", {EMFILE, ENFILE, ENODEV, ENOMEM}},
    [SYS_FCNTL] = {"fcntl", {EBADF, EPERM}},
    [SYS_SOCKET] = {"socket", {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES}},
    [SYS_ACCEPT] = {"accept", {EINTR, EAGAIN, ECONNABORTED, EPROTO, EMFILE, ENFILE, ENOBUFS}},
    [SYS_CONNECT] = {"connect", {EINTR, ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EPERM}},
    [SYS_GETSOCKOPT] = {"getsockopt", {ECONNREFUSED, ENOBUFS}},
    [SYS_READ] = {"read", {EINTR, EAGAIN, EIO, ECONNRESET}},
    [SYS_WRITE] = {"write", {EINTR, EAGAIN, EIO, EPIPE}},
    [SYS_POLL] = {"poll", {EINTR, ENOMEM, EINVAL}},
    [SYS_CLOSE] = {"close", {EINTR, EIO, ENOSPC}},
    [SYS_BIND] = {"bind", {EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOMEM}},
    [SYS_LISTEN] = {"listen", {EADDRINUSE, EOPNOTSUPP}},
    [SYS_GETSOCKNAME] = {"getsockname", {ENOBUFS}},
    [SYS_SETSOCKOPT] = {"setsockopt", {ENOPROTOOPT, ENOMEM}},
    [SYS_UNLINK] = {"unlink", {EACCES, EROFS}},
    [SYS_SENDFILE] = {"sendfile", {EINTR, EAGAIN, EIO, ENOMEM}},
    [SYS_RESOLVE] = {"getaddrinfo", {ENOMEM, EMFILE, EAGAIN}},
};

/* The fault of the run: none if times is 0. */
static struct {
    enum sys_call kind;
    int error;
    long first, times;
    char text[160];
} current;

/* With this fault, an event that was promised may never come. */
static bool may_starve(void)
{
    const int error = current.times ? current.error : 0;
    switch (current.kind) {
    case SYS_ACCEPT: return error == EAGAIN || error == ECONNABORTED || error == EPROTO;
    case SYS_READ:
    case SYS_SENDFILE:
    case SYS_WRITE: return error == EAGAIN;
    case SYS_CONNECT: return error == EINTR;
    default: return false;
    }
}

double sweep_patience(void)
{
    return may_starve() ? 0.01 : HANG / 2;
}

bool sweep_is_single(void)
{
    return current.times == 1;
}

/* Nobody may notice this fault. An interrupted connect goes on by itself, but one that was not made does not. */
static bool is_harmless(void)
{
    if (current.error == EINTR) return current.kind != SYS_CONNECT;
    const bool of_the_peer = current.error == ECONNABORTED || current.error == EPROTO;
    return current.kind == SYS_MADVISE || (current.kind == SYS_ACCEPT && of_the_peer && current.times == 1);
}

static bool is_plausible(const struct sweep_program *program, int code)
{
    if (code >= 0) return code == 0;
    if (code == -ETIMEDOUT && may_starve()) return true; /* on a slow machine even before the fault */
    if (current.times == 0 || faults_asked() < current.first || is_harmless()) return false;
    if (code == -current.error) return true;
    if (code == -ENOMEM) return current.kind <= SYS_THREAD || program->uses_threads;
    for (const int *known = program->codes; *known; known++)
        if (code == *known) return true;
    return false;
}

/* ---- what a run leaves behind ---- */

static struct sweep_item items[MOST_ITEMS];
static int used, reports, expected_reports;

struct sweep_item *sweep_item(void)
{
    struct sweep_item *item = &items[used++ % MOST_ITEMS];
    item->begun = item->ended = 0;
    item->taken = -1;
    return item;
}

void sweep_begin(struct sweep_item *item)
{
    item->begun++;
}

int sweep_end(struct sweep_item *item, int result)
{
    item->ended++;
    return result;
}

void sweep_expect_report(void)
{
    expected_reports++;
}

static void on_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    if (error->code >= 0 || !error->text || !error->task) check_failed(__FILE__, __LINE__, "a bad report");
    reports++;
}

static void assert_all_used_once(void)
{
    assert_in_range(used, 0, MOST_ITEMS);
    for (int i = 0; i < used; i++) {
        const struct sweep_item *item = &items[i];
        if (item->begun != item->ended) fail_msg("item %d: begun %d, ended %d", i, item->begun, item->ended);
        if (item->taken < 0 ? item->begun > 1 : item->begun != item->taken)
            fail_msg("item %d: taken %d, used %d", i, item->taken, item->begun);
    }
    assert_int_equal(reports, expected_reports);
}

/* Bytes that are allocated or mapped; tools that replace malloc find leaks by themselves. */
static size_t memory_in_use(void)
{
    if (SANITIZER_FIBERS || sanitizer_valgrind() || check_emulated()) return 0;
    char text[64] = "";
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n > 0);
    size_t size = strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 33)
    size += mallinfo2().uordblks;
#endif
#endif
    return size;
}

/* ---- what programs are made of ---- */

int sweep_use(void *item)
{
    sweep_begin(item);
    return sweep_end(item, bide_sleep(0));
}

int sweep_nap(void *item)
{
    sweep_begin(item);
    return sweep_end(item, bide_sleep(1));
}

int sweep_fail(void *item)
{
    sweep_begin(item);
    (void)bide_sleep(0.5);
    return sweep_end(item, bide_fail(EIO, "disk %d is gone", 7));
}

/* A text is lost without memory; it is never another one. */
bool sweep_is_text(const char *text, int code)
{
    return strcmp(text, strerror(-code)) == 0 || (code == -EIO && strcmp(text, "disk 7 is gone") == 0) ||
           (code == -ENOMEM && strstr(text, "vm.max_map_count"));
}

struct bide_task *sweep_create(const struct bide_task_options *options, bide_fn fn)
{
    struct sweep_item *item = sweep_item();
    struct bide_task *task = bide_create_task_with(options, fn, item);
    item->taken = task != NULL;
    return task;
}

bool sweep_start(struct bide_group *group, bide_fn fn)
{
    struct sweep_item *item = sweep_item();
    item->taken = bide_group_start(group, fn, item) != NULL;
    if (!item->taken && errno != ENOMEM) check_failed(__FILE__, __LINE__, "refused: %s", strerror(errno));
    return item->taken;
}

void sweep_note(int *code, int refused)
{
    if (refused < 0 && *code == 0) *code = refused;
}

/* ---- runs ---- */

static void prepare(const struct sweep_program *program, enum sys_call kind, long first, long times,
                    int error)
{
    current.kind = kind;
    current.error = error;
    current.first = first;
    current.times = times;
    snprintf(current.text, sizeof current.text, "%s: %s %ld %s: %s\n", program->name, kinds[kind].name, first,
             times == 0   ? "does not fail"
             : times == 1 ? "fails"
                          : "fails and goes on so",
             strerror(error));
    used = reports = expected_reports = 0;
    guard_reset(0);
    if (program->old_kernel) {
        faults_set(SYS_MADVISE, EINVAL, 0, FOR_EVER);
        assert_false(guard_light());
    }
    faults_set(kind, error, first - 1, times);
}

static void run_once(const struct sweep_program *program, enum sys_call kind, long first, long times,
                     int error)
{
    const struct bide_options options = {
        .clock = program->clock, .threads = program->threads, .on_error = on_error};
    const int fds = check_open_fds();
    prepare(program, kind, first, times, error);
    alarm(HANG);
    const int code =
        program->run ? program->run(program->main) : check_run_with(&options, program->main, NULL);
    alarm(0);
    if (!is_plausible(program, code)) fail_msg("it returns %d: %s", code, strerror(-code));
    faults_clear();
    assert_all_used_once();
    assert_int_equal(check_open_fds(), fds);
}

/* Runs it until a run needs no more memory than was in use before it. */
static void run_case(const struct sweep_program *program, enum sys_call kind, long first, long times,
                     int error)
{
    size_t before = memory_in_use();
    for (int i = 0; i < REPEATS; i++) {
        run_once(program, kind, first, times, error);
        const size_t after = memory_in_use();
        if (after <= before) return;
        before = after;
    }
    fail_msg("each run leaves memory behind");
}

static void sweep_error(const struct sweep_program *program, enum sys_call kind, long calls, int error)
{
    const bool of_eventfd = program->uses_threads && (kind == SYS_READ || kind == SYS_WRITE);
    if (of_eventfd && error != EINTR) return;
    for (long first = 1; first <= calls && first <= MOST_CALLS; first++) {
        run_case(program, kind, first, 1, error);
        run_case(program, kind, first, error == EINTR ? OFTEN : FOR_EVER, error);
    }
}

static void tell(int signal_number)
{
    const char *what = signal_number == SIGALRM ? "hung: " : "aborted: ";
    (void)!write(STDERR_FILENO, what, strlen(what));
    (void)!write(STDERR_FILENO, current.text, strlen(current.text));
    _exit(1);
}

void sweep(const struct sweep_program *program)
{
    signal(SIGALRM, tell);
    signal(SIGABRT, tell);
    for (int kind = 0; kind < SYS_CALLS; kind++) {
        run_once(program, (enum sys_call)kind, 1, 0, 0);
        const long calls = faults_asked();
        for (const int *error = kinds[kind].errors; *error; error++)
            sweep_error(program, (enum sys_call)kind, calls, *error);
    }
    run_once(program, SYS_ALLOC, 1, 0, 0);
    current.text[0] = '\0';
    (void)sweep_teardown(NULL);
}

int sweep_teardown(void **state)
{
    (void)state;
    faults_clear();
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    if (current.text[0]) print_error("The case: %s", current.text);
    current.text[0] = '\0';
    return 0;
}
