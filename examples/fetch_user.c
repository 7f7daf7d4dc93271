/* SPDX-License-Identifier: MIT */
/*
 * A task function returns an int: a code. What else it makes goes into a struct of its caller's,
 * here with text in UTF-8, which passes through unchanged.
 */
#include <bide.h>
#include <stdio.h>

struct user {
    int id;
    char name[32];
};

/* Stands for a query over the network: takes the id, fills in the rest. */
static int fetch_user(void *arg)
{
    struct user *user = arg;
    int code = bide_sleep(0.1);
    if (code < 0) return code; /* cancelled, or out of time: whoever called us decides */
    snprintf(user->name, sizeof user->name, "%s", "민지");
    return 0;
}

static int show_user(void *arg)
{
    struct user user = {.id = *(const int *)arg};
    int code = fetch_user(&user); /* a plain call is an await */
    if (code < 0) return code;
    printf("{\"id\": %d, \"name\": \"%s\"}\n", user.id, user.name);
    return 0;
}

int main(void)
{
    int id = 1;
    return bide_run(show_user, &id) < 0;
}
