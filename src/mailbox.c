/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - Who finds the box empty writes the eventfd; the loop empties the eventfd before it takes the
 *    letters. So each letter is followed by a call, or taken before it.
 *  - A letter is the sender's until it is posted, then the box's, and its opener's once taken. The
 *    sender does not touch it after posting.
 *  - Nothing is sent once mailbox_refuse has returned: it waits for all who are sending. What belongs
 *    to the loop may still post, and is over before the eventfd is closed. So nobody can write to a
 *    number that stands for something else by then.
 */
#include "mailbox.h"

#include "misuse.h"
#include "sys.h"

#include <errno.h>
#include <sched.h>

void mailbox_post(struct mailbox *mailbox, struct letter *letter)
{
    struct letter *first = atomic_load(&mailbox->letters);
    do {
        letter->next = first;
    } while (!atomic_compare_exchange_weak(&mailbox->letters, &first, letter));
    const uint64_t one = 1;
    if (!first) {
        const ssize_t n = sys_write(mailbox->fd, &one, sizeof one);
        if (n < 0 && n != -EAGAIN) /* which would mean that it is set already */
            misuse("the loop's eventfd %d was closed or replaced: error %zd", mailbox->fd, -n);
    }
}

int mailbox_send(struct mailbox *mailbox, struct letter *letter)
{
    atomic_fetch_add(&mailbox->sending, 1);
    const bool refused = atomic_load(&mailbox->refusing);
    if (!refused) mailbox_post(mailbox, letter);
    atomic_fetch_sub(&mailbox->sending, 1);
    return refused ? -ESHUTDOWN : 0;
}

/* Opens letters, the newest first in the list, in the order of posting. */
static void open_all(struct letter *newest)
{
    struct letter *oldest = NULL;
    while (newest) {
        struct letter *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct letter *next = oldest->next;
        oldest->open(oldest);
        oldest = next;
    }
}

void mailbox_collect(struct mailbox *mailbox)
{
    if (!mailbox->called) return;
    mailbox->called = false;
    uint64_t count;
    (void)sys_read(mailbox->fd, &count, sizeof count); /* empties it; that it was empty is as good */
    mailbox_open_all(mailbox);
}

void mailbox_open_all(struct mailbox *mailbox)
{
    open_all(atomic_exchange(&mailbox->letters, NULL));
}

static void mailbox_fire(struct wait *wait, int result)
{
    struct mailbox *mailbox = CONTAINER(wait, struct mailbox, wait.wait);
    if (result < 0) return;
    mailbox->called = true;
    /* It is registered: this only links the wait again. */
    (void)poller_watch(poller_current, poller_find(poller_current, mailbox->fd), &mailbox->wait);
}

static const struct wait_ops mailbox_ops = {.fire = mailbox_fire};

int mailbox_open(struct mailbox *mailbox, struct poller *poller)
{
    *mailbox = (struct mailbox){.fd = sys_eventfd()};
    if (mailbox->fd < 0) return mailbox->fd;
    struct descriptor *descriptor = poller_get(poller, mailbox->fd);
    int code = descriptor ? 0 : -ENOMEM;
    if (descriptor) {
        poller_forget(poller, descriptor); /* a foreign number that was closed behind bide's back */
        descriptor->own = true;
        wait_init(&mailbox->wait.wait, &mailbox_ops);
        mailbox->wait.events = EPOLLIN;
        mailbox->wait.background = true;
        code = poller_watch(poller, descriptor, &mailbox->wait);
    }
    if (code < 0) (void)sys_close(mailbox->fd); /* an eventfd has nothing to lose */
    return code;
}

void mailbox_refuse(struct mailbox *mailbox)
{
    atomic_store(&mailbox->refusing, true);
    while (atomic_load(&mailbox->sending) > 0) sched_yield();
    mailbox_open_all(mailbox);
}

void mailbox_close(struct mailbox *mailbox)
{
    (void)sys_close(mailbox->fd); /* an eventfd has nothing to lose */
}
