#include "engine/submit.h"

#include <string.h>

#include "engine/attempt.h"
#include "engine/instructions.h"

/* ---- reserve ---- */

static bool submit_has(const struct submission *submission, uint32_t kind)
{
    for (size_t i = 0; i < submission->program->count; i++) {
        if (submission->program->instructions[i].kind == kind)
            return true;
    }
    return false;
}

static bool submit_needs_extra(const struct submission *submission)
{
    const struct uwo_transfer *wanted = submission->wanted;

    return wanted->rate_min || wanted->rate_max || wanted->leftover_size ||
           wanted->flags & UWO_GROWING || submit_has(submission, UWO_SPLICE) ||
           submit_has(submission, UWO_RECEIVE_FILE);
}

static int submit_fill_extra(const struct sys *sys, struct transfer *transfer,
                             const struct submission *submission)
{
    const struct uwo_transfer *wanted = submission->wanted;
    struct extra *extra;

    if (!submit_needs_extra(submission))
        return 0;
    extra = transfer_extra(sys, transfer);
    if (!extra)
        return -ENOMEM;
    extra->pace.rate = wanted->rate_max;
    extra->floor.rate = wanted->rate_min;
    extra->floor.window_ms = wanted->rate_min_grace_ms;
    extra->high_water = wanted->high_water;
    if (wanted->leftover_size) {
        extra->leftover = sys->alloc(wanted->leftover_size);
        if (!extra->leftover)
            return -ENOMEM;
        memcpy(extra->leftover, wanted->leftover, wanted->leftover_size);
        extra->leftover_size = wanted->leftover_size;
    }
    return 0;
}

static int submit_fill_program(const struct sys *sys, struct transfer *transfer,
                               const struct submission *submission)
{
    size_t count = submission->program->count;
    struct instruction *list = transfer->first;
    int status;

    if (count > INLINE_INSTRUCTIONS)
        list = sys->alloc(count * sizeof *list);
    if (!list)
        return -ENOMEM;
    status = instructions_copy(sys, submission->program, submission->checked, list);
    if (status < 0) {
        if (list != transfer->first)
            sys->release(list);
        return status;
    }
    program_init(&transfer->program, list, (uint32_t)count, transfer->growing);
    if (transfer->growing)
        transfer->extra->waiting = instructions_bytes(list, (uint32_t)count);
    return 0;
}

static int submit_fill(const struct sys *sys, struct transfer *transfer,
                       const struct submission *submission)
{
    const struct uwo_transfer *wanted = submission->wanted;
    int status;

    transfer->client_fd = submission->client_fd;
    transfer->tcp = submission->tcp;
    transfer->tag = submission->tag;
    transfer->give_back = wanted->after == UWO_GIVE_BACK;
    transfer->growing = wanted->flags & UWO_GROWING;
    transfer->shared = transfer->growing || submit_has(submission, UWO_RECEIVE_FILE);
    transfer->try_first = wanted->flags & UWO_TRY_FIRST;
    transfer->no_settle = wanted->flags & UWO_NO_SETTLE;
    transfer->limits.deadline_ms = wanted->deadline_ms ? wanted->deadline_ms : LIMITS_NEVER;
    transfer->limits.no_progress_ms = wanted->no_progress_ms;
    transfer->program.list = transfer->first;
    status = submit_fill_extra(sys, transfer, submission);
    if (status == 0)
        status = submit_fill_program(sys, transfer, submission);
    return status;
}

/* Nothing it holds is the engine's but duplicates and copies. */
static void submit_undo(struct uwo_engine *engine, struct transfer *transfer)
{
    if (transfer->extra)
        transfer->extra->leftover_used = transfer->extra->leftover_size;
    transfer_forget(engine->sys, transfer);
    pthread_mutex_lock(&engine->lock);
    transfer_disown(engine, transfer->client_fd);
    transfer->client_fd = -1;
    transfer_free(engine, transfer);
    pthread_mutex_unlock(&engine->lock);
}

