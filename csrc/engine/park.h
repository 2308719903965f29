/* park: a transfer that has to wait, and what brings it back. */
#ifndef ENGINE_PARK_H
#define ENGINE_PARK_H

#include "engine/engine.h"

/* Arm the timer for the next time this transfer must be looked at, at until_us at the latest. */
void park_arm(struct loop *loop, struct transfer *transfer, uint64_t until_us);

/* Have epoll watch the client.  output: for room too, which a socket that is asked for the first
 * time mostly has: that would be a wake-up for nothing.  Returns 0 or a positive errno. */
int park_watch(struct loop *loop, struct transfer *transfer, bool output);

/* Put it on the ready list: it goes on when the others have had their turn. */
void park_later(struct loop *loop, struct transfer *transfer);

/* Park it.  False when that failed: *result then says why.  unsure: it did not try until the
 * socket said no. */
bool park(struct loop *loop, struct transfer *transfer, uint8_t wait, bool unsure,
          uint64_t until_us, struct op_result *result);

#endif
