/* connection: the life of a connection on its loop, outside of its reading. */
#include <string.h>

#include "engine/client.h"
#include "engine/drive.h"
#include "engine/serving.h"

/* ---- beginning and end ---- */

/* There is one more on this loop. */
static void connection_arrived(struct loop *loop)
{
    drive_set_live(loop, loop->live + 1);
    stats_add(loop->stats, STATS_connections, 1);
}

static struct session *connection_session(struct front *front, uint8_t protocol,
                                          const struct sys_peer *peer, uint64_t now_us)
{
    struct session *session = front->sys->alloc(sizeof *session);

    if (!session)
        return NULL;
    memset(session, 0, sizeof *session);
    conn_init(&session->conn, protocol, now_us);
    list_init(&session->link);
    session->peer = *peer;
    session->asked_us = now_us;
    return session;
}

struct transfer *serve_open(struct front *front, int client_fd, uint8_t thread, uint8_t protocol,
                            bool tcp, bool adopted, const struct sys_peer *peer, uint64_t now_us)
{
    struct uwo_engine *engine = front->engine;
    struct session *session = connection_session(front, protocol, peer, now_us);
    struct transfer *transfer = NULL;

    if (!session)
        return NULL;
    pthread_mutex_lock(&engine->lock);
    if (!atomic_load(&engine->stopping) && !atomic_load(&front->stopping))
        transfer = transfer_reserve(engine);
    if (transfer) {
        transfer->serves = true;
        transfer->session = session;
        transfer->client_fd = client_fd;
        transfer->tcp = tcp;
        transfer->taken = transfer->committed = true;
        transfer->begun = true;
        transfer->thread = thread;
        transfer->phase = PHASE_SERVING;
        transfer->no_settle = !front->log.started; /* then nobody asks what was acknowledged */
        transfer->program.list = transfer->first;
        /* Its loop may find it from here on, and must not touch one that is being adopted. */
        transfer->wait = adopted ? WAIT_PYTHON : WAIT_NOTHING;
        session->adopted = adopted;
        session->transfer = transfer;
        transfer->limits.deadline_ms = LIMITS_NEVER;
        transfer->limits.no_progress_ms = front->limits.no_progress_ms;
        limits_start(&transfer->limits, now_us);
    }
    pthread_mutex_unlock(&engine->lock);
    if (!transfer) {
        front->sys->release(session);
        return NULL;
    }
    atomic_fetch_add_explicit(&engine->loops[thread].load, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&front->connections, 1, memory_order_relaxed);
    return transfer;
}

void serve_accepted(struct loop *loop, struct transfer *transfer)
{
    connection_arrived(loop);
    drive(loop, transfer);
}

void serve_left(struct loop *loop, struct transfer *transfer)
{
    struct uwo_engine *engine = loop->engine;
    struct front *front = loop->serving->front;
    struct session *session = transfer->session;

    if (session->call && session->conn.state == CONN_BODY) {
        if (!atomic_load(&engine->left_behind)) /* else a helper may still write from it */
            call_free(session->call);
    } else if (session->call) {
        call_detach(front, transfer);
    }
    reply_log(loop, transfer, true);
    if (session->file)
        files_unpin(&loop->serving->files, session->file);
    list_remove(&session->link);
    loop->sys->release(session->stash);
    stats_add(loop->stats, STATS_connections, UINT64_MAX);
    stats_add_shared(loop->stats, STATS_bytes_acked, atomic_load(&transfer->bytes_acked));
    drive_set_live(loop, loop->live - 1);
    atomic_fetch_sub(&loop->load, 1);
    pthread_mutex_lock(&engine->lock);
    transfer->session = NULL;
    if (atomic_fetch_or(&transfer->mail_flags, MAIL_REAPED) == 0)
        transfer_free(engine, transfer);
    pthread_mutex_unlock(&engine->lock);
    if (!session->closed)
        atomic_fetch_sub(&front->connections, 1);
    loop->sys->release(session);
    if (atomic_load_explicit(&front->stopping, memory_order_relaxed))
        loop->sys->event_signal(loop->wake_fd); /* the loop looks whether it can leave */
}

/* ---- endings ---- */

