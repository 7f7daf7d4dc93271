/* SPDX-License-Identifier: MIT */
/*
 * C++ programs: exceptions are thrown and caught inside tasks, which may wait in a catch block
 * or while the stack is unwound. What the language runtime knows of exceptions is the task's own.
 */
#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

extern "C" {
#include "check.h"
}
#include <unistd.h>

static int uncaught()
{
#if __cplusplus >= 201703L
    return std::uncaught_exceptions();
#else
    return std::uncaught_exception() ? 1 : 0;
#endif
}

static std::string name_of(void *arg)
{
    return static_cast<const char *>(arg);
}

static void *text(const char *name)
{
    return const_cast<char *>(name);
}

static int throw_and_catch(void *arg)
{
    for (int i = 0; i < 10; i++) {
        try {
            CHECK_INT(bide_yield(), 0);
            throw std::runtime_error(name_of(arg));
        } catch (const std::runtime_error &error) {
            CHECK(error.what() == name_of(arg));
        }
        CHECK(!std::current_exception());
    }
    return 0;
}

static int bug_20_tasks_throw_and_catch_at_once(void *)
{
    const struct bide_call calls[] = {
        {throw_and_catch, text("a")}, {throw_and_catch, text("b")}, {throw_and_catch, text("c")}};
    CHECK_INT(bide_gather(calls, 3, nullptr), 0);
    return 0;
}

/* Whether the exception that is being handled here carries this text. */
static bool handles(const std::string &expected)
{
    try {
        if (!std::current_exception()) return false;
        std::rethrow_exception(std::current_exception());
    } catch (const std::runtime_error &error) {
        return error.what() == expected;
    }
}

/* Waits in catch blocks, one inside the other, while other tasks do the same in another order. */
static int wait_in_catch_blocks(void *arg)
{
    const std::string name = name_of(arg);
    const double pause = name == "a" ? 0.3 : name == "b" ? 0.2 : 0.1;
    try {
        throw std::runtime_error(name + "1");
    } catch (const std::runtime_error &outer) {
        CHECK_INT(bide_sleep(pause), 0);
        CHECK(handles(name + "1"));
        try {
            throw std::runtime_error(name + "2");
        } catch (const std::runtime_error &inner) {
            CHECK_INT(bide_sleep(pause), 0);
            CHECK(handles(name + "2") && inner.what() == name + "2");
        }
        CHECK_INT(bide_sleep(pause), 0);
        CHECK(handles(name + "1") && outer.what() == name + "1");
    }
    CHECK(!std::current_exception());
    return 0;
}

static int bug_20_a_switch_inside_a_catch_block(void *)
{
    const struct bide_call calls[] = {{wait_in_catch_blocks, text("a")},
                                      {wait_in_catch_blocks, text("b")},
                                      {wait_in_catch_blocks, text("c")},
                                      {throw_and_catch, text("d")}};
    CHECK_INT(bide_gather(calls, 4, nullptr), 0);
    CHECK(!std::current_exception() && uncaught() == 0);
    return 0;
}

static int rethrow_after_a_wait(void *arg)
{
    try {
        try {
            throw std::runtime_error(name_of(arg));
        } catch (...) {
            CHECK_INT(bide_yield(), 0);
            throw;
        }
    } catch (const std::runtime_error &error) {
        CHECK_INT(bide_yield(), 0);
        CHECK(error.what() == name_of(arg));
    }
    return 0;
}

static int bug_20_a_rethrow_after_a_switch_throws_one_s_own(void *)
{
    const struct bide_call calls[] = {{rethrow_after_a_wait, text("a")},
                                      {rethrow_after_a_wait, text("b")},
                                      {rethrow_after_a_wait, text("c")}};
    CHECK_INT(bide_gather(calls, 3, nullptr), 0);
    return 0;
}

/* Waits while it is destroyed by an exception, with one exception in flight before and after. */
struct waits_in_its_destructor {
    bool &right;

    ~waits_in_its_destructor()
    {
        right = uncaught() == 1 && bide_sleep(1) == 0 && uncaught() == 1;
    }
};

static int unwind_slowly(void *arg)
{
    bool right = false;
    try {
        waits_in_its_destructor object{right};
        throw std::runtime_error(name_of(arg));
    } catch (const std::runtime_error &error) {
        CHECK(right && uncaught() == 0 && error.what() == name_of(arg));
    }
    return 0;
}

static int see_no_exception(void *)
{
    for (int i = 0; i < 4; i++) {
        CHECK(uncaught() == 0 && !std::current_exception());
        CHECK_INT(bide_sleep(0.5), 0);
    }
    return 0;
}

