/* SPDX-License-Identifier: MIT */
/*
 * Generators and deferred calls in C++: exceptions are thrown, caught and handled on both sides,
 * while the other one does the same.
 */
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

extern "C" {
#include "check.h"
}

static bool handles(const std::string &expected)
{
    try {
        if (!std::current_exception()) return false;
        std::rethrow_exception(std::current_exception());
    } catch (const std::runtime_error &error) {
        return error.what() == expected;
    }
}

/* Gives values from within catch blocks, one inside the other. */
static int yield_while_handling(void *)
{
    CHECK(!std::current_exception());
    try {
        throw std::runtime_error("g1");
    } catch (const std::runtime_error &) {
        CHECK_INT(bide_yield_value(nullptr), 0);
        CHECK(handles("g1"));
        try {
            throw std::runtime_error("g2");
        } catch (const std::runtime_error &) {
            CHECK_INT(bide_sleep(1), 0);
            CHECK_INT(bide_yield_value(nullptr), 0);
            CHECK(handles("g2"));
        }
        CHECK_INT(bide_yield_value(nullptr), 0);
        CHECK(handles("g1"));
    }
    return 0;
}

static int ask_while_handling(void *arg)
{
    struct bide_gen *gen = bide_gen_new(yield_while_handling, nullptr);
    const std::string name = static_cast<const char *>(arg);
    try {
        throw std::runtime_error(name);
    } catch (const std::runtime_error &) {
        CHECK_INT(bide_gen_next(gen, nullptr), 1);
        CHECK(handles(name));
        try {
            throw std::runtime_error(name + "2");
        } catch (const std::runtime_error &) {
            CHECK_INT(bide_gen_next(gen, nullptr), 1);
            CHECK(handles(name + "2"));
        }
        CHECK_INT(bide_gen_next(gen, nullptr), 1);
        CHECK(handles(name));
    }
    CHECK_INT(bide_gen_next(gen, nullptr), 0);
    CHECK(!std::current_exception());
    return bide_gen_close(gen);
}

static int bug_20_values_from_within_catch_blocks(void *)
{
    char a[] = "a", b[] = "b";
    const struct bide_call calls[] = {{ask_while_handling, a}, {ask_while_handling, b}};
    CHECK_INT(bide_gather(calls, 2, nullptr), 0);
    return 0;
}

static int throw_when_closed(void *arg)
{
    try {
        if (bide_yield_value(nullptr) < 0) throw std::runtime_error("closed");
    } catch (const std::runtime_error &error) {
        *static_cast<std::string *>(arg) = error.what();
        return -ECANCELED;
    }
    return 0;
}

static int clean_up_throws_and_catches(void *)
{
    std::string text;
    struct bide_gen *gen = bide_gen_new(throw_when_closed, &text);
    CHECK_INT(bide_gen_next(gen, nullptr), 1);
    CHECK_INT(bide_gen_close(gen), 0);
    CHECK(text == "closed");
    return 0;
}

static int calls;

static void count_quietly(void *)
{
    calls++;
}

static int count_in_a_wait(void *)
{
    calls += bide_sleep(1) == 0 ? 10 : 100;
    return 0;
}

static int an_exception_leaves_blocks_with_deferred_calls(void *)
{
    calls = 0;
    try {
        BIDE_DEFER(count_quietly, nullptr);
        BIDE_DEFER(count_in_a_wait, nullptr);
        BIDE_DEFER(free, malloc(10));
        throw std::runtime_error("out");
    } catch (const std::runtime_error &) {
        CHECK_INT(calls, 11);
    }
    return 0;
}

template <bide_fn fn> static void run_in_a_loop(void **)
{
    assert_int_equal(check_run(fn, nullptr), 0);
    assert_true(!std::current_exception());
}

#define IN_A_LOOP(fn)                                                                                        \
    {                                                                                                        \
#fn, run_in_a_loop < fn>, nullptr, nullptr, nullptr                                                  \
    }

int main()
{
    const struct CMUnitTest tests[] = {
        IN_A_LOOP(bug_20_values_from_within_catch_blocks),
        IN_A_LOOP(clean_up_throws_and_catches),
        IN_A_LOOP(an_exception_leaves_blocks_with_deferred_calls),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
