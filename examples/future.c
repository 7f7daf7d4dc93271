/* SPDX-License-Identifier: MIT */
/*
 * A future: an outcome that is set once, from wherever it comes, and that any number of tasks wait for. Here
 * a callback of the loop sets the first one and a thread the second; the third fails, the last is cancelled.
 */
#include <bide.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

struct reader {
    const char *name;
    struct bide_future *future;
};

static int wait_for_it(void *arg)
{
    const struct reader *reader = arg;
    int result;
    int code = bide_future_wait(reader->future, &result); /* about my wait; the outcome is in result */
    if (code < 0) return code;
    if (result < 0)
        printf("%s: %s\n", reader->name, bide_error_text(result));
    else
        printf("%s: %d\n", reader->name, result);
    return 0;
}

static int two_readers(struct bide_future *future)
{
    struct reader readers[] = {{"ann", future}, {"bob", future}};
    struct bide_call calls[] = {{wait_for_it, &readers[0]}, {wait_for_it, &readers[1]}};
    return bide_gather(calls, 2, NULL);
}

static void tell(void *arg, struct bide_future *future)
{
    printf("%s: set to %d\n", (const char *)arg, bide_future_result(future));
}

static void answer(void *arg)
{
    bide_future_set(arg, 42);
    if (bide_future_set(arg, 43) == -EALREADY) printf("only once\n");
}

static void *compute(void *arg)
{
    bide_future_set(arg, 6 * 7);
    bide_future_free(arg); /* the thread's own count */
    return NULL;
}

static int from_a_callback(void)
{
    struct bide_future *future = bide_future_new();
    bide_future_on_done(future, tell, "callback");
    bide_call_later(NULL, 0.01, answer, future);
    int code = two_readers(future);
    bide_future_free(future);
    return code;
}

static int from_a_thread(void)
{
    pthread_t thread;
    struct bide_future *future = bide_future_new_threadsafe();
    if (pthread_create(&thread, NULL, compute, bide_future_hold(future)) != 0) return -EAGAIN;
    int code = two_readers(future);
    pthread_join(thread, NULL);
    bide_future_free(future);
    return code;
}

static int without_a_value(void)
{
    struct bide_future *future = bide_future_new();
    bide_future_set(future, bide_fail(EIO, "the disk is gone"));
    int code = two_readers(future);
    bide_future_free(future);

    future = bide_future_new();
    bide_future_cancel(future);
    printf("cancelled: %s\n", bide_future_wait(future, NULL) == -ECANCELED ? "ECANCELED" : "something else");
    bide_future_free(future);
    return code;
}

static int show_futures(void *arg)
{
    (void)arg;
    int code = from_a_callback();
    if (code >= 0) code = from_a_thread();
    return code < 0 ? code : without_a_value();
}

int main(void)
{
    return bide_run(show_futures, NULL) < 0;
}
