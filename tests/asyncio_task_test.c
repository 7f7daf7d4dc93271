/* SPDX-License-Identifier: MIT */
/* What asyncio's tests say of gather and to_thread, and no other program here asks (interop/cpython.md). */
#include "check.h"

#include <stdatomic.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

TASK(add_one)
{
    const int code = bide_yield();
    return code < 0 ? code : ++*(int *)arg;
}

TASK(gathering_nothing)
{
    int untouched = 99;
    CHECK_INT(bide_gather(NULL, 0, NULL), 0);
    CHECK_INT(bide_gather(&(struct bide_call){add_one, &untouched}, 0, &untouched), 0);
    CHECK_INT(bide_gather_tasks(NULL, 0, NULL), 0);
    CHECK_INT(untouched, 99);
    return 0;
}

TASK(one_function_twice_is_two_calls)
{
    int count = 0;
    const struct bide_call calls[] = {{add_one, &count}, {add_one, &count}, {add_one, &count}};
    int results[3];
    CHECK_INT(bide_gather(calls, 3, results), 0);
    CHECK_INT(count, 3);
    CHECK_INT(results[0] + results[1] + results[2], 1 + 2 + 3);
    return 0;
}

TASK(count_a_job)
{
    return atomic_fetch_add((atomic_int *)arg, 1);
}

TASK(a_job_runs_once)
{
    atomic_int count = 0;
    int result = 99;
    CHECK_INT(bide_to_thread(count_a_job, &count, &result), 0);
    CHECK_INT(result, 0);
    CHECK_INT(atomic_load(&count), 1);
    return 0;
}

static void run_in_a_loop(void **state)
{
    log_clear();
    assert_int_equal(check_run((bide_fn)(uintptr_t)*state, NULL), 0);
}

#define IN_A_LOOP(fn) ((struct CMUnitTest){#fn, run_in_a_loop, NULL, NULL, (void *)(uintptr_t)fn})

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(gathering_nothing),
        IN_A_LOOP(one_function_twice_is_two_calls),
        IN_A_LOOP(a_job_runs_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
