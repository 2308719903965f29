/* busyness: by the share of time that the workers were busy, in windows of `overload` seconds.
 *
 *   at the end of a window     share above max        start `step` workers
 *                              share below min        stop one, once NEXT_STOP has come
 *                              between                NEXT_STOP moves on
 *   at every check             queue above alert, or not empty for long: an emergency, start
 *
 * NEXT_STOP is MULTIPLIER windows away after each start and stop.  MULTIPLIER grows by `penalty`
 * with each start that follows soon after a stop, and shrinks by one otherwise.  While emergency
 * workers are about, another multiplier counts.
 *
 * The uWSGI profiles keep the original to the bit: shares are of the nominal window, from finished
 * requests only; all its arithmetic is unsigned and wraps.  What fixed mends is said in
 * busyness_fixed.c. */
#include "cheaper/busyness.h"

SCALE_STATE_FITS(BUSYNESS_WORDS);

static const struct uwo_scale_knob busyness_knobs[] = {
    [BUSYNESS_WINDOW] = { .name = "check_interval_busy",
                          .option = "cheaper-overload",
                          .unit = "s",
                          .help = "window over which busyness is measured",
                          .value = 3,
                          .min = 1,
                          .max = 86400,
                          .is_divisor = 1 },
    [BUSYNESS_MAX] = { .name = "busy_max",
                       .option = "cheaper-busyness-max",
                       .unit = "%",
                       .help = "busier than this: start",
                       .value = 50,
                       .min = 1,
                       .max = 100 },
    [BUSYNESS_MIN] = { .name = "busy_min",
                       .option = "cheaper-busyness-min",
                       .unit = "%",
                       .help = "less busy than this: idle, stop in the end",
                       .value = 25,
                       .min = 0,
                       .max = 99 },
    [BUSYNESS_MULTIPLIER] = { .name = "idle_cycles_max",
                              .option = "cheaper-busyness-multiplier",
                              .unit = "windows",
                              .help = "to wait before a stop",
                              .value = 10,
                              .min = 1,
                              .max = 1000000 },
    [BUSYNESS_PENALTY] = { .name = "idle_cycles_penalty",
                           .option = "cheaper-busyness-penalty",
                           .unit = "windows",
                           .help = "added to that when a start follows soon after a stop",
                           .value = 2,
                           .min = 0,
                           .max = 1000000 },
    [BUSYNESS_ALERT] = { .name = "queue_size",
                         .option = "cheaper-busyness-backlog-alert",
                         .unit = "requests",
                         .help = "more in the queue: an emergency",
                         .value = 33,
                         .min = 0,
                         .max = 1000000,
                         .is_int = 1 },
    [BUSYNESS_EMERGENCY_MULTIPLIER] = { .name = "emergency_idle_cycles_max",
                                        .option = "cheaper-busyness-backlog-multiplier",
                                        .unit = "windows",
                                        .help = "to wait before an emergency worker is stopped",
                                        .value = 3,
                                        .min = 1,
                                        .max = 1000000 },
    [BUSYNESS_EMERGENCY_STEP] = { .name = "emergency_workers_step",
                                  .option = "cheaper-busyness-backlog-step",
                                  .unit = "workers",
                                  .help = "started at once in an emergency; 0: never",
                                  .value = 1,
                                  .min = 0,
                                  .max = 65535,
                                  .is_int = 1 },
    [BUSYNESS_NONZERO] = { .name = "queue_nonzero_delay",
                           .option = "cheaper-busyness-backlog-nonzero",
                           .unit = "s",
                           .help = "a queue that was not empty for so long: an emergency",
                           .value = 60,
                           .min = 1,
                           .max = 86400 },
};
SCALE_KNOBS_FIT(busyness_knobs);

/* One check of the original. */
struct check {
    uint64_t *word;
    uint64_t *last_running; /* of each worker, at the end of the last window */
    uint64_t *seen;         /* a set: with a request, at any check of this window */
    const struct scale_input *input;
    const int64_t *knob;
    uint64_t overload; /* s */
    uint64_t window;   /* us, modulo 2^64 */
    uint64_t now;      /* us */
};

/* There, 0 means "not given". */
static uint64_t busyness_knob(const struct check *check, int number)
{
    int64_t given = check->knob[number];

    return (uint64_t)(given ? given : busyness_knobs[number].value);
}

