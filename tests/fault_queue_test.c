/* SPDX-License-Identifier: MIT */
/* Queues and bide_select, with every one of their calls to the system failing. */
#include "faults.h"
#include "sweep.h"

#include <poll.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

static int by_value(const void *a, const void *b)
{
    const long first = *(const long *)a, second = *(const long *)b;
    return (first > second) - (first < second);
}

/* Puts more than the first room, large enough to be a mapping; what was refused is not there. */
static int fill_and_drain(struct bide_queue *queue, long n)
{
    long put = 0, item;
    int code = 0;
    for (long i = 0; i < n; i++) {
        const int refused = bide_queue_put(queue, &i);
        if (refused == 0) put++;
        sweep_note(&code, refused);
    }
    CHECK_INT(bide_queue_size(queue), put);
    for (long i = 0; i < put; i++) CHECK_INT(bide_queue_get(queue, &item), 0);
    CHECK_INT(bide_queue_get_nowait(queue, &item), -EAGAIN);
    bide_queue_free(queue);
    return code;
}

TASK(queues_of_all_kinds)
{
    int code = 0;
    for (int i = 0; i < 6; i++) {
        const size_t capacity = i < 3 ? BIDE_UNBOUNDED : 9000;
        struct bide_queue *queue = i % 3 == 0   ? bide_queue_new(sizeof(long), capacity)
                                   : i % 3 == 1 ? bide_lifo_queue_new(sizeof(long), capacity)
                                                : bide_priority_queue_new(sizeof(long), capacity, by_value);
        if (!queue) {
            sweep_note(&code, -errno);
            continue;
        }
        sweep_note(&code, fill_and_drain(queue, 9000));
    }
    return code;
}

static int write_later(void *arg)
{
    int code = bide_sleep(1);
    BIDE_TIMEOUT(10) {
        if (code == 0) code = (int)bide_write(*(int *)arg, "x", 1);
    }
    return code;
}

/* Whatever fails, a select ends: with an error of its own, or with the case that has it. */
TASK(select_of_a_descriptor_and_a_queue)
{
    int fds[2], code = bide_pipe(fds), item;
    if (code < 0) return code;
    struct bide_queue *queue = bide_queue_new(sizeof(int), 0);
    struct bide_task *writer = bide_create_task(write_later, &fds[1]);
    if (!queue || !writer) code = -ENOMEM;
    struct bide_select_case cases[] = {{.queue = queue, .get = &item}, {.fd = fds[0], .events = POLLIN}};
    if (queue) {
        const int index = bide_select(cases, 2, 5);
        CHECK(index == 1 || index == -EAGAIN); /* the writer may have failed */
        if (index == 1 && cases[1].code < 0) sweep_note(&code, cases[1].code);
        CHECK_INT(bide_queue_put_nowait(queue, &item), -EAGAIN); /* nobody stands there any more */
    }
    if (writer) sweep_note(&code, bide_await(writer, NULL));
    bide_queue_free(queue);
    sweep_note(&code, bide_close(fds[0]));
    sweep_note(&code, bide_close(fds[1]));
    return code;
}

SWEEP(queues_of_all_kinds, .clock = BIDE_CLOCK_VIRTUAL)
SWEEP(select_of_a_descriptor_and_a_queue, .clock = BIDE_CLOCK_VIRTUAL, .codes = {-ETIMEDOUT})

/* Bounded ones have all their memory from the start; a wait needs none. */
static int meet(void *queue)
{
    for (long i = 0; i < 100; i++) CHECK_INT(bide_queue_put(queue, &i), 0);
    return 0;
}

static int without_memory(void *arg)
{
    const size_t *capacity = arg;
    struct bide_queue *queue = bide_queue_new(sizeof(long), *capacity);
    struct bide_task *task = bide_create_task(meet, queue), *other = bide_create_task(meet, queue);
    CHECK_INT(bide_yield(), 0);
    faults_set(SYS_ALLOC, ENOMEM, 0, FOR_EVER);
    long item;
    struct bide_select_case cases[] = {{.queue = queue, .get = &item}, {.queue = queue, .get = &item}};
    for (long i = 0; i < 100; i++) CHECK_INT(bide_queue_get(queue, &item), 0);
    for (long i = 0; i < 100; i++) CHECK(bide_select(cases, 2, BIDE_FOREVER) >= 0);
    const long asked = faults_asked();
    faults_clear();
    CHECK_INT(asked, 0);
    CHECK_INT(bide_await(task, NULL), 0);
    CHECK_INT(bide_await(other, NULL), 0);
    bide_queue_free(queue);
    return 0;
}

static void putting_and_getting_allocate_nothing(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < 4; capacity++)
        assert_int_equal(check_run(without_memory, &capacity), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SWEEP_TEST(every_fault_of_queues_of_all_kinds),
        SWEEP_TEST(every_fault_of_select_of_a_descriptor_and_a_queue),
        cmocka_unit_test(putting_and_getting_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
