/* SPDX-License-Identifier: MIT */
/*
 * A little world of addresses, all at one port: 127.0.0.1 to 127.0.0.3 hang, as the queues of those who
 * listen there are full, for as long as virtual time wants them to; 127.0.0.4 answers; 127.0.0.5 and
 * others refuse.
 */
#ifndef HOLES_H
#define HOLES_H

#include "check.h"

extern int holes_port;
extern int holes_answerer; /* listens at 127.0.0.4 */

int holes_begin(void);
void holes_end(void);

/* Who is at the other end, in words. */
int holes_peer(int fd, char *text);

/* A cmocka test in that world, in virtual time. */
#define IN_WORLD(name)                                                                                       \
    static int in_world_##name(void);                                                                        \
    static int run_##name(void *arg)                                                                         \
    {                                                                                                        \
        (void)arg;                                                                                           \
        int code = holes_begin();                                                                            \
        if (code == 0) code = in_world_##name();                                                             \
        holes_end();                                                                                         \
        return code;                                                                                         \
    }                                                                                                        \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        assert_int_equal(check_run(run_##name, NULL), 0);                                                    \
    }                                                                                                        \
    static int in_world_##name(void)

#endif
