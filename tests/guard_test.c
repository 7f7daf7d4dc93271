/* SPDX-License-Identifier: MIT */
/* Guards of both kinds, and running out of mappings for them. */
#include "filter.h"
#include "stacks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

enum { ADVICE = 102 }; /* MADV_GUARD_INSTALL, which older headers lack */

/* ---- guards ---- */

/* bugs.md row 15: below a stack is a guard, and below that the neighbour, which is not harmed. */
static void check_guards(uint32_t class)
{
    get_many(class, 3);
    for (int i = 0; i < 3; i++) {
        memset(stacks[i]->base, i + 1, stacks[i]->size);
        assert_true(guarded(stacks[i]));
    }
    assert_faults(stacks[1]->base - 1);
    assert_faults(stacks[1]->base - guard_size());
    for (int i = 0; i < 3; i++) {
        assert_int_equal(stacks[i]->base[0], i + 1);
        assert_int_equal(stacks[i]->base[stacks[i]->size - 1], i + 1);
    }
    put_many(3);
}

static void a_guard_faults(void **state)
{
    (void)state;
    check_guards(SMALL);
    check_guards(MEDIUM);
}

static void a_guard_that_is_a_mapping_faults(void **state)
{
    (void)state;
    refuse_light_guards(0);
    check_guards(SMALL);
    check_guards(LARGEST);
}

static void a_large_stack_has_a_guard(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct stack *own = own_new(300 * KIB);
        assert_int_equal(own->class, STACK_OWN);
        assert_true(own->size >= 300 * KIB - STACK_OVERHEAD);
        assert_int_equal((uintptr_t)own % 64, 0);
        use(own);
        assert_true(guarded(own));
        assert_faults(own->base - 1);
        stack_put(&pool, own);
        assert_true(stack_excess(&pool, false));
        stack_trim(&pool, false);
        assert_false(stack_excess(&pool, true));
        refuse_light_guards(0);
    }
}

static void guards_survive_giving_back(void **state)
{
    (void)state;
    get_many(SMALL, 200);
    for (int i = 0; i < 200; i++) use(stacks[i]);
    put_many(200);
    get_many(SMALL, 1); /* so that one slab at least cannot be unmapped */
    stack_trim(&pool, true);
    stack_put(&pool, stacks[0]);
    get_many(SMALL, 200);
    for (int i = 0; i < 200; i++) assert_true(guarded(stacks[i]));
    assert_faults(stacks[100]->base - 1);
    put_many(200);
}

static void light_guards_are_tried_once(void **state)
{
    (void)state;
    faults_set(SYS_MMAP, ENOMEM, 1000, FOR_EVER);
    guard_reset(0);
    const bool light = guard_light();
    const long asked = faults_asked();
    assert_int_equal(asked, SANITIZER_FIBERS || sanitizer_valgrind() ? 0 : 1);
    assert_int_equal(guard_light(), light);
    assert_int_equal(faults_asked(), asked);
    refuse_light_guards(0);
    assert_false(guard_light());
}

/* Does this kernel have them? */
static bool kernel_has_light_guards(void)
{
    char *page = sys_mmap(sys_page_size(), PROT_READ | PROT_WRITE, 0);
    assert_non_null(page);
    const bool works = madvise(page, sys_page_size(), ADVICE) == 0 && !sys_writable(page);
    sys_munmap(page, sys_page_size());
    return works;
}

static void light_guards_are_used_where_they_work(void **state)
{
    (void)state;
    if (sanitizer_reads_all())
        assert_false(guard_light());
    else
        assert_int_equal(guard_light(), kernel_has_light_guards());
}

/* An emulator may accept the advice and do nothing: what counts is not what it answers. */
static int use_guards_that_lie(void *arg)
{
    (void)arg;
    if (filter_call(SYS_madvise, 2, ADVICE, 0) < 0) return 0; /* there are no filters here */
    if (filter_call(SYS_process_madvise, 3, ADVICE, 0) < 0) return 0;
    guard_reset(0);
    if (guard_light()) return 1;
    (void)touch(get(MEDIUM)->base);
    (void)touch(get(MEDIUM)->base - 1); /* must be the end */
    return 2;
}

