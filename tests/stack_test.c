/* SPDX-License-Identifier: MIT */
/* Stacks: which one comes next, guards of both kinds, what is given back, and running out. */
#include "../src/stack.h"

#include "../src/guard.h"
#include "../src/sanitizer.h"
#include "../src/sys.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB ((size_t)1024)

enum { SMALL = 0, MEDIUM = 2, LARGEST = STACK_CLASSES - 1, MOST = 40000 };

static struct stack_pool pool;
static struct stack *stacks[MOST];
static const char *why;

/* ---- faults ---- */

static enum sys_call fault_kind;
static int fault_error;
static long fault_after; /* so many calls of the kind still succeed */
static bool fault_once;
static long fault_asked;

static int fault(enum sys_call call)
{
    if (call != fault_kind || fault_asked++ < fault_after) return 0;
    return fault_once && fault_asked > fault_after + 1 ? 0 : fault_error;
}

static void fail_calls(enum sys_call kind, int error, long after, bool once)
{
    fault_kind = kind;
    fault_error = error;
    fault_after = after;
    fault_once = once;
    fault_asked = 0;
    sys_fault = fault;
}

/* Guards are mappings from here on, at most so many; 0: as many as the system allows. */
static void refuse_light_guards(long limit)
{
    fail_calls(SYS_MADVISE, EINVAL, 0, false);
    guard_reset(limit);
}

static int setup(void **state)
{
    (void)state;
    stack_pool_init(&pool);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sys_fault = NULL;
    stack_reset_guards();
    for (int i = 0; i < STACK_CLASSES; i++)
        if (pool.classes[i].in_use || pool.classes[i].promised) return -1; /* the test has failed before */
    stack_pool_done(&pool);
    return 0;
}

/* ---- shorthands ---- */

static int promise(uint32_t class)
{
    struct stack *own;
    return stack_promise(&pool, class, 0, &own, &why);
}

static struct stack *get(uint32_t class)
{
    assert_int_equal(promise(class), 0);
    return stack_get(&pool, class);
}

static void get_many(uint32_t class, int n)
{
    for (int i = 0; i < n; i++) stacks[i] = get(class);
}

static void put_many(int n)
{
    for (int i = 0; i < n; i++) stack_put(&pool, stacks[i]);
}

static struct stack *own_new(size_t size)
{
    struct stack *own = NULL;
    assert_int_equal(stack_promise(&pool, stack_class(size), size, &own, &why), 0);
    assert_non_null(own);
    return own;
}

/* How many mappings this process has; always 0 with tools that make some of their own. */
static int mappings(void)
{
    if (sanitizer_reads_all()) return 0;
    FILE *file = fopen("/proc/self/maps", "re");
    assert_non_null(file);
    int lines = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) lines += c == '\n';
    fclose(file);
    return lines;
}

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

static bool guarded(struct stack *stack)
{
    if (sanitizer_valgrind()) return true; /* it would report the attempt */
    return !sys_writable(stack->base - 1) && !sys_writable(stack->base - guard_size());
}

/* Its lowest and its highest byte can be used, by a program and by the kernel. */
static void use(struct stack *stack)
{
    volatile char *low = stack->base, *high = (char *)stack;
    low[0] = 1;
    high[-1] = 2;
    assert_int_equal(low[0] + high[-1], 3);
}

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

static void the_smallest_size_holds_a_signal_frame(void **state)
{
    (void)state;
    const size_t smallest = stack_min();
    assert_true(smallest >= 16 * KIB && smallest <= 64 * KIB);
    assert_true(smallest % sys_page_size() == 0);
    assert_true(smallest >= (size_t)sysconf(_SC_MINSIGSTKSZ) + 4 * KIB + STACK_OVERHEAD);
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
    fail_calls(SYS_MMAP, ENOMEM, 0, false);
    stack_trim(&pool, true);
    stack_trim(&pool, false);
    for (int i = 0; i < 500; i++) stacks[i] = stack_get(&pool, MEDIUM);
    for (int i = 0; i < 500; i++) use(stacks[i]);
    assert_int_equal(pool.classes[MEDIUM].in_use, 500);
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
    assert_int_equal(pool.classes[MEDIUM].in_use, 1);
    stack_put(&pool, stack);
}

/* ---- guards ---- */

static int touch(void *arg)
{
    *(volatile char *)arg = 1;
    return 0;
}

static void assert_faults(char *address)
{
    char err[8192];
    const int status = check_child(touch, address, err, sizeof err);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
        fail_msg("no SIGSEGV but status %#x: %s", (unsigned)status, err);
}

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

/* An emulator may accept the advice and do nothing: see what it is worth, not what it answers. */
static void light_guards_are_tried_once(void **state)
{
    (void)state;
    fail_calls(SYS_MMAP, ENOMEM, 1000, false);
    stack_reset_guards();
    const bool light = guard_light();
    const long asked = fault_asked;
    assert_int_equal(asked, SANITIZER_FIBERS || sanitizer_valgrind() ? 0 : 1);
    assert_int_equal(guard_light(), light);
    assert_int_equal(fault_asked, asked);
    refuse_light_guards(0);
    assert_false(guard_light());
}

