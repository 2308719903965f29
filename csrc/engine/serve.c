/* serve: drives a connection between its programs: reads, and asks the machine (conn/) what comes
 * next. */
#include <string.h>

#include "engine/park.h"
#include "engine/serving.h"
#include "proto/uwsgi_packet.h"

/* Requests of one connection, before the others have their turn. */
enum { TURN_REQUESTS = 32 };

/* ---- the window ---- */

void window_open(struct loop *loop, struct session *session)
{
    struct serving *serving = loop->serving;

    serving->window_start = 0;
    serving->window_end = session->stash_size;
    if (!session->stash)
        return;
    memcpy(serving->input, session->stash, session->stash_size);
    loop->sys->release(session->stash);
    session->stash = NULL;
    session->stash_size = 0;
}

/* The loop's buffer is needed for others.  False: no memory. */
bool window_stash(struct loop *loop, struct session *session)
{
    struct serving *serving = loop->serving;
    size_t size = window_size(serving);

    if (size == 0)
        return true;
    session->stash = loop->sys->alloc(size);
    if (!session->stash)
        return false;
    memcpy(session->stash, window_data(serving), size);
    session->stash_size = (uint32_t)size;
    serving->window_start = serving->window_end = 0;
    return true;
}

/* ---- heads ---- */

static enum step serve_pong(struct loop *loop, struct transfer *transfer)
{
    loop->sys->send(transfer->client_fd, uwsgi_pong, sizeof uwsgi_pong, false);
    connection_end(loop, transfer);
    return STEP_DRIVE;
}

static enum step serve_head(struct loop *loop, struct transfer *transfer)
{
    struct serving *serving = loop->serving;
    struct session *session = transfer->session;
    bool fresh = session->conn.state == CONN_IDLE;
    size_t end = 0;
    int status;

    if (fresh && window_size(serving) > 0)
        session->asked_us = loop->now_us;
    switch (conn_look(&session->conn, &serving->front->limits, window_data(serving),
                      window_size(serving), loop->now_us, &end, &status)) {
    case CONN_READ:
        return STEP_READ;
    case CONN_REQUEST:
        return ask(loop, transfer, end);
    case CONN_PING:
        return serve_pong(loop, transfer);
    default:
        connection_end(loop, transfer);
        return STEP_DRIVE;
    }
}

/* ---- reading ---- */

/* Nothing to do until bytes come, or the time is over. */
static void serve_park(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;
    uint64_t due_us = conn_due_us(&session->conn, &loop->serving->front->limits);
    uint64_t due_ms;

    if (session->conn.state == CONN_IDLE && session->conn.requests > 0 &&
        atomic_load_explicit(&loop->serving->front->draining, memory_order_relaxed)) {
        connection_end(loop, transfer);
        return;
    }
    if (session->records && due_us > loop->now_us + LOG_SWEEP_MS * 1000)
        due_us = loop->now_us + LOG_SWEEP_MS * 1000;
    if (!window_stash(loop, session) || park_watch(loop, transfer, false) != 0) {
        serve_cut(transfer);
        return;
    }
    transfer->wait = WAIT_INPUT;
    due_ms = (due_us + 999) / 1000;
    if (due_ms < transfer->timer.at_ms)
        timers_set(&loop->timers, &transfer->timer, due_ms);
    if (session->conn.state == CONN_IDLE)
        list_append(&loop->serving->idle, &session->link);
}

/* More bytes behind those in the window.  True when there are, or the connection is to be driven;
 * false when it waits. */
static bool serve_read(struct loop *loop, struct transfer *transfer)
{
    struct serving *serving = loop->serving;
    struct session *session = transfer->session;
    size_t room;
    int64_t got;

    if (window_size(serving) == 0)
        window_clear(serving);
    if (serving->window_end == INPUT_SIZE) { /* a head is smaller than that: it began further on */
        memmove(serving->input, window_data(serving), window_size(serving));
        serving->window_end -= serving->window_start;
        serving->window_start = 0;
    }
    room = INPUT_SIZE - serving->window_end;
    if (session->drained || session->ended) {
        got = session->ended ? 0 : -EAGAIN;
    } else {
        ensure(room > 0);
        got = loop->sys->receive(transfer->client_fd, serving->input + serving->window_end, room);
    }
    if (got > 0) {
        serving->window_end += (uint32_t)got;
        session->drained = (size_t)got < room && !session->ending;
        stats_add(loop->stats, STATS_bytes_received, (uint64_t)got);
        return true;
    }
    if (got == -EAGAIN) {
        session->drained = true;
        serve_park(loop, transfer);
        return transfer->phase != PHASE_SERVING;
    }
    if (got == -EINTR)
        return true;
    session->ended = true;
    if (got < 0)
        serve_cut(transfer);
    else
        connection_end(loop, transfer);
    return true;
}

static enum step serve_state(struct loop *loop, struct transfer *transfer)
{
    struct serving *serving = loop->serving;
    struct session *session = transfer->session;

    switch (session->conn.state) {
    case CONN_IDLE:
        if (session->conn.requests > 0 && window_size(serving) == 0 && session->drained &&
            atomic_load_explicit(&serving->front->draining, memory_order_relaxed)) {
            connection_end(loop, transfer);
            return STEP_DRIVE;
        }
        return serve_head(loop, transfer);
    case CONN_HEAD:
        return serve_head(loop, transfer);
    case CONN_BODY:
        return hand_body(loop, transfer);
    case CONN_SKIPPING:
        window_use(serving, conn_skip(&session->conn, window_data(serving), window_size(serving),
                                      loop->now_us));
        return session->conn.state == CONN_SKIPPING ? STEP_READ : STEP_ON;
    default:
        ensure(session->conn.state == CONN_CLOSING);
        connection_end(loop, transfer);
        return STEP_DRIVE;
    }
}

bool serve(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;

    list_remove(&session->link);
    window_open(loop, session);
    for (int i = 0; i < TURN_REQUESTS; i++) {
        enum step step = serve_state(loop, transfer);

        if (step == STEP_READ && !serve_read(loop, transfer))
            return false;
        if (step == STEP_WAIT)
            return false;
        if (transfer->phase == PHASE_ANSWERED && transfer->program.outcome == UWO_FINISHED &&
            transfer->released >= transfer->program.count)
            serve_answered(loop, transfer); /* at once: nothing to be released */
        if (transfer->phase != PHASE_SERVING) {
            if (window_stash(loop, session))
                return true;
            serve_cut(transfer);
            return true;
        }
    }
    if (window_stash(loop, session))
        park_later(loop, transfer);
    else
        serve_cut(transfer);
    return transfer->phase != PHASE_SERVING;
}
