/* SPDX-License-Identifier: MIT */
/*
 * Given room for the results, bide_gather lets every call run to its end, and failures stand
 * among the results (asyncio's return_exceptions=True). Its own code is only about the wait.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct host {
    const char *name;
    bool up;
};

/* Stands for a connection attempt. */
static int ping(void *arg)
{
    const struct host *host = arg;
    int code = bide_sleep(0.05);
    if (code < 0) return code;
    if (!host->up) return bide_fail(ECONNREFUSED, "nobody listens on %s", host->name);
    return 0;
}

static const char *outcome(int result)
{
    if (result >= 0) return "ok";
    return result == -ECONNREFUSED ? "ECONNREFUSED" : "another failure";
}

static int ping_all(void *arg)
{
    (void)arg;
    struct host hosts[] = {{"alpha", true}, {"beta", false}, {"gamma", true}};
    struct bide_call calls[] = {{ping, &hosts[0]}, {ping, &hosts[1]}, {ping, &hosts[2]}};
    int results[3];

    int code = bide_gather(calls, 3, results);
    if (code < 0) return code;
    for (int i = 0; i < 3; i++) printf("%s: %s\n", hosts[i].name, outcome(results[i]));
    printf("the failure said: %s\n", bide_error_text(-ECONNREFUSED));
    return 0;
}

int main(void)
{
    return bide_run(ping_all, NULL) < 0;
}
