/* hosted: an engine without threads.  Its one loop runs inside calls of the host: a turn at a time,
 * or turn after turn while the host waits for events or for requests.
 *
 * Only the thread that made the engine runs it (others may end it); `turn` is held meanwhile.
 * Between these calls nothing moves.  Time that the host was away is not held against clients:
 * what they had to do may be done, and nobody has looked. */
#ifndef ENGINE_HOSTED_H
#define ENGINE_HOSTED_H

#include "engine/engine.h"

struct call;
struct front;

/* Is this the thread that runs it? */
bool hosted_here(const struct uwo_engine *engine);

/* One turn, waiting at most timeout_ms (-1: no limit) for something to do.  1 when there is
 * something for the host, 0, -EINTR, -EPERM (another thread), UWO_E_CLOSED. */
int hosted_turn(struct uwo_engine *engine, int timeout_ms);

/* Turns until there are events to reap, or wakes: 1; or until_us is over: 0.  Else as above. */
int hosted_wait(struct uwo_engine *engine, uint64_t until_us);

/* Turns until there is a request (or room): 1 with *call.  0 when until_us is over, or there is
 * something else for the host.  Else as above. */
int hosted_take(struct front *front, uint64_t until_us, struct call **call);

/* For who ends something, in any thread: a turn, unless another thread is in the loop; at most so
 * long. */
void hosted_step(struct uwo_engine *engine, int most_ms);

/* `stopping` is set: turns until everything has ended.  Thread: any. */
void hosted_stop(struct uwo_engine *engine);

#endif