static void busyness_arm(struct check *check)
{
    uint64_t windows = check->word[MULTIPLIER];

    if (check->word[EMERGENCIES] > 0)
        windows = busyness_knob(check, BUSYNESS_EMERGENCY_MULTIPLIER);
    check->word[NEXT_STOP] = check->now + check->window * windows;
}

static void busyness_soften(struct check *check)
{
    if (check->word[MULTIPLIER] > busyness_knob(check, BUSYNESS_MULTIPLIER))
        --check->word[MULTIPLIER];
}

static struct uwo_scale_verdict busyness_emergency(struct check *check, const char *reason)
{
    uint64_t step = busyness_knob(check, BUSYNESS_EMERGENCY_STEP);
    int32_t started = scale_takeable(check->input, (uint32_t)step);

    check->word[MULTIPLIER] = busyness_knob(check, BUSYNESS_MULTIPLIER);
    check->word[LAST_ACTION] = BUSYNESS_STARTED;
    busyness_arm(check); /* before the emergency counts: as there */
    check->word[EMERGENCIES] += (uint64_t)started;
    return scale_verdict(started, reason);
}

/* At every check: which workers are seen with a request. */
static void busyness_look(struct check *check)
{
    for (uint32_t group = 0; group < check->input->groups; group++) {
        uint64_t *seen = &check->seen[group];

        *seen |= scale_set(check->input, group, SCALE_BUSY);
        *seen &= scale_set(check->input, group, SCALE_LIVE);
    }
}

/* At the end of a window: the mean share of it, in per cent, rounded down at each step.  The next
 * one begins. */
static uint64_t busyness_average(struct check *check)
{
    const struct uwo_readings *readings = check->input->readings;
    uint64_t *last = check->last_running, window = check->window, sum = 0;

    busyness_look(check);
    for (uint32_t i = 0; i < readings->worker_count; i++) {
        const struct uwo_worker_reading *worker = &readings->workers[i];
        bool seen = scale_has(check->seen[i / SCALE_GROUP], i % SCALE_GROUP);
        uint64_t ran = worker->running_time_us - last[i];

        last[i] = worker->running_time_us;
        if (!scale_is_live(worker))
            continue;
        uint64_t percent = ran ? ran * 100 / window : seen * 100u;
        sum += percent > 100 ? 100 : percent;
    }
    for (uint32_t group = 0; group < check->input->groups; group++)
        check->seen[group] = 0;
    check->word[CHECKED] = check->now;
    return check->input->live ? sum / check->input->live : 0;
}

static struct uwo_scale_verdict busyness_above(struct check *check)
{
    const struct scale_input *input = check->input;
    int32_t started = 0;

    check->word[IN_BAND] = 0;
    if (input->may_spawn)
        started = scale_takeable(input, input->rule->workers_step);
    if (started > 0) {
        uint64_t since = check->now - check->word[LAST_STOPPED];

        check->word[LAST_ACTION] = BUSYNESS_STARTED;
        if (since / check->overload / BUSYNESS_US_PER_S <= check->word[MULTIPLIER])
            check->word[MULTIPLIER] += busyness_knob(check, BUSYNESS_PENALTY);
        else
            busyness_soften(check);
        busyness_arm(check);
    }
    return scale_verdict(started, "busier than the maximum");
}

static struct uwo_scale_verdict busyness_below(struct check *check)
{
    if (check->input->live == 1)
        return scale_verdict(0, "idle, at the last worker");
    check->word[IN_BAND] = 0;
    if (check->input->live <= check->input->rule->workers_min)
        return scale_verdict(0, "idle, at the minimum");
    if (check->now < check->word[NEXT_STOP])
        return scale_verdict(0, "idle, but not for long enough");
    if (check->word[LAST_ACTION] == BUSYNESS_STOPPED)
        busyness_soften(check);
    busyness_arm(check);
    check->word[LAST_STOPPED] = check->now;
    check->word[LAST_ACTION] = BUSYNESS_STOPPED;
    check->word[EMERGENCIES] -= check->word[EMERGENCIES] > 0;
    return scale_verdict(-1, "idle for long enough");
}

