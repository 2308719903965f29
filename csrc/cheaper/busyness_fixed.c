/* busyness, mended.  Other than the original
 *
 * - a share is of the time that really went by, unfinished requests included (busy_us), and the
 *   pool's is weighted by the time each worker was there: a worker that is young counts little, one
 *   that starts not at all;
 * - both rules of the queue hold at every check, also at the end of a window, and the stronger of
 *   queue and load decides how many are started;
 * - the timer of an emergency is the emergency's from its first worker on, and an emergency is over
 *   when its workers are gone;
 * - a worker is stopped only when one is idle; the first start is not taken for one soon after a
 *   stop. */
#include "cheaper/busyness.h"

static uint64_t busyness_fixed_window(const int64_t *knob)
{
    return (uint64_t)knob[BUSYNESS_WINDOW] * BUSYNESS_US_PER_S;
}

static void busyness_fixed_arm(uint64_t *word, const struct scale_input *input, const int64_t *knob)
{
    uint64_t windows = word[MULTIPLIER];

    if (word[EMERGENCIES] > 0)
        windows = (uint64_t)knob[BUSYNESS_EMERGENCY_MULTIPLIER];
    word[NEXT_STOP] = input->readings->mono_us + busyness_fixed_window(knob) * windows;
}

static void busyness_fixed_soften(uint64_t *word, const int64_t *knob)
{
    if (word[MULTIPLIER] > (uint64_t)knob[BUSYNESS_MULTIPLIER])
        --word[MULTIPLIER];
}

/* Keep what the next window is measured from. */
static void busyness_fixed_mark(struct scale_state *state, const struct scale_input *input)
{
    const struct uwo_readings *readings = input->readings;

    for (uint32_t i = 0; i < readings->worker_count; i++)
        state->worker[i] = readings->workers[i].busy_us;
    state->word[CHECKED] = readings->mono_us;
}

/* Share of the window in which the workers were busy, in per cent. */
static uint64_t busyness_fixed_share(const struct scale_state *state,
                                     const struct scale_input *input)
{
    const struct uwo_readings *readings = input->readings;
    uint64_t from = state->word[CHECKED], now = readings->mono_us;
    double busy = 0, there = 0;

    for (uint32_t i = 0; i < readings->worker_count; i++) {
        const struct uwo_worker_reading *worker = &readings->workers[i];
        uint64_t last = state->worker[i];

        if (worker->state != UWO_WORKER_IDLE && worker->state != UWO_WORKER_BUSY)
            continue;
        uint64_t since = worker->ready_since_us > from ? worker->ready_since_us : from;
        uint64_t span = now > since ? now - since : 0;
        /* A counter that fell is one that began anew. */
        uint64_t worked = worker->busy_us >= last ? worker->busy_us - last : worker->busy_us;
        busy += (double)(worked < span ? worked : span);
        there += (double)span;
    }
    return there > 0 ? (uint64_t)(100 * busy / there) : 0;
}

/* How long has the queue been other than empty?  True when it is too long. */
static bool busyness_fixed_stale(uint64_t *word, const struct scale_input *input,
                                 const int64_t *knob, uint64_t queue)
{
    uint64_t now = input->readings->mono_us;

    if (queue == 0 || !word[NOT_EMPTY])
        word[SINCE] = now;
    word[NOT_EMPTY] = queue > 0;
    if (now - word[SINCE] < (uint64_t)knob[BUSYNESS_NONZERO] * BUSYNESS_US_PER_S)
        return false;
    word[SINCE] = now;
    return true;
}

