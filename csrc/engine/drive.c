#include "engine/drive.h"

#include "base/ensure.h"
#include "engine/client.h"
#include "engine/front.h"
#include "engine/operate.h"
#include "engine/park.h"
#include "engine/step.h"

/* The first short write of a large program: from now on every sendfile meets a full buffer, and
 * without a cork each would end in a segment of odd size. */
static void drive_cork(const struct sys *sys, struct transfer *transfer)
{
    if (!transfer_pace(transfer) && program_is_bulk(&transfer->program))
        client_cork(sys, transfer);
}

/* ---- the end ---- */

/* Release the instructions that are over.  True when a helper closes a file first. */
static bool drive_release(struct loop *loop, struct transfer *transfer, uint32_t end)
{
    while (transfer->released < end) {
        struct instruction *instruction =
            (struct instruction *)(uintptr_t)&transfer->program.list[transfer->released];

        if (instruction->kind == UWO_RECEIVE_FILE && instruction->flags & OWNS_FD) {
            instruction->flags &= (uint8_t)~OWNS_FD;
            transfer->closing = true;
            transfer->wait = WAIT_DISK;
            transfer->extra->job = (struct disk_job){ .owner = transfer,
                                                      .kind = DISK_CLOSE,
                                                      .fd = instruction->fd };
            disk_submit(&loop->engine->disk, &transfer->extra->job);
            return true;
        }
        operate_release(loop, transfer);
        transfer_release(loop->sys, transfer, transfer->released + 1);
    }
    return false;
}

void drive_set_live(struct loop *loop, uint32_t live)
{
    loop->live = live;
    atomic_store_explicit(&loop->stats[STATS_active], live, memory_order_relaxed);
}

static void drive_left(struct loop *loop, struct transfer *transfer)
{
    step_count(loop->stats, transfer);
    drive_set_live(loop, loop->live - 1);
    atomic_fetch_sub(&loop->load, 1);
    events_done(loop, transfer);
}

static void drive_end(struct loop *loop, struct transfer *transfer)
{
    uint32_t touched = transfer->program.at + 1;

    transfer->phase = PHASE_RELEASING;
    timers_clear(&transfer->timer);
    operate_release(loop, transfer);
    if (drive_release(loop, transfer,
                      touched < transfer->program.count ? touched : transfer->program.count))
        return;
    step_done(loop->engine, transfer);
    if (transfer->serves)
        serve_left(loop, transfer);
    else
        drive_left(loop, transfer);
}

/* ---- the loop over one transfer ---- */

static void drive_account(struct loop *loop, struct transfer *transfer, const struct op *op,
                          const struct op_result *result)
{
    if (op->kind == OP_RECEIVE)
        stats_add(loop->stats, STATS_bytes_received, result->bytes_in);
    else if (op->kind != OP_WRITE)
        stats_add(loop->stats, STATS_bytes_queued, result->bytes_out);
    if (transfer->growing && result->bytes_out > 0 &&
        (op->kind == OP_SEND || op->kind == OP_SEND_FILE))
        events_make_room(loop, transfer, result->bytes_out);
}

/* Waiting for time or more is pointless once the client is gone, unless it has left bytes for us
 * to receive. */
static bool drive_pointless(const struct transfer *transfer, const struct op *op)
{
    return transfer->hung &&
           (op->kind == OP_MORE ||
            (op->kind == OP_WAIT && transfer->program.task.want.kind != OP_RECEIVE));
}

/* One operation.  True to go on with this transfer. */
static bool drive_once(struct loop *loop, struct transfer *transfer, const struct op *op,
                       uint64_t *moved)
{
    struct op_result result = { 0 };
    enum operated operated = OPERATED_RESULT;

    if (transfer->stop && step_may_withdraw(op)) {
        result.error = ECANCELED;
    } else if (drive_pointless(transfer, op)) {
        int error = loop->sys->error(transfer->client_fd);

        result.error = error ? error : ECONNRESET;
        result.side = END_CLIENT;
    } else {
        operated = operate(loop, transfer, op, &result);
    }
    if (transfer->serves && operated != OPERATED_RESULT)
        reply_hold_back(loop->sys, transfer);
    switch (operated) {
    case OPERATED_PENDING:
        park(loop, transfer, WAIT_DISK, false, UINT64_MAX, &result);
        return false;
    case OPERATED_BLOCKED:
        if (park(loop, transfer, WAIT_SOCKET, false, UINT64_MAX, &result))
            return false;
        break;
    case OPERATED_MORE:
        if (park(loop, transfer, WAIT_MORE, false, UINT64_MAX, &result))
            return false;
        break;
    case OPERATED_TIME:
        if (park(loop, transfer, WAIT_TIME, false, op->until_us, &result))
            return false;
        break;
    case OPERATED_STARVED:
        if (park(loop, transfer, WAIT_BUFFER, false, UINT64_MAX, &result))
            return false;
        break;
    case OPERATED_AGAIN:
        park_later(loop, transfer);
        return false;
    default:
        break;
    }
    drive_account(loop, transfer, op, &result);
    step_result(transfer, op, &result);
    *moved += result.bytes_in + result.bytes_out;
    if (operated != OPERATED_FULL || transfer->phase != PHASE_RUNNING)
        return true;
    drive_cork(loop->sys, transfer);
    if (park(loop, transfer, WAIT_SOCKET, true, UINT64_MAX, &result))
        return false;
    program_stop(&transfer->program, UWO_NO_RESOURCE, result.error);
    transfer->stop = UWO_NO_RESOURCE;
    return true;
}

