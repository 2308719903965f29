#include "engine/hosted.h"

#include <time.h>

#include "engine/answer.h"

enum {
    AWAY_US = 250000, /* shorter absences cost nobody anything */
    BUNCH_US = 500,   /* requests that came in one turn are taken without another so long */
};

/* ---- time away ---- */

static uint64_t hosted_later(const struct loop *loop, uint64_t then_us)
{
    uint64_t away_us = loop->now_us - loop->left_us;

    return then_us + away_us < loop->now_us ? then_us + away_us : loop->now_us;
}

/* As if it had begun to wait so much later. */
static void hosted_forgive(struct loop *loop, struct transfer *transfer)
{
    struct rate_floor *floor = transfer_floor(transfer);
    struct session *session = transfer_session(transfer);

    if (transfer->wait == WAIT_PYTHON) /* another thread's, perhaps; no time runs */
        return;
    transfer->limits.progress_us = hosted_later(loop, transfer->limits.progress_us);
    if (transfer->lingering)
        transfer->limits.started_us = hosted_later(loop, transfer->limits.started_us);
    if (floor) {
        floor->abreast_us = hosted_later(loop, floor->abreast_us);
        floor->judged_us = hosted_later(loop, floor->judged_us);
    }
    if (session) {
        session->conn.since_us = hosted_later(loop, session->conn.since_us);
        session->conn.body_us = hosted_later(loop, session->conn.body_us);
    }
}

/* ---- in and out ---- */

bool hosted_here(const struct uwo_engine *engine)
{
    return engine->hosted && pthread_equal(pthread_self(), engine->host);
}

/* sendfile has no MSG_NOSIGNAL, and the thread is not ours. */
static int hosted_enter(struct uwo_engine *engine, struct sys_signal *before)
{
    struct loop *loop = &engine->loops[0];

    if (!hosted_here(engine))
        return -EPERM;
    pthread_mutex_lock(&engine->turn); /* nobody waits in it, but who ends something */
    if (atomic_load(&engine->stopping)) {
        pthread_mutex_unlock(&engine->turn);
        return UWO_E_CLOSED;
    }
    sys_signal_block(before, SIGPIPE);
    loop->now_us = loop->sys->now_us();
    if (loop->now_us > loop->left_us + AWAY_US)
        loop_visit_all(loop, hosted_forgive);
    return 0;
}

static void hosted_leave(struct uwo_engine *engine, const struct sys_signal *before)
{
    struct loop *loop = &engine->loops[0];

    loop->left_us = loop->now_us;
    sys_signal_restore(before);
    pthread_mutex_unlock(&engine->turn);
}

static bool hosted_has_events(struct uwo_engine *engine)
{
    return atomic_load(&engine->events) || atomic_load(&engine->wakes) > 0;
}

/* A turn that does not sleep when `called`.  Negative: to be said to the host. */
static int hosted_once(struct uwo_engine *engine, bool (*called)(struct uwo_engine *),
                       uint64_t until_us)
{
    struct loop *loop = &engine->loops[0];
    int most_ms = -1;
    int status;

    if (!loop_work(loop))
        return UWO_E_CLOSED;
    if (called(engine)) {
        most_ms = 0;
    } else if (until_us != UINT64_MAX) {
        uint64_t left_ms = loop->now_us < until_us ? (until_us - loop->now_us + 999) / 1000 : 0;

        most_ms = left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
    }
    status = loop_wait(loop, most_ms);
    events_publish(loop);
    if (atomic_load(&engine->stopping)) /* who stops it waits for us */
        return UWO_E_CLOSED;
    return status < 0 ? status : 0;
}

/* ---- what the host calls ---- */

static bool hosted_calls(struct uwo_engine *engine)
{
    const struct loop *loop = &engine->loops[0];

    return loop->watched || loop->published || loop->given ||
           (loop->serving && queue_calls(&loop->serving->front->queue));
}

static uint64_t hosted_until(const struct uwo_engine *engine, int timeout_ms)
{
    return timeout_ms < 0 ? UINT64_MAX : engine->sys->now_us() + (uint64_t)timeout_ms * 1000;
}

