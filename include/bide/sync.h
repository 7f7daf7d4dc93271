/* SPDX-License-Identifier: MIT */
/*
 * What tasks of one loop keep each other in step with: locks, events, conditions, semaphores,
 * barriers, read-write locks.
 *
 * All are structs of the caller's, anywhere in memory, which must not move while tasks use them.
 * Nothing is allocated, nothing has to be destroyed: zeros (`= {0}`, static) are a free lock, an
 * event that is not set, a semaphore without permits. They belong to the loop where they are
 * first waited on; other threads may not touch them. Their insides are the library's own.
 *
 * Those who wait are served first come, first served. What was handed over stays given: if a
 * release and a cancel of the waiter come in the same turn, the release first, the waiter has
 * the lock, and its next call fails. One that was cancelled, or whose deadline passed, has left
 * the line and takes nothing with it.
 *
 * Wrong use that would corrupt (releasing what one does not hold, an object that tasks of
 * another loop wait for, one that was cleared while tasks wait) aborts with a line that names
 * both sides.
 */
#ifndef BIDE_SYNC_H
#define BIDE_SYNC_H

#include <bide/base.h>
#include <bide/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- locks ---- */

/*
 * At most one task holds it (asyncio.Lock). A task must release it before it ends: what it leaves
 * behind stays held for ever.
 */
struct bide_lock {
    void *opaque[8];
};

/*
 * A block that holds the lock, as `async with lock` does. It sets the variable `code` to what
 * bide_lock_acquire gave; when that is negative the lock is not held and the block is left out, so
 * look at it afterwards, or let the block put its own outcome there:
 *
 *     int code;
 *     BIDE_LOCKED(&account->lock, code) {
 *         code = transfer(account, amount);
 *     }
 *     return code;
 *
 * break, continue, return and goto leave it properly; `break` leaves this block, not a loop
 * around it. Never jump into it, never longjmp out of it.
 */
#define BIDE_LOCKED(lock, code)                                                                              \
    BIDE_HELD_(bide_lock, bide_lock_enter_, bide_lock_leave_, lock, code, __COUNTER__)

/*
 * Takes the lock, waiting until it is this task's turn. May wait; when cut short the lock is not
 * held.
 *
 *     int code = bide_lock_acquire(&lock);
 *     if (code < 0) return code;
 *     ...
 *     bide_lock_release(&lock);
 *
 * Returns 0. Errors: -EDEADLK if this task holds it already; it then stays held.
 */
BIDE_API int bide_lock_acquire(struct bide_lock *lock);

/* Takes the lock if it is free. Returns 0. Errors: -EAGAIN if it is not, -EDEADLK and -EPERM as above. */
BIDE_API int bide_lock_acquire_nowait(struct bide_lock *lock);

/* Gives the lock to the first that waits for it. Aborts if this task does not hold it. */
BIDE_API void bide_lock_release(struct bide_lock *lock);

/* Whether any task holds the lock. */
BIDE_API bool bide_lock_locked(const struct bide_lock *lock);

/* ---- events ---- */

/* Something that has happened, or not yet (asyncio.Event). */
struct bide_event {
    void *opaque[8];
};

/*
 * Waits until the event is set. May wait. Whoever waited when it was set goes on, even if it is
 * cleared before he runs.
 *
 *     while (queue_is_empty()) {
 *         int code = bide_event_wait(&arrived);
 *         if (code < 0) return code;
 *         bide_event_clear(&arrived);
 *     }
 *
 * Returns 0.
 */
BIDE_API int bide_event_wait(struct bide_event *event);

/* Sets the event and wakes all that wait for it. Also outside of tasks, in the loop's thread. */
BIDE_API void bide_event_set(struct bide_event *event);

/* From now on tasks wait for it again. */
BIDE_API void bide_event_clear(struct bide_event *event);

/* Whether it is set. */
BIDE_API bool bide_event_is_set(const struct bide_event *event);

