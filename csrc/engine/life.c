#include "engine/life.h"

#include <string.h>

#include "engine/hosted.h"
#include "engine/reap.h"

/* In the helper, as its last act with the job: back to the loop. */
static void life_disk_done(void *context, struct disk_job *job)
{
    struct uwo_engine *engine = context;
    struct transfer *transfer = job->owner;
    struct loop *loop = &engine->loops[transfer->thread]; /* once posted, it may be gone */

    if (transfer_post(engine, transfer, MAIL_DISK))
        engine->sys->event_signal(loop->wake_fd);
}

static int life_init_memory(struct uwo_engine *engine)
{
    const struct sys *sys = engine->sys;
    uint32_t transfers_max = engine->options.transfers_max;

    engine->slots_memory = sys->alloc(slots_memory_size(transfers_max));
    engine->arena = sys->arena_map(transfers_max * sizeof(struct transfer));
    engine->owned = sys->arena_map(OWNED_MAX / 8);
    engine->loops = sys->alloc_aligned(_Alignof(struct loop),
                                       engine->options.threads * sizeof(struct loop));
    if (engine->loops)
        memset(engine->loops, 0, engine->options.threads * sizeof(struct loop));
    if (!engine->slots_memory || !engine->arena || !engine->owned || !engine->loops)
        return -ENOMEM;
    slots_init(&engine->slots, engine->slots_memory, transfers_max);
    return 0;
}

static int life_init_stats(struct uwo_engine *engine)
{
    const struct uwo_engine_options *options = &engine->options;
    int status = 0;

    engine->stats = options->stats;
    if (!engine->stats) {
        status = stats_create(engine->sys, NULL, options->stats_worker + 1, options->threads,
                              &engine->own_stats);
        engine->stats = engine->own_stats;
    }
    if (status == 0)
        engine->callers_stats = stats_slot(engine->stats, options->stats_worker,
                                           engine->stats->header->threads_max);
    return status;
}

static int life_init(struct uwo_engine *engine)
{
    const struct uwo_engine_options *options = &engine->options; /* one loop when hosted */
    int status = life_init_memory(engine);

    if (status == 0)
        status = life_init_stats(engine);
    if (status == 0)
        status = engine->event_fd = engine->sys->event_open();
    for (uint32_t i = 0; status >= 0 && i < options->threads; i++)
        status = loop_init(&engine->loops[i], engine, i);
    if (status >= 0)
        status = disk_start(&engine->disk, engine->sys, options->disk_threads, life_disk_done,
                            engine);
    if (engine->hosted)
        engine->loops[0].started = status >= 0;
    for (uint32_t i = 0; status >= 0 && !engine->hosted && i < options->threads; i++)
        status = loop_start(&engine->loops[i]);
    return status < 0 ? status : 0;
}

int life_create(const struct sys *sys, const struct uwo_engine_options *options,
                struct uwo_engine **out)
{
    struct uwo_engine *engine = sys->alloc_aligned(_Alignof(struct uwo_engine), sizeof *engine);

    if (!engine)
        return -ENOMEM;
    memset(engine, 0, sizeof *engine);
    engine->sys = sys;
    engine->generation = sys_generation();
    engine->options = *options;
    engine->hosted = options->threads == UWO_NONE;
    if (engine->hosted)
        engine->options.threads = 1;
    engine->host = pthread_self();
    engine->event_fd = -1;
    pthread_mutex_init(&engine->turn, NULL);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->reap_lock, NULL);

    int status = life_init(engine);

    if (status < 0) {
        life_destroy(engine);
        return status;
    }
    *out = engine;
    return 0;
}

/* No loop takes mail any more: take what came too late, and let none come after. */
static void life_close_mailboxes(struct uwo_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->stopped = true;
    for (uint32_t i = 0; engine->loops && i < engine->options.threads; i++) {
        struct mail *mail = mailbox_take(&engine->loops[i].mailbox);

        while (mail) {
            struct transfer *transfer = list_entry(mail, struct transfer, mail);

            mail = mail->next;
            if (atomic_exchange(&transfer->mail_flags, 0) & MAIL_REAPED)
                transfer_free(engine, transfer);
        }
    }
    pthread_mutex_unlock(&engine->lock);
}

int life_stop(struct uwo_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->draining = true;
    atomic_store(&engine->stopping, true);
    pthread_mutex_unlock(&engine->lock);
    for (uint32_t i = 0; engine->loops && i < engine->options.threads; i++) {
        struct loop *loop = &engine->loops[i];

        if (!loop->started)
            continue;
        engine->sys->event_signal(loop->wake_fd);
        if (engine->hosted)
            hosted_stop(engine);
        else
            pthread_join(loop->thread, NULL);
        loop->started = false;
    }
    life_close_mailboxes(engine);
    disk_stop(&engine->disk, engine->left_behind);
    return engine->left_behind ? -EBUSY : 0;
}

static void life_reap_rest(struct uwo_engine *engine)
{
    struct uwo_event event;

    while (reap_events(engine, &event, 1) > 0) {
        if (event.client_fd >= 0)
            engine->sys->close(event.client_fd);
        engine->sys->release(event.leftover);
    }
}

void life_destroy(struct uwo_engine *engine)
{
    const struct sys *sys = engine->sys;
    bool left_behind = life_stop(engine) < 0;

    if (engine->event_fd >= 0) {
        life_reap_rest(engine);
        sys->close(engine->event_fd);
    }
    if (left_behind) /* a helper still works on its job and will post it: nothing may go */
        return;
    for (uint32_t i = 0; engine->loops && i < engine->options.threads; i++)
        loop_deinit(&engine->loops[i]);
    stats_destroy(engine->own_stats);
    if (engine->arena)
        sys->arena_unmap(engine->arena, engine->options.transfers_max * sizeof(struct transfer));
    if (engine->owned)
        sys->arena_unmap(engine->owned, OWNED_MAX / 8);
    sys->release(engine->slots_memory);
    sys->release(engine->loops);
    pthread_mutex_destroy(&engine->turn);
    pthread_mutex_destroy(&engine->lock);
    pthread_mutex_destroy(&engine->reap_lock);
    sys->release(engine);
}
