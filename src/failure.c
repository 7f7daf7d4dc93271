/* SPDX-License-Identifier: MIT */
/* A list keeps at most MOST_KEPT texts, so that a task that sees many failures does not grow. */
#include "failure.h"

#include "sys.h"

#include <stddef.h>

enum { MOST_KEPT = 16 };

static _Thread_local struct failure of_thread __attribute__((tls_model("initial-exec")));

struct failure *failure_of_thread(void)
{
    return &of_thread;
}

struct failure *failure_copy(const struct failure *failure)
{
    struct failure *copy = failure ? sys_alloc(sizeof *copy) : NULL;
    if (!copy) return NULL;
    *copy = *failure;
    copy->next = NULL;
    return copy;
}

struct failure *failures_find(const struct failures *failures, int code)
{
    struct failure *failure = failures->first;
    while (failure && failure->code != code) failure = failure->next;
    return failure;
}

struct failure *failures_take(struct failures *failures, int code)
{
    struct failure **link = &failures->first;
    while (*link && (*link)->code != code) link = &(*link)->next;
    struct failure *failure = *link;
    if (failure) *link = failure->next;
    return failure;
}

void failures_see(struct failures *failures, int code, struct failure *failure)
{
    if (failures->first) sys_free(failures_take(failures, code));
    if (!failure) return;
    failure->next = failures->first;
    failures->first = failure;
    struct failure **link = &failures->first;
    for (int kept = 0; *link && kept < MOST_KEPT; kept++) link = &(*link)->next;
    sys_free(*link);
    *link = NULL;
}

void failures_clear(struct failures *failures)
{
    while (failures->first) {
        struct failure *next = failures->first->next;
        sys_free(failures->first);
        failures->first = next;
    }
}