/* Under engine->lock. */
static int submit_take_slot(struct uwo_engine *engine, int client_fd, struct transfer **transfer)
{
    if (engine->draining)
        return UWO_E_CLOSED;
    if (!transfer_own(engine, client_fd))
        return UWO_E_INVALID;
    *transfer = transfer_reserve(engine);
    if (*transfer)
        return 0;
    transfer_disown(engine, client_fd);
    stats_add_shared(engine->callers_stats, STATS_full, 1);
    return UWO_E_FULL;
}

int submit_reserve(struct uwo_engine *engine, const struct submission *submission, uint64_t *id)
{
    struct transfer *transfer = NULL;
    int status;

    pthread_mutex_lock(&engine->lock);
    status = submit_take_slot(engine, submission->client_fd, &transfer);
    pthread_mutex_unlock(&engine->lock);
    if (status < 0)
        return status;
    status = submit_fill(engine->sys, transfer, submission);
    if (status < 0)
        submit_undo(engine, transfer);
    else
        *id = atomic_load_explicit(&transfer->id, memory_order_relaxed);
    return status;
}

void submit_abandon(struct uwo_engine *engine, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct transfer *transfer;

        pthread_mutex_lock(&engine->lock);
        transfer = transfer_find(engine, ids[i]);
        if (transfer && transfer->taken)
            transfer = NULL;
        if (transfer)
            transfer->taken = true;
        pthread_mutex_unlock(&engine->lock);
        if (transfer)
            submit_undo(engine, transfer);
    }
}

/* ---- commit ---- */

uint8_t submit_least_loaded(const struct uwo_engine *engine, uint32_t first)
{
    uint32_t threads = engine->options.threads;
    uint32_t best = first % threads;
    uint32_t best_load = atomic_load_explicit(&engine->loops[best].load, memory_order_relaxed);

    for (uint32_t i = 1; i < threads && best_load > 0; i++) {
        uint32_t next = (first + i) % threads;
        uint32_t load = atomic_load_explicit(&engine->loops[next].load, memory_order_relaxed);

        if (load < best_load) {
            best = next;
            best_load = load;
        }
    }
    return (uint8_t)best;
}

/* The point of no return: the sockets and descriptors are ours.  Under engine->lock. */
static void submit_own(struct transfer *transfer, uint64_t now_us)
{
    struct instruction *list = (struct instruction *)(uintptr_t)transfer->program.list;
    struct extra *extra = transfer->extra;

    instructions_take(list, transfer->program.count);
    limits_start(&transfer->limits, now_us);
    if (extra && extra->pace.rate)
        pace_start(&extra->pace, now_us);
    if (extra && extra->floor.rate)
        rate_floor_start(&extra->floor, now_us);
}

/* Post it to a loop.  Under engine->lock.  True when that loop must be signalled. */
static bool submit_post(struct uwo_engine *engine, struct transfer *transfer)
{
    uint32_t flags = MAIL_SUBMIT | (transfer->cancel_early ? MAIL_CANCEL : 0);

    transfer->committed = true;
    atomic_fetch_add_explicit(&engine->loops[transfer->thread].load, 1, memory_order_relaxed);
    return transfer_post(engine, transfer, flags);
}

static void submit_one(struct uwo_engine *engine, uint64_t id, uint64_t now_us, uint64_t *signals)
{
    struct transfer *transfer;
    bool refused;

    pthread_mutex_lock(&engine->lock);
    transfer = transfer_find(engine, id);
    if (!transfer || transfer->taken) {
        pthread_mutex_unlock(&engine->lock);
        return;
    }
    transfer->taken = true;
    submit_own(transfer, now_us);
    transfer->thread = submit_least_loaded(engine, (uint32_t)(id >> ID_SLOT_BITS));
    if (transfer->try_first && !transfer->cancel_early) {
        pthread_mutex_unlock(&engine->lock);
        if (attempt_transfer(engine, transfer))
            return;
        pthread_mutex_lock(&engine->lock);
    }
    refused = atomic_load(&engine->stopping);
    if (!refused && submit_post(engine, transfer))
        *signals |= UINT64_C(1) << transfer->thread;
    pthread_mutex_unlock(&engine->lock);
    if (refused)
        attempt_refuse(engine, transfer);
}

