/* SPDX-License-Identifier: MIT */
/*
 * A transaction ends in COMMIT if all went well, and in ROLLBACK by whatever other way its block is
 * left: a failure, or a cancel in the middle. Python's `async with`, in C.
 */
#include <bide.h>
#include <errno.h>
#include <stdio.h>

struct transaction {
    const char *name;
    bool committed;
};

static int commit(struct transaction *transaction)
{
    int code = bide_sleep(0.1); /* the database answers */
    if (code < 0) return code;
    transaction->committed = true;
    printf("%s: COMMIT\n", transaction->name);
    return 0;
}

/* Has to reach the database also when the task is cancelled: it gets two seconds. */
static int rollback_unless_committed(void *arg)
{
    struct transaction *transaction = arg;
    if (transaction->committed) return 0;
    BIDE_SHIELD(2.0) {
        int code = bide_sleep(0.1);
        printf("%s: ROLLBACK%s\n", transaction->name, code < 0 ? " failed" : "");
    }
    return 0;
}

static int transfer(const char *name, int amount)
{
    struct transaction transaction = {.name = name};
    printf("%s: BEGIN\n", name);
    BIDE_DEFER(rollback_unless_committed, &transaction);

    int code = bide_sleep(1.0); /* UPDATE, UPDATE */
    if (code < 0) return code;
    if (amount > 100) return bide_fail(ERANGE, "%d is more than there is", amount);
    return commit(&transaction);
}

static int small(void *arg)
{
    return transfer(arg, 10);
}

static int large(void *arg)
{
    return transfer(arg, 1000);
}

static int run_transactions(void *arg)
{
    (void)arg;
    int code = small("first");
    printf("first: %s\n", code < 0 ? bide_error_text(code) : "fine");
    code = large("second");
    printf("second: %s\n", code < 0 ? bide_error_text(code) : "fine");

    struct bide_task *task = bide_create_task(small, "third");
    bide_sleep(0.5);
    bide_cancel(task);
    code = bide_await(task, NULL);
    printf("third: %s\n", code == -ECANCELED ? "cancelled" : "not cancelled");
    return 0;
}

int main(void)
{
    const struct bide_options options = {.clock = BIDE_CLOCK_VIRTUAL};
    return bide_run_with(&options, run_transactions, NULL) < 0;
}