/* A connection of the front, when it runs no program.  True when it has to wait. */
static bool drive_connection(struct loop *loop, struct transfer *transfer)
{
    if (transfer->phase == PHASE_ANSWERED) {
        if (drive_release(loop, transfer, transfer->program.count))
            return true;
        serve_answered(loop, transfer);
    }
    return transfer->phase == PHASE_SERVING && !serve(loop, transfer);
}

void drive(struct loop *loop, struct transfer *transfer)
{
    uint64_t moved = 0;
    struct op op;

    transfer->wait = WAIT_NOTHING;
    for (int i = 0; i < TURN_OPERATIONS && moved < TURN_BYTES; i++) {
        if (transfer->serves && drive_connection(loop, transfer))
            return;
        if (transfer->phase == PHASE_ANSWERED || transfer->phase == PHASE_SERVING)
            continue;
        if (transfer->phase == PHASE_RUNNING && drive_release(loop, transfer, transfer->program.at))
            return;
        if (!step_next(transfer, loop->now_us, &op)) {
            if (transfer->phase == PHASE_ANSWERED)
                continue;
            drive_end(loop, transfer);
            return;
        }
        /* Instructions of length zero were passed over; the want is the same when asked again. */
        if (transfer->phase == PHASE_RUNNING && drive_release(loop, transfer, transfer->program.at))
            return;
        if (!drive_once(loop, transfer, &op, &moved))
            return;
    }
    park_later(loop, transfer);
}

void drive_start(struct loop *loop, struct transfer *transfer)
{
    drive_set_live(loop, loop->live + 1);
    stats_add(loop->stats, STATS_handed_over, 1);
    if (loop->now_us < transfer->limits.started_us) /* handed over during this turn */
        loop->now_us = transfer->limits.started_us;
    transfer->limits.progress_us = loop->now_us;
    if (!transfer->begun)
        step_begin(loop->sys, transfer);
    drive(loop, transfer);
}

