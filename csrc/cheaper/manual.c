/* manual: only by hand. */
#include "cheaper/algo.h"

static struct uwo_scale_verdict manual_decide(struct scale_state *state,
                                              const struct scale_input *input, const int64_t *knob)
{
    (void)state;
    (void)input;
    (void)knob;
    return scale_verdict(0, "only by hand");
}

const struct scale_algo scale_manual = {
    .info = { .name = "manual",
              .summary = "only by hand, with + and -",
              .profiles = SCALE_EVERYWHERE,
              .step = 1 },
    .decide = manual_decide,
};
