/* SPDX-License-Identifier: MIT */
/* What each task has for itself: its floating-point environment, and its stack. */
#include "check.h"

#include <alloca.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "stack.h"
#include "sys.h"

#define TASK(name) static int name(void *arg __attribute__((unused)))
/* A task of one expression. The last word takes the semicolon. */
#define TASK_OF(name, expression)                                                                            \
    static int name(void *arg __attribute__((unused)))                                                       \
    {                                                                                                        \
        return expression;                                                                                   \
    }                                                                                                        \
    struct name##_

static int seven = 7;

TASK_OF(give, *(int *)arg);

static double third(void)
{
    volatile double one = 1, three = 3;
    return one / three;
}

/* Whether this task rounds in that mode, by its control words and in fact. */
static bool rounds_by(int mode)
{
    const double low = 0x1.5555555555555p-2, high = 0x1.5555555555556p-2;
    return fegetround() == mode && third() == (mode == FE_UPWARD ? high : low);
}

TASK(round_in_a_mode)
{
    const int mode = *(int *)arg;
    if (mode != FE_TONEAREST) CHECK_INT(fesetround(mode), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(i % 2 ? bide_yield() : bide_sleep(1), 0);
        CHECK(rounds_by(mode));
    }
    return 0;
}

TASK(the_rounding_mode_is_the_task_s_own)
{
    int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TONEAREST};
    struct bide_call calls[9];
    for (int i = 0; i < 9; i++) calls[i] = (struct bide_call){round_in_a_mode, &modes[i % 3]};
    const int code = bide_gather(calls, 9, NULL);
    return rounds_by(FE_TONEAREST) ? code : -EPROTO;
}

TASK_OF(start_downward, rounds_by(FE_DOWNWARD) && fesetround(FE_UPWARD) == 0 ? 0 : -EPROTO);

TASK(start_tasks_upward)
{
    const struct bide_task_options eager = {.eager = true};
    const struct bide_call calls[] = {{start_downward, NULL}, {start_downward, NULL}, {start_downward, NULL}};
    CHECK(rounds_by(FE_DOWNWARD) && fesetround(FE_UPWARD) == 0);
    for (int i = 0; i < 3; i++) {
        struct bide_task *early = bide_create_task_with(&eager, start_downward, NULL);
        CHECK(rounds_by(FE_UPWARD) && bide_await(early, NULL) == 0);
        CHECK_INT(bide_gather(calls, 3, NULL), 0);
        CHECK(rounds_by(FE_UPWARD));
    }
    return 0;
}

static void a_fresh_task_starts_with_the_loop_s_mode(void **state)
{
    (void)state;
    assert_int_equal(fesetround(FE_DOWNWARD), 0);
    const int code = bide_run(start_tasks_upward, NULL);
    const bool kept = rounds_by(FE_DOWNWARD);
    assert_int_equal(fesetround(FE_TONEAREST), 0);
    assert_int_equal(code, 0);
    assert_true(kept);
}

#ifdef __x86_64__
enum { FLUSH_TO_ZERO = 0x8040, SSE_CONTROL = 0xffc0, SINGLE_PRECISION = 0x007f };

static uint64_t control_words(void)
{
    unsigned sse;
    unsigned short x87;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(sse), "=m"(x87));
    return (uint64_t)(sse & SSE_CONTROL) << 16 | x87;
}

TASK(change_the_control_words)
{
    const unsigned sse = (unsigned)(control_words() >> 16) | FLUSH_TO_ZERO;
    const unsigned short x87 = SINGLE_PRECISION;
    __asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(sse), "m"(x87));
    const uint64_t mine = control_words(); /* An emulator may not have taken all bits. */
    CHECK_INT(bide_yield(), 0);
    CHECK(control_words() == mine);
    CHECK_INT(bide_sleep(1), 0);
    CHECK(control_words() == mine);
    return 0;
}

