#include "engine/step.h"

void step_begin(const struct sys *sys, struct transfer *transfer)
{
    int was = sys->nonblocking(transfer->client_fd, true);

    transfer->begun = true;
    transfer->was_nonblocking = was != 0;
    if (was < 0)
        program_stop(&transfer->program, UWO_NO_RESOURCE, -was);
}

/* The program is over: what is to become of the socket? */
static void step_end_program(struct transfer *transfer)
{
    if (transfer->serves) {
        transfer->phase = PHASE_ANSWERED;
        return;
    }
    transfer->phase = PHASE_ENDING;
    transfer->stop = 0;
    ending_init(&transfer->ending, transfer->give_back, !transfer->no_settle,
                transfer->program.outcome != UWO_FINISHED);
}

bool step_next(struct transfer *transfer, uint64_t now_us, struct op *op)
{
    if (transfer->phase == PHASE_RUNNING) {
        if (program_next(&transfer->program, transfer_pace(transfer), now_us, op))
            return true;
        step_end_program(transfer);
    }
    return transfer->phase == PHASE_ENDING && ending_next(&transfer->ending, op);
}

bool step_may_withdraw(const struct op *op)
{
    return op->kind < OP_PUSH || op->kind == OP_SHUTDOWN || op->kind == OP_SETTLE ||
           op->kind == OP_LINGER;
}

static void step_ending(struct transfer *transfer, const struct op_result *result)
{
    struct ending *ending = &transfer->ending;
    bool was_lost = ending->lost;

    ending_step(ending, result);
    if (ending->lost && !was_lost) {
        transfer->program.outcome = transfer->stop               ? transfer->stop
                                    : result->side == END_CLIENT ? UWO_CLIENT_GONE
                                                                 : UWO_NO_RESOURCE;
        transfer->program.error = transfer->stop ? 0 : ending->error;
    }
    if (result->error == ECANCELED)
        transfer->stop = 0;
}

void step_result(struct transfer *transfer, const struct op *op, const struct op_result *result)
{
    struct program *program = &transfer->program;

    if (transfer->phase == PHASE_ENDING) {
        step_ending(transfer, result);
        return;
    }
    program_step(program, transfer_pace(transfer), op, result);
    atomic_store_explicit(&transfer->bytes_queued, program->bytes_queued, memory_order_relaxed);
    if (op->kind == OP_RECEIVE)
        atomic_store_explicit(&transfer->extra->bytes_received, program->bytes_received,
                              memory_order_relaxed);
}

_Static_assert(STATS_no_resource - STATS_finished == UWO_NO_RESOURCE,
               "stats.def lists the outcomes in the order of enum uwo_outcome");

void step_count(stats_value *stats, const struct transfer *transfer)
{
    stats_add_shared(stats, STATS_finished + transfer->program.outcome, 1);
    stats_add_shared(stats, STATS_bytes_acked, atomic_load(&transfer->bytes_acked));
    if (!transfer->waited)
        stats_add_shared(stats, STATS_first_try, 1);
}

void step_done(struct uwo_engine *engine, struct transfer *transfer)
{
    transfer->phase = PHASE_ENDED;
    transfer->limits.progress_us = engine->sys->now_us();
    if (transfer->shared)
        pthread_mutex_lock(&engine->lock);
    atomic_store(&transfer->done, true);
    if (transfer->shared)
        pthread_mutex_unlock(&engine->lock);
    transfer_forget(engine->sys, transfer);
}
