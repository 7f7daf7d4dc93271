/* SPDX-License-Identifier: MIT */
/* Stacks: sizes, which one comes next, wrong use, and what tools must know. */
#include "stacks.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- sizes ---- */

static void a_size_has_a_class(void **state)
{
    (void)state;
    assert_int_equal(stack_class(0), 0);
    assert_int_equal(stack_class(1), 0);
    assert_int_equal(stack_class(16 * KIB), 0);
    assert_int_equal(stack_class(16 * KIB + 1), 1);
    assert_int_equal(stack_class(64 * KIB), MEDIUM);
    assert_int_equal(stack_class(256 * KIB), LARGEST);
    assert_int_equal(stack_class(256 * KIB + 1), STACK_OWN);
    assert_int_equal(stack_class((size_t)1 << 60), STACK_OWN);
    assert_int_equal(stack_class(SIZE_MAX), STACK_OWN);
    for (int i = 0; i < STACK_CLASSES; i++) assert_int_equal(stack_class(pool.classes[i].size), i);
}

/* Not every C library can be asked. */
static size_t signal_frame(void)
{
#ifdef _SC_MINSIGSTKSZ
    return (size_t)sysconf(_SC_MINSIGSTKSZ);
#else
    return MINSIGSTKSZ;
#endif
}

static void the_smallest_size_holds_a_signal_frame(void **state)
{
    (void)state;
    const size_t smallest = stack_min();
    assert_true(smallest >= 16 * KIB && smallest <= 64 * KIB);
    assert_true(smallest % sys_page_size() == 0);
    assert_true(smallest >= signal_frame() + 4 * KIB + STACK_OVERHEAD);
    assert_true(stack_min() == smallest);
}

static void a_stack_has_its_size(void **state)
{
    (void)state;
    for (uint32_t class = 0; class < STACK_CLASSES; class ++) {
        get_many(class, 20);
        for (int i = 0; i < 20; i++) {
            struct stack *stack = stacks[i];
            assert_true(stack->size >= pool.classes[class].size - STACK_OVERHEAD);
            assert_ptr_equal(stack->base + stack->size, stack);
            assert_int_equal((uintptr_t)stack->base % sys_page_size(), 0);
            assert_int_equal((uintptr_t)stack % 64, 0);
            assert_int_equal(stack->class, class);
            assert_true(guarded(stack));
            use(stack);
        }
        put_many(20);
    }
}

/* Neighbours are an odd number of pages apart, and their tops differ by cache lines. */
static void neighbours_do_not_collide(void **state)
{
    (void)state;
    const size_t page = sys_page_size();
    for (uint32_t class = 0; class < STACK_CLASSES; class ++) {
        unsigned offsets = 0;
        get_many(class, 16);
        for (int i = 1; i < 16; i++)
            assert_int_equal((size_t)labs(stacks[i]->base - stacks[i - 1]->base) / page % 2, 1);
        for (int i = 0; i < 16; i++) offsets |= 1U << ((uintptr_t)stacks[i] / 64 % 16);
        assert_int_equal(offsets, 0xffff);
        put_many(16);
    }
}

/* ---- order ---- */

static void the_last_one_put_is_the_next_one_got(void **state)
{
    (void)state;
    get_many(MEDIUM, 3);
    stack_put(&pool, stacks[1]);
    stack_put(&pool, stacks[0]);
    assert_ptr_equal(get(MEDIUM), stacks[0]);
    assert_ptr_equal(get(MEDIUM), stacks[1]);
    put_many(3);
    for (int i = 2; i >= 0; i--) assert_ptr_equal(get(MEDIUM), stacks[i]);
    put_many(3);
}

/* A used stack is taken before one that was never used, in whichever slab it is. */
static void used_stacks_come_first(void **state)
{
    (void)state;
    get_many(MEDIUM, 100);
    put_many(100);
    const size_t dirty = pool.classes[MEDIUM].dirty;
    assert_int_equal(dirty, 100);
    get_many(MEDIUM, 100);
    assert_int_equal(pool.classes[MEDIUM].dirty, 0);
    put_many(100);
    assert_int_equal(pool.classes[MEDIUM].dirty, 100);
}

static void the_words_of_a_record_are_zero(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct stack *stack = get(SMALL);
        assert_null(stack->fiber);
        assert_null(stack->fake);
        assert_null(stack->exceptions[0]);
        assert_null(stack->kept.next);
        stack->fiber = stack->fake = stack->exceptions[0] = stack;
        stack->kept.next = &stack->kept;
        stack_put(&pool, stack);
    }
}

