/* SPDX-License-Identifier: MIT */
#include "fault.h"

#include "sanitizer.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    STORM = 100,      /* a call that is interrupted is, in the end, not */
    MOST_CALLS = 300, /* of a kind, that a sweep looks at */
    MOST_ITEMS = 512,
    REPEATS = 16,     /* caches fill up, leaks do not */
    HANG = 60         /* seconds */
};

/* ---- the injector ---- */

static struct {
    enum sys_call kind;
    int first, times, error;
    bool old_kernel;
} plan;
static atomic_int counts[SYS_CALLS], failed;

static int fault(enum sys_call call)
{
    const int n = atomic_fetch_add(&counts[call], 1) + 1;
    if (call != plan.kind || n < plan.first || n - plan.first >= plan.times)
        return call == SYS_MADVISE && plan.old_kernel ? EINVAL : 0;
    atomic_fetch_add(&failed, 1);
    return plan.error;
}

void fault_start(enum sys_call kind, int first, int times, int error)
{
    plan.kind = kind;
    plan.first = first;
    plan.times = times;
    plan.error = error;
    for (int i = 0; i < SYS_CALLS; i++) counts[i] = 0;
    failed = 0;
    sys_fault = fault;
}

void fault_stop(void)
{
    sys_fault = NULL;
}

int fault_count(enum sys_call kind)
{
    return counts[kind];
}

int fault_failed(void)
{
    return failed;
}

/* ---- what may go wrong ---- */

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
};

/* With this fault, an event that was promised may never come. */
static bool may_starve(void)
{
    switch (plan.kind) {
    case SYS_ACCEPT: return plan.error == EAGAIN || plan.error == ECONNABORTED || plan.error == EPROTO;
    case SYS_READ:
    case SYS_WRITE: return plan.error == EAGAIN;
    case SYS_EPOLL_CTL: return plan.error == EPERM || plan.error == ENOENT;
    case SYS_CONNECT: return plan.error == EINTR;
    default: return false;
    }
}

double fault_patience(void)
{
    return plan.times > 0 && may_starve() ? 0.01 : HANG / 2;
}

bool fault_is_single(void)
{
    return plan.times == 1;
}

static bool is_plausible(const struct fault_program *program, int code)
{
    if (code >= 0) return code == 0;
    if (failed == 0) return false;
    if (code == -plan.error || code == -ENOMEM || (code == -ETIMEDOUT && may_starve())) return true;
    for (const int *known = program->codes; *known; known++)
        if (code == *known) return true;
    return false;
}

/* ---- what a run leaves behind ---- */

static struct fault_item items[MOST_ITEMS];
static int used;
static int reports, expected_reports;

struct fault_item *fault_item(void)
{
    struct fault_item *item = &items[used++ % MOST_ITEMS];
    item->begun = item->ended = 0;
    item->taken = -1;
    return item;
}

void fault_begin(struct fault_item *item)
{
    item->begun++;
}

int fault_end(struct fault_item *item, int result)
{
    item->ended++;
    return result;
}

void fault_expect_report(void)
{
    expected_reports++;
}

static void on_error(void *arg, const struct bide_error *error)
{
    (void)arg;
    if (error->code >= 0 || !error->text || !error->task) check_failed(__FILE__, __LINE__, "a bad report");
    reports++;
}

static void assert_items_used_once(void)
{
    assert_in_range(used, 0, MOST_ITEMS);
    for (int i = 0; i < used; i++) {
        if (items[i].begun != items[i].ended) fail_msg("item %d: begun %d, ended %d", i, items[i].begun, items[i].ended);
        if (items[i].taken < 0 ? items[i].begun > 1 : items[i].begun != items[i].taken)
            fail_msg("item %d: taken %d, used %d", i, items[i].taken, items[i].begun);
    }
    assert_int_equal(reports, expected_reports);
}

/* Bytes that are allocated or mapped; tools that replace malloc find leaks by themselves. */
static size_t memory_in_use(void)
{
    if (SANITIZER_FIBERS || sanitizer_valgrind()) return 0;
    char text[64] = "";
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    assert_true(n > 0);
    size_t size = strtoul(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    size += mallinfo2().uordblks;
#endif
    return size;
}

/* ---- sweeps ---- */

static char current[160];

static void run_once(const struct fault_program *program, enum sys_call kind, int first, int times, int error)
{
    static const char *const how[] = {"once", "often", "for ever"};
    const char *many = how[times == 1 ? 0 : times < FAULT_EVER ? 1 : 2];
    if (times > 0)
        snprintf(current, sizeof current, "%s: %s %d fails %s: %s\n", program->name, kinds[kind].name, first, many,
                 strerror(error));
    else
        snprintf(current, sizeof current, "%s: nothing fails\n", program->name);
    const struct bide_options options = {.clock = program->clock, .threads = program->threads, .on_error = on_error};
    const int fds = check_open_fds();
    used = reports = expected_reports = 0;
    plan.old_kernel = program->old_kernel;
    stack_reset_guards();
    alarm(HANG);
    fault_start(kind, first, times, error);
    const int code = program->run ? program->run(program->main) : check_run_with(&options, program->main, NULL);
    fault_stop();
    alarm(0);
    if (!is_plausible(program, code)) fail_msg("it returns %d: %s", code, strerror(-code));
    assert_items_used_once();
    assert_int_equal(check_open_fds(), fds);
}

static void run_case(const struct fault_program *program, enum sys_call kind, int first, int times, int error)
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

static void sweep_error(const struct fault_program *program, enum sys_call kind, int count, int error)
{
    const bool of_eventfd = program->wakes_itself && (kind == SYS_READ || kind == SYS_WRITE);
    if (of_eventfd && error != EINTR) return;
    for (int first = 1; first <= count && first <= MOST_CALLS; first++) {
        run_case(program, kind, first, 1, error);
        run_case(program, kind, first, error == EINTR ? STORM : FAULT_EVER, error);
    }
}

static void tell(int signal_number)
{
    const char *what = signal_number == SIGALRM ? "hung: " : "aborted: ";
    (void)!write(STDERR_FILENO, what, strlen(what));
    (void)!write(STDERR_FILENO, current, strlen(current));
    _exit(1);
}

void fault_sweep(const struct fault_program *program)
{
    signal(SIGALRM, tell);
    signal(SIGABRT, tell);
    int calls[SYS_CALLS];
    run_once(program, SYS_ALLOC, 0, 0, 0);
    for (int kind = 0; kind < SYS_CALLS; kind++) calls[kind] = fault_count((enum sys_call)kind);
    for (int kind = 0; kind < SYS_CALLS; kind++)
        for (const int *error = kinds[kind].errors; *error; error++)
            sweep_error(program, (enum sys_call)kind, calls[kind], *error);
    run_once(program, SYS_ALLOC, 0, 0, 0);
    signal(SIGALRM, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    current[0] = '\0';
}

int fault_teardown(void **state)
{
    (void)state;
    fault_stop();
    alarm(0);
    if (current[0]) print_error("The case: %s", current);
    current[0] = '\0';
    return 0;
}
