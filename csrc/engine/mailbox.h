/* mailbox: how other threads hand things to a loop.
 *
 * An intrusive stack that many may push on and one takes whole, so posting never fails and
 * never allocates; and a flag that says whether the loop sleeps, so that a burst wakes it
 * once.  The sleep protocol, all operations sequentially consistent:
 *
 *     poster                         loop
 *     push                           asleep = true
 *     if asleep: swap it to false    if the stack is not empty: asleep = false, do not wait
 *       and signal if it was true    wait; asleep = false
 *
 * Either the poster sees the flag, or the loop sees what was pushed. */
#ifndef ENGINE_MAILBOX_H
#define ENGINE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct mail {
    struct mail *next;
};

struct mailbox {
    _Alignas(64) _Atomic(struct mail *) top;
    _Alignas(64) atomic_bool asleep;
};

void mailbox_init(struct mailbox *box);

/* Thread: any.  True when the loop sleeps and the caller must signal it. */
bool mailbox_post(struct mailbox *box, struct mail *mail);

/* The same without hurry: a loop that sleeps is not woken for it.  Thread: any. */
void mailbox_leave(struct mailbox *box, struct mail *mail);

/* Everything posted so far, oldest first, linked by next; NULL when empty.  Thread: the loop. */
struct mail *mailbox_take(struct mailbox *box);

/* Announce sleep; false when there is mail: do not wait.  Thread: the loop. */
bool mailbox_sleep(struct mailbox *box);

/* After waiting, or instead of it. */
void mailbox_awake(struct mailbox *box);

#endif
