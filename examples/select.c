/* SPDX-License-Identifier: MIT */
/*
 * bide_select waits for whichever comes first: here an order from a queue, room in another for a
 * dish that is ready, a byte on a descriptor, or a quiet second. Exactly one of them happens each
 * time. The clock is virtual, so the two quiet seconds take none.
 */
#include <bide.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>

struct kitchen {
    struct bide_queue *orders;
    struct bide_queue *counter; /* has no room: a dish is handed over */
    int bell[2];                /* a pipe: the guests ring at one end */
};

static int guests(void *arg)
{
    struct kitchen *kitchen = arg;
    int dish, code = 0;
    for (int order = 1; order <= 2 && code == 0; order++) code = bide_queue_put(kitchen->orders, &order);
    if (code == 0) code = bide_queue_get(kitchen->counter, &dish);
    if (code == 0) printf("guests: got dish %d\n", dish);
    if (code == 0) code = bide_sleep(2.5);
    if (code == 0) code = (int)bide_write(kitchen->bell[1], "!", 1);
    if (code > 0) code = bide_sleep(0.5);
    bide_queue_shutdown(kitchen->orders, false);
    return code;
}

static int cook(struct kitchen *kitchen)
{
    int order, dish = 0;
    char byte;
    enum { ORDER, DISH, BELL };
    struct bide_select_case cases[] = {
        [ORDER] = {.queue = kitchen->orders, .get = &order},
        [DISH] = {.queue = NULL}, /* nothing is ready yet: this case never happens */
        [BELL] = {.fd = kitchen->bell[0], .events = POLLIN},
    };
    for (;;) {
        int index = bide_select(cases, 3, 1.0);
        if (index == -EAGAIN) {
            printf("cook: all quiet\n");
        } else if (index == ORDER && cases[ORDER].code == -EPIPE) {
            printf("cook: closing time\n");
            return 0;
        } else if (index == ORDER) {
            printf("cook: order %d\n", order);
            dish = order;
            cases[DISH] = (struct bide_select_case){.queue = kitchen->counter, .put = &dish};
        } else if (index == DISH) {
            printf("cook: handed over dish %d\n", dish);
            cases[DISH] = (struct bide_select_case){.queue = NULL};
        } else if (index == BELL && bide_read(kitchen->bell[0], &byte, 1) == 1) {
            printf("cook: the bell rings\n");
        } else {
            return index < 0 ? index : -EIO;
        }
    }
}

static int open_kitchen(void *arg)
{
    struct kitchen *kitchen = arg;
    int code = bide_pipe(kitchen->bell);
    if (code < 0) return code;
    struct bide_task *task = bide_create_task(guests, kitchen);
    code = cook(kitchen);
    int joined = bide_await(task, NULL);
    bide_close(kitchen->bell[0]);
    bide_close(kitchen->bell[1]);
    return code < 0 ? code : joined;
}

int main(void)
{
    struct kitchen kitchen = {bide_queue_new(sizeof(int), 8), bide_queue_new(sizeof(int), 0), {-1, -1}};
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    int code = kitchen.orders && kitchen.counter ? bide_run_with(&options, open_kitchen, &kitchen) : -ENOMEM;
    bide_queue_free(kitchen.orders);
    bide_queue_free(kitchen.counter);
    return code < 0;
}