void submit_commit(struct uwo_engine *engine, const uint64_t *ids, size_t count)
{
    uint64_t now_us = engine->sys->now_us();
    uint64_t signals = 0; /* one bit per loop */

    for (size_t i = 0; i < count; i++)
        submit_one(engine, ids[i], now_us, &signals);
    for (; signals; signals &= signals - 1)
        engine->sys->event_signal(engine->loops[__builtin_ctzll(signals)].wake_fd);
}

/* ---- by id ---- */

static bool submit_reserve_inbox(const struct sys *sys, struct extra *extra, size_t more)
{
    uint32_t needed = extra->inbox_count + (uint32_t)more;
    struct instruction *bigger;

    if (needed <= extra->inbox_capacity)
        return true;
    if (needed < 2 * extra->inbox_capacity)
        needed = 2 * extra->inbox_capacity;
    bigger = sys->alloc(needed * sizeof *bigger);
    if (!bigger)
        return false;
    if (extra->inbox_count > 0)
        memcpy(bigger, extra->inbox, extra->inbox_count * sizeof *bigger);
    sys->release(extra->inbox);
    extra->inbox = bigger;
    extra->inbox_capacity = needed;
    return true;
}

/* May the producer append?  Under engine->lock. */
static int submit_may_append(struct transfer *transfer)
{
    struct extra *extra;

    if (!transfer)
        return UWO_E_GONE;
    if (!transfer->growing) /* an answer has ended, the connection not yet */
        return transfer->serves ? UWO_E_GONE : UWO_E_INVALID;
    extra = transfer->extra;
    if (extra->inbox_finished)
        return UWO_E_INVALID;
    if (extra->waiting < extra->high_water && extra->inbox_count < INBOX_MAX)
        return 0;
    extra->room_wanted = true;
    return UWO_E_FULL;
}

static bool submit_splices_client(const struct sys *sys, const struct transfer *transfer,
                                  const struct instruction *list, size_t count)
{
    struct sys_file client;
    struct sys_file source;

    for (size_t i = 0; i < count; i++) {
        if (list[i].kind == UWO_SPLICE && sys->file_info(transfer->client_fd, &client) == 0 &&
            sys->file_info(list[i].fd, &source) == 0 && client.device == source.device &&
            client.inode == source.inode)
            return true;
    }
    return false;
}

/* An answer of known length takes exactly its length. */
static bool submit_keeps_promise(struct extra *extra, const struct instruction *list, size_t count)
{
    uint64_t bytes = instructions_bytes(list, (uint32_t)count);

    if (extra->promised == UNPROMISED)
        return true;
    for (size_t i = 0; i < count; i++) {
        if (!task_type_of(list[i].kind)->known_size)
            return false;
    }
    if (bytes > extra->promised)
        return false;
    extra->promised -= bytes;
    return true;
}

/* Move the new instructions, and what they own, into the inbox.  Under engine->lock. */
static int submit_append_locked(const struct sys *sys, struct transfer *transfer,
                                struct instruction *list, size_t count)
{
    struct extra *extra = transfer->extra;

    if (count == 0)
        return 0;
    if (submit_splices_client(sys, transfer, list, count))
        return UWO_E_INVALID;
    if (!submit_reserve_inbox(sys, extra, count))
        return -ENOMEM;
    if (!submit_keeps_promise(extra, list, count))
        return UWO_E_INVALID;
    instructions_take(list, (uint32_t)count);
    memcpy(&extra->inbox[extra->inbox_count], list, count * sizeof *list);
    extra->inbox_count += (uint32_t)count;
    extra->waiting += instructions_bytes(list, (uint32_t)count);
    return 0;
}

static struct transfer *submit_find_live(struct uwo_engine *engine, uint64_t id)
{
    struct transfer *transfer = transfer_find(engine, id);

    return transfer && transfer->committed && !atomic_load(&transfer->done) ? transfer : NULL;
}

