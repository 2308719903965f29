/* pool: workers start, are ready, drain, die. */
#ifndef LAB_POOL_H
#define LAB_POOL_H

#include "lab/lab.h"

/* Those of the start. */
void pool_begin(struct lab *lab);

/* When the pool changes by itself next: a worker ready or gone, or a scripted event.  INT64_MAX:
 * never. */
int64_t pool_next_us(const struct lab *lab);

/* Carry out the first change that is due now. */
void pool_change(struct lab *lab, int64_t now_us);

bool pool_may_start(const struct lab_worker *worker);
bool pool_may_stop(const struct lab_worker *worker);

/* Start or stop a worker that may be. */
void pool_start(struct lab *lab, uint32_t worker, int64_t now_us);
void pool_stop(struct lab *lab, uint32_t worker, int64_t now_us);

/* A draining worker has finished what it served. */
void pool_drained(struct lab *lab, uint32_t worker, int64_t now_us);

/* Bring the sums up to now; before any count changes. */
void pool_sum(struct lab *lab, int64_t now_us);

static inline uint32_t pool_active(const struct lab_counts *counts)
{
    return counts->existing - counts->draining;
}

#endif
