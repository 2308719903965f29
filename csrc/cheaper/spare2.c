/* spare2: always `minimum` workers idle.
 *
 *   idle below the minimum    start what is missing, at most `step` at a time
 *   exactly the minimum       nothing
 *   above                     after `patience` such checks in a row, stop one
 *
 * It exists since uWSGI 2.1; 2.0 does not find it and runs spare.  What fixed mends: a step of 0
 * acts as 1 (there it never starts any); what it asks for has slots; starting workers count as idle
 * when it asks for more. */
#include "cheaper/algo.h"

enum { ABOVE, STATE_WORDS = 2 }; /* room for the two of spare */
enum { KNOB_PATIENCE, KNOB_OVERLOAD };

SCALE_STATE_FITS(STATE_WORDS);

static const struct uwo_scale_knob spare2_knobs[] = {
    [KNOB_PATIENCE] = { .name = "check_interval_idle",
                        .option = "cheaper-idle",
                        .unit = "checks",
                        .help = "more than the minimum idle for so long: stop one",
                        .value = 10,
                        .min = 1,
                        .max = 1000000,
                        .is_int = 1 },
    [KNOB_OVERLOAD] = { .name = "check_interval_overload",
                        .option = "cheaper-overload",
                        .unit = "checks",
                        .help = "of spare, which uWSGI 2.0 runs instead; else without effect",
                        .value = 3,
                        .min = 1,
                        .max = 1000000,
                        .is_divisor = 1 },
};
SCALE_KNOBS_FIT(spare2_knobs);

static int32_t spare2_least(int32_t one, int32_t other)
{
    return one < other ? one : other;
}

/* Idle workers that are missing, as far as step and slots allow. */
static int32_t spare2_missing(const struct scale_input *input)
{
    const struct uwo_scale_rule *rule = input->rule;
    int32_t missing = (int32_t)(rule->workers_min - input->idle - input->starting);

    if (scale_is_fixed(input))
        return spare2_least(missing, scale_takeable(input, rule->workers_step));
    missing = spare2_least(missing, (int32_t)(rule->workers_max - input->live));
    return spare2_least(missing, (int32_t)rule->workers_step);
}

static struct uwo_scale_verdict spare2_decide(struct scale_state *state,
                                              const struct scale_input *input, const int64_t *knob)
{
    uint64_t *above = &state->word[ABOVE];

    if (input->rule->profile == UWO_PROFILE_UWSGI_2_0)
        return scale_spare.decide(state, input, &knob[KNOB_OVERLOAD]);
    if (input->idle + input->starting < input->rule->workers_min) {
        *above = 0;
        if (!input->may_spawn)
            return scale_verdict(0, "too few idle, but memory forbids to start");
        return scale_verdict(spare2_missing(input), "fewer idle than the minimum");
    }
    if (input->idle <= input->rule->workers_min) {
        *above = 0;
        return scale_verdict(0, "as many idle as there should be");
    }
    if (++*above < (uint64_t)knob[KNOB_PATIENCE])
        return scale_verdict(0, "more idle than the minimum");
    *above = 0;
    return scale_verdict(-1, "more idle than the minimum for too long");
}

const struct scale_algo scale_spare2 = {
    .info = { .name = "spare2",
              .summary = "keeps as many workers idle as the minimum says",
              .knob_count = sizeof(spare2_knobs) / sizeof(*spare2_knobs),
              .profiles = SCALE_EVERYWHERE,
              .step = 1,
              .knobs = spare2_knobs },
    .words = STATE_WORDS,
    .decide = spare2_decide,
};
