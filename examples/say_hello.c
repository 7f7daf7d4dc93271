/* SPDX-License-Identifier: MIT */
/* The same three greeters, first one after the other, then all at once: only the calls differ. */
#include <bide.h>
#include <stdio.h>

static int say_hello(void *arg)
{
    const char *name = arg;
    printf("Hello, %s\n", name);
    int code = bide_sleep(0.1); /* the others may speak meanwhile */
    if (code < 0) return code;
    printf("Done: %s\n", name);
    return 0;
}

static int one_after_the_other(void)
{
    char *names[] = {"A", "B", "C"};
    for (int i = 0; i < 3; i++) {
        int code = say_hello(names[i]);
        if (code < 0) return code;
    }
    return 0;
}

static int all_at_once(void)
{
    struct bide_call calls[] = {{say_hello, "A"}, {say_hello, "B"}, {say_hello, "C"}};
    return bide_gather(calls, 3, NULL);
}

static int greet_twice(void *arg)
{
    (void)arg;
    puts("-- sequential");
    int code = one_after_the_other();
    if (code < 0) return code;
    puts("-- concurrent");
    return all_at_once();
}

int main(void)
{
    return bide_run(greet_twice, NULL) < 0;
}
