#include "lab/pool.h"

#include "base/ensure.h"
#include "lab/serve.h"

/* ---- counts ---- */

void pool_sum(struct lab *lab, int64_t now_us)
{
    struct lab_counts *counts = &lab->counts;
    uint64_t passed_us = (uint64_t)(now_us - counts->summed_us);
    uint64_t memory = counts->existing * lab->options.idle_rss +
                      counts->busy_max * (lab->options.busy_rss - lab->options.idle_rss);

    ensure(now_us >= counts->summed_us);
    counts->summed_us = now_us;
    counts->existing_us += passed_us * counts->existing;
    counts->starting_us += passed_us * counts->starting;
    counts->leaving_us += passed_us * counts->leaving;
    counts->ready_us += passed_us * (pool_active(counts) - counts->starting);
    if (pool_active(counts) == lab->options.workers_max)
        counts->at_max_us += passed_us;
    if (memory > counts->memory_peak)
        counts->memory_peak = memory;
    counts->busy_max = counts->busy;
}

static void pool_exists(struct lab *lab)
{
    if (++lab->counts.existing > lab->result.workers_peak)
        lab->result.workers_peak = lab->counts.existing;
}

/* ---- the life of a worker ----
 *
 *   CHEAPED, DEAD -- launch ----------> STARTING
 *                 -- launch, no fork -> DEAD
 *   STARTING      -- ready -----------> IDLE
 *                 -- stop ------------> DRAINING
 *                 -- die -------------> DEAD
 *   IDLE          -- stop ------------> DRAINING
 *                 -- die -------------> DEAD
 *   DRAINING      -- gone, die -------> CHEAPED
 */

static void pool_ready(struct lab *lab, uint32_t number, int64_t now_us)
{
    lab->worker[number].state = UWO_WORKER_IDLE;
    lab->worker[number].ready_us = now_us;
    lab->listening_stale = true;
    serve_worker(lab, number, now_us);
}

/* False: the fork failed. */
static bool pool_launch(struct lab *lab, uint32_t number, int64_t now_us)
{
    struct lab_worker *worker = &lab->worker[number];

    if (lab->forks_to_fail) {
        lab->forks_to_fail--;
        lab->result.forks_failed++;
        worker->state = UWO_WORKER_DEAD;
        return false;
    }
    pool_sum(lab, now_us);
    pool_exists(lab);
    lab->counts.starting++;
    worker->state = UWO_WORKER_STARTING;
    worker->started_s = lab_wall_s(lab, now_us);
    worker->first_requests = 1;
    ends_set(&lab->changes, number, now_us + lab->options.startup_us);
    return true;
}

static void pool_started(struct lab *lab, uint32_t number, int64_t now_us)
{
    ends_clear(&lab->changes, number);
    lab->counts.starting--;
    pool_ready(lab, number, now_us);
}

static void pool_gone(struct lab *lab, uint32_t number)
{
    ends_clear(&lab->changes, number);
    lab->counts.existing--;
    lab->counts.draining--;
    lab->counts.leaving--;
    lab->worker[number].state = UWO_WORKER_CHEAPED;
    lab->worker[number].ready_us = -1;
}

void pool_drained(struct lab *lab, uint32_t number, int64_t now_us)
{
    int64_t gone_us = now_us + lab->options.drain_us;

    pool_sum(lab, now_us);
    lab->counts.leaving++;
    ends_set(&lab->changes, number, gone_us);
    serve_stop_at(lab, gone_us);
}

bool pool_may_start(const struct lab_worker *worker)
{
    return worker->state == UWO_WORKER_CHEAPED || worker->state == UWO_WORKER_DEAD;
}

bool pool_may_stop(const struct lab_worker *worker)
{
    return worker->state == UWO_WORKER_IDLE || worker->state == UWO_WORKER_STARTING;
}

void pool_start(struct lab *lab, uint32_t number, int64_t now_us)
{
    ensure(pool_may_start(&lab->worker[number]));
    if (!pool_launch(lab, number, now_us))
        return;
    lab->result.spawns++;
    if (lab->last_stop_us >= 0 && now_us - lab->last_stop_us <= lab->options.flap_us)
        lab->result.flaps++;
    lab->last_spawn_us = now_us;
}

