/* SPDX-License-Identifier: MIT */
#include "factory.h"

#include <errno.h>
#include <stdlib.h>

struct factory factory;

int factory_make(void *arg, void **resource)
{
    struct factory *own = arg;
    if (++own->alive > own->most) own->most = own->alive;
    int code = own->make_time > 0 ? bide_sleep(own->make_time) : 0;
    if (code == 0) code = own->make_code;
    if (code < 0) {
        own->alive--;
        return code;
    }
    struct thing *thing = malloc(sizeof *thing);
    *thing = (struct thing){.number = ++own->made};
    *resource = thing;
    return 0;
}

int factory_check(void *arg, void *resource)
{
    struct factory *own = arg;
    const struct thing *thing = resource;
    if (own->check_time > 0 && bide_sleep(own->check_time) < 0) return -ECANCELED;
    return thing->broken ? -EPIPE : 0;
}

void factory_destroy(void *arg, void *resource)
{
    struct factory *own = arg;
    if (own->destroy_time > 0) (void)bide_sleep(own->destroy_time);
    own->alive--;
    free(resource);
}

struct bide_pool *things;

void open_things(size_t max)
{
    const struct bide_pool_options options = {.max = max,
                                              .create = factory_make,
                                              .destroy = factory_destroy,
                                              .check = factory_check,
                                              .arg = &factory};
    factory = (struct factory){0};
    things = bide_pool_new(&options);
}