/* Tell the loop.  Under engine->lock, which this releases. */
static void submit_notify(struct uwo_engine *engine, struct transfer *transfer, uint32_t flag)
{
    uint8_t thread = transfer->thread;
    bool signal = !engine->stopped && transfer_post(engine, transfer, flag);

    pthread_mutex_unlock(&engine->lock);
    if (signal)
        engine->sys->event_signal(engine->loops[thread].wake_fd);
}

/* Copy what is appended, outside the lock, and move it in.  On failure nothing is taken. */
static int submit_append_copy(struct uwo_engine *engine, uint64_t id,
                              const struct submission *submission, struct instruction *list)
{
    const struct sys *sys = engine->sys;
    size_t count = submission->program->count;
    struct transfer *transfer;
    int status = instructions_copy(sys, submission->program, submission->checked, list);

    if (status < 0)
        return status;
    pthread_mutex_lock(&engine->lock);
    transfer = submit_find_live(engine, id);
    status = submit_may_append(transfer);
    if (status == 0)
        status = submit_append_locked(sys, transfer, list, count);
    if (status == 0)
        submit_notify(engine, transfer, MAIL_GROWN);
    else
        pthread_mutex_unlock(&engine->lock);
    if (status < 0)
        instructions_release(sys, list, count);
    return status;
}

int submit_append(struct uwo_engine *engine, uint64_t id, const struct submission *submission)
{
    const struct sys *sys = engine->sys;
    size_t count = submission->program->count;
    struct instruction *list;
    int status;

    pthread_mutex_lock(&engine->lock);
    status = submit_may_append(submit_find_live(engine, id));
    pthread_mutex_unlock(&engine->lock);
    if (status < 0)
        return status;
    list = sys->alloc((count ? count : 1) * sizeof *list);
    status = list ? submit_append_copy(engine, id, submission, list) : -ENOMEM;
    sys->release(list);
    return status;
}

int submit_finish(struct uwo_engine *engine, uint64_t id)
{
    struct transfer *transfer;

    pthread_mutex_lock(&engine->lock);
    transfer = submit_find_live(engine, id);
    if (!transfer || !transfer->growing) {
        pthread_mutex_unlock(&engine->lock);
        return transfer ? UWO_OK : UWO_E_GONE;
    }
    transfer->extra->inbox_finished = true;
    submit_notify(engine, transfer, MAIL_GROWN);
    return UWO_OK;
}

void submit_cancel(struct uwo_engine *engine, uint64_t id)
{
    struct transfer *transfer;

    pthread_mutex_lock(&engine->lock);
    transfer = transfer_find(engine, id);
    if (transfer && !transfer->committed)
        transfer->cancel_early = true;
    if (transfer && transfer->committed && !atomic_load(&transfer->done))
        submit_notify(engine, transfer, MAIL_CANCEL);
    else
        pthread_mutex_unlock(&engine->lock);
}

int submit_progress(struct uwo_engine *engine, uint64_t id, struct uwo_progress *progress)
{
    const struct sys *sys = engine->sys;
    struct transfer *transfer;
    bool ended;

    pthread_mutex_lock(&engine->lock);
    transfer = transfer_find(engine, id);
    if (!transfer || transfer->limits.started_us == 0) {
        pthread_mutex_unlock(&engine->lock);
        return UWO_E_GONE;
    }
    ended = atomic_load(&transfer->done);
    progress->ended = ended;
    progress->bytes_acked = transfer_acked(sys, transfer);
    progress->bytes_queued = atomic_load_explicit(&transfer->bytes_queued, memory_order_relaxed);
    progress->duration_us = (ended ? transfer->limits.progress_us : sys->now_us()) -
                            transfer->limits.started_us;
    progress->bytes_waiting = 0;
    progress->bytes_received = ended ? transfer->program.bytes_received : 0;
    if (transfer->shared && !ended) {
        progress->bytes_waiting = transfer->extra->waiting;
        progress->bytes_received = atomic_load_explicit(&transfer->extra->bytes_received,
                                                        memory_order_relaxed);
    }
    pthread_mutex_unlock(&engine->lock);
    return UWO_OK;
}
