/* SPDX-License-Identifier: MIT */
/* One pool of stacks, and shorthands for tests of it. They assert, so never use them on a task's stack. */
#ifndef STACKS_H
#define STACKS_H

#include "../../src/guard.h"
#include "../../src/sanitizer.h"
#include "../../src/stack.h"
#include "../../src/sys.h"
#include "check.h"
#include "faults.h"

#define KIB ((size_t)1024)

enum { SMALL = 0, MEDIUM = 2, LARGEST = STACK_CLASSES - 1, MOST = 40000 };

extern struct stack_pool pool;
extern struct stack *stacks[MOST];
extern const char *why; /* the last promise failed */

/* Before and after each test. A pool with stacks in use fails it. */
int stacks_setup(void **state);
int stacks_teardown(void **state);

int promise(uint32_t class);
struct stack *get(uint32_t class);    /* promised, too */
void get_many(uint32_t class, int n); /* into stacks */
void put_many(int n);                 /* from stacks */
struct stack *own_new(size_t size);   /* a large one */
size_t in_use(uint32_t class);
size_t free_now(uint32_t class); /* promised ones included */

/* Guards are mappings from here on, at most so many; 0: as many as the system allows. */
void refuse_light_guards(long limit);

/* Cannot the kernel write to its guard? Always true under valgrind, which would report the attempt. */
bool guarded(const struct stack *stack);

/* Writes a byte; returns 0. */
int touch(void *address);

/* That byte cannot be written: a child that tries dies of SIGSEGV. */
void assert_faults(char *address);

/* Its lowest and its highest byte can be used. */
void use(struct stack *stack);

/* How many mappings this process has; always 0 with tools that make some of their own. */
int mappings(void);

#endif
