/* SPDX-License-Identifier: MIT */
/* Stacks: what is given back to the system, and when. */
#include "stacks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* VmRSS in bytes; counted, as the figure of /proc/self/status may be late. */
static size_t resident(void)
{
    size_t kib = 0;
    char line[256];
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) && sscanf(line, "Rss: %zu kB", &kib) != 1) continue;
    fclose(file);
    assert_true(kib > 0);
    return kib * 1024;
}

/* bugs.md rows 45, 46: after a burst the memory is the system's again, as VmRSS shows. */
static void a_burst_is_given_back(void **state)
{
    (void)state;
    const int burst = sanitizer_valgrind() ? 2000 : 20000;
    memset(stacks, 0, sizeof stacks); /* which has its pages from here on */
    get_many(MEDIUM, 10);
    put_many(10);
    stack_trim(&pool, true);
    const int mapped = mappings();
    const size_t before = resident();
    get_many(MEDIUM, burst);
    const size_t most = resident();
    put_many(burst);
    while (stack_excess(&pool, true)) stack_trim(&pool, true);
    assert_true(pool.classes[MEDIUM].dirty <= 16 && free_now(MEDIUM) <= 16);
    assert_true(mappings() <= mapped + 2);
    if (sanitizer_reads_all() || check_emulated())
        return; /* these keep books of their own about every page */
    assert_true(most >= before + (size_t)(burst - 16) * sys_page_size());
    /* What is left is code that ran for the first time, and the heap: the burst had 80 MB. */
    assert_true(resident() <= before + 512 * KIB);
}

/* The same while a few tasks live on, in slabs that cannot be unmapped. */
static void a_burst_is_given_back_around_those_in_use(void **state)
{
    (void)state;
    const int burst = sanitizer_valgrind() ? 2000 : 20000;
    get_many(MEDIUM, burst);
    const size_t most = resident();
    for (int i = 0; i < burst; i++) {
        memset(stacks[i]->base + stacks[i]->size - 100, 7, 100);
        if (i % 1000 != 999) stack_put(&pool, stacks[i]);
    }
    while (stack_excess(&pool, true)) stack_trim(&pool, true);
    assert_int_equal(pool.classes[MEDIUM].dirty, 16);
    for (int i = 999; i < burst; i += 1000) {
        for (int byte = 1; byte <= 100; byte++)
            assert_int_equal(stacks[i]->base[stacks[i]->size - (size_t)byte], 7);
        assert_true(guarded(stacks[i]));
    }
    if (!sanitizer_reads_all())
        assert_true(resident() <= most - (size_t)(burst - burst / 1000 - 1000) * sys_page_size());
    for (int i = 999; i < burst; i += 1000) stack_put(&pool, stacks[i]);
    while (stack_excess(&pool, true)) stack_trim(&pool, true);
    assert_true(free_now(MEDIUM) <= 16);
}

/* A busy loop keeps what it is likely to need again: as many as are in use, and a thousand. */
static void a_busy_loop_gives_back_the_excess(void **state)
{
    (void)state;
    get_many(SMALL, 8000);
    for (int i = 2000; i < 8000; i++) {
        assert_int_equal(stack_excess(&pool, false), pool.classes[SMALL].dirty > in_use(SMALL) + 1024);
        stack_put(&pool, stacks[i]);
    }
    assert_true(stack_excess(&pool, false));
    int calls = 0;
    for (; stack_excess(&pool, false); calls++) stack_trim(&pool, false);
    assert_in_range(calls, 1, 2);
    assert_in_range(pool.classes[SMALL].dirty, 1, 2000 + 1024);
    assert_int_equal(in_use(SMALL), 2000);
    for (int i = 0; i < 2000; i++) use(stacks[i]);
    put_many(2000);
}

