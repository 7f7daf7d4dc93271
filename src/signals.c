/* SPDX-License-Identifier: MIT */
/*
 * Each loop that ever waited for a signal has a subscriber: the set of signals it waits for and
 * those that have come. The handler walks all subscribers, so they are never freed while the
 * program runs, only used again, and are only ever added at the head of the list.
 *
 * Invariants
 *  - A loop's mailbox is only posted to between `busy` of its subscriber going up and down; signals_done
 *    clears `wanted`, then waits for `busy` to be 0, before the mailbox may go.
 *  - A subscriber's letter is in the mailbox if and only if `posted` is set.
 *  - users[n] loops want signal n; the handler is installed while there are any.
 */
#include "signals.h"

#include "sys.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

struct subscriber {
    struct subscriber *next;
    struct signals *signals; /* NULL: free to be used again; changed under the lock */
    struct letter letter;
    _Atomic uint64_t wanted;
    _Atomic uint64_t come;
    atomic_int posted; /* a truth value: riscv64 needs one more library to exchange a byte */
    atomic_uint busy;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct subscriber *) subscribers;
static unsigned users[SIGNALS];
static struct sigaction before[SIGNALS];

static uint64_t bit(int number)
{
    return (uint64_t)1 << (number - 1);
}

/* ---- SIGPIPE ---- */

