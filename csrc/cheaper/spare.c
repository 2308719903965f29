/* spare: always one worker idle.
 *
 * Two counters of checks.  FULL goes up while no worker is idle and down while one is; at
 * `overload` workers are started.  EASY counts the checks at which one could be given up; at
 * `overload` (uWSGI: at each multiple of it) one is stopped.
 *
 *                  no idle worker           one                   more
 *   FULL           + 1                      - 1                   - 1
 *   EASY           0                        (fixed: 0)            + 1, once FULL is 0
 *
 * uWSGI 2.0 starts above `overload`, 2.1 and fixed at it.  What fixed mends: FULL stops counting at
 * `overload` (there it grows without end while a memory limit forbids to start, and workers are
 * then started when others have long been idle); EASY starts anew after each stop and each check
 * that was not easy (there the first stop may follow a single easy check); workers that are
 * starting count as spare. */
#include "cheaper/algo.h"

enum { FULL, EASY, STATE_WORDS };
enum { KNOB_OVERLOAD };

SCALE_STATE_FITS(STATE_WORDS);

static const struct uwo_scale_knob spare_knobs[] = {
    [KNOB_OVERLOAD] = { .name = "check_interval_overload",
                        .option = "cheaper-overload",
                        .unit = "checks",
                        .help = "all busy for so long: start; two idle for so long: stop",
                        .value = 3,
                        .min = 1,
                        .max = 1000000,
                        .is_divisor = 1 },
};
SCALE_KNOBS_FIT(spare_knobs);

static struct uwo_scale_verdict spare_as_uwsgi(struct scale_state *state,
                                               const struct scale_input *input, uint64_t overload)
{
    uint64_t *full = &state->word[FULL], *easy = &state->word[EASY];
    bool late = input->rule->profile == UWO_PROFILE_UWSGI_2_0;

    if (input->idle) {
        *full -= *full > 0;
    } else {
        ++*full;
        *easy = 0;
    }
    if (input->may_spawn && (late ? *full > overload : *full >= overload)) {
        *full = 0;
        return scale_verdict(scale_takeable(input, input->rule->workers_step), "all busy too long");
    }
    if (*full > 0)
        return scale_verdict(0, "a busy spell is not over");
    if (input->idle == 1)
        return scale_verdict(0, "one is idle, as it should be");
    ++*easy;
    if (input->live > input->rule->workers_min && *easy % overload == 0)
        return scale_verdict(-1, "more than one idle too long");
    return scale_verdict(0, "more than one idle");
}

static struct uwo_scale_verdict spare_decide(struct scale_state *state,
                                             const struct scale_input *input, const int64_t *knob)
{
    uint64_t overload = (uint64_t)knob[KNOB_OVERLOAD];
    uint64_t *full = &state->word[FULL], *easy = &state->word[EASY];

    if (!scale_is_fixed(input))
        return spare_as_uwsgi(state, input, overload);
    if (input->idle + input->starting == 0) {
        *easy = 0;
        *full += *full < overload;
        if (*full < overload)
            return scale_verdict(0, "all busy");
        if (!input->may_spawn)
            return scale_verdict(0, "all busy too long, but memory forbids to start");
        *full = 0;
        return scale_verdict(scale_takeable(input, input->rule->workers_step), "all busy too long");
    }
    *full -= *full > 0;
    if (input->idle < 2 || *full > 0 || scale_spare_workers(input) == 0) {
        *easy = 0;
        return scale_verdict(0, *full > 0 ? "a busy spell is not over" : "no more than needed");
    }
    if (++*easy < overload)
        return scale_verdict(0, "more than one idle");
    *easy = 0;
    return scale_verdict(-1, "more than one idle too long");
}

const struct scale_algo scale_spare = {
    .info = { .name = "spare",
              .summary = "keeps one worker idle",
              .knob_count = sizeof(spare_knobs) / sizeof(*spare_knobs),
              .profiles = SCALE_EVERYWHERE,
              .step = 1,
              .knobs = spare_knobs },
    .words = STATE_WORDS,
    .decide = spare_decide,
};
