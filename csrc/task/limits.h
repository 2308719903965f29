/* limits: when a transfer must end for taking too long, and how fast it may go.
 *
 * Pure: the time and what the peer has acknowledged are arguments.  Progress is what the
 * client acknowledged or sent, never what the kernel buffered: a slow reader leaves the
 * send buffer unwritable for many seconds and must live, a dead one must die. */
#ifndef TASK_LIMITS_H
#define TASK_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define LIMITS_NEVER UINT32_MAX

struct limits {
    uint64_t started_us;
    uint64_t progress_us;    /* when `moved` was last seen to grow */
    uint64_t moved;          /* bytes acknowledged and received, as last seen */
    uint32_t deadline_ms;    /* after started_us, or LIMITS_NEVER */
    uint32_t no_progress_ms; /* or LIMITS_NEVER */
};

/* The minimum rate: what the client is behind it, since it was last abreast, must not exceed a
 * lump.  For acknowledgements come in lumps: a receiver shows what it has read in steps of up to
 * half its buffer, a UNIX socket in steps of a segment. */
struct rate_floor {
    uint64_t rate;       /* bytes/s */
    uint64_t abreast_us; /* when it was last not behind */
    uint64_t abreast_moved;
    uint64_t judged_us;
    uint32_t window_ms; /* how often it is judged, and the grace time */
};

#define RATE_FLOOR_LUMP (UINT64_C(128) << 10)

/* The maximum rate: a token bucket that gives out quanta of a sixteenth of a second and
 * keeps two, so that over five seconds nobody gets 5 % more, and a loop that is a sixteenth
 * late loses nothing. */
struct pace {
    uint64_t rate;      /* bytes/s, 1 to PACE_RATE_MAX */
    uint64_t tokens;    /* bytes that may go now */
    uint64_t filled_us; /* up to when tokens were counted */
    uint64_t rest;      /* millionths of a byte earned beyond the tokens */
};

#define PACE_RATE_MAX UINT64_C(1000000000000)

void limits_start(struct limits *limits, uint64_t now_us);

/* Compare with what has moved so far.  `owed`: the client (or source) is expected to move
 * something; while it is not, no time runs against it but the deadline.  floor may be NULL.
 * Returns UWO_FINISHED while all is well, else the outcome to end with. */
int limits_judge(struct limits *limits, struct rate_floor *floor, uint64_t now_us, uint64_t moved,
                 bool owed);

/* When to call limits_judge again; UINT64_MAX for never. */
uint64_t limits_next_us(const struct limits *limits, const struct rate_floor *floor,
                        uint64_t now_us);

void rate_floor_start(struct rate_floor *floor, uint64_t now_us);

void pace_start(struct pace *pace, uint64_t now_us);

/* Bytes that may go now: 0 until a whole quantum is there. */
uint64_t pace_allowance(struct pace *pace, uint64_t now_us);

/* When the next quantum is there. */
uint64_t pace_next_us(const struct pace *pace, uint64_t now_us);

/* Take what was sent, never more than the allowance. */
void pace_spend(struct pace *pace, uint64_t bytes);

#endif