void connection_end(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;
    bool nothing_comes = session->ended ||
                         (session->drained && window_size(loop->serving) == 0 &&
                          (session->conn.close_said || session->conn.requests == 0 ||
                           session->conn.state == CONN_IDLE) &&
                          conn_body_ended(&session->conn));

    transfer->phase = PHASE_ENDING;
    transfer->stop = 0;
    ending_init(&transfer->ending, false, session->records != NULL, false);
    transfer->ending.plain = nothing_comes;
    /* Nobody else holds a copy: closing ends the stream, the FIN in the last segment. */
    if (nothing_comes && !session->records && sys_forks() == loop->serving->front->forks)
        ending_leave(&transfer->ending);
    transfer->more_comes = !nothing_comes;
}

void serve_cut(struct transfer *transfer)
{
    transfer->phase = PHASE_ENDING;
    transfer->stop = 0;
    ending_init(&transfer->ending, false, false, true);
}

/* ---- what happens to it ---- */

static void serve_note_end(struct loop *loop, struct session *session,
                           const struct transfer *transfer)
{
    struct record *record = session->records;

    while (record && record->end != UINT64_MAX)
        record = record->next;
    if (!record)
        return;
    record->start = session->answer_start;
    record->end = atomic_load_explicit(&transfer->bytes_queued, memory_order_relaxed);
    record->over_us = loop->sys->now_us();
    record->head_size = session->head_size;
    record->status = session->status;
    record->outcome = transfer->program.outcome;
    record->python = session->answered_python;
}

void serve_answered(struct loop *loop, struct transfer *transfer)
{
    struct front *front = loop->serving->front;
    struct session *session = transfer->session;

    if (session->file && transfer->program.outcome == UWO_FINISHED && session->by_program &&
        !session->tail_out && reply_checked(front, transfer) && session->tail) {
        reply_tail(front, transfer, loop->now_us);
        return;
    }
    if (transfer->growing && transfer->program.outcome == UWO_FINISHED &&
        transfer->extra->promised != UNPROMISED && transfer->extra->promised > 0) {
        transfer->program.outcome = UWO_SOURCE_SHORT; /* it promised more */
        transfer->program.error = ENODATA;
    }
    serve_note_end(loop, session, transfer);
    stats_add(loop->stats, STATS_requests, 1);
    stats_add_shared(loop->stats, STATS_finished + transfer->program.outcome, 1);
    if (!session->answered_python)
        stats_add(loop->stats, STATS_offloaded_requests, 1);
    if (session->file) {
        if (transfer->program.outcome == UWO_SOURCE_FAILED ||
            transfer->program.outcome == UWO_SOURCE_SHORT)
            files_forget(&loop->serving->files, session->file);
        files_unpin(&loop->serving->files, session->file);
        session->file = NULL;
    }
    if (session->call)
        call_detach(front, transfer);
    if (transfer->growing) { /* a producer may be appending */
        pthread_mutex_lock(&loop->engine->lock);
        transfer->growing = transfer->shared = false;
        pthread_mutex_unlock(&loop->engine->lock);
    }
    if (transfer->program.list != transfer->first)
        loop->sys->release((void *)(uintptr_t)transfer->program.list);
    transfer->program.list = transfer->first;
    transfer->program.count = transfer->released = 0;
    if (transfer->program.outcome != UWO_FINISHED || transfer->stop) {
        serve_cut(transfer);
        return;
    }
    if (transfer->corked && session->conn.keep_alive) /* else the shutdown lets it out */
        client_push(loop->sys, transfer);
    conn_answered(&session->conn, loop->now_us);
    transfer->phase = PHASE_SERVING;
    if (session->conn.keep_alive) /* else at the end, when all is acknowledged */
        reply_log(loop, transfer, false);
}

void serve_timer(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;
    uint64_t due_us = conn_due_us(&session->conn, &loop->serving->front->limits);
    int status = 0;

    if (transfer->wait != WAIT_INPUT)
        return;
    reply_log(loop, transfer, false);
    if (loop->now_us < due_us) {
        uint64_t sweep_us = loop->now_us + LOG_SWEEP_MS * 1000;

        if (session->records && sweep_us < due_us)
            due_us = sweep_us;
        timers_set(&loop->timers, &transfer->timer, (due_us + 999) / 1000);
        return;
    }
    list_remove(&session->link);
    transfer->wait = WAIT_NOTHING;
    window_open(loop, session);
    if (conn_late(&session->conn, &status) == CONN_REFUSE) {
        window_clear(loop->serving);
        if (session->call) {
            call_free(session->call);
            session->call = NULL;
        } else {
            reply_note(loop->serving->front, &loop->serving->log, session, NULL);
        }
        reply_status(loop, transfer, status);
    } else {
        connection_end(loop, transfer);
    }
    drive(loop, transfer);
}

