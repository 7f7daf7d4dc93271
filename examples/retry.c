/* SPDX-License-Identifier: MIT */
/*
 * bide_retry calls again what has failed, after pauses that double; with jitter a part of each is
 * random, here from a seed, so that it can be repeated.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct service {
    int calls;
    int good_from; /* the first call that it answers */
};

static int fetch(void *arg)
{
    struct service *service = arg;
    service->calls++;
    bide_sleep(0.01);
    if (service->calls < service->good_from)
        return bide_fail(ECONNREFUSED, "call %d was refused", service->calls);
    return 0;
}

static void print_pause(void *arg, unsigned attempt, int code, double pause)
{
    (void)arg, (void)attempt, (void)code;
    printf("%.3g ", pause);
}

static void call_it(const char *title, const struct bide_retry_options *options, int good_from)
{
    struct service service = {.good_from = good_from};
    printf("%s: ", title);
    int code = bide_retry(options, fetch, &service, NULL);
    if (code < 0)
        printf("- gives up after %d: %s\n", service.calls, bide_error_text(code));
    else
        printf("- ok on attempt %d\n", service.calls);
}

static int call_services(void *arg)
{
    (void)arg;
    struct bide_retry_options options = {.attempts = 5, .delay = 0.1, .on_retry = print_pause};
    call_it("soon up", &options, 4);
    call_it("down", &options, 99);

    options.jitter = 0.5;
    options.seed = 2024;
    call_it("with jitter", &options, 4);
    call_it("the same seed", &options, 4);
    return 0;
}

int main(void)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL}; /* nobody likes to wait */
    return bide_run_with(&options, call_services, NULL) < 0;
}