TASK(the_control_words_are_the_task_s_own)
{
    const uint64_t mine = control_words();
    struct bide_task *task = bide_create_task(change_the_control_words, NULL);
    CHECK_INT(bide_yield(), 0);
    CHECK(control_words() == mine);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK(control_words() == mine);
    return 0;
}
#endif

static __attribute__((noinline, noreturn)) void leap(jmp_buf home)
{
    (void)bide_yield();
    longjmp(home, 7);
}

TASK(bug_21_longjmp_works_within_a_task)
{
    jmp_buf home;
    struct bide_task *task = bide_create_task(give, &seven);
    if (setjmp(home) == 0) leap(home);
    return bide_await(task, NULL);
}

/* The compiler touches each page of a large frame in turn, as for programs built with this flag. */
#ifdef __clang__
#define PROBED __attribute__((noinline))
#else
#define PROBED __attribute__((noinline, optimize("stack-clash-protection")))
#endif

static PROBED int use_stack(size_t size)
{
    unsigned char *area = alloca(size);
    memset(area, 0x5a, size);
    const int code = bide_yield();
    for (size_t i = 0; i < size; i++)
        if (area[i] != 0x5a) return -EFAULT;
    return code;
}

/* What is left is for the dynamic linker: it saves all vector registers when it first binds a call. */
TASK_OF(use_most, use_stack((size_t)48 * 1024));

TASK(the_default_stack_is_really_usable)
{
    const struct bide_call calls[] = {{use_most, NULL}, {use_most, NULL}, {use_most, NULL}};
    return bide_gather(calls, 3, NULL);
}

static unsigned char *volatile neighbours[2];

TASK(be_a_neighbour)
{
    unsigned char *area = alloca(4096);
    memset(area, 0x5a, 4096);
    neighbours[arg ? 1 : 0] = area;
    return bide_sleep(BIDE_FOREVER);
}

static void on_segv(int number)
{
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 4096; k++)
            if (!neighbours[i] || neighbours[i][k] != 0x5a) _exit(1);
    signal(number, SIG_DFL); /* The access that failed is repeated, and ends the process. */
}

static int dig(volatile int depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    return depth == 0 ? 0 : dig(depth - 1) + frame[0];
}

TASK_OF(overflow_slowly, bide_yield() < 0 ? 0 : dig(1 << 20));
TASK_OF(overflow_at_once, bide_yield() < 0 ? 0 : use_stack((size_t)80 * 1024));

TASK(overflow_between_neighbours)
{
    (void)bide_create_task(be_a_neighbour, NULL);
    (void)bide_create_task(((struct bide_call *)arg)->fn, NULL);
    (void)bide_create_task(be_a_neighbour, &seven);
    return bide_sleep(1);
}

static int run_overflow(void *arg)
{
    static char alternate[65536];
    const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    const struct sigaction action = {.sa_handler = on_segv, .sa_flags = SA_ONSTACK};
    if (sigaltstack(&stack, NULL) || sigaction(SIGSEGV, &action, NULL)) return 2;
    bide_run(overflow_between_neighbours, arg);
    return 3;
}

static void expect_death_in_the_guard(bide_fn fn)
{
    char err[4096];
    const int status = check_child(run_overflow, &(struct bide_call){fn, NULL}, err, sizeof err);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV) fail_msg("%#x: %s", (unsigned)status, err);
}

static void bug_15_an_overflow_dies_in_the_guard_beside_intact_neighbours(void **state)
{
    (void)state;
    expect_death_in_the_guard(overflow_slowly);
}

static void bug_16_a_frame_of_80_kib_does_not_jump_the_guard(void **state)
{
    (void)state;
#ifdef __clang__
    skip(); /* It has the flag, but not for one function. */
#endif
    expect_death_in_the_guard(overflow_at_once);
}

extern void __asan_init(void) __attribute__((weak)), __tsan_init(void) __attribute__((weak));

enum { BURST = 100000 };

