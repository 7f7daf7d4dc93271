/* SPDX-License-Identifier: MIT */
/*
 * bugs.md row 6: a descriptor and a timer are due in one turn of the loop, in any order of the
 * tasks, with cancels and closes beside: each wait has one outcome, and no byte is lost.
 */
#include "ends.h"

#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READERS = 4, SEEDS = 10000 };

static uint32_t random_state;

static uint32_t draw(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 16) % n;
}

struct reader {
    double deadline;
    int code, next_code, resumed;
    bool expired, closed;
    struct bide_task *task;
};

static struct reader readers[READERS];
static int taken, sent;
static bool gone; /* the reading end is closed */

/* One wait; the next call sees what came too late for it. */
static int read_once(void *arg)
{
    struct reader *reader = arg;
    char byte;
    BIDE_TIMEOUT(reader->deadline) {
        reader->code = (int)bide_read(ends[0], &byte, 1);
        reader->resumed++;
        if (reader->code == 1) taken++;
        reader->next_code = bide_yield();
    }
    reader->expired = bide_expired();
    return 0;
}

/* What may happen in the turn in which everything is due. */
static void happen(void)
{
    const uint32_t what = draw(5);
    if (what < 3) sent += (int)write(ends[1], "xxx", draw(3) + 1);
    if (what == 3) bide_cancel(readers[draw(READERS)].task);
    if (what == 4 && draw(8) == 0 && !gone) gone = bide_close(ends[0]) == 0;
}

static int disturb(void *arg)
{
    (void)arg;
    for (uint32_t n = draw(4); n > 0; n--) happen();
    return bide_yield();
}

/* A wait ended once, for a cause that there was. */
static int check_reader(const struct reader *reader)
{
    CHECK_INT(reader->resumed, 1);
    CHECK(reader->code == 1 || reader->code == -ETIMEDOUT || reader->code == -ECANCELED ||
          (gone && (reader->code == -EBADF || reader->code == 0)));
    if (reader->code == -ETIMEDOUT) CHECK(reader->expired && reader->next_code == -ETIMEDOUT);
    if (reader->code == -ECANCELED) CHECK_INT(reader->next_code, -ECANCELED);
    return 0;
}

static int race(void *arg)
{
    const bool own = *(const bool *)arg;
    taken = sent = 0;
    gone = false;
    CHECK_INT(open_ends(&kinds[draw(2) ? UNIX_STREAM : PIPE], own ? OWN : BLOCKING), 0);
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.deadline = draw(4) ? 1e-9 : 1e-5};
        readers[i].task = bide_create_task(read_once, &readers[i]);
    }
    struct bide_task *disturbers[2];
    for (int i = 0; i < 2; i++) disturbers[i] = bide_create_task(disturb, NULL);
    CHECK_INT(bide_yield(), 0);
    happen();
    for (int i = 0; i < READERS; i++) {
        struct bide_task *task = readers[i].task;
        CHECK_INT(bide_await(task, NULL), 0);
        readers[i].task = NULL; /* nobody may cancel it any more */
    }
    for (int i = 0; i < 2; i++) CHECK_INT(bide_await(disturbers[i], NULL), 0);
    for (int i = 0; i < READERS; i++) CHECK_INT(check_reader(&readers[i]), 0);
    int left = 0;
    if (!gone) CHECK_INT(ioctl(ends[0], FIONREAD, &left), 0);
    if (!gone) CHECK_INT(taken + left, sent);
    if (gone) ends[0] = -1;
    return close_ends();
}

/* Each seed is a loop of its own, whose order of tasks it draws, too. */
static void bug_06_ready_and_timeout_in_one_turn(void **state)
{
    for (uint32_t seed = 1; seed <= (uint32_t)rounds(SEEDS); seed++) {
        const struct bide_options options = {.shuffle_seed = seed};
        random_state = seed;
        const int code = check_run_with(&options, race, *state);
        if (code < 0) fail_msg("seed %u: %d", seed, code);
    }
}

/* ---- a single reader, with both known to be due ---- */

static int outcomes[2]; /* how often it had the byte, how often the deadline was first */

static int read_with_deadline(void *arg)
{
    char byte;
    int *resumed = arg;
    BIDE_TIMEOUT(1e-9) {
        const int code = (int)bide_read(ends[0], &byte, 1);
        ++*resumed;
        CHECK(code == 1 || code == -ETIMEDOUT);
        outcomes[code < 0]++;
        CHECK_INT(bide_yield(), -ETIMEDOUT);
    }
    CHECK(bide_expired());
    return 0;
}

/* The byte is sent and the time is over before the loop looks: the byte beats the deadline (rule 1). */
TASK(rule_01_a_byte_beats_its_deadline_in_one_turn)
{
    memset(outcomes, 0, sizeof outcomes);
    for (long i = 0; i < rounds(2000); i++) {
        int resumed = 0;
        CHECK_INT(open_ends(&kinds[UNIX_STREAM], i % 2 ? OWN : BLOCKING), 0);
        const struct bide_task_options eager = {.eager = true};
        struct bide_task *reader = bide_create_task_with(&eager, read_with_deadline, &resumed);
        const double start = bide_time();
        CHECK_INT(write(ends[1], "x", 1), 1);
        while (bide_time() <= start) continue;
        CHECK_INT(bide_await(reader, NULL), 0);
        CHECK_INT(resumed, 1);
        CHECK_INT(close_ends(), 0);
    }
    CHECK(outcomes[0] > 0 && outcomes[1] == 0);
    return 0;
}

int main(void)
{
    static bool own = true, foreign = false;
    const struct CMUnitTest tests[] = {
        {"bug_06_ready_and_timeout_in_one_turn: own", bug_06_ready_and_timeout_in_one_turn, NULL, NULL, &own},
        {"bug_06_ready_and_timeout_in_one_turn: foreign", bug_06_ready_and_timeout_in_one_turn, NULL, NULL,
         &foreign},
        RUN(rule_01_a_byte_beats_its_deadline_in_one_turn, real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
