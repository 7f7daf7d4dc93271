/* SPDX-License-Identifier: MIT */
/* State-threads: threads created and joined. */
#include "bench.h"

#include <st.h>

static void *none(void *arg)
{
    return arg;
}

static void *once(void *arg)
{
    st_sleep(0);
    return arg;
}

static void round_trip(void *(*fn)(void *arg), long size)
{
    st_thread_t threads[1000];
    for (long i = 0; i < size; i++) threads[i] = st_thread_create(fn, NULL, 1, 64 * 1024);
    for (long i = 0; i < size; i++) must(st_thread_join(threads[i], NULL) == 0, "st_thread_join");
}

static void measure(const char *name, void *(*fn)(void *arg), long size)
{
    const long rounds = scaled(2000000, 20000) / size;
    round_trip(fn, size);
    const double start = cpu_ns();
    for (long i = 0; i < rounds; i++) round_trip(fn, size);
    report(name, (cpu_ns() - start) / (double)(rounds * size), "ns");
}

int main(void)
{
    must(st_init() == 0, "st_init");
    measure("spawn/one-by-one", none, 1);
    measure("spawn/by-1000", none, 1000);
    measure("spawn/1000-alive", once, 1000);
    return 0;
}
