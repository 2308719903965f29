#include "lab/rule.h"

#include "base/ensure.h"
#include "cheaper/cheaper.h"

static struct scale_input rule_input(const struct lab *lab)
{
    struct scale_input input;
    uint32_t index;

    ensure(scale_input_init(&input, &lab->rule, &lab->readings, lab->rule_state, &index) ==
           SCALE_SOUND);
    return input;
}

void rule_begin(struct lab *lab)
{
    struct scale_input input = rule_input(lab);

    scale_begin(lab->rule_state, &input);
}

void rule_answer(struct lab *lab)
{
    struct scale_input input = rule_input(lab);
    struct uwo_scale_verdict verdict;

    scale_tick(lab->rule_state, &input, &verdict, lab->start, lab->stop);
    lab_answer(lab, verdict.delta, lab->start, verdict.start_count, lab->stop, verdict.stop_count);
}