/* What was promised is there, whatever happens in between. */
static void a_promise_is_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) assert_int_equal(promise(MEDIUM), 0);
    faults_set(SYS_MMAP, ENOMEM, 0, FOR_EVER);
    stack_trim(&pool, true);
    stack_trim(&pool, false);
    for (int i = 0; i < 500; i++) stacks[i] = stack_get(&pool, MEDIUM);
    for (int i = 0; i < 500; i++) use(stacks[i]);
    assert_int_equal(in_use(MEDIUM), 500);
    put_many(500);
}

static void a_promise_can_be_taken_back(void **state)
{
    (void)state;
    struct stack *own = own_new(1000 * KIB);
    stack_unpromise(&pool, STACK_OWN, own);
    assert_int_equal(pool.own_in_use, 0);
    assert_int_equal(promise(SMALL), 0);
    stack_unpromise(&pool, SMALL, NULL);
    assert_int_equal(pool.classes[SMALL].promised, 0);
}

static void an_ended_stack_keeps_a_promise(void **state)
{
    (void)state;
    struct stack *stack = get(MEDIUM);
    stack->fiber = stack;
    assert_int_equal(promise(MEDIUM), 0);
    stack_reuse(&pool, stack);
    assert_ptr_equal(stack->fiber, stack);
    assert_int_equal(pool.classes[MEDIUM].promised, 0);
    assert_int_equal(in_use(MEDIUM), 1);
    stack_put(&pool, stack);
}

/* ---- bad sizes, no memory ---- */

static void impossible_sizes_fail(void **state)
{
    (void)state;
    static const size_t sizes[] = {(size_t)1 << 60, (size_t)1 << 47, SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct stack *own = NULL;
        why = NULL;
        assert_int_equal(stack_promise(&pool, stack_class(sizes[i]), sizes[i], &own, &why), -ENOMEM);
        assert_null(own);
        assert_null(why);
    }
    assert_int_equal(pool.own_in_use, 0);
}

/* All that can fail, once: 100 stacks, a large one, back, trimmed, gone. True if nothing failed. */
static bool live(void)
{
    struct stack *own = NULL;
    int n = 0;
    bool well = true;
    stack_pool_init(&pool);
    while (n < 100 && promise(MEDIUM) == 0) n++;
    well &= n == 100;
    for (int i = 0; i < n; i++) stacks[i] = stack_get(&pool, MEDIUM);
    for (int i = 0; i < n; i++) assert_true(guarded(stacks[i]));
    well &= stack_promise(&pool, STACK_OWN, 500 * KIB, &own, &why) == 0;
    if (own) stack_put(&pool, own);
    put_many(n);
    stack_trim(&pool, true);
    stack_pool_done(&pool);
    return well;
}

/* The nth call fails. Returns whether it came to that. */
static bool fail_one(enum sys_call kind, long n, bool once, bool light)
{
    if (!light) refuse_light_guards(0);
    if (!light) (void)guard_light();
    if (light) guard_reset(0);
    faults_set(kind, ENOMEM, n, once ? 1 : FOR_EVER);
    const bool well = live();
    const bool reached = faults_asked() > n;
    faults_clear();
    assert_true(well || reached);
    return reached;
}

/* An allocator may map memory that it keeps, but not each time. */
static void fail_each(enum sys_call kind, bool once, bool light)
{
    bool reached = true;
    for (long n = 0; reached; n++) {
        int before, tries = 16;
        do {
            before = mappings();
            reached = fail_one(kind, n, once, light);
        } while (mappings() > before && --tries > 0);
        assert_true(tries > 0);
    }
}

/* Each call, once and for ever. Where one is not fatal nothing is noticed; nothing ever leaks. */
static void every_call_may_fail(void **state)
{
    (void)state;
    static const enum sys_call kinds[] = {SYS_ALLOC, SYS_MMAP, SYS_MPROTECT, SYS_MADVISE};
    assert_true(live());
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fail_each(kinds[i], true, true);
        fail_each(kinds[i], false, true);
        fail_each(kinds[i], true, false);
        fail_each(kinds[i], false, false);
    }
}

/* ---- wrong use ---- */

static int end_pool(void *arg)
{
    (void)arg;
    stack_pool_done(&pool);
    return 0;
}

static int put_twice(void *arg)
{
    for (int i = 0; i < 2; i++) stack_put(&pool, arg);
    return 0;
}

