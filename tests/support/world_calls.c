/* SPDX-License-Identifier: MIT */
/* Functions that random programs have the loop call, and what other threads ask of it. */
#include "world.h"

#include <unistd.h>

/* ---- calls ---- */

static void ask(uint64_t *random);

static void on_call(void *arg)
{
    struct call_account *account = arg;
    atomic_fetch_add(&account->made, 1);
    saw(SEEN_CALLS_MADE, 1);
    WORLD_EXPECT(!bide_current_task() && bide_yield() == -EPERM, "called inside of a task");
    if (world.actions <= 0) return;
    world.actions--;
    switch (world_draw(&world.random, 6)) {
    case 0: world_cancel_any(&world.random); return;
    case 1: world_create_alone(&world.random, world.closing); return;
    case 2: world_close_any(&world.random); return;
    case 3:
        if (!world.closing) ask(&world.random); /* for the last ones nothing is promised */
        return;
    default: return;
    }
}

/* NULL: a nameless one. */
static struct bide_handle *draw_handle(uint64_t *random, bool timed, struct call_account **account)
{
    const int which = world_draw(random, TIMED_CALLS + 1);
    *account =
        which == TIMED_CALLS ? &world.nameless[timed] : &world.calls[timed ? which : TIMED_CALLS + which];
    return which == TIMED_CALLS ? NULL : &(*account)->handle;
}

static void account_asked(struct call_account *account, const struct bide_handle *handle, int code)
{
    WORLD_EXPECT(code == 0 || (handle && code == -EBUSY), "asking for a call gave %d", code);
    if (code == 0) atomic_fetch_add(&account->asked, 1);
}

static void ask_later(uint64_t *random)
{
    struct call_account *account;
    struct bide_handle *handle = draw_handle(random, true, &account);
    const double seconds = world_ticks(random);
    const int code = world_draw(random, 2) ? bide_call_later(handle, seconds, on_call, account)
                                           : bide_call_at(handle, bide_time() + seconds, on_call, account);
    account_asked(account, handle, code);
}

static void ask_soon(uint64_t *random)
{
    struct call_account *account;
    struct bide_handle *handle = draw_handle(random, false, &account);
    const int code = world_draw(random, 2) ? bide_call_soon(handle, on_call, account)
                                           : bide_call_soon_threadsafe(world.loop, handle, on_call, account);
    if (code == -ESHUTDOWN && world.closing) return;
    account_asked(account, handle, code);
}

static void take_back(uint64_t *random)
{
    struct call_account *account = &world.calls[world_draw(random, MOST_CALLS)];
    const int code = bide_handle_cancel(&account->handle);
    WORLD_EXPECT(code == 0 || code == 1, "cancelling a call gave %d", code);
    if (code == 1) atomic_fetch_add(&account->cancelled, 1);
    saw(SEEN_CALLS_CANCELLED, code == 1);
}

static void ask(uint64_t *random)
{
    switch (world_draw(random, 3)) {
    case 0: ask_later(random); return;
    case 1: ask_soon(random); return;
    default: take_back(random);
    }
}

int act_call(struct body *body)
{
    if (!body->quiet) ask(&body->random);
    return 0;
}

void world_check_calls(void)
{
    for (int i = 0; i < MOST_CALLS + 2; i++) {
        struct call_account *account = i < MOST_CALLS ? &world.calls[i] : &world.nameless[i - MOST_CALLS];
        const bool timed = i < TIMED_CALLS || i == MOST_CALLS + 1;
        const unsigned asked = atomic_load(&account->asked), made = atomic_load(&account->made);
        const unsigned cancelled = atomic_load(&account->cancelled);
        WORLD_EXPECT(timed ? made + cancelled <= asked : made + cancelled == asked,
                     "call %d: asked %u times, made %u, cancelled %u", i, asked, made, cancelled);
        WORLD_EXPECT(bide_handle_cancel(i < MOST_CALLS ? &account->handle : NULL) == 0, "still pending");
    }
}

/* ---- other threads ---- */

