/* timers: a hierarchical timing wheel; every operation takes constant time however
 * many timers are armed.  Pure: the time is an argument, in milliseconds.
 *
 * Six levels of 64 lists.  A timer stands on the level of the highest group of six
 * bits in which its time differs from the wheel's, in the list of that group's
 * value; so whatever stands on a lower level is due before all above it:
 *
 *   level 0   the next 64 ms, one list each
 *   level 1   the next 4 s, a list per 64 ms
 *   level 2   the next 4 min, a list per 4 s
 *   ...
 *   level 5   the next 2.1 years
 *
 * What lies beyond the edge of the top level waits in a list of its own until then. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdint.h>

#include "base/list.h"

enum { TIMERS_LEVELS = 6, TIMERS_LISTS = 64 };

#define TIMERS_NEVER UINT64_MAX

struct timer {
    struct list link;
    uint64_t at_ms; /* TIMERS_NEVER when not armed */
};

struct timers {
    uint64_t now_ms;
    uint64_t occupied[TIMERS_LEVELS]; /* bit n: list n may hold a timer */
    struct list due;
    struct list far; /* beyond the edge of the top level */
    struct list list[TIMERS_LEVELS][TIMERS_LISTS];
};

void timers_init(struct timers *timers, uint64_t now_ms);

void timer_init(struct timer *timer);

/* Arm, or move an armed timer.  A time that has passed is due at once. */
void timers_set(struct timers *timers, struct timer *timer, uint64_t at_ms);

/* Disarm; allowed when not armed. */
void timers_clear(struct timer *timer);

/* The earliest moment at which timers_take may give something; TIMERS_NEVER if none. */
uint64_t timers_next(struct timers *timers);

/* One timer that is due at now_ms, disarmed, or NULL.  Call until NULL. */
struct timer *timers_take(struct timers *timers, uint64_t now_ms);

#endif