static sigset_t only_sigpipe(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static bool is_pending(void)
{
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
}

/* A foreign loop's poll must be woken by them too, so they stay unblocked between steps. */
static void unblock_wanted(struct signals *signals)
{
    const uint64_t wanted = signals->subscriber ? atomic_load(&signals->subscriber->wanted) : 0;
    sigset_t set;
    sigemptyset(&set);
    for (int number = 1; number < SIGNALS; number++) {
        if (!(wanted & bit(number))) continue;
        sigaddset(&set, number);
        if (sigismember(&signals->old_mask, number) != 1) continue;
        sigdelset(&signals->old_mask, number);
        signals->unblocked |= bit(number);
        signals->thread = pthread_self();
    }
    if (wanted) pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void signals_reblock(struct signals *signals)
{
    const bool here = signals->unblocked && pthread_equal(signals->thread, pthread_self());
    for (int number = 1; here && number < SIGNALS; number++)
        if (signals->unblocked & bit(number)) sigaddset(&signals->old_mask, number);
    signals->unblocked = 0;
}

void signals_enter(struct signals *signals)
{
    const sigset_t set = only_sigpipe();
    signals->was_pending = is_pending();
    pthread_sigmask(SIG_BLOCK, &set, &signals->old_mask);
    unblock_wanted(signals);
}

void signals_leave(struct signals *signals)
{
    const sigset_t set = only_sigpipe();
    const struct timespec now = {0, 0};
    if (!signals->was_pending && is_pending()) (void)sigtimedwait(&set, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &signals->old_mask, NULL);
}

/* ---- the handler ---- */

static void tell(struct subscriber *subscriber, uint64_t signal)
{
    atomic_fetch_add(&subscriber->busy, 1);
    if (atomic_load(&subscriber->wanted) & signal) {
        atomic_fetch_or(&subscriber->come, signal);
        if (!atomic_exchange(&subscriber->posted, true))
            mailbox_post(subscriber->signals->mailbox, &subscriber->letter);
    }
    atomic_fetch_sub(&subscriber->busy, 1);
}

static void handle(int number)
{
    const int saved = errno;
    for (struct subscriber *each = atomic_load(&subscribers); each; each = each->next)
        tell(each, bit(number));
    errno = saved;
}

/* ---- in the loop ---- */

/* Every wait for one of these is woken; signals that nobody waits for are kept for the next wait. */
static void deliver(struct signals *signals, uint64_t come)
{
    struct node concerned;
    list_init(&concerned);
    uint64_t left = come;
    for (struct node *node = signals->waits.next, *next; node != &signals->waits; node = next) {
        next = node->next;
        struct signal_wait *wait = CONTAINER(node, struct signal_wait, wait.link);
        const uint64_t hit = wait->set & come;
        if (!hit) continue;
        wait->number = __builtin_ctzll(hit) + 1;
        left &= ~bit(wait->number);
        list_remove(node);
        list_append(&concerned, node);
    }
    signals->pending |= left;
    wake_list(&concerned, 0);
}

static void subscriber_open(struct letter *letter)
{
    struct subscriber *subscriber = CONTAINER(letter, struct subscriber, letter);
    atomic_store(&subscriber->posted, false);
    deliver(subscriber->signals, atomic_exchange(&subscriber->come, 0));
}

/* The loop's; at first one that is free, or a new one. NULL without memory. Under the lock. */
static struct subscriber *subscriber_of(struct signals *signals)
{
    if (signals->subscriber) return signals->subscriber;
    struct subscriber *subscriber = atomic_load(&subscribers);
    while (subscriber && subscriber->signals) subscriber = subscriber->next;
    if (!subscriber) {
        subscriber = sys_alloc(sizeof *subscriber);
        if (!subscriber) return NULL;
        *subscriber = (struct subscriber){.next = atomic_load(&subscribers), .letter.open = subscriber_open};
        atomic_store(&subscribers, subscriber);
    }
    subscriber->signals = signals;
    signals->subscriber = subscriber;
    return subscriber;
}

static int handler_install(int number)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    return sys_sigaction(number, &action, &before[number]);
}

/* Under the lock. */
static int want(struct subscriber *subscriber, int number)
{
    if (atomic_load(&subscriber->wanted) & bit(number)) return 0;
    const int code = users[number] == 0 ? handler_install(number) : 0;
    if (code < 0) return code;
    users[number]++;
    atomic_fetch_or(&subscriber->wanted, bit(number));
    return 0;
}

static void unwant(struct subscriber *subscriber, int number)
{
    if (!(atomic_load(&subscriber->wanted) & bit(number))) return;
    atomic_fetch_and(&subscriber->wanted, ~bit(number));
    if (--users[number] == 0) (void)sys_sigaction(number, &before[number], NULL); /* it was accepted once */
}

void signals_init(struct signals *signals, struct mailbox *mailbox)
{
    *signals = (struct signals){.mailbox = mailbox};
    list_init(&signals->waits);
}

int signals_subscribe(struct signals *signals, uint64_t set)
{
    struct subscriber *subscriber = signals->subscriber;
    if (subscriber && (atomic_load(&subscriber->wanted) & set) == set) return 0;
    pthread_mutex_lock(&lock);
    subscriber = subscriber_of(signals);
    int code = subscriber ? 0 : -ENOMEM;
    for (int number = 1; number < SIGNALS && code == 0; number++)
        if (set & bit(number)) code = want(subscriber, number);
    pthread_mutex_unlock(&lock);
    unblock_wanted(signals);
    return code;
}

void signals_unsubscribe(struct signals *signals, int number)
{
    pthread_mutex_lock(&lock);
    if (signals->subscriber) unwant(signals->subscriber, number);
    pthread_mutex_unlock(&lock);
}

bool signals_watch(struct signals *signals, struct signal_wait *wait)
{
    const uint64_t hit = wait->set & signals->pending;
    if (hit) {
        wait->number = __builtin_ctzll(hit) + 1;
        signals->pending &= ~bit(wait->number);
        return false;
    }
    wait->signals = signals;
    list_append(&signals->waits, &wait->wait.link);
    return true;
}

void signals_done(struct signals *signals)
{
    struct subscriber *subscriber = signals->subscriber;
    if (!subscriber) return;
    pthread_mutex_lock(&lock);
    for (int number = 1; number < SIGNALS; number++) unwant(subscriber, number);
    while (atomic_load(&subscriber->busy) > 0) sched_yield();
    mailbox_open_all(signals->mailbox); /* its letter, if there */
    subscriber->signals = NULL;
    pthread_mutex_unlock(&lock);
    signals->subscriber = NULL;
    signals_reblock(signals);
}

/* Another thread may have had the lock, or been in the handler, as it forked: it is not here. */
void signals_forget(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    for (struct subscriber *each = atomic_load(&subscribers); each; each = each->next) {
        atomic_store(&each->wanted, 0); /* first: a signal may come at any moment */
        each->signals = NULL;
        atomic_store(&each->come, 0);
        atomic_store(&each->posted, false);
        atomic_store(&each->busy, 0);
    }
    for (int number = 1; number < SIGNALS; number++) {
        if (users[number] > 0) (void)sys_sigaction(number, &before[number], NULL); /* it was accepted once */
        users[number] = 0;
    }
}

/* At the program's end nothing is left reachable; the handler is not installed any more. */
__attribute__((destructor)) static void free_subscribers(void)
{
    struct subscriber *subscriber = atomic_exchange(&subscribers, NULL);
    while (subscriber) {
        struct subscriber *next = subscriber->next;
        if (subscriber->signals) break; /* a loop is running still, in another thread */
        sys_free(subscriber);
        subscriber = next;
    }
}
