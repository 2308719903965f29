/* reap: hands events to the host and frees what they speak of. */
#include "engine/reap.h"

#include <string.h>

/* Move what was posted to the reaper's own list, oldest first.  Under reap_lock. */
static void reap_take(struct uwo_engine *engine)
{
    engine->sys->event_clear(engine->event_fd);

    struct transfer *newest = atomic_exchange(&engine->events, NULL);
    struct transfer *first = NULL;
    struct transfer *last = newest;

    while (newest) {
        struct transfer *older = newest->event_next;

        newest->event_next = first;
        first = newest;
        newest = older;
    }
    if (!first)
        return;
    if (engine->reap_last)
        engine->reap_last->event_next = first;
    else
        engine->reap_first = first;
    engine->reap_last = last;
}

static struct transfer *reap_first(struct uwo_engine *engine)
{
    struct transfer *transfer = engine->reap_first;

    if (transfer) {
        engine->reap_first = transfer->event_next;
        if (!engine->reap_first)
            engine->reap_last = NULL;
    }
    return transfer;
}

/* Give the unused bytes to the event and free what is left of the extra part. */
static void reap_leftover(const struct sys *sys, struct transfer *transfer, struct uwo_event *event)
{
    struct extra *extra = transfer->extra;

    if (!extra)
        return;
    event->leftover_size = extra->leftover_size - extra->leftover_used;
    if (event->leftover_size > 0) {
        event->leftover = extra->leftover;
        memmove(extra->leftover, extra->leftover + extra->leftover_used, event->leftover_size);
    } else {
        sys->release(extra->leftover);
    }
    sys->release(extra);
    transfer->extra = NULL;
}

static void reap_done(struct uwo_engine *engine, struct transfer *transfer, struct uwo_event *event)
{
    event->kind = UWO_EVENT_DONE;
    event->outcome = transfer->program.outcome;
    event->error = transfer->program.error;
    event->bytes_queued = atomic_load(&transfer->bytes_queued);
    event->bytes_acked = atomic_load(&transfer->bytes_acked);
    event->bytes_received = transfer->program.bytes_received;
    event->duration_us = transfer->limits.progress_us - transfer->limits.started_us;
    reap_leftover(engine->sys, transfer, event);
    pthread_mutex_lock(&engine->lock);
    event->client_fd = transfer->client_fd;
    transfer_disown(engine, transfer->client_fd);
    transfer->client_fd = -1;
    /* A mail that is still in the box keeps the slot; the loop frees it then. */
    if (atomic_fetch_or(&transfer->mail_flags, MAIL_REAPED) == 0)
        transfer_free(engine, transfer);
    pthread_mutex_unlock(&engine->lock);
}

int reap_events(struct uwo_engine *engine, struct uwo_event *events, size_t max)
{
    size_t count = 0;
    struct transfer *transfer;

    pthread_mutex_lock(&engine->reap_lock);
    reap_take(engine);
    while (count < max && (transfer = reap_first(engine))) {
        uint32_t flags = atomic_exchange(&transfer->event_flags, 0);

        events[count] = (struct uwo_event){
            .size = sizeof(struct uwo_event),
            .kind = UWO_EVENT_ROOM,
            .id = atomic_load_explicit(&transfer->id, memory_order_relaxed),
            .tag = transfer->tag,
            .thread = transfer->thread,
            .client_fd = -1,
        };
        if (flags & EVENT_DONE)
            reap_done(engine, transfer, &events[count]);
        count++;
    }
    if (engine->reap_first)
        engine->sys->event_signal(engine->event_fd);
    pthread_mutex_unlock(&engine->reap_lock);
    return (int)count;
}
