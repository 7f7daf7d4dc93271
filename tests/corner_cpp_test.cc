/* SPDX-License-Identifier: MIT */
/* Corners of C++: exceptions that leave bide's calls and blocks on their way. */
#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>

extern "C" {
#include "check.h"
}

static int sleep_and_throw(void *)
{
    (void)bide_sleep(1);
    throw std::runtime_error("thrown");
}

static int sleep_long(void *)
{
    return bide_sleep(100);
}

static int three(void *)
{
    return 3;
}

/* Whether fn throws out of bide_wait_for. */
static bool throws_through_wait_for(bide_fn fn, double seconds, int *result)
{
    try {
        (void)bide_wait_for(fn, nullptr, seconds, result);
    } catch (const std::runtime_error &) {
        return true;
    }
    return false;
}

static int wait_for_that_throws(void *)
{
    int result = 42;
    for (int i = 0; i < 3; i++) CHECK(throws_through_wait_for(sleep_and_throw, 5, &result));
    CHECK_INT(result, 42);
    CHECK_INT(bide_sleep(10), 0); /* its deadline is gone */
    CHECK(throws_through_wait_for(sleep_and_throw, 0.5, nullptr));
    CHECK_INT(bide_sleep(10), 0);
    return 0;
}

static void wait_for_leaves_its_scope_when_fn_throws(void **)
{
    assert_int_equal(check_run(wait_for_that_throws, nullptr), 0);
}

/* As in C: what it returns, and what it refuses. */
static int wait_for_that_returns(void *)
{
    int result = 42;
    CHECK_INT(bide_wait_for(three, nullptr, 5, &result), 0);
    CHECK_INT(result, 3);
    CHECK_INT(bide_wait_for(sleep_long, nullptr, 5, &result), -ETIMEDOUT);
    CHECK_INT(result, -ETIMEDOUT);
    CHECK_INT(bide_wait_for(sleep_long, nullptr, 5, nullptr), -ETIMEDOUT);
    CHECK_INT(bide_wait_for(nullptr, nullptr, 5, &result), -EINVAL);
    CHECK_INT(bide_wait_for(three, nullptr, __builtin_nan(""), &result), -EINVAL);
    CHECK_INT(bide_cancel(bide_current_task()), 1);
    CHECK_INT(bide_wait_for(three, nullptr, 5, &result), -ECANCELED);
    CHECK_INT(result, 3);
    CHECK_INT(bide_uncancel(), 0);
    CHECK_INT(bide_sleep(1), 0);
    return 0;
}

static void wait_for_is_the_same_as_in_c(void **)
{
    int result = 42;
    assert_int_equal(bide_wait_for(three, nullptr, 5, &result), -EPERM);
    assert_int_equal(result, 42);
    assert_int_equal(check_run(wait_for_that_returns, nullptr), 0);
}

static int blocks_that_throw(void *)
{
    bool caught = false;
    struct bide_group group;
    try {
        BIDE_TIMEOUT(5) {
            BIDE_GROUP(group) {
                CHECK(bide_group_start(&group, sleep_long, nullptr));
                (void)bide_wait_for(sleep_and_throw, nullptr, 50, nullptr);
            }
        }
    } catch (const std::runtime_error &error) {
        caught = std::strcmp(error.what(), "thrown") == 0;
    }
    CHECK(caught);
    CHECK_INT(bide_group_result(&group), 0);
    CHECK_INT(bide_sleep(100), 0);
    return 0;
}

static void an_exception_leaves_blocks_and_wait_for_together(void **)
{
    assert_int_equal(check_run(blocks_that_throw, nullptr), 0);
}

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wait_for_leaves_its_scope_when_fn_throws),
        cmocka_unit_test(wait_for_is_the_same_as_in_c),
        cmocka_unit_test(an_exception_leaves_blocks_and_wait_for_together),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