/* The hottest stacks keep their pages, and come first. */
static void the_coldest_are_given_back_first(void **state)
{
    (void)state;
    get_many(SMALL, 64);
    for (int i = 0; i < 64; i++) memset(stacks[i]->base, 9, stacks[i]->size);
    for (int i = 0; i < 64; i++)
        if (i % 16) stack_put(&pool, stacks[i]); /* no slab is wholly free */
    stack_trim(&pool, true);
    assert_int_equal(pool.classes[SMALL].dirty, 16);
    for (int i = 63, left = 16; left > 0; i--) {
        if (i % 16 == 0) continue;
        assert_ptr_equal(get(SMALL), stacks[i]);
        assert_int_equal(stacks[i]->base[0], 9);
        left--;
    }
    struct stack *cold = get(SMALL);
    assert_int_equal(cold->base[0], 0);
    stack_put(&pool, cold);
    for (int i = 0; i < 64; i++)
        if (i % 16 == 0 || i > 46) stack_put(&pool, stacks[i]);
}

static void a_promised_stack_is_never_unmapped(void **state)
{
    (void)state;
    get_many(SMALL, 5000);
    put_many(5000);
    for (int i = 0; i < 4000; i++) assert_int_equal(promise(SMALL), 0);
    while (stack_excess(&pool, true)) stack_trim(&pool, true);
    assert_true(free_now(SMALL) >= 4000);
    faults_set(SYS_MMAP, ENOMEM, 0, FOR_EVER);
    for (int i = 0; i < 4000; i++) use(stacks[i] = stack_get(&pool, SMALL));
    put_many(4000);
}

static void large_stacks_are_unmapped(void **state)
{
    (void)state;
    stack_put(&pool, own_new(700 * KIB));
    stack_trim(&pool, false);
    const int before = mappings();
    for (int i = 0; i < 50; i++) stacks[i] = own_new(700 * KIB);
    for (int i = 1; i < 50; i++) assert_ptr_not_equal(stacks[i], stacks[i - 1]);
    put_many(50);
    struct stack *again = own_new(700 * KIB);
    assert_ptr_equal(again, stacks[49]);
    stack_put(&pool, again);
    stack_trim(&pool, false);
    assert_int_equal(mappings(), before);
}

/* A million stacks need far fewer mappings than there may be: slabs double up to a limit. */
static void many_stacks_need_few_mappings(void **state)
{
    (void)state;
    if (!guard_light()) check_skip("here, guards are mappings");
    (void)mappings();
    const int before = mappings();
    const int n = 100000;
    for (int i = 0; i < n; i++) assert_int_equal(promise(MEDIUM), 0);
    assert_true(mappings() - before < 20);
    for (int i = 0; i < n; i++) stack_unpromise(&pool, MEDIUM, NULL);
}

/* bugs.md row 47: not one of a slab's mappings has huge pages, nor may it get any. */
static void slabs_have_no_huge_pages(void **state)
{
    (void)state;
    if (check_emulated()) check_skip("emulators do not pass on the advice against huge pages");
    get_many(MEDIUM, 100);
    for (int i = 0; i < 100; i++) memset(stacks[i]->base, 1, stacks[i]->size);
    FILE *file = fopen("/proc/self/smaps", "re");
    assert_non_null(file);
    char line[512];
    bool inside = false;
    int seen = 0;
    while (fgets(line, sizeof line, file)) {
        uintptr_t low, high;
        size_t huge;
        if (sscanf(line, "%zx-%zx ", &low, &high) == 2)
            inside = low <= (uintptr_t)stacks[50]->base && (uintptr_t)stacks[50]->base < high;
        if (!inside) continue;
        if (sscanf(line, "AnonHugePages: %zu", &huge) == 1) assert_int_equal(huge, 0);
        if (strncmp(line, "VmFlags:", 8) != 0) continue;
        if (access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0) assert_non_null(strstr(line, " nh"));
        assert_non_null(strstr(line, " nr"));
        seen++;
    }
    fclose(file);
    assert_int_equal(seen, 1);
    put_many(100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stacks_setup, stacks_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_burst_is_given_back),
        TEST(a_burst_is_given_back_around_those_in_use),
        TEST(a_busy_loop_gives_back_the_excess),
        TEST(the_coldest_are_given_back_first),
        TEST(a_promised_stack_is_never_unmapped),
        TEST(large_stacks_are_unmapped),
        TEST(many_stacks_need_few_mappings),
        TEST(slabs_have_no_huge_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