static struct uwo_scale_verdict busyness_fixed_start(uint64_t *word,
                                                     const struct scale_input *input,
                                                     const int64_t *knob, bool above,
                                                     const char *emergency)
{
    int32_t by_queue = 0, by_load = 0;
    uint64_t now = input->readings->mono_us;

    if (emergency && knob[BUSYNESS_EMERGENCY_STEP] > 0)
        by_queue = scale_takeable(input, (uint32_t)knob[BUSYNESS_EMERGENCY_STEP]);
    if (above)
        by_load = scale_takeable(input, input->rule->workers_step);
    if (by_queue == 0 && by_load == 0)
        return scale_verdict(0, above ? "busier than the maximum, but no slot is free"
                                      : "the queue is too long, but nothing can be started");
    if (by_queue >= by_load) {
        word[MULTIPLIER] = (uint64_t)knob[BUSYNESS_MULTIPLIER];
        word[EMERGENCIES] += (uint64_t)by_queue;
    } else if (word[LAST_STOPPED] &&
               now - word[LAST_STOPPED] <= word[MULTIPLIER] * busyness_fixed_window(knob)) {
        word[MULTIPLIER] += (uint64_t)knob[BUSYNESS_PENALTY];
    } else {
        busyness_fixed_soften(word, knob);
    }
    word[LAST_ACTION] = BUSYNESS_STARTED;
    word[IN_BAND] = 0;
    busyness_fixed_arm(word, input, knob);
    return by_queue >= by_load ? scale_verdict(by_queue, emergency)
                               : scale_verdict(by_load, "busier than the maximum");
}

static struct uwo_scale_verdict busyness_fixed_below(uint64_t *word,
                                                     const struct scale_input *input,
                                                     const int64_t *knob)
{
    word[IN_BAND] = 0;
    if (input->live <= input->rule->workers_min)
        return scale_verdict(0, "idle, at the minimum");
    if (input->readings->mono_us < word[NEXT_STOP])
        return scale_verdict(0, "idle, but not for long enough");
    if (scale_spare_workers(input) == 0)
        return scale_verdict(0, "little to do, but nobody can be spared");
    if (word[LAST_ACTION] == BUSYNESS_STOPPED)
        busyness_fixed_soften(word, knob);
    word[LAST_STOPPED] = input->readings->mono_us;
    word[LAST_ACTION] = BUSYNESS_STOPPED;
    word[EMERGENCIES] -= word[EMERGENCIES] > 0;
    busyness_fixed_arm(word, input, knob);
    return scale_verdict(-1, "idle for long enough");
}

static struct uwo_scale_verdict busyness_fixed_between(uint64_t *word,
                                                       const struct scale_input *input,
                                                       const int64_t *knob)
{
    word[EMERGENCIES] -= word[EMERGENCIES] > 0;
    if (++word[IN_BAND] >= 3)
        busyness_fixed_arm(word, input, knob);
    else
        word[NEXT_STOP] += busyness_fixed_window(knob);
    return scale_verdict(0, "busy as it should be");
}

void busyness_fixed_begin(struct scale_state *state, const struct scale_input *input,
                          const int64_t *knob)
{
    state->word[MULTIPLIER] = (uint64_t)knob[BUSYNESS_MULTIPLIER];
    busyness_fixed_mark(state, input);
    busyness_fixed_arm(state->word, input, knob);
}

struct uwo_scale_verdict busyness_fixed_decide(struct scale_state *state,
                                               const struct scale_input *input, const int64_t *knob)
{
    const struct uwo_readings *readings = input->readings;
    uint64_t *word = state->word, queue = (uint64_t)readings->listen_queue + readings->waiting;
    uint64_t above_min = input->live > input->rule->workers_min
                             ? input->live - input->rule->workers_min
                             : 0;
    bool ends = readings->mono_us - word[CHECKED] + scale_slack_us(input) >=
                busyness_fixed_window(knob);
    uint64_t share = 0;
    const char *emergency = NULL;

    if (word[EMERGENCIES] > above_min)
        word[EMERGENCIES] = above_min;
    if (ends) {
        share = busyness_fixed_share(state, input);
        busyness_fixed_mark(state, input);
    }
    if (busyness_fixed_stale(word, input, knob, queue))
        emergency = "emergency: the queue was not empty for too long";
    if (queue > (uint64_t)knob[BUSYNESS_ALERT])
        emergency = "emergency: the queue is too long";
    bool above = ends && share > (uint64_t)knob[BUSYNESS_MAX];
    if ((above || emergency) && !input->may_spawn)
        return scale_verdict(0, "too busy, but memory forbids to start");
    if (above || emergency)
        return busyness_fixed_start(word, input, knob, above, emergency);
    if (!ends)
        return scale_verdict(0, "within a window");
    if (share < (uint64_t)knob[BUSYNESS_MIN])
        return busyness_fixed_below(word, input, knob);
    return busyness_fixed_between(word, input, knob);
}
