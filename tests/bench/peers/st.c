/* SPDX-License-Identifier: MIT */
/* State-threads: threads created and joined; `sleepers SIZE N`; `echo`, a server on descriptor 3. */
#include "sleepers.h"

#include <st.h>
#include <unistd.h>

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

/* ---- sleepers ---- */

static void *sleeper(void *arg)
{
    const st_utime_t *until = arg;
    static uint64_t random = 88172645463325252;
    st_usleep(*until - st_utime() + random_next(&random) % 1000000);
    return arg;
}

static int sleepers(const char *size, long n)
{
    st_thread_t *threads = malloc((size_t)n * sizeof *threads);
    must(threads != NULL, "memory for the handles");
    const struct sleepers_before before = sleepers_begin();
    st_utime_t until = st_utime() + (st_utime_t)(sleepers_lead(n) * 1e6);
    for (long i = 0; i < n; i++) {
        threads[i] = st_thread_create(sleeper, &until, 1, 64 * 1024);
        must(threads[i] != NULL, "st_thread_create");
    }
    st_usleep(1); /* they begin */
    sleepers_asleep(size, before, n);
    for (long i = 0; i < n; i++) st_thread_join(threads[i], NULL);
    sleepers_end(size, before);
    free(threads);
    return 0;
}

/* ---- echo ---- */

static void *serve(void *arg)
{
    char buf[4096];
    ssize_t n;
    st_netfd_t fd = arg;
    while ((n = st_read(fd, buf, sizeof buf, ST_UTIME_NO_TIMEOUT)) > 0)
        must(st_write(fd, buf, (size_t)n, ST_UTIME_NO_TIMEOUT) == n, "st_write");
    st_netfd_close(fd);
    return NULL;
}

static void echo(void)
{
    st_netfd_t listener = st_netfd_open_socket(3);
    for (;;) {
        st_netfd_t fd = st_accept(listener, NULL, NULL, ST_UTIME_NO_TIMEOUT);
        must(fd && st_thread_create(serve, fd, 0, 64 * 1024), "a connection");
    }
}

int main(int argc, char **argv)
{
    must(st_set_eventsys(ST_EVENTSYS_ALT) == 0 && st_init() == 0, "st_init");
    if (argc > 3 && strcmp(argv[1], "sleepers") == 0) return sleepers(argv[2], atol(argv[3]));
    if (argc > 1 && strcmp(argv[1], "echo") == 0) echo();
    measure("spawn/one-by-one", none, 1);
    measure("spawn/by-1000", none, 1000);
    measure("spawn/1000-alive", once, 1000);
    return 0;
}
