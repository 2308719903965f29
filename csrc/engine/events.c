/* events: from the loops to whoever reaps, through one descriptor.
 *
 * Like a mailbox: an intrusive stack, taken whole.  The descriptor is written when the stack was
 * empty, so a batch costs one write; it stays readable while events are left. */
#include "engine/engine.h"

static void events_post(struct uwo_engine *engine, struct transfer *newest, struct transfer *oldest)
{
    struct transfer *top = atomic_load(&engine->events);

    do
        oldest->event_next = top;
    while (!atomic_compare_exchange_weak(&engine->events, &top, newest));
    if (!top)
        engine->sys->event_signal(engine->event_fd);
}

void events_raise(struct loop *loop, struct transfer *transfer, uint32_t flag)
{
    if (atomic_fetch_or(&transfer->event_flags, flag) != 0)
        return;
    transfer->event_next = loop->events_first;
    loop->events_first = transfer;
    if (!loop->events_last)
        loop->events_last = transfer;
}

void events_publish(struct loop *loop)
{
    if (!loop->events_first)
        return;
    events_post(loop->engine, loop->events_first, loop->events_last);
    loop->events_first = loop->events_last = NULL;
}

void events_push(struct uwo_engine *engine, struct transfer *transfer, uint32_t flag)
{
    if (atomic_fetch_or(&transfer->event_flags, flag) == 0)
        events_post(engine, transfer, transfer);
}
