/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - A descriptor's place in memory is fixed for the loop's life, so whoever waited may look at
 *    its generation afterwards, whatever happened to the number meanwhile.
 *  - An event carries the generation it was asked under; another one is not delivered.
 *  - Whoever gets EAGAIN registers before parking. Registering reports what is ready already,
 *    and an edge that comes later stays queued in epoll: no wake-up is lost.
 */
#include "poller.h"

#include "misuse.h"
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK = POLLER_CHUNK,
    MOST_BATCHES = 256,
    MANY = 8,
    BATCH = 56, /* events taken by one call: of up to 16 bytes each, within the stack a call may use */
    ALWAYS = EPOLLERR | EPOLLHUP | EPOLLRDHUP,
    DISTURBANCE = ALWAYS | EPOLLPRI
};

_Thread_local struct poller *poller_current INITIAL_EXEC;

int poller_init(struct poller *poller)
{
    const int epfd = sys_epoll_create();
    if (epfd < 0) return epfd;
    *poller = (struct poller){.epfd = epfd};
    return 0;
}

void poller_done(struct poller *poller)
{
    (void)sys_close(poller->epfd); /* an epoll descriptor has nothing to lose */
    for (size_t i = 0; i < poller->chunks; i++) sys_free(poller->table[i]);
    sys_free(poller->table);
}

_Static_assert(sizeof(struct descriptor) == 64, "a descriptor is a cache line");

static int table_grow(struct poller *poller, size_t chunks)
{
    struct descriptor **table = sys_realloc(poller->table, chunks * sizeof *table);
    if (!table) return -ENOMEM;
    memset(table + poller->chunks, 0, (chunks - poller->chunks) * sizeof *table);
    poller->table = table;
    poller->chunks = chunks;
    return 0;
}

static int chunk_add(struct poller *poller, size_t index)
{
    if (index >= poller->chunks && table_grow(poller, index + 1 + poller->chunks / 2) < 0) return -ENOMEM;
    struct descriptor *chunk = sys_alloc_lines(CHUNK * sizeof *chunk);
    if (!chunk) return -ENOMEM;
    poller->table[index] = chunk;
    for (size_t i = 0; i < CHUNK; i++) {
        struct descriptor *descriptor = &chunk[i];
        *descriptor = (struct descriptor){.fd = (int)(index * CHUNK + i), .foreign_flags = -1};
        list_init(&descriptor->waits);
        list_init(&descriptor->turns);
    }
    return 0;
}

struct descriptor *poller_get(struct poller *poller, int fd)
{
    struct descriptor *descriptor = poller_find(poller, fd);
    if (descriptor) return descriptor;
    const int code = fd < 0 ? -EBADF : chunk_add(poller, (size_t)fd / CHUNK);
    if (code == 0) return poller_find(poller, fd);
    errno = -code;
    return NULL;
}

struct descriptor *poller_get_open(struct poller *poller, int fd)
{
    struct descriptor *descriptor = poller_find(poller, fd);
    if (descriptor && !descriptor->closing) return descriptor;
    if (!descriptor && fd >= 0 && sys_fcntl(fd, F_GETFL, 0) >= 0) return poller_get(poller, fd);
    errno = EBADF;
    return NULL;
}

static uint64_t event_data(const struct descriptor *descriptor)
{
    return (uint64_t)descriptor->generation << 32 | (uint32_t)descriptor->fd;
}

/* Asks epoll for the events. It may have lost the descriptor behind our back meanwhile, or know it still. */
static int control(struct poller *poller, struct descriptor *descriptor, uint32_t events)
{
    const uint64_t data = event_data(descriptor);
    const int fd = descriptor->fd;
    int code =
        sys_epoll_ctl(poller->epfd, descriptor->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events, data);
    if (code == -ENOENT) code = sys_epoll_ctl(poller->epfd, EPOLL_CTL_ADD, fd, events, data);
    if (code == -EEXIST) code = sys_epoll_ctl(poller->epfd, EPOLL_CTL_MOD, fd, events, data);
    if (code == 0) descriptor->registered = events;
    return code;
}

/* Registers own descriptors once for reading, from the first write that had to wait on for writing too. */
static int register_own(struct poller *poller, struct descriptor *descriptor, uint32_t events)
{
    const uint32_t wanted =
        descriptor->registered | events | EPOLLIN | EPOLLRDHUP | EPOLLPRI | (uint32_t)EPOLLET;
    return wanted == descriptor->registered ? 0 : control(poller, descriptor, wanted);
}

bool poller_knows(const struct poller *poller, const struct descriptor *descriptor)
{
    if (!descriptor->registered) return true;
    return sys_epoll_ctl(poller->epfd, EPOLL_CTL_MOD, descriptor->fd, descriptor->registered,
                         event_data(descriptor)) != -ENOENT;
}

