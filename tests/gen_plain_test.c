/* SPDX-License-Identifier: MIT */
/*
 * A generator runs as part of who asks it. So random code with scopes, shields and groups gives the
 * same codes at the same times as a generator whose asker does nothing in between, and as a plain call.
 *
 * BIDE_SEEDS says how many programs.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASK(name) static int name(void *arg __attribute__((unused)))

struct body {
    uint64_t random;
    int depth;
    bool plain;
    int actions;
};

static uint64_t draw(struct body *body, uint64_t n)
{
    body->random = body->random * 6364136223846793005u + 1442695040888963407u;
    return (body->random >> 33) % n;
}

static void note(struct body *body, const char *what, int code)
{
    (void)body;
    log_event("%s%d@%d", what, code, (int)(bide_time() * 4 + 0.5));
}

TASK(nap)
{
    return bide_sleep(*(double *)arg);
}

TASK(fail_later)
{
    return bide_sleep(*(double *)arg) < 0 ? -ECANCELED : -EIO;
}

static void act(struct body *body);

static void act_in_timeout(struct body *body, double seconds)
{
    BIDE_TIMEOUT(seconds) {
        act(body);
    }
    note(body, "t", bide_expired());
}

static void act_in_shield(struct body *body, double seconds)
{
    BIDE_SHIELD(seconds) {
        act(body);
    }
    note(body, "h", bide_expired());
}

static void act_in_group(struct body *body, double seconds)
{
    struct bide_group group;
    BIDE_GROUP(group) {
        bide_group_start(&group, draw(body, 2) ? nap : fail_later, &seconds);
        bide_group_start(&group, nap, &seconds);
        act(body);
        if (draw(body, 4) == 0) break;
    }
    note(body, "g", bide_group_result(&group));
}

static void act(struct body *body)
{
    if (body->depth > 5) return;
    body->depth++;
    for (uint64_t n = draw(body, 4); n > 0; n--) {
        const double seconds = (double)draw(body, 12) / 4 + body->actions++ * 1e-6; /* no two at once */
        switch (draw(body, 6)) {
        case 0: note(body, "s", bide_sleep(seconds)); break;
        case 1: act_in_timeout(body, seconds); break;
        case 2: act_in_shield(body, seconds); break;
        case 3: act_in_group(body, seconds); break;
        default:
            if (!body->plain) note(body, "v", bide_yield_value(body));
            if (body->plain) note(body, "v", 0);
        }
    }
    body->depth--;
}

TASK(run_body)
{
    act(arg);
    return 0;
}

TASK(run_it)
{
    struct body *body = arg;
    BIDE_TIMEOUT((double)draw(body, 40) / 4) {
        struct body own = *body;
        if (body->plain) {
            run_body(&own);
        } else {
            struct bide_gen *gen = bide_gen_new(run_body, &own);
            while (bide_gen_next(gen, NULL) > 0) note(body, "", 0);
            bide_gen_close(gen);
        }
    }
    note(body, "o", bide_expired());
    note(body, "c", bide_sleep(0));
    return 0;
}

TASK(run_and_cancel)
{
    struct body body = *(struct body *)arg;
    struct bide_task *task = bide_create_task(run_it, &body);
    CHECK_INT(bide_sleep((double)draw(&body, 30) / 4 + 0.1), 0);
    bide_cancel(task);
    return bide_await(task, NULL);
}

/* The events of the generator are those of the plain call, but for the asker's own, which begin with 0. */
static void compare(uint64_t seed, char *given, const char *plain)
{
    for (char *word = strtok(given, " "); word; word = strtok(NULL, " ")) {
        const size_t length = strlen(word);
        if (word[0] == '0') continue;
        if (strncmp(plain, word, length) != 0)
            fail_msg("seed %d: \"%s\" where the plain call has \"%s\"", (int)seed, word, plain);
        plain += length + (plain[length] == ' ');
    }
    if (*plain) fail_msg("seed %d: the plain call goes on: \"%s\"", (int)seed, plain);
}

static void random_generators_do_what_plain_calls_do(void **state)
{
    (void)state;
    static char texts[2][1 << 15];
    const char *seeds = getenv("BIDE_SEEDS");
    const uint64_t n = seeds ? strtoull(seeds, NULL, 10) : (uint64_t)rounds(10000);
    size_t values = 0;
    for (uint64_t seed = 1; seed <= n; seed++) {
        for (int plain = 0; plain < 2; plain++) {
            struct body body = {.random = seed * 77, .plain = plain};
            log_clear();
            assert_int_equal(check_run(run_and_cancel, &body), 0);
            snprintf(texts[plain], sizeof texts[plain], "%s", log_text());
        }
        values += strlen(texts[0]) - strlen(texts[1]);
        compare(seed, texts[0], texts[1]);
    }
    assert_true(values > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_generators_do_what_plain_calls_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
