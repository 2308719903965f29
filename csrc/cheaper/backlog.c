/* backlog: by the length of the queue, without memory.
 *
 *   queue above `overload`    start workers
 *   below                     stop one
 *   equal                     nothing
 *
 * What fixed mends: the queue is that of the kernel and the requests accepted that wait (there only
 * TCP sockets are seen); a worker is given up only when one is idle (there a stop that finds none
 * is carried over, and while it is the rule is not asked: under load it freezes). */
#include "cheaper/algo.h"

enum { KNOB_OVERLOAD };

static const struct uwo_scale_knob backlog_knobs[] = {
    [KNOB_OVERLOAD] = { .name = "check_num_overload",
                        .option = "cheaper-overload",
                        .unit = "requests",
                        .help = "more in the queue: start; fewer: stop one",
                        .value = 3,
                        .min = 1,
                        .max = 1000000 },
};
SCALE_KNOBS_FIT(backlog_knobs);

static struct uwo_scale_verdict backlog_decide(struct scale_state *state,
                                               const struct scale_input *input, const int64_t *knob)
{
    int64_t overload = knob[KNOB_OVERLOAD], queue = input->readings->listen_queue;

    (void)state;
    if (scale_is_fixed(input)) {
        queue += input->readings->waiting;
    } else { /* both are int there */
        overload = (int32_t)(uint32_t)overload;
        queue = (int32_t)(uint32_t)queue;
    }
    if (queue > overload && input->may_spawn)
        return scale_verdict(scale_takeable(input, input->rule->workers_step),
                             "the queue is too long");
    if (queue > overload)
        return scale_verdict(0, "the queue is too long, but memory forbids to start");
    if (queue == overload)
        return scale_verdict(0, "the queue is as it should be");
    if (input->live <= input->rule->workers_min)
        return scale_verdict(0, "the queue is short, at the minimum");
    if (scale_is_fixed(input) && scale_spare_workers(input) == 0)
        return scale_verdict(0, "the queue is short, but nobody can be spared");
    return scale_verdict(-1, "the queue is short");
}

const struct scale_algo scale_backlog = {
    .info = { .name = "backlog",
              .summary = "by the length of the listen queue",
              .knob_count = sizeof(backlog_knobs) / sizeof(*backlog_knobs),
              .profiles = SCALE_EVERYWHERE,
              .step = 1,
              .knobs = backlog_knobs },
    .decide = backlog_decide,
};