void serve_disk(struct loop *loop, struct transfer *transfer)
{
    if (transfer->session->looking)
        ask_looked(loop, transfer->extra->job.look);
    else
        hand_spooled(loop, transfer);
    if (transfer->stop && transfer->phase == PHASE_SERVING)
        serve_cut(transfer);
}

/* Python is done with it. */
static void connection_back(struct loop *loop, struct transfer *transfer, bool cancelled)
{
    struct session *session = transfer->session;
    uint32_t noticed = atomic_exchange(&session->noticed, 0);

    transfer->wait = WAIT_NOTHING;
    if (noticed & (EPOLLIN | EPOLLRDHUP | EPOLLHUP) || session->adopted || session->read_by_python)
        session->drained = false;
    if (noticed & (EPOLLRDHUP | EPOLLHUP))
        session->ending = true;
    if (session->adopted)
        connection_arrived(loop);
    session->adopted = session->read_by_python = false;
    if (noticed & EPOLLHUP)
        transfer->hung = true;
    if (loop->now_us < transfer->limits.started_us) /* answered during this turn */
        loop->now_us = transfer->limits.started_us;
    if (cancelled || noticed & NOTICED_CANCEL) {
        transfer->stop = UWO_CANCELLED;
        program_stop(&transfer->program, UWO_CANCELLED, 0);
        if (transfer->phase == PHASE_SERVING)
            serve_cut(transfer);
    }
    if (session->given)
        hand_leave(loop, transfer);
    drive(loop, transfer);
}

void serve_mail(struct loop *loop, struct transfer *transfer, uint32_t flags)
{
    if (flags & MAIL_BACK)
        connection_back(loop, transfer, flags & MAIL_CANCEL);
    else if (flags & MAIL_DISK && transfer->wait == WAIT_DISK) {
        if (flags & MAIL_CANCEL) /* only noted, for the disk has it still */
            drive_stop(loop, transfer, UWO_CANCELLED);
        drive_disk(loop, transfer);
    } else if (flags & MAIL_CANCEL)
        drive_stop(loop, transfer, UWO_CANCELLED);
    else if (flags & MAIL_GROWN)
        drive_grown(loop, transfer);
}

void serve_stop(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;

    if (transfer->wait == WAIT_PYTHON && !call_take_back(loop->serving->front, session)) {
        atomic_fetch_or(&session->noticed, NOTICED_CANCEL); /* its answer is being made */
        return;
    }
    if (session->adopted)
        connection_arrived(loop);
    session->adopted = false;
    transfer->stop = UWO_CANCELLED;
    if (transfer->wait == WAIT_DISK) { /* the rest when the helper comes back */
        client_close(loop->engine, transfer, true);
        return;
    }
    serve_cut(transfer);
    if (transfer->wait != WAIT_NOTHING) /* else it is on the ready list */
        drive(loop, transfer);
}

/* Close an idle connection of this loop. */
static void connection_close_idle(struct loop *loop, struct session *session)
{
    struct transfer *transfer = session->transfer;

    list_remove(&session->link);
    window_clear(loop->serving);
    session->ended = session->records == NULL; /* no lingering for it */
    connection_end(loop, transfer);
    drive(loop, transfer);
}

bool serve_close_idle(struct loop *loop)
{
    struct list *idle = &loop->serving->idle;

    if (list_empty(idle))
        return false;
    stats_add(loop->stats, STATS_idle_closed, 1);
    connection_close_idle(loop, list_entry(idle->next, struct session, link));
    return true;
}

void serve_drain(struct loop *loop)
{
    struct list *idle = &loop->serving->idle;
    struct list *at = idle->next;

    while (at != idle) {
        struct session *session = list_entry(at, struct session, link);

        at = at->next;
        if (session->conn.requests > 0)
            connection_close_idle(loop, session);
    }
}
