/* SPDX-License-Identifier: MIT */
/*
 * Computing in threads while a ticker ticks: a task that computes without ever waiting would hold
 * up all the others, so hand the work to bide_to_thread.
 */
#include <bide.h>
#include <stdio.h>

struct range {
    int first, end;
    int primes; /* the result */
};

static bool is_prime(int n)
{
    for (int divisor = 2; divisor <= n / divisor; divisor++) {
        if (n % divisor == 0) return false;
    }
    return n > 1;
}

/* Runs in a thread, at the same time as the loop: it touches nothing but its argument. */
static int count_primes(void *arg)
{
    struct range *range = arg;
    for (int n = range->first; n < range->end; n++) range->primes += is_prime(n);
    return 0;
}

static int count_in_thread(void *arg)
{
    return bide_to_thread(count_primes, arg, NULL);
}

static int tick(void *arg)
{
    (void)arg;
    int code;
    do {
        printf("tick ");
        fflush(stdout);
        code = bide_sleep(0.02);
    } while (code == 0);
    return code;
}

static int calculate(void *arg)
{
    (void)arg;
    struct range low = {.first = 0, .end = 600000}, high = {.first = 600000, .end = 1000000};
    struct bide_call calls[] = {{count_in_thread, &low}, {count_in_thread, &high}};

    struct bide_task *ticker = bide_create_task(tick, NULL);
    int code = bide_gather(calls, 2, NULL);
    bide_cancel(ticker);
    bide_await(ticker, NULL);
    if (code < 0) return code;
    printf("\n%d primes below %d\n", low.primes + high.primes, high.end);
    return 0;
}

int main(void)
{
    return bide_run(calculate, NULL) < 0;
}