static void guards_that_lie_are_seen_through(void **state)
{
    (void)state;
    char err[8192];
    const int status = check_child(use_guards_that_lie, NULL, err, sizeof err);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) check_skip("system calls cannot be filtered here");
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
        fail_msg("status %#x: %s", (unsigned)status, err);
}

/* A slab whose light guards begin to fail goes on with mappings. */
static void light_guards_that_fail_later_become_mappings(void **state)
{
    (void)state;
    get_many(MEDIUM, 40);
    faults_set(SYS_MADVISE, ENOMEM, 0, FOR_EVER);
    for (int i = 40; i < 300; i++) stacks[i] = get(MEDIUM);
    for (int i = 0; i < 300; i++) assert_true(guarded(stacks[i]));
    assert_faults(stacks[299]->base - 1);
    put_many(300);
}

/* ---- out of mappings ---- */

static void assert_out_of_mappings(int result)
{
    assert_int_equal(result, -ENOMEM);
    assert_non_null(why);
    assert_non_null(strstr(why, "vm.max_map_count"));
}

static void guards_have_a_budget(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) { /* the second one shows that the first gave all back */
        refuse_light_guards(40);
        get_many(SMALL, 40);
        assert_out_of_mappings(promise(SMALL));
        assert_out_of_mappings(promise(MEDIUM));
        struct stack *own = NULL;
        assert_out_of_mappings(stack_promise(&pool, STACK_OWN, 1000 * KIB, &own, &why));
        assert_null(own);
        for (int i = 0; i < 40; i++) assert_true(guarded(stacks[i]));
        stack_put(&pool, stacks[39]);
        stacks[39] = get(SMALL); /* one that has a guard can be used again */
        put_many(40);
        stack_pool_done(&pool);
        stack_pool_init(&pool);
    }
}

static void the_system_may_run_out_before(void **state)
{
    (void)state;
    refuse_light_guards(0);
    get_many(SMALL, 16);
    faults_set(SYS_MPROTECT, ENOMEM, 0, FOR_EVER);
    guard_reset(0);
    int more = 0; /* light guards, where the kernel has them, need no mapping */
    while (more < 100 && promise(SMALL) == 0) more++;
    if (more < 100) assert_out_of_mappings(promise(SMALL));
    for (int i = 0; i < more; i++) stack_unpromise(&pool, SMALL, NULL);
    put_many(16);
}

/* bugs.md row 17: as many as the system really allows, then a clean failure, and all of them usable. */
static void forty_thousand_need_mappings(void **state)
{
    (void)state;
    if (sanitizer_valgrind()) skip(); /* its own table of mappings is smaller */
    const long limit = (sys_max_map_count() - 2048) / 2;
    refuse_light_guards(limit >= MOST ? MOST - 1000 : 0);
    int n = 0;
    while (n < MOST && promise(MEDIUM) == 0) n++;
    assert_int_equal(n, limit >= MOST ? MOST - 1000 : limit);
    assert_out_of_mappings(promise(MEDIUM));
    for (int i = 0; i < n; i++) {
        stacks[i] = stack_get(&pool, MEDIUM);
        ((volatile char *)stacks[i])[-1] = 1;
        if (i % 97 == 0) assert_true(guarded(stacks[i]));
    }
    assert_faults(stacks[n - 1]->base - 1);
    free(malloc(1024 * KIB)); /* there are mappings for everything else */
    stack_put(&pool, stacks[0]);
    stacks[0] = get(MEDIUM);
    put_many(n);
    stack_trim(&pool, true);
    get_many(MEDIUM, 100);
    put_many(100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stacks_setup, stacks_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_guard_faults),
        TEST(a_guard_that_is_a_mapping_faults),
        TEST(a_large_stack_has_a_guard),
        TEST(guards_survive_giving_back),
        TEST(light_guards_are_tried_once),
        TEST(light_guards_are_used_where_they_work),
        TEST(guards_that_lie_are_seen_through),
        TEST(light_guards_that_fail_later_become_mappings),
        TEST(guards_have_a_budget),
        TEST(the_system_may_run_out_before),
        TEST(forty_thousand_need_mappings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
