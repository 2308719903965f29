/* serve: requests arrive, wait, are served. */
#ifndef LAB_SERVE_H
#define LAB_SERVE_H

#include "lab/lab.h"

/* Let requests arrive that do so before lab->until_us.  Returns LAB_MORE (the next one comes later,
 * or there is none), LAB_ROOM, LAB_BAD_ARRIVAL or LAB_BAD_SERVICE. */
int serve_arrivals(struct lab *lab, struct lab_load *load);

/* Let requests finish that do so until then. */
void serve_until(struct lab *lab, int64_t until_us);

/* The pool changes then: nothing later may happen before. */
void serve_stop_at(struct lab *lab, int64_t at_us);

/* The threads of this worker are free: they take what waits. */
void serve_worker(struct lab *lab, uint32_t worker, int64_t now_us);

/* The threads of this worker are no longer asked to take requests. */
void serve_forget(struct lab *lab, uint32_t worker);

/* What it serves, and what waits for it alone, is gone. */
void serve_kill(struct lab *lab, uint32_t worker, int64_t now_us);

/* The end: what still waits is left. */
void serve_leave(struct lab *lab, int64_t now_us);

/* The line of a worker. */
static inline struct line *serve_line(struct lab *lab, uint32_t worker)
{
    return &lab->line[lab->per_worker ? worker : 0];
}

#endif
