/* clamp_uwsgi: around an algorithm as uWSGI has it.
 *
 * Whole wall seconds; the first call only arms.  A hard memory limit stops one worker, whatever the
 * minimum; changes by hand go before the algorithm and ignore the minimum; a stop that finds nobody
 * idle is carried over, and while anything is pending the algorithm is not asked. */
#include "cheaper/cheaper.h"

static int32_t clamp_uwsgi_pending(const uint64_t *state)
{
    return (int32_t)(uint32_t)state[HEAD_PENDING];
}

/* Is it time?  A clock set back makes it wait until it has caught up. */
static bool clamp_uwsgi_due(uint64_t *state, const struct scale_input *input)
{
    uint64_t now = (uint64_t)input->readings->wall_s;
    int64_t interval = input->rule->check_interval_ms / 1000;

    if (state[HEAD_LAST] == 0)
        state[HEAD_LAST] = now;
    if ((int64_t)(now - state[HEAD_LAST]) < (interval ? interval : 1))
        return false;
    state[HEAD_LAST] = now;
    return true;
}

/* Sets verdict->memory.  A worker counts with what it had at the end of its last request; dead
 * ones count too. */
static void clamp_uwsgi_memory(const struct scale_input *input, struct uwo_scale_verdict *verdict)
{
    const struct uwo_readings *readings = input->readings;
    const struct uwo_scale_rule *rule = input->rule;
    uint64_t total = 0;
    uint32_t count = 0;

    if (rule->rss_soft == 0)
        return;
    for (uint32_t i = 0; i < readings->worker_count; i++) {
        const struct uwo_worker_reading *worker = &readings->workers[i];

        if (!scale_is_live(worker) && worker->state != UWO_WORKER_DEAD)
            continue;
        total += worker->rss;
        count++;
    }
    if (rule->rss_hard && count > 1 && total >= rule->rss_hard)
        verdict->memory = UWO_LIMIT_RSS_HARD;
    else if (total >= rule->rss_soft)
        verdict->memory = UWO_LIMIT_RSS_SOFT;
    verdict->limited_by = verdict->memory;
}

enum scale_ask clamp_uwsgi_open(uint64_t *state, struct scale_input *input,
                                struct uwo_scale_verdict *verdict)
{
    int32_t by_hand;

    state[HEAD_PENDING] += (uint64_t)(int64_t)input->readings->manual;
    by_hand = clamp_uwsgi_pending(state);
    *verdict = scale_verdict(0, "not yet time for a check");
    verdict->pending = by_hand;
    if (!clamp_uwsgi_due(state, input))
        return SCALE_ASK_NOT;
    verdict->fired = 1;
    clamp_uwsgi_memory(input, verdict);
    input->may_spawn = verdict->memory == UWO_LIMIT_NONE;
    if (verdict->memory == UWO_LIMIT_RSS_HARD) {
        verdict->delta = -1;
        verdict->reason = "memory above the hard limit";
    }
    state[HEAD_PENDING] = 0;
    if (by_hand && input->may_spawn) {
        verdict->delta = by_hand;
        verdict->reason = by_hand > 0 ? "by hand" : "by hand, or carried over";
    } else if (by_hand && verdict->delta == 0) {
        verdict->reason = "by hand, but memory is above the soft limit";
    }
    if (by_hand || verdict->delta)
        return SCALE_ASK_NOT;
    return input->may_spawn ? SCALE_ASK_MAY_SPAWN : SCALE_ASK_MAY_NOT;
}

void clamp_uwsgi_close(uint64_t *state, const struct scale_input *input,
                       struct uwo_scale_verdict *verdict, uint32_t *start, uint32_t *stop)
{
    uint32_t size = verdict->delta < 0 ? 0 - (uint32_t)verdict->delta : (uint32_t)verdict->delta;

    if (!verdict->fired)
        return;
    if (verdict->delta > 0 && !input->may_spawn) /* only a foreign algorithm does that */
        verdict->delta = 0;
    if (verdict->delta > 0) {
        verdict->start_count = choose_start(input, size, start);
        if (verdict->start_count < size)
            verdict->limited_by = UWO_LIMIT_NO_STARTABLE;
    }
    if (verdict->delta < 0) {
        verdict->stop_count = choose_stop(input, size, stop);
        if (verdict->stop_count < size && verdict->limited_by == UWO_LIMIT_NONE)
            verdict->limited_by = UWO_LIMIT_NO_IDLE;
        state[HEAD_PENDING] = (uint64_t)((int64_t)verdict->stop_count - size);
    }
    verdict->pending = clamp_uwsgi_pending(state);
}
