/* SPDX-License-Identifier: MIT */
/* Programs of tasks and time, each with every one of its calls to the system failing. */
#include "sweep.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

TASK(ignore_cancels)
{
    sweep_begin(arg);
    int code = 0;
    BIDE_SHIELD(BIDE_FOREVER) code = bide_sleep(5);
    return sweep_end(arg, code);
}

/* ---- tasks ---- */

static int told;

static void tell(void *arg, struct bide_task *task)
{
    if (arg != &told || !bide_task_done(task)) check_failed(__FILE__, __LINE__, "a bad callback");
    told++;
}

TASK(await_failures)
{
    const struct bide_task_options named = {.name = "worker"};
    int code = 0;
    for (int i = 0; i < 4; i++) {
        struct bide_task *task = sweep_create(i % 2 ? &named : NULL, sweep_fail);
        if (!task) sweep_note(&code, -errno);
        if (task && i % 2) CHECK_INT(strcmp(bide_task_name(task), "worker"), 0);
        const int refused = task ? bide_task_on_done(task, tell, &told) : 0;
        sweep_note(&code, refused);
        if (task) sweep_note(&code, bide_task_set_name(task, "a worker of another name"));
        told = 0;
        int result = 99;
        CHECK_INT(bide_await(task, &result), 0);
        CHECK_INT(result, task ? -EIO : -ENOMEM);
        CHECK_INT(told, task && refused == 0);
        CHECK(sweep_is_text(bide_error_text(result), result));
    }
    return code;
}

TASK(create_await_detach)
{
    int code = await_failures(NULL);
    for (int i = 0; i < 2; i++) {
        struct bide_task *task = sweep_create(NULL, i ? sweep_fail : sweep_use);
        if (!task) sweep_note(&code, -errno);
        if (task && i) sweep_expect_report();
        bide_detach(task);
    }
    struct bide_task *slow = sweep_create(NULL, sweep_nap);
    if (!slow) sweep_note(&code, -errno);
    (void)bide_cancel(slow);
    int result = 99;
    CHECK_INT(bide_shield(slow, &result), 0);
    CHECK_INT(result, slow ? -ECANCELED : -ENOMEM);
    CHECK_INT(bide_await(slow, NULL), slow ? -ECANCELED : -ENOMEM);
    CHECK_INT(bide_sleep(1), 0);
    return code;
}

/* Main returns while others run: they are cancelled and joined. */
TASK(leave_tasks_behind)
{
    static const bide_fn fns[] = {sweep_nap, ignore_cancels, sweep_use, sweep_fail, sweep_nap};
    int code = 0;
    for (size_t i = 0; i < sizeof fns / sizeof *fns; i++)
        if (!sweep_create(NULL, fns[i])) sweep_note(&code, -errno);
    sweep_note(&code, bide_sleep(0));
    return code;
}

TASK(touch_much)
{
    volatile char much[12000];
    for (size_t i = 0; i < sizeof much; i += 512) much[i] = (char)i;
    return sweep_use(arg) + much[512] * 0;
}

TASK(use_stacks_of_all_sizes)
{
    struct bide_task_options options = {.eager = true};
    struct bide_task *tasks[8];
    int code = 0;
    for (int i = 0; i < 8; i++) {
        options.eager = i % 2;
        options.stack_size = (size_t)16384 << i;
        tasks[i] = sweep_create(&options, touch_much);
        if (!tasks[i]) sweep_note(&code, -errno);
    }
    for (int i = 0; i < 8; i++) CHECK_INT(bide_await(tasks[i], NULL), tasks[i] ? 0 : -ENOMEM);
    return code;
}

/* ---- time ---- */

struct sleeper {
    double seconds;
    int place; /* the how manieth to wake; 0: not yet */
};

static int woken;

TASK(sleep_and_count)
{
    struct sleeper *sleeper = arg;
    const int code = bide_sleep(sleeper->seconds);
    sleeper->place = ++woken;
    return code;
}

/* By deadline, then in the order of arming; also those for which the heap had no memory. */
TASK(sleepers_wake_in_order)
{
    enum { N = 100 };
    struct sleeper sleepers[N];
    struct bide_task *tasks[N];
    int code = 0;
    double latest = 0;
    woken = 0;
    for (int i = 0; i < N; i++) {
        sleepers[i] = (struct sleeper){1 + i * 7 % 5, 0};
        tasks[i] = bide_create_task(sleep_and_count, &sleepers[i]);
        if (!tasks[i]) sweep_note(&code, -errno);
        if (tasks[i] && sleepers[i].seconds > latest) latest = sleepers[i].seconds;
    }
    for (int i = 0; i < N; i++) CHECK_INT(bide_await(tasks[i], NULL), tasks[i] ? 0 : -ENOMEM);
    for (int a = 0; a < N; a++)
        for (int b = a + 1; b < N; b++)
            if (tasks[a] && tasks[b])
                CHECK((sleepers[a].place < sleepers[b].place) ==
                      (sleepers[a].seconds <= sleepers[b].seconds));
    CHECK_INT(bide_time(), latest);
    return code;
}

