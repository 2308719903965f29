/* lab: a simulated pool of workers.
 *
 * Pure: the memory is the caller's.  At each tick readings are filled in and a rule is asked: one
 * of cheaper/, or the caller; then the lab stops, and goes on when it is told what to start and to
 * stop.
 *
 *   serve.c   requests arrive, wait, are served: the loop that must be fast
 *   pool.c    workers start, are ready, drain, die
 *   ticks.c   what is counted from tick to tick; the readings
 *   rule.c    a rule is asked
 *   lab.c     memory, order of events
 *   totals.c  the result
 *
 * Between two changes of the pool (a tick, a worker ready or gone, a scripted event) nothing but
 * arrivals and ends of requests can happen, so lab.c runs the loop of serve.c up to the next
 * change.  A core is a thread of a worker: worker index << thread_bits | thread. */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include "lab/ends.h"
#include "lab/lines.h"
#include "lab/waits.h"
#include "uwoffload.h"

#include <stdbool.h>
#include <stddef.h>

enum { LAB_DEMAND_TICKS = UWO_LAB_DEMAND_TICKS }; /* a power of two */

enum lab_status {
    LAB_MORE = 0,        /* everything taken */
    LAB_TICK = 1,        /* the caller is asked: lab_answer is due */
    LAB_ENDED = 2,       /* the horizon is reached */
    LAB_ROOM = 3,        /* a request must wait and there is no place: lines_grow, go on */
    LAB_BAD_ARRIVAL = 4, /* of request load->taken: before the last one, or not before the end */
    LAB_BAD_SERVICE = 5,
};

struct lab_load {
    const int64_t *arrivals;
    const int64_t *services;
    size_t count;
    size_t taken;
};

/* A core that serves. */
struct lab_core {
    int64_t arrival_us; /* of its request */
    int64_t begun_us;
};

struct lab_worker {
    uint32_t state; /* enum uwo_worker_state; IDLE stands for BUSY too */
    uint32_t in_request;
    uint32_t first_requests; /* 1: its first request takes longer */
    uint32_t named;          /* stands in the answer being checked */
    int64_t busy_since_us;
    int64_t busy_us;     /* up to the last time it was free */
    uint64_t served_us;  /* of finished requests */
    uint64_t free_cores; /* UWO_LAB_PER_WORKER: a bit per thread */
    int64_t ready_us;    /* -1: not yet */
    int64_t started_s;   /* wall clock */
};

/* Free cores, UWO_LAB_SHARED: taken from the end, or from the front. */
struct lab_idle {
    uint32_t *core; /* a ring */
    uint32_t mask;
    uint32_t front;
    uint32_t back; /* one behind the last */
};

/* How many workers there are of each kind, and what that sums up to over time. */
struct lab_counts {
    uint32_t existing; /* idle, busy, starting, draining */
    uint32_t starting;
    uint32_t draining;
    uint32_t leaving; /* draining, without a request */
    uint32_t busy;    /* with a request, draining or not */
    uint32_t busy_max;
    int64_t summed_us; /* the sums below are up to here */
    uint64_t existing_us;
    uint64_t starting_us;
    uint64_t leaving_us;
    uint64_t ready_us; /* since the last tick */
    uint64_t at_max_us;
    uint64_t memory_peak;
};

/* The load of the infinitely many: how long requests would be in service, were each served on
 * arrival.  `now_us` is the time of the current tick; of later ones, slots of a ring hold how many
 * requests fill them from there on, and the time of those that end within. */
struct lab_demand {
    uint64_t now_us;
    int64_t level; /* requests that last through the current tick */
    int64_t *full;
    uint64_t *part_us;
    uint32_t at;
};

struct lab {
    struct uwo_lab_options options; /* complete */
    uint32_t thread_bits;
    uint32_t threads;
    bool per_worker;
    bool asks;   /* a rule is asked at each tick */
    bool asking; /* and is being asked now */
    bool ended;

    struct ends ends;    /* of requests in service, per core */
    struct ends changes; /* of workers: when a starting one is ready, a leaving one gone */
    struct lab_core *core;
    struct lab_worker *worker;
    struct lab_idle idle;
    struct lines lines;
    struct line *line; /* one, or one per worker */
    uint32_t line_count;
    uint32_t *listening; /* UWO_LAB_PER_WORKER: workers that are ready */
    uint32_t listening_count;
    bool listening_stale; /* workers came or went */
    uint64_t line_limit;  /* requests that may wait in a line */

    struct uwo_scale_rule rule; /* when there is one of ours */
    uint64_t *rule_state;
    uint32_t *start; /* its verdicts */
    uint32_t *stop;

    int64_t until_us;   /* before it, nothing but arrivals and ends of requests */
    uint64_t ends_last; /* the same, as a key of `ends` */
    int64_t arrived_us; /* of the last request */
    int64_t tick_from_us;
    int64_t tick_us; /* the next one */
    size_t event;    /* the next one */
    uint64_t forks_to_fail;
    int64_t wall_us; /* added to the time: the wall clock */
    int64_t last_spawn_us;
    int64_t last_stop_us;
    uint32_t active_before; /* at the last tick */
    uint64_t demand_us;     /* up to the last tick, from the one before */

    struct lab_counts counts;
    struct lab_demand demand;
    struct waits waits;
    struct uwo_lab_result result; /* so far; what is summed up elsewhere comes in at the end */
    uint64_t completions;         /* since the last tick */
    uint64_t taken;               /* requests up to the last tick, without those rejected */
    int32_t manual;
    struct uwo_readings readings;
    struct uwo_worker_reading *reading;
};

/* Bytes of memory for these options, which must be complete and sound. */
size_t lab_size(const struct uwo_lab_options *options);

/* The pool at its start.  Borrows memory (64-byte aligned, lab_size bytes), and what options
 * borrow. */
struct lab *lab_init(void *memory, const struct uwo_lab_options *options);

/* Go on to the last arrival, or to what stops it: see enum lab_status. */
int lab_feed(struct lab *lab, struct lab_load *load);

/* Go on to the horizon. */
int lab_finish(struct lab *lab);

/* Answer a tick: workers by number, each of which can be started or stopped. */
void lab_answer(struct lab *lab, int32_t delta, const uint32_t *start, uint32_t start_count,
                const uint32_t *stop, uint32_t stop_count);

/* Sum up, once the horizon is reached. */
void lab_total(const struct lab *lab, struct uwo_lab_result *result);

/* Whole seconds of the wall clock. */
static inline int64_t lab_wall_s(const struct lab *lab, int64_t now_us)
{
    int64_t wall_us = lab->wall_us + now_us;

    return wall_us / 1000000 - (wall_us % 1000000 < 0);
}

#endif
