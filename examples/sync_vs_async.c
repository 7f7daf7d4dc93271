/* SPDX-License-Identifier: MIT */
/* Three waits one after the other take the sum of their times; gathered, the longest of them. */
#include <bide.h>
#include <stdio.h>

struct request {
    const char *source;
    double seconds;
    char data[32];
};

/* Stands for a request over the network: nearly all of its time is spent waiting. */
static int fetch(void *arg)
{
    struct request *request = arg;
    int code = bide_sleep(request->seconds);
    if (code < 0) return code;
    snprintf(request->data, sizeof request->data, "data from %s", request->source);
    return 0;
}

static int sequential(struct request *requests, int n)
{
    for (int i = 0; i < n; i++) {
        int code = fetch(&requests[i]);
        if (code < 0) return code;
    }
    return 0;
}

/* The requests live on the stack below: bide_gather returns only when nobody uses them any more. */
static int compare(double seconds)
{
    struct request requests[] = {
        {.source = "a", .seconds = seconds},
        {.source = "b", .seconds = seconds},
        {.source = "c", .seconds = seconds},
    };
    struct bide_call calls[] = {{fetch, &requests[0]}, {fetch, &requests[1]}, {fetch, &requests[2]}};

    double start = bide_time();
    int code = sequential(requests, 3);
    if (code < 0) return code;
    printf("sequential %.2f s\n", bide_time() - start);

    start = bide_time();
    code = bide_gather(calls, 3, NULL);
    if (code < 0) return code;
    printf("gather %.2f s\n", bide_time() - start);
    printf("%s %s %s\n", requests[0].data, requests[1].data, requests[2].data);
    return 0;
}

static int compare_twice(void *arg)
{
    (void)arg;
    int code = compare(0.2);
    return code < 0 ? code : compare(1.0);
}

int main(void)
{
    return bide_run(compare_twice, NULL) < 0;
}
