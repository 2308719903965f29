/* clamp_fixed: around an algorithm, in one final clamp.
 *
 * The algorithm is asked at every check, so that what it measures has no holes; a change by hand or
 * the hard memory limit then goes before what it wants.  Nothing is carried over: what could not be
 * done is named in limited_by and decided anew at the next check.  Never below the minimum, never
 * above the maximum, and nobody is stopped who is not idle.
 *
 * Above the soft memory limit nothing is started, not even up to the minimum; but a pool with
 * nobody alive gets one worker, for it would not come back otherwise. */
#include "cheaper/cheaper.h"

static bool clamp_fixed_due(uint64_t *state, const struct scale_input *input)
{
    uint64_t now = input->readings->mono_us, slack = scale_slack_us(input);

    if (state[HEAD_CHECKED] && now - state[HEAD_LAST] < 7 * slack)
        return false;
    state[HEAD_LAST] = now;
    state[HEAD_CHECKED] = 1;
    return true;
}

/* Bytes of all workers: as measured for the whole, or the sum of what is known of each. */
static uint64_t clamp_fixed_memory(const struct uwo_readings *readings)
{
    uint64_t total = 0;

    if (readings->memory_total)
        return readings->memory_total;
    for (uint32_t i = 0; i < readings->worker_count; i++) {
        const struct uwo_worker_reading *worker = &readings->workers[i];
        uint64_t bytes = worker->pss ? worker->pss : worker->rss;

        if (!scale_is_live(worker) && worker->state != UWO_WORKER_DRAINING)
            continue;
        total = total + bytes < total ? UINT64_MAX : total + bytes;
    }
    return total;
}

enum scale_ask clamp_fixed_open(uint64_t *state, struct scale_input *input,
                                struct uwo_scale_verdict *verdict)
{
    const struct uwo_scale_rule *rule = input->rule;
    uint64_t memory = rule->rss_soft ? clamp_fixed_memory(input->readings) : 0;
    int64_t by_hand = (int32_t)(uint32_t)state[HEAD_PENDING] + (int64_t)input->readings->manual;

    /* More than the pool holds is no more than the pool. */
    if (by_hand > (int64_t)rule->workers_max)
        by_hand = rule->workers_max;
    if (by_hand < -(int64_t)rule->workers_max)
        by_hand = -(int64_t)rule->workers_max;
    state[HEAD_PENDING] = (uint64_t)by_hand;
    *verdict = scale_verdict(0, "not yet time for a check");
    verdict->pending = (int32_t)by_hand;
    if (!clamp_fixed_due(state, input))
        return SCALE_ASK_NOT;
    verdict->fired = 1;
    if (rule->rss_hard && memory >= rule->rss_hard)
        verdict->memory = UWO_LIMIT_RSS_HARD;
    else if (rule->rss_soft && memory >= rule->rss_soft)
        verdict->memory = UWO_LIMIT_RSS_SOFT;
    verdict->limited_by = verdict->memory;
    input->may_spawn = verdict->memory == UWO_LIMIT_NONE;
    return input->may_spawn ? SCALE_ASK_MAY_SPAWN : SCALE_ASK_MAY_NOT;
}

/* A step of ours is the algorithm's business, for an emergency may have its own. */
static int64_t clamp_fixed_step(const struct scale_input *input, struct uwo_scale_verdict *verdict)
{
    int64_t step = input->rule->workers_step, wanted = verdict->delta;

    if (input->rule->algorithm != UWO_SCALE_FOREIGN || step == 0 || wanted <= step)
        return wanted;
    if (verdict->memory == UWO_LIMIT_NONE)
        verdict->limited_by = UWO_LIMIT_WORKERS_STEP;
    return step;
}

/* Up: no further than memory and the slots allow. */
static int64_t clamp_fixed_start(const struct scale_input *input, struct uwo_scale_verdict *verdict,
                                 int64_t delta)
{
    int64_t most = input->startable;

    if (!input->may_spawn)
        most = input->live == 0 && most > 0;
    else if (delta > most)
        verdict->limited_by = input->live + most >= input->rule->workers_max
                                  ? UWO_LIMIT_WORKERS_MAX
                                  : UWO_LIMIT_NO_STARTABLE;
    return delta < most ? delta : most;
}

/* Down: no more than leaves the minimum ready (those that start may never be), and nobody who is
 * busy. */
static int64_t clamp_fixed_stop(const struct scale_input *input, struct uwo_scale_verdict *verdict,
                                int64_t delta)
{
    int64_t spare = (int64_t)input->live - input->starting - input->rule->workers_min;

    if (spare < 0)
        spare = 0;
    if (-delta > spare) {
        delta = -spare;
        verdict->limited_by = UWO_LIMIT_WORKERS_MIN;
    }
    if (-delta > (int64_t)input->idle) {
        delta = -(int64_t)input->idle;
        verdict->limited_by = UWO_LIMIT_NO_IDLE;
    }
    return delta;
}

void clamp_fixed_close(uint64_t *state, const struct scale_input *input,
                       struct uwo_scale_verdict *verdict, uint32_t *start, uint32_t *stop)
{
    int64_t delta, by_hand = (int32_t)(uint32_t)state[HEAD_PENDING];
    int64_t missing = (int64_t)input->rule->workers_min - input->live;

    if (!verdict->fired)
        return;
    state[HEAD_PENDING] = 0;
    verdict->pending = 0;
    delta = by_hand ? by_hand : clamp_fixed_step(input, verdict);
    if (by_hand)
        verdict->reason = "by hand";
    if (verdict->memory == UWO_LIMIT_RSS_HARD && delta > -1) {
        delta = -1;
        verdict->reason = "memory above the hard limit";
    }
    if (missing > 0 && delta < missing) {
        delta = missing;
        verdict->reason = "fewer workers than the minimum";
    }
    if (delta > 0)
        delta = clamp_fixed_start(input, verdict, delta);
    else if (delta < 0)
        delta = clamp_fixed_stop(input, verdict, delta);
    verdict->delta = (int32_t)delta;
    if (delta > 0)
        verdict->start_count = choose_start(input, (uint32_t)delta, start);
    if (delta < 0)
        verdict->stop_count = choose_stop(input, (uint32_t)-delta, stop);
}
