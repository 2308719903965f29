#include "engine/attempt.h"

#include "engine/operate.h"
#include "engine/step.h"

/* sendfile has no MSG_NOSIGNAL. */
static bool attempt_may_raise(const struct program *program)
{
    for (uint32_t i = 0; i < program->count; i++) {
        if (program->list[i].kind != UWO_SEND)
            return true;
    }
    return false;
}

/* Operations that need no loop, while none has to wait; SIGPIPE is held back. */
static void attempt(struct uwo_engine *engine, struct transfer *transfer)
{
    struct sys_signal before;
    uint64_t now_us = transfer->limits.started_us;
    struct op op;
    bool going = true;

    before.number = 0;
    if (attempt_may_raise(&transfer->program))
        sys_signal_block(&before, SIGPIPE);
    for (int i = 0; going && i < TURN_OPERATIONS && step_next(transfer, now_us, &op); i++) {
        struct op_result result = { 0 };
        enum operated operated = operate_simple(engine, transfer, &op, &result);

        going = operated == OPERATED_RESULT;
        if (operated > OPERATED_FULL)
            break;
        stats_add_shared(engine->callers_stats, STATS_bytes_queued, result.bytes_out);
        if (transfer->growing && result.bytes_out > 0)
            transfer->extra->waiting -= result.bytes_out; /* nobody else knows it yet */
        step_result(transfer, &op, &result);
    }
    sys_signal_restore(&before);
}

bool attempt_transfer(struct uwo_engine *engine, struct transfer *transfer)
{
    struct op op;

    step_begin(engine->sys, transfer);
    attempt(engine, transfer);
    if (transfer->phase == PHASE_RUNNING || ending_next(&transfer->ending, &op)) {
        transfer->waited = true;
        return false;
    }
    step_done(engine, transfer);
    step_count(engine->callers_stats, transfer);
    events_done_now(engine, transfer);
    return true;
}

bool attempt_answer(struct uwo_engine *engine, struct transfer *transfer)
{
    attempt(engine, transfer);
    return transfer->phase == PHASE_ANSWERED;
}

void attempt_refuse(struct uwo_engine *engine, struct transfer *transfer)
{
    struct op op;
    struct op_result result = { 0 };

    transfer->program.outcome = UWO_CANCELLED;
    transfer->phase = PHASE_ENDING;
    ending_init(&transfer->ending, transfer->give_back, false, true);
    while (ending_next(&transfer->ending, &op)) {
        operate_simple(engine, transfer, &op, &result);
        ending_step(&transfer->ending, &result);
    }
    step_done(engine, transfer);
    step_count(engine->callers_stats, transfer);
    events_done_now(engine, transfer);
}