static bool helper_asks(struct helper *helper)
{
    struct call_account *account;
    struct bide_handle *handle = draw_handle(&helper->random, false, &account);
    const int code = bide_call_soon_threadsafe(world.loop, handle, on_call, account);
    saw(code == 0 ? SEEN_CALLS_OF_THREADS : SEEN_CALLS_REFUSED, 1);
    if (code == -ESHUTDOWN) return false;
    account_asked(account, handle, code);
    return true;
}

static bool helper_runs(struct helper *helper)
{
    struct body *body = world_body(&helper->random, MOST_DEPTH - 2, BODY_REMOTE);
    int result = -EDOM;
    if (!body) return true;
    const int code = bide_run_threadsafe(world.loop, world_body_main, body, &result);
    WORLD_EXPECT(code == 0 || code == -ESHUTDOWN, "run_threadsafe gave %d", code);
    WORLD_EXPECT(code < 0 ? !body->started : body->ended && result == body->result, "its result %d", result);
    if (code == 0) body->given = true;
    saw(SEEN_TASKS_OF_THREADS, code == 0);
    return code == 0;
}

static bool helper_starts(struct helper *helper)
{
    struct body *body = world_body(&helper->random, MOST_DEPTH - 2, BODY_REMOTE);
    int result = -EDOM;
    if (!body) return true;
    struct bide_remote *remote = bide_start_threadsafe(world.loop, world_body_main, body);
    WORLD_EXPECT(remote || errno == ESHUTDOWN, "start_threadsafe: errno %d", errno);
    if (!remote) return false;
    body->given = true;
    saw(SEEN_TASKS_OF_THREADS, 1);
    if (world_draw(&helper->random, 2)) usleep((useconds_t)world_draw(&helper->random, 50));
    if (world_draw(&helper->random, 2)) bide_remote_cancel(remote);
    const double seconds = world_draw(&helper->random, 2) ? 20e-6 : BIDE_FOREVER;
    const int code = world_draw(&helper->random, 2) ? bide_remote_wait(remote, seconds, &result) : -ETIMEDOUT;
    WORLD_EXPECT(code == 0 || code == -ETIMEDOUT, "remote_wait gave %d", code);
    WORLD_EXPECT(code < 0 || (body->ended && result == body->result), "its result %d", result);
    bide_remote_free(remote);
    return true;
}

static int own_loop_main(void *arg)
{
    struct helper *helper = arg;
    const double seconds = world_draw(&helper->random, 3);
    WORLD_EXPECT(bide_sleep(seconds) == 0, "sleep in a loop of its own");
    return helper_asks(helper);
}

/* A loop of its own, in virtual time, whose task asks for a call in the other one. */
static bool helper_has_a_loop(struct helper *helper)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    const int code = bide_run_with(&options, own_loop_main, helper);
    WORLD_EXPECT(code >= 0, "a loop of its own gave %d", code);
    return code == 1;
}

static void *helper_main(void *arg)
{
    struct helper *helper = arg;
    for (int steps = 1 + world_draw(&helper->random, 10); steps > 0; steps--) {
        bool goes_on = true;
        switch (world_draw(&helper->random, 8)) {
        case 0:
        case 1: goes_on = helper_runs(helper); break;
        case 2:
        case 3: goes_on = helper_starts(helper); break;
        case 4: goes_on = helper_has_a_loop(helper); break;
        default: goes_on = helper_asks(helper);
        }
        if (!goes_on) break;
        if (world_draw(&helper->random, 4) == 0) usleep((useconds_t)world_draw(&helper->random, 50));
    }
    return NULL;
}

void world_helpers_start(uint64_t *random)
{
    world.loop = bide_current_loop();
    const int count = world_draw(random, 2) * world_draw(random, MOST_HELPERS + 1);
    for (int i = 0; i < count; i++) {
        struct helper *helper = &world.helpers[i];
        helper->random = *random + (uint64_t)i + 1;
        const int code = pthread_create(&helper->thread, NULL, helper_main, helper);
        WORLD_EXPECT(code == 0, "no thread: error %d", code);
        if (code == 0) world.helper_count++;
    }
}

void world_helpers_join(void)
{
    for (int i = 0; i < world.helper_count; i++) pthread_join(world.helpers[i].thread, NULL);
}