/* ---- conditions ---- */

/* News about what a lock protects (asyncio.Condition); the lock is passed to each wait. */
struct bide_cond {
    void *opaque[8];
};

/*
 * Releases the lock, which this task must hold, waits to be notified, and takes the lock again.
 * May wait. The lock is held again whatever it returns, and has been free for others meanwhile;
 * taking it cannot be cut short, so a cancelled task may have to wait for its turn.
 *
 *     int code;
 *     BIDE_LOCKED(&lock, code) {
 *         while (code == 0 && !ready) code = bide_cond_wait(&cond, &lock);
 *         if (code == 0) code = use_it();
 *     }
 *     return code;
 *
 * Returns 0 when it was notified: a cancel that comes later meets the next call. Cut short, it
 * has taken no notification. Aborts if the lock is not held, or if others wait with another lock.
 */
BIDE_API int bide_cond_wait(struct bide_cond *cond, struct bide_lock *lock);

/*
 * Waits until predicate(arg), called with the lock held, is true: at once if it is. May wait, as
 * bide_cond_wait does. The predicate must not wait. Returns 0.
 */
BIDE_API int bide_cond_wait_for(struct bide_cond *cond, struct bide_lock *lock, bool (*predicate)(void *arg),
                                void *arg);

/*
 * Notifies the first n that wait; they get the lock one after the other, behind those who wait
 * for it already. Aborts if this task does not hold their lock; while nobody waits it does nothing.
 */
BIDE_API void bide_cond_notify(struct bide_cond *cond, size_t n);

/* Notifies all that wait. */
BIDE_API void bide_cond_notify_all(struct bide_cond *cond);

/* ---- semaphores ---- */

/* A number of permits (asyncio.Semaphore, BoundedSemaphore). */
struct bide_sem {
    void *opaque[8];
};

/*
 * A block that holds a permit, as `async with semaphore` does; `code` is as for BIDE_LOCKED:
 *
 *     int code;
 *     BIDE_PERMIT(&ten_at_a_time, code) {
 *         code = fetch(url);
 *     }
 *     return code;
 */
#define BIDE_PERMIT(sem, code) BIDE_HELD_(bide_sem, bide_sem_enter_, bide_sem_leave_, sem, code, __COUNTER__)

/* Gives it n permits. Nobody may be waiting for it. */
BIDE_API void bide_sem_init(struct bide_sem *sem, unsigned n);

/* Gives it n permits and never more: releasing one that was not taken then aborts. */
BIDE_API void bide_sem_init_bounded(struct bide_sem *sem, unsigned n);

/* Takes a permit, waiting for one if need be. May wait; when cut short none is taken. Returns 0. */
BIDE_API int bide_sem_acquire(struct bide_sem *sem);

/* Takes a permit if there is one, also outside of tasks. Returns 0. Errors: -EAGAIN. */
BIDE_API int bide_sem_acquire_nowait(struct bide_sem *sem);

/*
 * Gives a permit back, or adds one, to the first that waits. Any task may do this, and a function
 * outside of tasks, in the loop's thread. Aborts if a bounded one has all its permits.
 */
BIDE_API void bide_sem_release(struct bide_sem *sem);

/* How many permits are free. */
BIDE_API unsigned bide_sem_value(const struct bide_sem *sem);

/* ---- barriers ---- */

/* Where a number of tasks wait for each other (asyncio.Barrier); again and again, round by round. */
struct bide_barrier {
    void *opaque[8];
};

/* Makes it a barrier of n tasks, whole and empty. Nobody may be waiting at it. Aborts if n is 0. */
BIDE_API void bide_barrier_init(struct bide_barrier *barrier, unsigned n);

