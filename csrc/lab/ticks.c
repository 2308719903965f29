#include "lab/ticks.h"

#include "lab/pool.h"

/* ---- demand ---- */

void ticks_demand(struct lab *lab, int64_t arrival_us, int64_t end_us)
{
    struct lab_demand *demand = &lab->demand;
    uint32_t mask = LAB_DEMAND_TICKS - 1;
    int64_t ticks, rest_us;

    if (end_us > lab->options.horizon_us)
        end_us = lab->options.horizon_us;
    if (end_us <= lab->tick_us) {
        demand->now_us += (uint64_t)(end_us - arrival_us);
        return;
    }
    demand->now_us += (uint64_t)(lab->tick_us - arrival_us);
    ticks = (end_us - lab->tick_us) / lab->options.tick_us;
    rest_us = (end_us - lab->tick_us) % lab->options.tick_us;
    if (ticks > LAB_DEMAND_TICKS - 2) {
        ticks = LAB_DEMAND_TICKS - 2;
        rest_us = 0;
    }
    demand->full[(demand->at + 1) & mask]++;
    demand->full[(demand->at + 1 + (uint32_t)ticks) & mask]--;
    demand->part_us[(demand->at + 1 + (uint32_t)ticks) & mask] += (uint64_t)rest_us;
}

static void ticks_demand_next(struct lab *lab)
{
    struct lab_demand *demand = &lab->demand;

    demand->at = (demand->at + 1) & (LAB_DEMAND_TICKS - 1);
    demand->level += demand->full[demand->at];
    demand->now_us = (uint64_t)demand->level * (uint64_t)(lab->tick_us - lab->tick_from_us) +
                     demand->part_us[demand->at];
    demand->full[demand->at] = 0;
    demand->part_us[demand->at] = 0;
}

/* ---- the tick ---- */

void ticks_begin(struct lab *lab)
{
    const struct uwo_lab_options *options = &lab->options;

    lab->tick_us = options->tick_us < options->horizon_us ? options->tick_us : options->horizon_us;
}

void ticks_close(struct lab *lab, int64_t now_us)
{
    const struct uwo_lab_options *options = &lab->options;
    uint64_t ready_us;

    pool_sum(lab, now_us);
    ready_us = lab->counts.ready_us * lab->threads;
    lab->counts.ready_us = 0;
    lab->demand_us = lab->demand.now_us;
    if (lab->demand_us > ready_us)
        lab->result.under_us += lab->demand_us - ready_us;
    lab->tick_from_us = now_us;
    lab->tick_us = options->horizon_us - now_us > options->tick_us ? now_us + options->tick_us
                                                                   : options->horizon_us;
    ticks_demand_next(lab);
}

static int64_t ticks_oldest(const struct lab *lab, int64_t now_us)
{
    int64_t oldest_us = now_us;

    for (uint32_t i = 0; i < lab->line_count; i++) {
        const struct line *line = &lab->line[i];

        if (line->count && lab->lines.place[line->first].arrival_us < oldest_us)
            oldest_us = lab->lines.place[line->first].arrival_us;
    }
    return now_us - oldest_us;
}

void ticks_row(struct lab *lab, int64_t now_us, int32_t delta)
{
    const struct lab_counts *counts = &lab->counts;
    uint32_t active = pool_active(counts);

    lab->result.variation += active > lab->active_before ? active - lab->active_before
                                                         : lab->active_before - active;
    lab->active_before = active;
    if (lab->result.rows == lab->options.rows_max)
        return;
    lab->options.rows[lab->result.rows++] = (struct uwo_lab_row){
        .at_us = now_us,
        .oldest_us = ticks_oldest(lab, now_us),
        .demand_us = (int64_t)lab->demand_us,
        .active = active,
        .ready = active - counts->starting,
        .busy = counts->busy - (counts->draining - counts->leaving),
        .starting = counts->starting,
        .draining = counts->draining,
        .queue = lab->lines.total,
        .delta = delta,
    };
}

/* ---- readings ---- */

static void ticks_read_worker(const struct lab *lab, uint32_t number, int64_t now_us)
{
    const struct lab_worker *worker = &lab->worker[number];
    struct uwo_worker_reading *reading = &lab->reading[number];
    bool busy = worker->in_request > 0;
    bool gone = pool_may_start(worker);

    reading->state = worker->state;
    if (worker->state == UWO_WORKER_IDLE && busy)
        reading->state = UWO_WORKER_BUSY;
    reading->busy_us = (uint64_t)(worker->busy_us + (busy ? now_us - worker->busy_since_us : 0));
    reading->running_time_us = worker->served_us;
    reading->in_request = worker->in_request;
    reading->started_s = worker->started_s;
    reading->ready_since_us = worker->ready_us < 0
                                  ? 0
                                  : lab->options.mono_us + (uint64_t)worker->ready_us;
    reading->rss = gone ? 0 : busy ? lab->options.busy_rss : lab->options.idle_rss;
}

void ticks_read(struct lab *lab, int64_t now_us)
{
    struct uwo_readings *readings = &lab->readings;
    uint32_t ahead = lab->options.accept_ahead;
    uint64_t taken = lab->result.requests - lab->result.rejected;

    readings->wall_s = lab_wall_s(lab, now_us);
    readings->wall_us = (uint64_t)lab->wall_us + (uint64_t)now_us;
    readings->mono_us = lab->options.mono_us + (uint64_t)now_us;
    readings->listen_queue = 0;
    readings->waiting = 0;
    for (uint32_t i = 0; i < lab->line_count; i++) {
        uint32_t accepted = lab->line[i].count < ahead ? lab->line[i].count : ahead;

        readings->waiting += accepted;
        if (lab->line[i].count - accepted > readings->listen_queue)
            readings->listen_queue = lab->line[i].count - accepted;
    }
    readings->oldest_wait_us = ahead ? (uint64_t)ticks_oldest(lab, now_us) : 0;
    readings->manual = lab->manual;
    readings->arrivals = taken - lab->taken;
    readings->completions = lab->completions;
    for (uint32_t i = 0; i < lab->options.workers_max; i++)
        ticks_read_worker(lab, i, now_us);
    lab->manual = 0;
    lab->taken = taken;
    lab->result.finished += lab->completions;
    lab->completions = 0;
}
