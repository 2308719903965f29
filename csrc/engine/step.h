/* step: one step of a transfer: what its machines want next, and what becomes of a result. */
#ifndef ENGINE_STEP_H
#define ENGINE_STEP_H

#include "engine/engine.h"

/* What one transfer may do before the others have their turn. */
enum { TURN_BYTES = 2 << 20, TURN_OPERATIONS = 64 };

/* Make its socket ready. */
void step_begin(const struct sys *sys, struct transfer *transfer);

/* The operation wanted now; false when nothing is. */
bool step_next(struct transfer *transfer, uint64_t now_us, struct op *op);

/* May this want be answered with ECANCELED? */
bool step_may_withdraw(const struct op *op);

/* Hand a result in, and publish the byte counts. */
void step_result(struct transfer *transfer, const struct op *op, const struct op_result *result);

/* It has ended: count it, and let go of what it holds. */
void step_count(stats_value *stats, const struct transfer *transfer);
void step_done(struct uwo_engine *engine, struct transfer *transfer);

#endif