/* A slab whose light guards begin to fail goes on with mappings. */
static void light_guards_that_fail_later_become_mappings(void **state)
{
    (void)state;
    get_many(MEDIUM, 40);
    fail_calls(SYS_MADVISE, ENOMEM, 0, false);
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
    fail_calls(SYS_MPROTECT, ENOMEM, 0, false);
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

/* ---- bad sizes, no memory ---- */

static void impossible_sizes_fail(void **state)
{
    (void)state;
    static const size_t sizes[] = {(size_t)1 << 60, (size_t)1 << 47, SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct stack *own = NULL;
        why = "";
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

static void fail_each(enum sys_call kind, bool once, bool light)
{
    for (long n = 0;; n++) {
        if (!light) refuse_light_guards(0);
        if (!light) (void)guard_light();
        if (light) guard_reset(0);
        const int before = mappings();
        fail_calls(kind, ENOMEM, n, once);
        const bool well = live();
        const bool reached = fault_asked > n;
        sys_fault = NULL;
        assert_int_equal(mappings(), before);
        if (!reached && well) break;
        assert_true(reached);
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

/* ---- giving memory back ---- */

/* bugs.md rows 45, 46: after a burst the memory is the system's again, as VmRSS shows. */
static void a_burst_is_given_back(void **state)
{
    (void)state;
    const int burst = sanitizer_valgrind() ? 2000 : 20000;
    get_many(MEDIUM, 10);
    put_many(10);
    stack_trim(&pool, true);
    const int mapped = mappings();
    const size_t before = resident();
    get_many(MEDIUM, burst);
    const size_t most = resident();
    put_many(burst);
    while (stack_excess(&pool, true)) stack_trim(&pool, true);
    assert_true(pool.classes[MEDIUM].dirty <= 16 && pool.classes[MEDIUM].free <= 16);
    assert_true(mappings() <= mapped + 2);
    if (sanitizer_reads_all()) return; /* such tools keep books of their own about every page */
    assert_true(most >= before + (size_t)(burst - 16) * sys_page_size());
    assert_true(resident() <= before + before / 10);
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
    assert_true(pool.classes[MEDIUM].free <= 16);
}

/* A busy loop keeps what it is likely to need again: as many as are in use, and a thousand. */
static void a_busy_loop_gives_back_the_excess(void **state)
{
    (void)state;
    get_many(SMALL, 8000);
    for (int i = 2000; i < 8000; i++) {
        assert_int_equal(stack_excess(&pool, false),
                         pool.classes[SMALL].dirty > pool.classes[SMALL].in_use + 1024);
        stack_put(&pool, stacks[i]);
    }
    assert_true(stack_excess(&pool, false));
    int calls = 0;
    for (; stack_excess(&pool, false); calls++) stack_trim(&pool, false);
    assert_in_range(calls, 1, 2);
    assert_in_range(pool.classes[SMALL].dirty, 1, 2000 + 1024);
    assert_int_equal(pool.classes[SMALL].in_use, 2000);
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
    assert_true(pool.classes[SMALL].free >= 4000);
    fail_calls(SYS_MMAP, ENOMEM, 0, false);
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
    if (!guard_light()) skip();
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
        assert_non_null(strstr(line, " nh"));
        assert_non_null(strstr(line, " nr"));
        seen++;
    }
    fclose(file);
    assert_int_equal(seen, 1);
    put_many(100);
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
    while (pool.classes[MEDIUM].free > 0) stacks[pool.classes[MEDIUM].in_use] = get(MEDIUM);
    const int n = (int)pool.classes[MEDIUM].in_use;
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
#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
        TEST(a_guard_faults),
        TEST(a_guard_that_is_a_mapping_faults),
        TEST(a_large_stack_has_a_guard),
        TEST(guards_survive_giving_back),
        TEST(light_guards_are_tried_once),
        TEST(light_guards_that_fail_later_become_mappings),
        TEST(guards_have_a_budget),
        TEST(the_system_may_run_out_before),
        TEST(forty_thousand_need_mappings),
        TEST(impossible_sizes_fail),
        TEST(every_call_may_fail),
        TEST(a_burst_is_given_back),
        TEST(a_burst_is_given_back_around_those_in_use),
        TEST(a_busy_loop_gives_back_the_excess),
        TEST(the_coldest_are_given_back_first),
        TEST(a_promised_stack_is_never_unmapped),
        TEST(large_stacks_are_unmapped),
        TEST(many_stacks_need_few_mappings),
        TEST(slabs_have_no_huge_pages),
        TEST(wrong_use_aborts),
#if SANITIZER_ADDRESS
        TEST(poison_is_wiped_off),
        TEST(suspended_stacks_are_roots),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