static int get_unpromised(void *arg)
{
    (void)arg;
    stack_get(&pool, LARGEST);
    return 0;
}

static void wrong_use_aborts(void **state)
{
    (void)state;
    get_many(MEDIUM, 32); /* all that have a guard */
    while (free_now(MEDIUM) > 0) stacks[in_use(MEDIUM)] = get(MEDIUM);
    const int n = (int)in_use(MEDIUM);
    assert_int_equal(promise(SMALL), 0);
    check_aborts(end_pool, NULL, "0 stacks of 16 KiB in use and 1 promised");
    stack_unpromise(&pool, SMALL, NULL);
    check_aborts(end_pool, NULL, "stacks of 64 KiB in use and 0 promised");
    check_aborts(get_unpromised, NULL, "not been promised");
    for (int i = 1; i < n; i++) stack_put(&pool, stacks[i]);
    check_aborts(put_twice, stacks[0], "given back twice");
    stack_put(&pool, stacks[0]);
    struct stack *own = own_new(999 * KIB);
    check_aborts(end_pool, NULL, "1 large stacks in use");
    stack_put(&pool, own);
}

/* ---- tools ---- */

#if SANITIZER_ADDRESS
/* Frames of a task that ended leave poison, which is no error of the next one. */
static void poison_is_wiped_off(void **state)
{
    (void)state;
    struct stack *stack = get(SMALL);
    __asan_poison_memory_region(stack->base + 4096, 1000);
    stack_put(&pool, stack);
    assert_ptr_equal(get(SMALL), stack);
    assert_null(__asan_region_is_poisoned(stack->base, stack->size));
    __asan_poison_memory_region(stack->base, stack->size);
    char *base = stack->base;
    const size_t size = stack->size;
    stack_put(&pool, stack);
    stack_pool_done(&pool);
    assert_null(__asan_region_is_poisoned(base, size));
    stack_pool_init(&pool);
}

/* bugs.md row 18: what only a suspended task knows is not leaked. */
static int find_leaks(void *arg)
{
    (void)arg;
    return __lsan_do_recoverable_leak_check() ? 1 : fputs("no leaks", stderr) < 0;
}

static void suspended_stacks_are_roots(void **state)
{
    (void)state;
    char err[8192];
    struct stack *stack = get(SMALL);
    char **place = (char **)(void *)(stack->base + 4096);
    *place = malloc(77);
    assert_int_equal(check_child(find_leaks, NULL, err, sizeof err), 0);
    free(*place);
    stack_put(&pool, stack);
}

/* Its variables are on the stack itself, not where detect_stack_use_after_return puts them: see src/sanitizer.h. */
#define ON_THE_STACK __attribute__((no_sanitize_address))

ON_THE_STACK static int hold_memory(void *arg)
{
    (void)arg;
    char *volatile mine = malloc(99);
    const int code = bide_sleep(BIDE_FOREVER);
    free(mine);
    return code;
}

/* As exit() in a task does it: what the thread's own stack, another task or its stack knows is not leaked. */
static int find_leaks_in_a_task(void *arg)
{
    const struct bide_task_options options = {.name = "a name that has memory of its own"};
    bide_detach(bide_create_task_with(&options, hold_memory, NULL));
    const int code = bide_yield();
    return code < 0 ? code : find_leaks(arg);
}

ON_THE_STACK static int run_with_memory(void *arg)
{
    char *volatile mine = malloc(88);
    const int code = bide_run(find_leaks_in_a_task, arg);
    free(mine);
    return code;
}

static void all_stacks_of_a_loop_are_roots(void **state)
{
    (void)state;
    char err[8192];
    assert_int_equal(check_child(run_with_memory, NULL, err, sizeof err), 0);
}
#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stacks_setup, stacks_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_size_has_a_class),
        TEST(the_smallest_size_holds_a_signal_frame),
        TEST(a_stack_has_its_size),
        TEST(neighbours_do_not_collide),
        TEST(the_last_one_put_is_the_next_one_got),
        TEST(used_stacks_come_first),
        TEST(the_words_of_a_record_are_zero),
        TEST(a_promise_is_kept),
        TEST(a_promise_can_be_taken_back),
        TEST(an_ended_stack_keeps_a_promise),
        TEST(impossible_sizes_fail),
        TEST(every_call_may_fail),
        TEST(wrong_use_aborts),
#if SANITIZER_ADDRESS
        TEST(poison_is_wiped_off),
        TEST(suspended_stacks_are_roots),
        TEST(all_stacks_of_a_loop_are_roots),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