/* Arms a foreign descriptor for all who wait for it. */
static int arm_foreign(struct poller *poller, struct descriptor *descriptor, uint32_t events)
{
    uint32_t wanted = events | (uint32_t)EPOLLONESHOT;
    for (struct node *node = descriptor->waits.next; node != &descriptor->waits; node = node->next)
        wanted |= CONTAINER(node, struct fd_wait, wait.link)->events;
    return control(poller, descriptor, wanted);
}

int poller_watch(struct poller *poller, struct descriptor *descriptor, struct fd_wait *wait)
{
    const int code = descriptor->own ? register_own(poller, descriptor, wait->events)
                                     : arm_foreign(poller, descriptor, wait->events);
    if (code < 0) return code;
    wait->poller = poller;
    wait->fd = descriptor->fd;
    list_append(&descriptor->waits, &wait->wait.link);
    if (!wait->background) poller->waiting++;
    return 0;
}

void poller_unwatch(struct fd_wait *wait)
{
    if (list_empty(&wait->wait.link)) return;
    list_remove(&wait->wait.link);
    if (!wait->background) wait->poller->waiting--;
}

static inline void wake_waits(struct node *waits, int result)
{
    while (!list_empty(waits)) {
        struct fd_wait *wait = CONTAINER(waits->next, struct fd_wait, wait.link);
        poller_unwatch(wait);
        wake(&wait->wait, result);
    }
}

void poller_forget(struct poller *poller, struct descriptor *descriptor)
{
    if (descriptor->registered)
        (void)sys_epoll_ctl(poller->epfd, EPOLL_CTL_DEL, descriptor->fd, 0,
                            0); /* epoll may have lost it already */
    descriptor->registered = 0;
    descriptor->own = false;
    descriptor->file = descriptor->drained = descriptor->disturbed = false;
    descriptor->streaming = STREAMING_UNKNOWN;
    descriptor->foreign_flags = -1;
    descriptor->generation++;
    wake_waits(&descriptor->waits, -EBADF); /* they will not hear of any event */
    descriptor->taken[SIDE_IN] = descriptor->taken[SIDE_OUT] = false;
    wake_list(&descriptor->turns, -EBADF);
}

/*
 * Wakes those whom the events concern. They are set apart first: a woken wait may fire, and watch again,
 * and one that is woken may drop another that stands beside it.
 */
static void deliver(struct descriptor *descriptor, uint32_t events)
{
    struct node concerned;
    list_init(&concerned);
    descriptor->drained = false;
    if (events & DISTURBANCE) descriptor->disturbed = true;
    for (struct node *node = descriptor->waits.next, *next; node != &descriptor->waits; node = next) {
        next = node->next;
        struct fd_wait *wait = CONTAINER(node, struct fd_wait, wait.link);
        if (!(events & (wait->events | ALWAYS))) continue;
        list_remove(node);
        list_append(&concerned, node);
    }
    wake_waits(&concerned, (int)(events & INT32_MAX));
}

/*
 * Among a thousand descriptors those of a batch, and the waits on their tasks' stacks, have left the caches.
 * All are fetched side by side, before they are looked at one by one. Always inlined, as gcc takes a call that
 * only fetches for one without effect, and drops it.
 */
static inline __attribute__((always_inline)) void fetch(const struct poller *poller,
                                                        const struct epoll_event *events, int n)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < n; i++) {
            const struct descriptor *descriptor = poller_find(poller, (int)(uint32_t)events[i].data.u64);
            if (!descriptor) continue;
            __builtin_prefetch(pass == 0 ? (const void *)descriptor : descriptor->waits.next);
        }
    }
}

/* Takes one batch of events and wakes. How many there were. */
static int poll_batch(struct poller *poller, int64_t timeout_ns)
{
    struct epoll_event events[BATCH];
    const int n = sys_epoll_wait(poller->epfd, events, BATCH, timeout_ns);
    if (n < 0)
        misuse("the loop's epoll descriptor %d was closed or replaced: %s", poller->epfd, strerror(-n));
    if (n >= MANY) fetch(poller, events, n);
    for (int i = 0; i < n; i++) {
        struct descriptor *descriptor = poller_find(poller, (int)(uint32_t)events[i].data.u64);
        if (!descriptor || descriptor->generation != events[i].data.u64 >> 32) continue;
        deliver(descriptor, events[i].events);
        if (descriptor->own || list_empty(&descriptor->waits)) continue;
        const int code = arm_foreign(poller, descriptor, 0);
        if (code < 0) wake_waits(&descriptor->waits, code);
    }
    return n;
}

int poller_poll(struct poller *poller, int64_t timeout_ns)
{
    poller->streak = 0;
    return poll_batch(poller, timeout_ns);
}

void poller_poll_rest(struct poller *poller, int last)
{
    for (int batches = 1; last == BATCH && batches < MOST_BATCHES; batches++) last = poll_batch(poller, 0);
}
