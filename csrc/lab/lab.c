#include "lab/lab.h"

#include "base/ensure.h"
#include "cheaper/cheaper.h"
#include "lab/pool.h"
#include "lab/rule.h"
#include "lab/serve.h"
#include "lab/ticks.h"

#include <string.h>

/* ---- memory ---- */

struct plan {
    size_t core, worker, reading, line, listening, idle, ends, changes, full, part;
    size_t state, start, stop, size;
    uint32_t thread_bits;
    uint32_t cores; /* numbers of them; some stand for none */
    uint32_t lines;
};

static size_t lab_reserve(struct plan *plan, size_t count, size_t each)
{
    size_t at = plan->size;

    plan->size = (at + count * each + 63) & ~(size_t)63;
    return at;
}

static struct plan lab_plan(const struct uwo_lab_options *options)
{
    struct plan plan = { .size = (sizeof(struct lab) + 63) & ~(size_t)63 };
    uint32_t workers = options->workers_max;

    plan.thread_bits = (uint32_t)__builtin_ctz(ends_leaves(options->threads));
    plan.cores = workers << plan.thread_bits;
    plan.lines = options->queues == UWO_LAB_PER_WORKER ? workers : 1;
    plan.ends = lab_reserve(&plan, 2 * ends_leaves(plan.cores), sizeof(uint64_t));
    plan.core = lab_reserve(&plan, plan.cores, sizeof(struct lab_core));
    plan.worker = lab_reserve(&plan, workers, sizeof(struct lab_worker));
    plan.idle = lab_reserve(&plan, ends_leaves(plan.cores), sizeof(uint32_t));
    plan.line = lab_reserve(&plan, plan.lines, sizeof(struct line));
    plan.listening = lab_reserve(&plan, workers, sizeof(uint32_t));
    plan.changes = lab_reserve(&plan, 2 * ends_leaves(workers), sizeof(uint64_t));
    plan.reading = lab_reserve(&plan, workers, sizeof(struct uwo_worker_reading));
    plan.full = lab_reserve(&plan, LAB_DEMAND_TICKS, sizeof(int64_t));
    plan.part = lab_reserve(&plan, LAB_DEMAND_TICKS, sizeof(uint64_t));
    if (options->rule) {
        plan.state = lab_reserve(&plan, scale_state_words(options->rule), sizeof(uint64_t));
        plan.start = lab_reserve(&plan, workers, sizeof(uint32_t));
        plan.stop = lab_reserve(&plan, workers, sizeof(uint32_t));
    }
    return plan;
}

size_t lab_size(const struct uwo_lab_options *options)
{
    return lab_plan(options).size;
}

static void lab_lay_out(struct lab *lab, const struct plan *plan)
{
    char *memory = (char *)lab;
    uint32_t workers = lab->options.workers_max;

    ends_init(&lab->ends, (uint64_t *)(memory + plan->ends), ends_leaves(plan->cores));
    ends_init(&lab->changes, (uint64_t *)(memory + plan->changes), ends_leaves(workers));
    lab->core = (struct lab_core *)(memory + plan->core);
    lab->worker = (struct lab_worker *)(memory + plan->worker);
    lab->reading = (struct uwo_worker_reading *)(memory + plan->reading);
    lab->idle.core = (uint32_t *)(memory + plan->idle);
    lab->idle.mask = ends_leaves(plan->cores) - 1;
    lab->line = (struct line *)(memory + plan->line);
    lab->line_count = plan->lines;
    lab->listening = (uint32_t *)(memory + plan->listening);
    lab->demand.full = (int64_t *)(memory + plan->full);
    lab->demand.part_us = (uint64_t *)(memory + plan->part);
    lab->rule_state = (uint64_t *)(memory + plan->state);
    lab->start = (uint32_t *)(memory + plan->start);
    lab->stop = (uint32_t *)(memory + plan->stop);
}

