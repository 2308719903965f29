#include "engine/mailbox.h"

#include <stddef.h>

void mailbox_init(struct mailbox *box)
{
    atomic_init(&box->top, NULL);
    atomic_init(&box->asleep, false);
}

void mailbox_leave(struct mailbox *box, struct mail *mail)
{
    struct mail *top = atomic_load(&box->top);

    do
        mail->next = top;
    while (!atomic_compare_exchange_weak(&box->top, &top, mail));
}

bool mailbox_post(struct mailbox *box, struct mail *mail)
{
    mailbox_leave(box, mail);
    return atomic_load(&box->asleep) && atomic_exchange(&box->asleep, false);
}

struct mail *mailbox_take(struct mailbox *box)
{
    struct mail *newest = atomic_load(&box->top) ? atomic_exchange(&box->top, NULL) : NULL;
    struct mail *oldest = NULL;

    while (newest) {
        struct mail *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool mailbox_sleep(struct mailbox *box)
{
    atomic_store(&box->asleep, true);
    if (!atomic_load(&box->top))
        return true;
    atomic_store(&box->asleep, false);
    return false;
}

void mailbox_awake(struct mailbox *box)
{
    if (atomic_load(&box->asleep))
        atomic_store(&box->asleep, false);
}
