/* SPDX-License-Identifier: MIT */
/*
 * Invariants
 *  - Who finds the box empty, and then the loop asleep, writes the eventfd. The loop says that it is
 *    asleep before it looks into the box a last time, and empties the eventfd before it takes the
 *    letters. So each letter is seen by that look, followed by a call, or taken before it.
 *  - A letter is the sender's until it is posted, then the box's, and its opener's once taken. The
 *    sender does not touch it after posting.
 *  - Nothing is sent once mailbox_refuse has returned: it waits for all who are sending. What belongs
 *    to the loop may still post, and is over before the eventfd is closed. So nobody can write to a
 *    number that stands for something else by then.
 */
#include "mailbox.h"

#include "misuse.h"
#include "spin.h"

#include <errno.h>
#include <sched.h>

static const int64_t SOON_NS = 50 * 1000;

static void call_loop(struct mailbox *mailbox)
{
    const uint64_t one = 1;
    const ssize_t n = sys_write(mailbox->fd, &one, sizeof one);
    if (n < 0 && n != -EAGAIN) /* which would mean that it is set already */
        misuse("the loop's eventfd %d was closed or replaced: error %zd", mailbox->fd, -n);
}

void mailbox_post(struct mailbox *mailbox, struct letter *letter)
{
    struct letter *first = atomic_load(&mailbox->letters);
    do {
        letter->next = first;
    } while (!atomic_compare_exchange_weak(&mailbox->letters, &first, letter));
    if (!first && atomic_load(&mailbox->asleep)) call_loop(mailbox);
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

/* ---- asleep and awake ---- */

static bool has_letters(struct mailbox *mailbox)
{
    return atomic_load(&mailbox->letters) != NULL;
}

bool mailbox_sleep(struct mailbox *mailbox)
{
    mailbox->slept_ns = 0;
    if (mailbox->expected > 0 && mailbox->can_spin) {
        mailbox->slept_ns = sys_clock_ns();
        if (mailbox->brisk) SPIN_UNTIL(has_letters(mailbox));
    }
    atomic_store(&mailbox->asleep, true);
    return !has_letters(mailbox);
}

void mailbox_awake(struct mailbox *mailbox)
{
    atomic_store(&mailbox->asleep, false);
    if (mailbox->slept_ns)
        mailbox->brisk = has_letters(mailbox) && sys_clock_ns() - mailbox->slept_ns < SOON_NS;
}

void mailbox_rest(struct mailbox *mailbox)
{
    atomic_store(&mailbox->asleep, true);
    if (has_letters(mailbox)) call_loop(mailbox);
}

bool mailbox_collect(struct mailbox *mailbox)
{
    if (mailbox->called) {
        uint64_t count;
        mailbox->called = false;
        (void)sys_read(mailbox->fd, &count, sizeof count); /* empties it; that it was empty is as good */
    }
    return has_letters(mailbox) && mailbox_open_all(mailbox);
}

bool mailbox_open_all(struct mailbox *mailbox)
{
    struct letter *newest = atomic_exchange(&mailbox->letters, NULL);
    open_all(newest);
    return newest != NULL;
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
    *mailbox = (struct mailbox){.fd = sys_eventfd(), .asleep = true, .can_spin = sys_processors() > 1};
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
    (void)mailbox_open_all(mailbox);
}

void mailbox_close(struct mailbox *mailbox)
{
    (void)sys_close(mailbox->fd); /* an eventfd has nothing to lose */
}