struct lab *lab_init(void *memory, const struct uwo_lab_options *options)
{
    struct plan plan = lab_plan(options);
    struct lab *lab = memory;

    memset(memory, 0, plan.size);
    lab->options = *options;
    lab_lay_out(lab, &plan);
    lab->thread_bits = plan.thread_bits;
    lab->threads = options->threads;
    lab->per_worker = options->queues == UWO_LAB_PER_WORKER;
    lab->asks = options->rule || options->flags & UWO_LAB_ASK;
    lab->line_limit = options->listen_queue_limit
                          ? (uint64_t)options->listen_queue_limit + options->accept_ahead
                          : UINT64_MAX;
    lab->wall_us = options->wall_us;
    lab->last_spawn_us = -1;
    lab->last_stop_us = -1;
    lines_init(&lab->lines);
    waits_init(&lab->waits, options->wait_target_us);
    for (uint32_t i = 0; i < lab->line_count; i++)
        lines_clear(&lab->line[i]);
    for (uint32_t i = 0; i < options->workers_max; i++) {
        lab->worker[i].ready_us = -1;
        lab->reading[i].number = i + 1;
    }
    lab->readings.size = sizeof lab->readings;
    lab->readings.worker_count = options->workers_max;
    lab->readings.listen_queue_limit = options->listen_queue_limit;
    lab->readings.workers = lab->reading;
    ticks_begin(lab);
    pool_begin(lab);
    ticks_read(lab, 0);
    if (options->rule) {
        lab->rule = *options->rule;
        rule_begin(lab);
    }
    return lab;
}

/* ---- the order of events ---- */

static int lab_tick(struct lab *lab, int64_t now_us)
{
    ticks_close(lab, now_us);
    if (now_us == lab->options.horizon_us) {
        serve_leave(lab, now_us);
        lab->ended = true;
        return LAB_ENDED;
    }
    lab->result.ticks++;
    if (!lab->asks) {
        ticks_row(lab, now_us, 0);
        return LAB_MORE;
    }
    ticks_read(lab, now_us);
    lab->asking = true;
    if (!lab->options.rule)
        return LAB_TICK;
    rule_answer(lab);
    return LAB_MORE;
}

/* load: NULL when nothing arrives any more. */
static int lab_go(struct lab *lab, struct lab_load *load)
{
    int status = LAB_MORE;

    ensure(!lab->asking && !lab->ended);
    while (status == LAB_MORE) {
        int64_t change_us = pool_next_us(lab);
        bool end = lab->tick_us == lab->options.horizon_us; /* then nothing changes any more */
        bool tick = lab->tick_us < change_us || (end && lab->tick_us == change_us);
        int64_t now_us = tick ? lab->tick_us : change_us;

        lab->until_us = tick ? now_us + 1 : now_us; /* a tick comes behind the arrivals */
        if (load) {
            status = serve_arrivals(lab, load);
            if (status != LAB_MORE || load->taken == load->count)
                break;
        }
        if (pool_next_us(lab) == change_us)
            serve_until(lab, now_us);
        if (pool_next_us(lab) != change_us) /* a worker has drained, which may be sooner */
            continue;
        if (tick)
            status = lab_tick(lab, now_us);
        else
            pool_change(lab, now_us);
    }
    return status;
}

int lab_feed(struct lab *lab, struct lab_load *load)
{
    return lab_go(lab, load);
}

int lab_finish(struct lab *lab)
{
    return lab_go(lab, NULL);
}

void lab_answer(struct lab *lab, int32_t delta, const uint32_t *start, uint32_t start_count,
                const uint32_t *stop, uint32_t stop_count)
{
    int64_t now_us = lab->tick_from_us;

    ensure(lab->asking);
    for (uint32_t i = 0; i < stop_count; i++)
        pool_stop(lab, stop[i] - 1, now_us);
    for (uint32_t i = 0; i < start_count; i++)
        pool_start(lab, start[i] - 1, now_us);
    ticks_row(lab, now_us, delta);
    lab->asking = false;
}
