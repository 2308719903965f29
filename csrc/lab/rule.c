#include "lab/rule.h"

#include "base/ensure.h"
#include "cheaper/cheaper.h"

static void rule_count(struct scale_input *input, const struct lab *lab)
{
    uint32_t index;

    ensure(scale_input_init(input, &lab->rule, &lab->readings, lab->rule_state, &index) ==
           SCALE_SOUND);
}

void rule_begin(struct lab *lab)
{
    struct scale_input input;

    rule_count(&input, lab);
    scale_begin(lab->rule_state, &input);
}

void rule_answer(struct lab *lab)
{
    struct uwo_scale_verdict verdict;
    struct scale_input input;

    rule_count(&input, lab);
    scale_tick(lab->rule_state, &input, &verdict, lab->start, lab->stop);
    lab_answer(lab, verdict.delta, lab->start, verdict.start_count, lab->stop, verdict.stop_count);
}
