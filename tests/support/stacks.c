/* SPDX-License-Identifier: MIT */
#include "stacks.h"

#include <stdio.h>
#include <sys/wait.h>

struct stack_pool pool;
struct stack *stacks[MOST];
const char *why;

int stacks_setup(void **state)
{
    (void)state;
    stack_pool_init(&pool);
    return 0;
}

int stacks_teardown(void **state)
{
    (void)state;
    faults_clear();
    guard_reset(0);
    for (uint32_t i = 0; i < STACK_CLASSES; i++)
        if (in_use(i) || pool.classes[i].promised) return -1; /* the test has failed before */
    stack_pool_done(&pool);
    return 0;
}

int promise(uint32_t class)
{
    struct stack *own;
    return stack_promise(&pool, class, 0, &own, &why);
}

struct stack *get(uint32_t class)
{
    assert_int_equal(promise(class), 0);
    return stack_get(&pool, class);
}

void get_many(uint32_t class, int n)
{
    for (int i = 0; i < n; i++) stacks[i] = get(class);
}

void put_many(int n)
{
    for (int i = 0; i < n; i++) stack_put(&pool, stacks[i]);
}

struct stack *own_new(size_t size)
{
    struct stack *own = NULL;
    assert_int_equal(stack_promise(&pool, stack_class(size), size, &own, &why), 0);
    assert_non_null(own);
    return own;
}

size_t in_use(uint32_t class)
{
    return pool.classes[class].carved - free_now(class);
}

size_t free_now(uint32_t class)
{
    return pool.classes[class].spare + pool.classes[class].promised;
}

void refuse_light_guards(long limit)
{
    faults_set(SYS_MADVISE, EINVAL, 0, FOR_EVER);
    guard_reset(limit);
}

bool guarded(const struct stack *stack)
{
    if (sanitizer_valgrind()) return true; /* it would report the attempt */
    return !sys_writable(stack->base - 1) && !sys_writable(stack->base - guard_size());
}

int touch(void *address)
{
    *(volatile char *)address = 1;
    return 0;
}

void assert_faults(char *address)
{
    char err[8192];
    const int status = check_child(touch, address, err, sizeof err);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
        fail_msg("no SIGSEGV but status %#x: %s", (unsigned)status, err);
}

void use(struct stack *stack)
{
    volatile char *low = stack->base, *high = (char *)stack;
    low[0] = 1;
    high[-1] = 2;
    assert_int_equal(low[0] + high[-1], 3);
}

int mappings(void)
{
    if (sanitizer_reads_all()) return 0;
    FILE *file = fopen("/proc/self/maps", "re");
    assert_non_null(file);
    int lines = 0;
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) lines += c == '\n';
    fclose(file);
    return lines;
}
