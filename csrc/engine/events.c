/* events: from the loops to whoever reaps, through one descriptor.
 *
 * Like a mailbox: an intrusive stack, taken whole.  The descriptor is written when the stack was
 * empty, so a batch costs one write; it stays readable while events are left. */
#include "engine/call.h"

static void events_post(struct uwo_engine *engine, struct transfer *newest, struct transfer *oldest)
{
    struct transfer *top = atomic_load(&engine->events);

    do
        oldest->event_next = top;
    while (!atomic_compare_exchange_weak(&engine->events, &top, newest));
    if (!top)
        engine->sys->event_signal(engine->event_fd);
}

/* Link it to the newest, unless an earlier event of it is still on its way: then whoever reaps
 * that one sees this one too, perhaps at once. */
static void events_raise(struct loop *loop, struct transfer *transfer, uint32_t flag)
{
    if (atomic_fetch_or(&transfer->event_flags, flag) != 0)
        return;
    transfer->event_next = loop->events_first;
    loop->events_first = transfer;
    if (!loop->events_last)
        loop->events_last = transfer;
}

void events_make_room(struct loop *loop, struct transfer *transfer, uint64_t bytes)
{
    struct uwo_engine *engine = loop->engine;
    struct extra *extra = transfer->extra;
    bool room;

    pthread_mutex_lock(&engine->lock);
    extra->waiting -= bytes < extra->waiting ? bytes : extra->waiting;
    room = extra->room_wanted && extra->waiting <= extra->high_water / 2 &&
           extra->inbox_count <= INBOX_MAX / 2;
    if (room)
        extra->room_wanted = false;
    if (room && transfer->serves && transfer->session->call && !transfer->session->call->dropped)
        call_room(atomic_load(&engine->front), transfer->session->call);
    pthread_mutex_unlock(&engine->lock);
    if (room && !transfer->serves)
        events_raise(loop, transfer, EVENT_ROOM);
}

void events_done(struct loop *loop, struct transfer *transfer)
{
    transfer->ready_next = NULL;
    if (loop->ended_last)
        loop->ended_last->ready_next = transfer;
    else
        loop->ended_first = transfer;
    loop->ended_last = transfer;
}

void events_publish(struct loop *loop)
{
    struct transfer *ended = loop->ended_first;

    loop->ended_first = loop->ended_last = NULL;
    while (ended) {
        struct transfer *next = ended->ready_next;

        events_raise(loop, ended, EVENT_DONE);
        ended = next;
    }
    if (loop->events_first) {
        events_post(loop->engine, loop->events_first, loop->events_last);
        loop->published = true;
    }
    loop->events_first = loop->events_last = NULL;
}

void events_done_now(struct uwo_engine *engine, struct transfer *transfer)
{
    if (atomic_fetch_or(&transfer->event_flags, EVENT_DONE) == 0)
        events_post(engine, transfer, transfer);
}
