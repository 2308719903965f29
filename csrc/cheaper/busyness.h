/* busyness: what its two forms share, the words of its state and its knobs. */
#ifndef CHEAPER_BUSYNESS_H
#define CHEAPER_BUSYNESS_H

#include "cheaper/algo.h"

enum {
    MULTIPLIER,   /* windows from here to the next stop */
    NEXT_STOP,    /* us */
    CHECKED,      /* us: the end of the last window */
    LAST_STOPPED, /* us; 0: never */
    LAST_ACTION,
    IN_BAND,     /* windows in a row between min and max */
    EMERGENCIES, /* workers started in emergencies, as far as they are still about */
    NOT_EMPTY,   /* the queue was, at the last check */
    SINCE,       /* us: it has been since then */
    BUSYNESS_WORDS
};

enum { BUSYNESS_STARTED = 1, BUSYNESS_STOPPED = 2 }; /* LAST_ACTION */

/* Per worker there is one more: what it had run at the end of the last window; in the fixed form,
 * how long it had been busy. */

enum {
    BUSYNESS_WINDOW,
    BUSYNESS_MAX,
    BUSYNESS_MIN,
    BUSYNESS_MULTIPLIER,
    BUSYNESS_PENALTY,
    BUSYNESS_ALERT,
    BUSYNESS_EMERGENCY_MULTIPLIER,
    BUSYNESS_EMERGENCY_STEP,
    BUSYNESS_NONZERO,
};

enum { BUSYNESS_US_PER_S = 1000000 };

void busyness_fixed_begin(struct scale_state *state, const struct scale_input *input,
                          const int64_t *knob);
struct uwo_scale_verdict busyness_fixed_decide(struct scale_state *state,
                                               const struct scale_input *input,
                                               const int64_t *knob);

#endif