static struct uwo_scale_verdict busyness_between(struct check *check)
{
    if (check->input->live == 1)
        return scale_verdict(0, "busy as it should be");
    check->word[EMERGENCIES] -= check->word[EMERGENCIES] > 0;
    if (++check->word[IN_BAND] >= 3)
        busyness_arm(check);
    else
        check->word[NEXT_STOP] += check->window;
    return scale_verdict(0, "busy as it should be");
}

/* Between the ends of windows: only the queue counts. */
static struct uwo_scale_verdict busyness_queue(struct check *check, bool alert)
{
    bool queue = (int32_t)check->input->readings->listen_queue > 0;

    if (alert)
        return busyness_emergency(check, "emergency: the queue is too long");
    if (!queue || !check->word[NOT_EMPTY]) {
        check->word[NOT_EMPTY] = queue;
        check->word[SINCE] = queue ? check->now : check->word[SINCE];
    } else if (check->input->may_spawn && (check->now - check->word[SINCE]) / BUSYNESS_US_PER_S >=
                                              busyness_knob(check, BUSYNESS_NONZERO)) {
        check->word[SINCE] = check->now;
        return busyness_emergency(check, "emergency: the queue was not empty for too long");
    }
    return scale_verdict(0, queue ? "the queue is not empty" : "within a window");
}

static struct uwo_scale_verdict busyness_as_uwsgi(struct check *check)
{
    const struct scale_input *input = check->input;
    int32_t queue = (int32_t)input->readings->listen_queue;
    bool alert = input->may_spawn && queue > (int32_t)busyness_knob(check, BUSYNESS_ALERT) &&
                 input->live < input->rule->workers_max;

    if (check->now - check->word[CHECKED] < check->window) {
        busyness_look(check);
        return busyness_queue(check, alert);
    }

    uint64_t average = busyness_average(check);
    if (average > busyness_knob(check, BUSYNESS_MAX))
        return busyness_above(check);
    if (alert)
        return busyness_emergency(check, "emergency: the queue is too long");
    if (average < busyness_knob(check, BUSYNESS_MIN))
        return busyness_below(check);
    return busyness_between(check);
}

static struct check busyness_check(struct scale_state *state, const struct scale_input *input,
                                   const int64_t *knob)
{
    return (struct check){ .word = state->word,
                           .last_running = state->worker,
                           .seen = state->set,
                           .input = input,
                           .knob = knob,
                           .overload = (uint64_t)knob[BUSYNESS_WINDOW],
                           .window = (uint64_t)knob[BUSYNESS_WINDOW] * BUSYNESS_US_PER_S,
                           .now = input->readings->wall_us };
}

static void busyness_begin(struct scale_state *state, const struct scale_input *input,
                           const int64_t *knob)
{
    struct check check = busyness_check(state, input, knob);

    if (scale_is_fixed(input)) {
        busyness_fixed_begin(state, input, knob);
        return;
    }
    state->word[MULTIPLIER] = busyness_knob(&check, BUSYNESS_MULTIPLIER);
    state->word[CHECKED] = check.now;
    busyness_arm(&check);
}

static struct uwo_scale_verdict busyness_decide(struct scale_state *state,
                                                const struct scale_input *input,
                                                const int64_t *knob)
{
    struct check check = busyness_check(state, input, knob);

    if (scale_is_fixed(input))
        return busyness_fixed_decide(state, input, knob);
    return busyness_as_uwsgi(&check);
}

static const char *busyness_refuse(const struct uwo_scale_rule *rule)
{
    if (rule->profile == UWO_PROFILE_FIXED && rule->knob[BUSYNESS_MIN] >= rule->knob[BUSYNESS_MAX])
        return "busy_min must be below busy_max";
    if ((uint64_t)rule->knob[BUSYNESS_WINDOW] * BUSYNESS_US_PER_S == 0)
        return "check_interval_busy: a window of no length divides by zero; give 1 s or more";
    return NULL;
}

const struct scale_algo scale_busyness = {
    .info = { .name = "busyness",
              .summary = "by the share of time that workers are busy",
              .knob_count = sizeof(busyness_knobs) / sizeof(*busyness_knobs),
              .profiles = SCALE_EVERYWHERE,
              .step = 1,
              .knobs = busyness_knobs },
    .words = BUSYNESS_WORDS,
    .words_per_worker = 1,
    .keeps_set = true,
    .begin = busyness_begin,
    .decide = busyness_decide,
    .refuse = busyness_refuse,
};
