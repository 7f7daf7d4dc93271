/* SPDX-License-Identifier: MIT */
/*
 * A chain of tasks and queues: each task keeps the first number that reaches it, which is prime, and
 * passes on what that does not divide. Queues without room make them move in step. `prime_sieve N`
 * finds the first N.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct filter {
    struct bide_queue *in;
    struct bide_queue *out;
    int prime;
};

/* 2, 3, 4, ... into the queue, until cancelled. */
static int count(void *queue)
{
    int code = 0;
    for (int n = 2; code == 0; n++) code = bide_queue_put(queue, &n);
    return code;
}

static int sift(void *arg)
{
    struct filter *filter = arg;
    int n, code;
    while ((code = bide_queue_get(filter->in, &n)) == 0) {
        if (n % filter->prime != 0) code = bide_queue_put(filter->out, &n);
        if (code < 0) break;
    }
    return code;
}

static int find_primes(struct filter *filters, int n)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        bide_group_start(&group, count, filters[0].in);
        for (int i = 0; i < n; i++) {
            if (bide_queue_get(filters[i].in, &filters[i].prime) < 0) break;
            printf(i ? " %d" : "%d", filters[i].prime);
            if (i + 1 < n) bide_group_start(&group, sift, &filters[i]);
        }
        bide_group_cancel(&group);
    }
    printf("\n");
    return bide_group_result(&group);
}

static int run_sieve(void *arg)
{
    const int n = *(const int *)arg;
    struct filter *filters = calloc((size_t)n + 1, sizeof *filters);
    int code = filters ? 0 : -ENOMEM;
    for (int i = 0; i < n && code == 0; i++) {
        filters[i].in = bide_queue_new(sizeof(int), 0);
        if (i > 0) filters[i - 1].out = filters[i].in;
        if (!filters[i].in) code = -ENOMEM;
    }
    if (code == 0) code = find_primes(filters, n);
    for (int i = 0; i < n && filters; i++) bide_queue_free(filters[i].in);
    free(filters);
    return code;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 25;
    if (n < 1 || n > 5000) {
        fprintf(stderr, "usage: %s [N], from 1 to 5000\n", argv[0]);
        return 2;
    }
    return bide_run(run_sieve, &n) < 0;
}