static int bug_20_a_switch_while_the_stack_is_unwound(void *)
{
    const struct bide_call calls[] = {
        {unwind_slowly, text("a")}, {see_no_exception, nullptr}, {unwind_slowly, text("b")}};
    CHECK_INT(bide_gather(calls, 3, nullptr), 0);
    return 0;
}

static int start_and_end_clean(void *)
{
    CHECK(!std::current_exception() && uncaught() == 0);
    return bide_yield();
}

static int bug_20_a_task_made_in_a_catch_block_starts_without_exceptions(void *)
{
    struct bide_task_options eager = bide_task_options();
    eager.eager = true;
    try {
        throw std::runtime_error("mine");
    } catch (const std::runtime_error &) {
        struct bide_task *task = bide_create_task_with(&eager, start_and_end_clean, nullptr);
        CHECK(handles("mine"));
        CHECK_INT(bide_await(task, nullptr), 0);
        CHECK_INT(bide_await(bide_create_task(start_and_end_clean, nullptr), nullptr), 0);
        CHECK(handles("mine"));
    }
    return 0;
}

static int clean_up_slowly(void *arg)
{
    const int code = bide_sleep(BIDE_FOREVER);
    BIDE_SHIELD(10) {
        CHECK_INT(bide_sleep(1), 0);
    }
    *static_cast<bool *>(arg) = code == -ECANCELED;
    return code;
}

static void leave_by_an_exception(bool *cleaned)
{
    struct bide_group group;
    BIDE_TIMEOUT(100) {
        BIDE_GROUP(group) {
            if (!bide_group_start(&group, clean_up_slowly, cleaned)) return;
            BIDE_SHIELD(5) {
                if (bide_yield() == 0) throw std::runtime_error("out");
            }
        }
    }
}

/* A block left by an exception is left properly: its group is cancelled and joined. */
static int blocks_may_be_left_by_an_exception(void *)
{
    bool cleaned = false;
    try {
        leave_by_an_exception(&cleaned);
        CHECK(false);
    } catch (const std::runtime_error &error) {
        CHECK(cleaned && std::strcmp(error.what(), "out") == 0);
    }
    CHECK_INT(bide_sleep(200), 0);
    CHECK(!bide_expired());
    BIDE_TIMEOUT(1) {
        CHECK_INT(bide_sleep(2), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    return 0;
}

static int stay_in_a_thread(void *arg)
{
    const pid_t thread = gettid();
    const int *const error = &errno;
    for (int i = 0; i < 1000; i++) {
        try {
            throw std::runtime_error(name_of(arg));
        } catch (const std::runtime_error &) {
            CHECK_INT(bide_yield(), 0);
            CHECK(gettid() == thread && &errno == error && handles(name_of(arg)));
        }
    }
    return 0;
}

static int gather_in_a_thread(void *)
{
    const struct bide_call calls[] = {
        {stay_in_a_thread, text("a")}, {stay_in_a_thread, text("b")}, {stay_in_a_thread, text("c")}};
    return bide_gather(calls, 3, nullptr);
}

static void rule_14_bug_19_each_thread_has_its_loop_and_a_task_its_thread(void **)
{
    int codes[4] = {99, 99, 99, 99};
    std::vector<std::thread> threads;
    for (int &code : codes) threads.emplace_back([&code] { code = bide_run(gather_in_a_thread, nullptr); });
    for (std::thread &thread : threads) thread.join();
    for (const int code : codes) assert_int_equal(code, 0);
}

template <bide_fn fn> static void run_in_a_loop(void **)
{
    assert_int_equal(check_run(fn, nullptr), 0);
    assert_true(!std::current_exception() && uncaught() == 0);
}

#define IN_A_LOOP(fn)                                                                                        \
    {                                                                                                        \
#fn, run_in_a_loop < fn>, nullptr, nullptr, nullptr                                                  \
    }

int main()
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(bug_20_tasks_throw_and_catch_at_once),
        IN_A_LOOP(bug_20_a_switch_inside_a_catch_block),
        IN_A_LOOP(bug_20_a_rethrow_after_a_switch_throws_one_s_own),
        IN_A_LOOP(bug_20_a_switch_while_the_stack_is_unwound),
        IN_A_LOOP(bug_20_a_task_made_in_a_catch_block_starts_without_exceptions),
        IN_A_LOOP(blocks_may_be_left_by_an_exception),
        cmocka_unit_test(rule_14_bug_19_each_thread_has_its_loop_and_a_task_its_thread),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