TASK(sleep_long)
{
    sweep_begin(arg);
    return sweep_end(arg, bide_sleep(10));
}

TASK(shield_then_sleep)
{
    sweep_begin(arg);
    BIDE_SHIELD(2) CHECK_INT(bide_sleep(1), 0);
    CHECK_INT(bide_sleep(1), -ECANCELED);
    BIDE_SHIELD(2) CHECK_INT(bide_sleep(5), -ECANCELED);
    return sweep_end(arg, bide_expired() ? 0 : -EPROTO);
}

TASK(timeouts_and_shields)
{
    int code = 0, result = 99;
    BIDE_TIMEOUT(1) CHECK_INT(bide_sleep(5), -ETIMEDOUT);
    CHECK(bide_expired() && bide_time() == 1);
    BIDE_TIMEOUT(3) {
        BIDE_TIMEOUT(1) CHECK_INT(bide_sleep(5), -ETIMEDOUT);
        CHECK_INT(bide_sleep(5), -ETIMEDOUT);
    }
    CHECK(bide_expired() && bide_time() == 4);
    struct sweep_item *item = sweep_item();
    item->taken = 1;
    CHECK_INT(bide_wait_for(sleep_long, item, 1, &result), -ETIMEDOUT);
    CHECK(result == -ETIMEDOUT && bide_time() == 5);
    struct bide_task *task = sweep_create(NULL, shield_then_sleep);
    if (!task) sweep_note(&code, -errno);
    CHECK_INT(bide_yield(), 0);
    (void)bide_cancel(task);
    CHECK_INT(bide_await(task, &result), 0);
    CHECK_INT(result, task ? 0 : -ENOMEM);
    CHECK_INT(bide_time(), task ? 8 : 5);
    return code;
}

/* ---- loops ---- */

static int silence(void)
{
    const int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDERR_FILENO);
    close(null);
    return saved;
}

/* Every task waits for another: that is printed, which is not what is looked at here. */
static int run_stuck(bide_fn fn)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    const int saved = silence();
    const int code = bide_run_with(&options, fn, NULL);
    dup2(saved, STDERR_FILENO);
    close(saved);
    return code == -EDEADLK ? 0 : code;
}

TASK(never_end)
{
    do {
        BIDE_SHIELD(BIDE_FOREVER) (void)bide_sleep(BIDE_FOREVER);
    } while (true);
    return 0;
}

TASK(get_stuck)
{
    struct bide_task *task = bide_create_task(never_end, NULL);
    (void)bide_task_on_done(task, tell, &told);
    return bide_await(task, NULL);
}

/* A loop is run twice; tasks that the first run leaves behind go on in the second. */
static int run_loop(bide_fn fn)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL, .stack_size = 256 * 1024};
    struct bide_loop *loop = bide_loop_new(&options);
    if (!loop) return -errno;
    int code = 0;
    for (int i = 0; i < 2; i++) {
        int result = 0;
        sweep_note(&code, bide_loop_run(loop, fn, NULL, &result));
        sweep_note(&code, result);
    }
    bide_loop_free(loop);
    return code;
}

SWEEP(create_await_detach, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(leave_tasks_behind, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(use_stacks_of_all_sizes, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(sleepers_wake_in_order, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(timeouts_and_shields, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(get_stuck, .clock = BIDE_CLOCK_VIRTUAL, .run = run_stuck)

static void every_fault_of_guards_that_are_mappings(void **state)
{
    (void)state;
    const struct sweep_program program = {
        .name = "guards", .main = use_stacks_of_all_sizes, .clock = BIDE_CLOCK_VIRTUAL, .old_kernel = true};
    sweep(&program);
}

static void every_fault_of_a_loop_that_is_run_twice(void **state)
{
    (void)state;
    const struct sweep_program program = {.name = "loop", .main = leave_tasks_behind, .run = run_loop};
    sweep(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(every_fault_of_create_await_detach),
        SWEEP_TEST(every_fault_of_leave_tasks_behind),
        SWEEP_TEST(every_fault_of_use_stacks_of_all_sizes),
        SWEEP_TEST(every_fault_of_guards_that_are_mappings),
        SWEEP_TEST(every_fault_of_sleepers_wake_in_order),
        SWEEP_TEST(every_fault_of_timeouts_and_shields),
        SWEEP_TEST(every_fault_of_get_stuck),
        SWEEP_TEST(every_fault_of_a_loop_that_is_run_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
