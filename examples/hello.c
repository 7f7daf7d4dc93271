/* SPDX-License-Identifier: MIT */ /* clang-format off */
/* The smallest program: a task that waits a moment, then greets. */
#include <bide.h>
#include <stdio.h>
static int greet(void *name)
{
    bide_sleep(0.1);
    return printf("Hello, %s!\n", (const char *)name);
}
int main(void) { return bide_run(greet, "A") < 0; }
