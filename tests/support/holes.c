/* SPDX-License-Identifier: MIT */
#include "holes.h"

#include "resolver.h"

#include <bide/net.h>
#include <unistd.h>

enum { HOLES = 3 };

int holes_port, holes_answerer;
static int holes[HOLES], fillers[HOLES];

void holes_end(void)
{
    for (int i = 0; i < HOLES; i++) {
        if (holes[i] >= 0) close(holes[i]);
        if (fillers[i] >= 0) close(fillers[i]);
        holes[i] = fillers[i] = -1;
    }
    if (holes_answerer >= 0) close(holes_answerer);
    holes_answerer = -1;
    holes_port = 0;
    resolver_clear();
}

static bool are_there(void)
{
    static const char *const names[HOLES] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    for (int i = 0; i < HOLES; i++) {
        holes[i] = resolver_listen(names[i], holes_port);
        if (holes[i] < 0) return false;
        holes_port = resolver_port(holes[i]);
        fillers[i] = resolver_fill(holes[i]);
        if (fillers[i] < 0) return false;
    }
    holes_answerer = resolver_listen("127.0.0.4", holes_port);
    return holes_answerer >= 0;
}

/* Another program may have the port at one of these addresses: then with another one. */
int holes_begin(void)
{
    for (int i = 0; i < HOLES; i++) holes[i] = fillers[i] = -1;
    holes_answerer = -1;
    for (int tries = 0; tries < 50; tries++) {
        if (are_there()) return 0;
        holes_end();
    }
    check_failed(__FILE__, __LINE__, "no port is free at four addresses");
    return -EPROTO;
}

int holes_peer(int fd, char *text)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    CHECK_INT(getpeername(fd, (struct sockaddr *)&address, &len), 0);
    return bide_address_text((struct sockaddr *)&address, len, text, BIDE_ADDRESS_TEXT);
}