/* The kilobytes after a key in a file of /proc/self; in smaps, of the mapping with this address. */
static long proc_kib(const char *path, const char *key, const void *address)
{
    FILE *file = fopen(path, "r");
    char line[512];
    unsigned long from, to;
    bool inside = !address;
    long kib = -1;
    while (file && kib < 0 && fgets(line, sizeof line, file)) {
        if (address && sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = (uintptr_t)address >= from && (uintptr_t)address < to;
        else if (inside && strncmp(line, key, strlen(key)) == 0)
            kib = strtol(line + strlen(key), NULL, 10);
    }
    if (file) fclose(file);
    return kib;
}

TASK(nap_in_a_burst)
{
    CHECK_INT(bide_sleep(1), 0);
    if (arg) CHECK_INT(proc_kib("/proc/self/smaps", "AnonHugePages:", &arg), 0);
    return 0;
}

/* A sanitizer has its own view of memory, and an emulator. Where guards are mappings, they are few. */
TASK(bug_45_46_47_a_burst_gives_its_memory_back)
{
    static struct bide_call calls[BURST];
    const bool counted = !__asan_init && !__tsan_init && !check_emulated();
    const size_t n = guard_light() ? BURST : BURST / 20;
    for (size_t i = 0; i < n; i++) calls[i].fn = nap_in_a_burst;
    calls[n / 2].arg = &seven;
    CHECK_INT(bide_gather(calls, 100, NULL), 0);
    const long start = proc_kib("/proc/self/status", "VmRSS:", NULL);
    long end = bide_gather(calls, n, NULL);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(bide_sleep(1), 0);
        end = proc_kib("/proc/self/status", "VmRSS:", NULL);
        if (!counted || end <= start + start / 10) return 0;
    }
    CHECK_INT(end, start);
    return 0;
}

static int refuse_advice(enum sys_call call)
{
    return call == SYS_MADVISE ? EINVAL : 0;
}

TASK(create_more_than_mappings_allow)
{
    static struct bide_task *tasks[40000];
    const int wanted = sizeof tasks / sizeof tasks[0];
    int n = 0;
    while (n < wanted && (tasks[n] = bide_create_task(give, &seven))) n++;
    if (n < wanted) {
        CHECK_INT(errno, ENOMEM);
        CHECK(strstr(bide_error_text(ENOMEM), "max_map_count"));
    }
    CHECK(n >= 1000);
    for (int i = 0; i < n; i++) {
        int result = 0;
        CHECK(bide_await(tasks[i], &result) == 0 && result == 7);
    }
    CHECK_INT(bide_await(bide_create_task(give, &seven), NULL), 0);
    return 0;
}

static void bug_17_a_task_without_a_guard_is_refused(void **state)
{
    (void)state;
    if (__tsan_init) skip(); /* It needs mappings as well. */
    guard_reset(0);
    sys_fault = refuse_advice;
    assert_int_equal(check_run(create_more_than_mappings_allow, NULL), 0);
}

static int without_faults(void **state)
{
    (void)state;
    sys_fault = NULL;
    guard_reset(0);
    return 0;
}

/* A test is the main task of a loop of its own, in virtual time. */
static void run_in_a_loop(void **state)
{
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(the_rounding_mode_is_the_task_s_own),
        cmocka_unit_test(a_fresh_task_starts_with_the_loop_s_mode),
#ifdef __x86_64__
        IN_A_LOOP(the_control_words_are_the_task_s_own),
#endif
        IN_A_LOOP(bug_21_longjmp_works_within_a_task),
        IN_A_LOOP(the_default_stack_is_really_usable),
        cmocka_unit_test(bug_15_an_overflow_dies_in_the_guard_beside_intact_neighbours),
        cmocka_unit_test(bug_16_a_frame_of_80_kib_does_not_jump_the_guard),
        IN_A_LOOP(bug_45_46_47_a_burst_gives_its_memory_back),
        cmocka_unit_test_teardown(bug_17_a_task_without_a_guard_is_refused, without_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
