/* SPDX-License-Identifier: MIT */
/* Clean-up that is named where what it cleans up begins. */
#include "sys.h"
#include "task.h"

#include <bide/defer.h>
#include <errno.h>

int bide_defer(bide_fn fn, void *arg)
{
    if (!task_current) return -EPERM;
    if (!fn) return -EINVAL;
    struct deferred **first = task_deferred(task_current);
    struct deferred *deferred = first ? sys_alloc(sizeof *deferred) : NULL;
    if (!deferred) return -ENOMEM;
    *deferred = (struct deferred){.next = *first, .fn = fn, .arg = arg};
    *first = deferred;
    return 0;
}

void bide_deferred_run_(struct bide_deferred *deferred)
{
    if (deferred->quiet)
        deferred->quiet(deferred->arg);
    else if (deferred->fn)
        (void)deferred->fn(deferred->arg); /* as the block is being left, nobody could see it */
}