void pool_stop(struct lab *lab, uint32_t number, int64_t now_us)
{
    struct lab_worker *worker = &lab->worker[number];

    ensure(pool_may_stop(worker));
    pool_sum(lab, now_us);
    if (worker->state == UWO_WORKER_STARTING)
        lab->counts.starting--;
    lab->counts.draining++;
    worker->state = UWO_WORKER_DRAINING;
    serve_forget(lab, number);
    lab->listening_stale = true;
    if (worker->in_request == 0)
        pool_drained(lab, number, now_us);
    lab->result.stops++;
    if (lab->last_spawn_us >= 0 && now_us - lab->last_spawn_us <= lab->options.flap_us)
        lab->result.flaps++;
    lab->last_stop_us = now_us;
}

static void pool_die(struct lab *lab, uint32_t number, int64_t now_us)
{
    struct lab_worker *worker = &lab->worker[number];
    bool draining = worker->state == UWO_WORKER_DRAINING;

    if (pool_may_start(worker))
        return;
    pool_sum(lab, now_us);
    lab->result.deaths++;
    lab->counts.existing--;
    lab->counts.starting -= worker->state == UWO_WORKER_STARTING;
    lab->counts.draining -= draining;
    lab->counts.leaving -= draining && worker->in_request == 0;
    serve_kill(lab, number, now_us);
    serve_forget(lab, number);
    ends_clear(&lab->changes, number);
    worker->state = draining ? UWO_WORKER_CHEAPED : UWO_WORKER_DEAD;
    worker->ready_us = -1;
    lab->listening_stale = true;
    if (!draining && !(lab->options.flags & UWO_LAB_NO_RESPAWN))
        lab->result.respawns += pool_launch(lab, number, now_us);
}

/* ---- in the course of time ---- */

static void pool_event(struct lab *lab, const struct uwo_lab_event *event, int64_t now_us)
{
    uint32_t number = event->number - 1;

    switch (event->kind) {
    case UWO_LAB_DEATH:
        pool_die(lab, number, now_us);
        break;
    case UWO_LAB_FORKS_FAIL:
        lab->forks_to_fail += (uint64_t)event->value;
        break;
    case UWO_LAB_MANUAL:
        lab->manual += (int32_t)event->value;
        break;
    case UWO_LAB_CLOCK_STEP:
        lab->wall_us += event->value;
        break;
    case UWO_LAB_START:
        if (pool_may_start(&lab->worker[number]))
            pool_start(lab, number, now_us);
        break;
    case UWO_LAB_STOP:
        if (pool_may_stop(&lab->worker[number]))
            pool_stop(lab, number, now_us);
        break;
    }
}

int64_t pool_next_us(const struct lab *lab)
{
    uint64_t first = ends_first(&lab->changes);
    int64_t next_us = first == ENDS_NEVER ? INT64_MAX : ends_time(&lab->changes, first);

    if (lab->event < lab->options.event_count && lab->options.events[lab->event].at_us < next_us)
        next_us = lab->options.events[lab->event].at_us;
    return next_us;
}

void pool_change(struct lab *lab, int64_t now_us)
{
    uint64_t first = ends_first(&lab->changes);
    uint32_t number = ends_slot(&lab->changes, first);

    pool_sum(lab, now_us);
    if (first > ends_until(&lab->changes, now_us))
        pool_event(lab, &lab->options.events[lab->event++], now_us);
    else if (lab->worker[number].state == UWO_WORKER_STARTING)
        pool_started(lab, number, now_us);
    else
        pool_gone(lab, number);
}

void pool_begin(struct lab *lab)
{
    uint32_t count = lab->options.workers_startup;
    bool last_first = lab->options.idle_order == UWO_LAB_LAST_IDLE_FIRST;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = last_first ? count - 1 - i : i; /* the first is first in turn */

        if (lab->options.flags & UWO_LAB_COLD) {
            pool_launch(lab, number, 0);
            continue;
        }
        pool_exists(lab);
        lab->worker[number].started_s = lab_wall_s(lab, 0);
        pool_ready(lab, number, 0);
    }
    lab->active_before = count;
}
