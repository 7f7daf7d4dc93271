/* SPDX-License-Identifier: MIT */
/* What a pool of resources is tested with: things that are made, checked and destroyed in a given time. */
#ifndef FACTORY_H
#define FACTORY_H

#include <bide.h>

struct thing {
    int number;
    bool used;
    bool broken; /* a check finds that out */
};

/* What there is, and how its functions behave. */
extern struct factory {
    int made;
    int alive;                                  /* being made and being destroyed included */
    int most;                                   /* that were ever alive */
    double make_time, check_time, destroy_time; /* seconds */
    int make_code;                              /* negative: what making gives */
} factory;

int factory_make(void *factory, void **thing);
int factory_check(void *factory, void *thing);
void factory_destroy(void *factory, void *thing);

extern struct bide_pool *things;

/* A pool of so many; and a factory that has made none yet. */
void open_things(size_t max);

#endif
