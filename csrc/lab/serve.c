#include "lab/serve.h"

#include "lab/pool.h"
#include "lab/ticks.h"

/* ---- who serves ---- */

static void serve_idle_push(struct lab *lab, uint32_t core)
{
    struct lab_idle *idle = &lab->idle;

    idle->core[idle->back++ & idle->mask] = core;
}

static uint32_t serve_idle_take(struct lab *lab)
{
    struct lab_idle *idle = &lab->idle;

    if (lab->options.idle_order == UWO_LAB_LAST_IDLE_FIRST)
        return idle->core[--idle->back & idle->mask];
    return idle->core[idle->front++ & idle->mask];
}

/* A well mixed number out of another: the finishing steps of MurmurHash3. */
static uint64_t serve_mix(uint64_t value)
{
    value = (value ^ value >> 33) * UINT64_C(0xff51afd7ed558ccd);
    value = (value ^ value >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return value ^ value >> 33;
}

/* Find out again who listens. */
static void serve_listen(struct lab *lab)
{
    lab->listening_stale = false;
    lab->listening_count = 0;
    for (uint32_t i = 0; i < lab->options.workers_max; i++) {
        if (lab->worker[i].state == UWO_WORKER_IDLE)
            lab->listening[lab->listening_count++] = i;
    }
}

/* The worker that the kernel would choose for this request. */
static uint32_t serve_choose(const struct lab *lab, uint64_t request)
{
    uint64_t hash = serve_mix(lab->options.seed ^ serve_mix(request + 1));

    return lab->listening[(hash >> 32) * lab->listening_count >> 32];
}

/* ---- one request ---- */

static inline void serve_wait(struct lab *lab, uint64_t request, int64_t wait_us)
{
    if (request < lab->options.waits_max)
        lab->options.waits[request] = wait_us;
}

static inline void serve_begin(struct lab *lab, uint32_t core, const struct place *request,
                               int64_t now_us)
{
    struct lab_worker *worker = &lab->worker[core >> lab->thread_bits];
    int64_t service_us = request->service_us;

    if (worker->first_requests) {
        worker->first_requests = 0;
        service_us += lab->options.first_request_us;
        lab->result.penalised++;
    }
    if (worker->in_request++ == 0) {
        worker->busy_since_us = now_us;
        if (++lab->counts.busy > lab->counts.busy_max)
            lab->counts.busy_max = lab->counts.busy;
    }
    lab->core[core] = (struct lab_core){ .arrival_us = request->arrival_us, .begun_us = now_us };
    ends_set(&lab->ends, core, now_us + service_us);
    serve_wait(lab, request->request, now_us - request->arrival_us);
    waits_add(&lab->waits, now_us - request->arrival_us);
}

/* A core is free: the next request, or none. */
static inline void serve_next(struct lab *lab, uint32_t core, int64_t now_us)
{
    uint32_t worker = core >> lab->thread_bits;
    struct line *line = serve_line(lab, worker);

    if (line->count) {
        struct place request = lines_pop(&lab->lines, line);

        serve_begin(lab, core, &request, now_us);
        return;
    }
    ends_clear(&lab->ends, core);
    if (lab->per_worker)
        lab->worker[worker].free_cores |= UINT64_C(1) << (core & ((1U << lab->thread_bits) - 1));
    else
        serve_idle_push(lab, core);
}

static inline void serve_finish(struct lab *lab, uint32_t core, int64_t now_us)
{
    uint32_t number = core >> lab->thread_bits;
    struct lab_worker *worker = &lab->worker[number];

    lab->completions++;
    worker->served_us += (uint64_t)(now_us - lab->core[core].begun_us);
    if (--worker->in_request == 0) {
        worker->busy_us += now_us - worker->busy_since_us;
        lab->counts.busy--;
    }
    if (worker->state != UWO_WORKER_DRAINING || (lab->per_worker && lab->line[number].count)) {
        serve_next(lab, core, now_us);
        return;
    }
    ends_clear(&lab->ends, core);
    if (worker->in_request == 0)
        pool_drained(lab, number, now_us);
}

void serve_until(struct lab *lab, int64_t until_us)
{
    uint64_t first;

    lab->ends_last = ends_until(&lab->ends, until_us);
    while ((first = ends_first(&lab->ends)) <= lab->ends_last)
        serve_finish(lab, ends_slot(&lab->ends, first), ends_time(&lab->ends, first));
}

void serve_stop_at(struct lab *lab, int64_t at_us)
{
    uint64_t last = ends_until(&lab->ends, at_us);

    if (last < lab->ends_last)
        lab->ends_last = last;
    if (at_us < lab->until_us)
        lab->until_us = at_us;
}

/* ---- arrivals ---- */

static void serve_reject(struct lab *lab, uint64_t request)
{
    lab->result.rejected++;
    serve_wait(lab, request, UWO_LAB_WAIT_REJECTED);
}

/* False: it must wait, and there is no place. */
static bool serve_queue(struct lab *lab, uint32_t worker, const struct place *request)
{
    struct line *line = serve_line(lab, worker);

    if (line->count >= lab->line_limit) {
        serve_reject(lab, request->request);
        return true;
    }
    if (lines_full(&lab->lines))
        return false;
    lines_push(&lab->lines, line, request);
    if (lab->lines.total > lab->result.queue_max)
        lab->result.queue_max = lab->lines.total;
    return true;
}

static inline bool serve_shared(struct lab *lab, const struct place *request)
{
    if (lab->idle.front == lab->idle.back)
        return serve_queue(lab, 0, request);
    serve_begin(lab, serve_idle_take(lab), request, request->arrival_us);
    return true;
}

static bool serve_hashed(struct lab *lab, const struct place *request)
{
    uint32_t number;
    struct lab_worker *worker;
    uint32_t thread;

    if (lab->listening_stale)
        serve_listen(lab);
    if (lab->listening_count == 0) {
        serve_reject(lab, request->request);
        return true;
    }
    number = serve_choose(lab, request->request);
    worker = &lab->worker[number];
    if (!worker->free_cores)
        return serve_queue(lab, number, request);
    thread = (uint32_t)__builtin_ctzll(worker->free_cores);
    worker->free_cores &= worker->free_cores - 1;
    serve_begin(lab, number << lab->thread_bits | thread, request, request->arrival_us);
    return true;
}

int serve_arrivals(struct lab *lab, struct lab_load *load)
{
    while (load->taken < load->count) {
        struct place request = {
            .arrival_us = load->arrivals[load->taken],
            .service_us = load->services[load->taken],
            .request = lab->result.requests,
        };
        int64_t end_us;

        if (request.arrival_us < lab->arrived_us || request.arrival_us >= lab->options.horizon_us)
            return LAB_BAD_ARRIVAL;
        if ((uint64_t)request.service_us > UWO_LAB_SERVICE_MAX)
            return LAB_BAD_SERVICE;
        if (request.arrival_us >= lab->until_us)
            return LAB_MORE;
        serve_until(lab, request.arrival_us);
        if (request.arrival_us >= lab->until_us) /* it is lower now: a worker is drained */
            return LAB_MORE;
        if (!(lab->per_worker ? serve_hashed(lab, &request) : serve_shared(lab, &request)))
            return LAB_ROOM;
        load->taken++;
        lab->arrived_us = request.arrival_us;
        lab->result.requests++;
        lab->result.work_us += (uint64_t)request.service_us;
        end_us = request.arrival_us + request.service_us;
        if (end_us <= lab->tick_us)
            lab->demand.now_us += (uint64_t)request.service_us;
        else
            ticks_demand(lab, request.arrival_us, end_us);
    }
    return LAB_MORE;
}

/* ---- the pool changes ---- */

void serve_worker(struct lab *lab, uint32_t worker, int64_t now_us)
{
    for (uint32_t thread = 0; thread < lab->threads; thread++)
        serve_next(lab, worker << lab->thread_bits | thread, now_us);
}

void serve_forget(struct lab *lab, uint32_t worker)
{
    struct lab_idle *idle = &lab->idle;
    uint32_t kept = idle->front;

    for (uint32_t at = idle->front; at != idle->back; at++) {
        uint32_t core = idle->core[at & idle->mask];

        if (core >> lab->thread_bits != worker)
            idle->core[kept++ & idle->mask] = core;
    }
    idle->back = kept;
    lab->worker[worker].free_cores = 0;
}

static void serve_kill_one(struct lab *lab, const struct lab_core *core, int64_t now_us)
{
    lab->result.killed++;
    lab->result.served_us += (uint64_t)(now_us - core->begun_us);
    if (core->begun_us - core->arrival_us <= lab->options.wait_target_us)
        lab->result.missed++; /* one that waited too long is counted with those */
}

void serve_kill(struct lab *lab, uint32_t number, int64_t now_us)
{
    struct lab_worker *worker = &lab->worker[number];

    for (uint32_t thread = 0; thread < lab->threads; thread++) {
        uint32_t core = number << lab->thread_bits | thread;

        if (ends_set_at(&lab->ends, core))
            serve_kill_one(lab, &lab->core[core], now_us);
        ends_clear(&lab->ends, core);
    }
    if (worker->in_request) {
        worker->busy_us += now_us - worker->busy_since_us;
        lab->counts.busy--;
        worker->in_request = 0;
    }
    while (lab->per_worker && lab->line[number].count) {
        struct place request = lines_pop(&lab->lines, &lab->line[number]);

        lab->result.lost++;
        serve_wait(lab, request.request, UWO_LAB_WAIT_LOST);
    }
}

void serve_leave(struct lab *lab, int64_t now_us)
{
    for (uint32_t i = 0; i < lab->line_count; i++) {
        while (lab->line[i].count) {
            struct place request = lines_pop(&lab->lines, &lab->line[i]);

            lab->result.left_waiting++;
            serve_wait(lab, request.request, UWO_LAB_WAIT_LEFT);
            waits_add(&lab->waits, now_us - request.arrival_us);
        }
    }
}
