#include "task/limits.h"

#include "base/ensure.h"
#include "uwoffload.h"

#define US_PER_MS UINT64_C(1000)
#define US_PER_S  UINT64_C(1000000)

/* Progress is sampled at a quarter of its limit, within these bounds: so a peer that is
 * gone is found within its limit and a second. */
#define SAMPLE_MIN_US UINT64_C(20000)
#define SAMPLE_MAX_US UINT64_C(750000)

enum { QUANTA_PER_S = 16, QUANTA_KEPT = 2 };

void limits_start(struct limits *limits, uint64_t now_us)
{
    limits->started_us = now_us;
    limits->progress_us = now_us;
    limits->moved = 0;
}

static void rate_floor_abreast(struct rate_floor *floor, uint64_t now_us, uint64_t moved)
{
    floor->abreast_us = now_us;
    floor->abreast_moved = moved;
}

void rate_floor_start(struct rate_floor *floor, uint64_t now_us)
{
    floor->judged_us = now_us;
    rate_floor_abreast(floor, now_us, 0);
}

/* True when the client is too far behind. */
static bool rate_floor_broken(struct rate_floor *floor, uint64_t now_us, uint64_t moved, bool owed)
{
    uint64_t length_us = now_us - floor->abreast_us;
    uint64_t bytes = moved - floor->abreast_moved;
    double behind;

    if (owed && now_us - floor->judged_us < floor->window_ms * US_PER_MS)
        return false;
    floor->judged_us = now_us;
    behind = (double)floor->rate * (double)length_us / (double)US_PER_S - (double)bytes;
    if (!owed || behind <= 0)
        rate_floor_abreast(floor, now_us, moved);
    return owed && behind > (double)RATE_FLOOR_LUMP;
}

int limits_judge(struct limits *limits, struct rate_floor *floor, uint64_t now_us, uint64_t moved,
                 bool owed)
{
    bool grew = moved > limits->moved;

    if (grew)
        limits->moved = moved;
    if (grew || !owed)
        limits->progress_us = now_us;
    if (limits->deadline_ms != LIMITS_NEVER &&
        now_us - limits->started_us >= limits->deadline_ms * US_PER_MS)
        return UWO_DEADLINE;
    if (limits->no_progress_ms != LIMITS_NEVER &&
        now_us - limits->progress_us >= limits->no_progress_ms * US_PER_MS)
        return UWO_NO_PROGRESS;
    if (floor && rate_floor_broken(floor, now_us, moved, owed))
        return UWO_TOO_SLOW;
    return UWO_FINISHED;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t limits_next_us(const struct limits *limits, const struct rate_floor *floor,
                        uint64_t now_us)
{
    uint64_t next = UINT64_MAX;

    if (limits->deadline_ms != LIMITS_NEVER)
        next = limits->started_us + limits->deadline_ms * US_PER_MS;
    if (limits->no_progress_ms != LIMITS_NEVER) {
        uint64_t limit_us = limits->no_progress_ms * US_PER_MS;
        uint64_t sample_us = limit_us / 4;

        if (sample_us > SAMPLE_MAX_US)
            sample_us = SAMPLE_MAX_US;
        if (sample_us < SAMPLE_MIN_US)
            sample_us = SAMPLE_MIN_US;
        next = earlier(next, earlier(now_us + sample_us, limits->progress_us + limit_us));
    }
    if (floor)
        next = earlier(next, floor->judged_us + floor->window_ms * US_PER_MS);
    return next;
}

static uint64_t pace_quantum(const struct pace *pace)
{
    return pace->rate / QUANTA_PER_S + 1;
}

void pace_start(struct pace *pace, uint64_t now_us)
{
    ensure(pace->rate >= 1 && pace->rate <= PACE_RATE_MAX);
    pace->tokens = pace_quantum(pace);
    pace->filled_us = now_us;
    pace->rest = 0;
}

static void pace_fill(struct pace *pace, uint64_t now_us)
{
    uint64_t most = pace_quantum(pace) * QUANTA_KEPT;
    uint64_t passed_us = now_us - pace->filled_us;
    uint64_t earned; /* millionths of a byte */

    if (passed_us > 2 * US_PER_S)
        passed_us = 2 * US_PER_S;
    earned = pace->rate * passed_us + pace->rest;
    pace->filled_us = now_us;
    pace->tokens += earned / US_PER_S;
    pace->rest = earned % US_PER_S;
    if (pace->tokens >= most) {
        pace->tokens = most;
        pace->rest = 0;
    }
}

uint64_t pace_allowance(struct pace *pace, uint64_t now_us)
{
    pace_fill(pace, now_us);
    return pace->tokens >= pace_quantum(pace) ? pace->tokens : 0;
}

uint64_t pace_next_us(const struct pace *pace, uint64_t now_us)
{
    uint64_t quantum = pace_quantum(pace);
    uint64_t missing;

    if (pace->tokens >= quantum)
        return now_us;
    missing = (quantum - pace->tokens) * US_PER_S - pace->rest;
    return pace->filled_us + (missing + pace->rate - 1) / pace->rate;
}

void pace_spend(struct pace *pace, uint64_t bytes)
{
    pace->tokens -= bytes < pace->tokens ? bytes : pace->tokens;
}