/*
 * Waits until n tasks do. May wait; one that was cut short does not count any more.
 *
 *     int index = bide_barrier_wait(&barrier);
 *     if (index == 0) puts("all are here");
 *
 * Returns 0 for the one that came first, ... n - 1 for the last. Errors: -EPIPE if the barrier is
 * broken, or was broken or reset meanwhile; -EINVAL if it was never made one of n.
 */
BIDE_API int bide_barrier_wait(struct bide_barrier *barrier);

/* Breaks it: who waits, and who will, gets -EPIPE. Also outside of tasks, in the loop's thread. */
BIDE_API void bide_barrier_abort(struct bide_barrier *barrier);

/* Makes it whole and empty; those who wait get -EPIPE. Also outside of tasks, in the loop's thread. */
BIDE_API void bide_barrier_reset(struct bide_barrier *barrier);

/* Whether it is broken. */
BIDE_API bool bide_barrier_broken(const struct bide_barrier *barrier);

/* How many tasks it is for, and how many of them wait. */
BIDE_API unsigned bide_barrier_parties(const struct bide_barrier *barrier);
BIDE_API unsigned bide_barrier_waiting(const struct bide_barrier *barrier);

/* ---- read-write locks ---- */

/* Many tasks may hold it to read, or one to write. A task must release it before it ends. */
struct bide_rwlock {
    void *opaque[8];
};

/* Blocks that hold it to read, or to write; `code` is as for BIDE_LOCKED. */
#define BIDE_READ_LOCKED(lock, code)                                                                         \
    BIDE_HELD_(bide_rwlock, bide_rwlock_enter_read_, bide_rwlock_leave_, lock, code, __COUNTER__)
#define BIDE_WRITE_LOCKED(lock, code)                                                                        \
    BIDE_HELD_(bide_rwlock, bide_rwlock_enter_write_, bide_rwlock_leave_, lock, code, __COUNTER__)

/*
 * Takes it to read, together with other readers. May wait: while a task writes or, having come
 * first, waits to; so never take it to read twice, or to write while reading.
 *
 *     int code = bide_rwlock_acquire_read(&table_lock);
 *     if (code < 0) return code;
 *     ...
 *     bide_rwlock_release(&table_lock);
 *
 * Returns 0. Errors: -EDEADLK if this task holds it to write.
 */
BIDE_API int bide_rwlock_acquire_read(struct bide_rwlock *lock);

/* Takes it to write, alone. May wait; when cut short those behind it go on. Returns 0, errors as above. */
BIDE_API int bide_rwlock_acquire_write(struct bide_rwlock *lock);

/* Gives back what this task holds of it. Aborts if it holds nothing, as far as that can be seen. */
BIDE_API void bide_rwlock_release(struct bide_rwlock *lock);

/* The insides of the macros: a loop that runs once or, if nothing was taken, never. */
#define BIDE_HELD_(type, enter, leave, object, code, id)                                                     \
    BIDE_HELD_NAMED_(type, enter, leave, object, code, BIDE_PASTE_(bide_held_, id),                          \
                     BIDE_PASTE_(bide_once_, id))
#define BIDE_HELD_NAMED_(type, enter, leave, object, code, held, once)                                       \
    for (struct type * held __attribute__((cleanup(leave))) = enter(object, &(code)), *once = held; once;    \
         once = NULL)
BIDE_API struct bide_lock *bide_lock_enter_(struct bide_lock *lock, int *code);
BIDE_API void bide_lock_leave_(struct bide_lock **block);
BIDE_API struct bide_sem *bide_sem_enter_(struct bide_sem *sem, int *code);
BIDE_API void bide_sem_leave_(struct bide_sem **block);
BIDE_API struct bide_rwlock *bide_rwlock_enter_read_(struct bide_rwlock *lock, int *code);
BIDE_API struct bide_rwlock *bide_rwlock_enter_write_(struct bide_rwlock *lock, int *code);
BIDE_API void bide_rwlock_leave_(struct bide_rwlock **block);

#ifdef __cplusplus
}
#endif

#endif