/* What an event says to a connection of the front.  False when Python has it. */
static bool drive_heard(struct transfer *transfer, bool peer, uint32_t events)
{
    struct session *session = transfer->session;

    if (transfer->wait == WAIT_PYTHON) {
        if (!peer) /* else of a splice that is over */
            atomic_fetch_or(&session->noticed, events);
        return false;
    }
    if (!peer && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
        session->drained = false;
    if (!peer && events & (EPOLLRDHUP | EPOLLHUP))
        session->ending = true;
    return true;
}

void drive_event(struct loop *loop, struct transfer *transfer, bool peer, uint32_t events)
{
    if (transfer->serves && !drive_heard(transfer, peer, events))
        return;
    if (!peer && events & EPOLLHUP) /* an error alone may be a time stamp in the error queue */
        transfer->hung = true;
    if (transfer->wait == WAIT_SOCKET || transfer->wait == WAIT_INPUT ||
        (transfer->hung && (transfer->wait == WAIT_MORE || transfer->wait == WAIT_TIME)))
        drive(loop, transfer);
}

static void drive_judge(struct loop *loop, struct transfer *transfer)
{
    uint64_t queued = atomic_load_explicit(&transfer->bytes_queued, memory_order_relaxed);
    uint64_t received = transfer->program.bytes_received;
    uint64_t acked = transfer_acked(loop->sys, transfer);
    bool ours = transfer->wait != WAIT_SOCKET && transfer->wait != WAIT_NOTHING;
    bool stalled = acked + received <= transfer->limits.moved;
    int outcome = UWO_FINISHED;

    if (!transfer->lingering)
        outcome = limits_judge(&transfer->limits, transfer_floor(transfer), loop->now_us,
                               acked + received, !ours || acked < queued);
    if (outcome != UWO_FINISHED)
        drive_stop(loop, transfer, (uint8_t)outcome);
    else if (transfer->wait == WAIT_TIME ||
             (transfer->wait == WAIT_SOCKET &&
              (transfer->lingering || (transfer->unsure && stalled))))
        drive(loop, transfer);
    else
        park_arm(loop, transfer, UINT64_MAX);
}

void drive_timer(struct loop *loop, struct transfer *transfer)
{
    if (transfer->wait == WAIT_PYTHON) /* its fields are another thread's */
        return;
    if (transfer->phase == PHASE_SERVING)
        serve_timer(loop, transfer);
    else
        drive_judge(loop, transfer);
}

/* The want whose job is done is asked for again: it is the same until its result. */
void drive_disk(struct loop *loop, struct transfer *transfer)
{
    struct extra *extra = transfer->extra;
    struct op_result result = { 0 };
    struct op op;

    if (transfer->closing) {
        transfer->closing = false;
        drive(loop, transfer);
        return;
    }
    if (transfer->phase == PHASE_SERVING) {
        serve_disk(loop, transfer);
        drive(loop, transfer);
        return;
    }
    step_next(transfer, loop->now_us, &op);
    ensure(op.kind == OP_WRITE || op.kind == OP_PREFETCH);
    if (extra->job.result < 0) {
        result.error = (int)-extra->job.result;
        result.side = op.kind == OP_WRITE ? END_DISK : END_FILE;
    } else if (op.kind == OP_WRITE) {
        result.bytes_out = (uint64_t)extra->job.result;
        extra->buffer_start += (uint32_t)result.bytes_out;
        if (result.bytes_out == 0) { /* a disk that takes nothing and says nothing */
            result.error = EIO;
            result.side = END_DISK;
        } else if (result.bytes_out == op.length) {
            operate_release(loop, transfer);
        }
    }
    step_result(transfer, &op, &result);
    drive(loop, transfer);
}

void drive_grown(struct loop *loop, struct transfer *transfer)
{
    if (transfer->wait == WAIT_MORE)
        drive(loop, transfer);
}

void drive_stop(struct loop *loop, struct transfer *transfer, uint8_t outcome)
{
    bool python = transfer->wait == WAIT_PYTHON; /* then nothing else may be looked at */

    if (!python && (transfer->phase > PHASE_ENDING || transfer->stop))
        return;
    if (python || transfer->phase == PHASE_SERVING) {
        serve_stop(loop, transfer);
        return;
    }
    transfer->stop = outcome;
    if (transfer->phase == PHASE_RUNNING)
        program_stop(&transfer->program, outcome, 0);
    if (transfer->wait == WAIT_DISK && !transfer->give_back) {
        /* The helper must come back first, but the client need not wait for it. */
        client_close(loop->engine, transfer, true);
    } else if (transfer->wait != WAIT_NOTHING && transfer->wait != WAIT_DISK) {
        drive(loop, transfer);
    }
}

void drive_leave_behind(struct loop *loop, struct transfer *transfer)
{
    struct uwo_engine *engine = loop->engine;
    struct op_result result = { 0 };

    if (transfer->wait == WAIT_PYTHON) { /* its thread works on it: it and its memory stay */
        atomic_store(&engine->left_behind, true);
        drive_set_live(loop, loop->live > 0 ? loop->live - 1 : 0);
        return;
    }
    if (transfer->serves)
        client_close(engine, transfer, true);
    if (transfer->give_back) {
        operate_simple(engine, transfer, &(struct op){ .kind = OP_PUSH }, &result);
        operate_simple(engine, transfer, &(struct op){ .kind = OP_RETURN }, &result);
    }
    atomic_store(&engine->left_behind, true);
    transfer->program.outcome = UWO_CANCELLED;
    transfer->program.count = transfer->released = 0;
    transfer->phase = PHASE_ENDED;
    transfer->limits.progress_us = loop->now_us;
    pthread_mutex_lock(&engine->lock);
    transfer->extra = NULL; /* the helper's, for ever */
    atomic_store(&transfer->done, true);
    pthread_mutex_unlock(&engine->lock);
    transfer_forget(engine->sys, transfer);
    if (transfer->serves)
        serve_left(loop, transfer);
    else
        drive_left(loop, transfer);
}

void drive_ready(struct loop *loop)
{
    struct transfer *transfer = loop->ready_first;

    loop->ready_first = loop->ready_last = NULL;
    while (transfer) {
        struct transfer *next = transfer->ready_next;

        drive(loop, transfer);
        transfer = next;
    }
}
