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
    struct deferred *deferred = sys_alloc(sizeof *deferred);
    if (!deferred) return -ENOMEM;
    *deferred = (struct deferred){.fn = fn, .arg = arg};
    if (task_defer(task_current, deferred)) return 0;
    sys_free(deferred);
    return -ENOMEM;
}

void bide_deferred_run_(struct bide_deferred *deferred)
{
    if (deferred->quiet)
        deferred->quiet(deferred->arg);
    else if (deferred->fn)
        (void)deferred->fn(deferred->arg); /* as the block is being left, nobody could see it */
}