int hosted_turn(struct uwo_engine *engine, int timeout_ms)
{
    struct loop *loop = &engine->loops[0];
    struct sys_signal before;
    int status = hosted_enter(engine, &before);

    if (status < 0)
        return status;
    status = hosted_once(engine, hosted_calls, hosted_until(engine, timeout_ms));
    if (status == 0 && hosted_calls(engine))
        status = 1;
    loop->watched = loop->published = false;
    hosted_leave(engine, &before);
    return status;
}

int hosted_wait(struct uwo_engine *engine, uint64_t until_us)
{
    struct loop *loop = &engine->loops[0];
    struct sys_signal before;
    int status = hosted_enter(engine, &before);

    if (status < 0)
        return status;
    do
        status = hosted_once(engine, hosted_has_events, until_us);
    while (status == 0 && !hosted_has_events(engine) && loop->now_us < until_us);
    if (status == 0 && hosted_has_events(engine))
        status = 1;
    loop->published = false;
    hosted_leave(engine, &before);
    return status;
}

/* A request of another worker first, as in answer_take. */
static struct call *hosted_found(struct front *front)
{
    struct loop *loop = &front->engine->loops[0];
    struct call *call = NULL;

    if (loop->given) {
        queue_set_free(&front->queue, false);
        call = answer_adopt(front);
        loop->given = call != NULL;
        queue_set_free(&front->queue, true);
    }
    return call ? call : queue_next(&front->queue);
}

static struct call *hosted_at_hand(struct front *front)
{
    struct uwo_engine *engine = front->engine;
    const struct loop *loop = &engine->loops[0];
    struct call *call = NULL;

    pthread_mutex_lock(&engine->turn);
    if (!atomic_load(&engine->stopping) && loop->sys->now_us() < loop->left_us + BUNCH_US)
        call = queue_next(&front->queue);
    pthread_mutex_unlock(&engine->turn);
    return call;
}

int hosted_take(struct front *front, uint64_t until_us, struct call **call)
{
    struct uwo_engine *engine = front->engine;
    struct loop *loop = &engine->loops[0];
    struct sys_signal before;
    int status;

    *call = hosted_here(engine) ? hosted_at_hand(front) : NULL;
    if (*call)
        return 1;
    status = hosted_enter(engine, &before);
    if (status < 0)
        return status;
    queue_set_free(&front->queue, true);
    do {
        status = hosted_once(engine, hosted_calls, until_us);
        if (loop->watched || loop->published) /* first: requests may come without end */
            break;
        *call = hosted_found(front);
    } while (!*call && status == 0 && !queue_take_wake(&front->queue) && loop->now_us < until_us);
    queue_set_free(&front->queue, false);
    loop->watched = loop->published = false;
    hosted_leave(engine, &before);
    return *call ? 1 : status;
}

/* ---- ends ---- */

static bool hosted_never(struct uwo_engine *engine)
{
    (void)engine;
    return false;
}

void hosted_step(struct uwo_engine *engine, int most_ms)
{
    struct loop *loop = &engine->loops[0];
    uint64_t until_us = engine->sys->now_us() + (uint64_t)most_ms * 1000;
    uint64_t until_ns = ((uint64_t)engine->sys->wall_us() + (uint64_t)most_ms * 1000) * 1000;
    struct timespec until = { .tv_sec = (time_t)(until_ns / 1000000000),
                              .tv_nsec = (long)(until_ns % 1000000000) };
    struct sys_signal before;

    if (pthread_mutex_timedlock(&engine->turn, &until) != 0)
        return;
    sys_signal_block(&before, SIGPIPE);
    loop->now_us = engine->sys->now_us();
    hosted_once(engine, hosted_never, until_us);
    hosted_leave(engine, &before);
}

void hosted_stop(struct uwo_engine *engine)
{
    struct loop *loop = &engine->loops[0];
    struct sys_signal before;

    pthread_mutex_lock(&engine->turn);
    sys_signal_block(&before, SIGPIPE);
    loop->now_us = engine->sys->now_us();
    while (loop_work(loop))
        loop_wait(loop, -1);
    hosted_leave(engine, &before);
}
