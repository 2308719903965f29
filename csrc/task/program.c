#include "task/program.h"

#include <errno.h>

#include "base/ensure.h"
#include "uwoffload.h"

enum { RUNNING, PACING, WAITING, ENDED };

enum { BULK_SIZE = 256 << 10 };

void program_init(struct program *program, const struct instruction *list, uint32_t count,
                  bool growing)
{
    *program = (struct program){ .list = list, .count = count, .growing = growing };
}

static void program_end(struct program *program, uint8_t outcome, int error)
{
    program->state = ENDED;
    program->outcome = outcome;
    program->error = error;
}

/* What a failed instruction means for the whole. */
static uint8_t program_outcome(const struct task *task)
{
    bool ended = task->outcome == -ENODATA;

    switch (task->side) {
    case END_CLIENT:
        return ended ? UWO_UPLOAD_SHORT : UWO_CLIENT_GONE;
    case END_FILE:
    case END_PEER:
        return ended ? UWO_SOURCE_SHORT : UWO_SOURCE_FAILED;
    case END_DISK:
        return UWO_DISK_FAILED;
    default:
        return UWO_NO_RESOURCE;
    }
}

static void program_advance(struct program *program)
{
    const struct task *task = &program->task;

    program->open = false;
    if (program->stopped) {
        program_end(program, program->stopped, program->error);
        return;
    }
    if (task->outcome != 0) {
        program_end(program, program_outcome(task), -task->outcome);
        return;
    }
    program->at++;
}

/* Open instructions until one wants something; false when none is left. */
static bool program_open(struct program *program)
{
    while (!program->open && program->state != ENDED && program->at < program->count) {
        program->open = true;
        task_open(&program->task, &program->list[program->at]);
        if (program->task.done)
            program_advance(program);
    }
    return program->open;
}

/* True when the bytes of the running send are followed by others that are at hand. */
static bool program_more(const struct program *program)
{
    uint32_t next = program->at + 1;

    while (next < program->count && program->list[next].count == 0)
        next++;
    return next < program->count && task_type_of(program->list[next].kind)->known_size;
}

static bool program_moves_bytes(const struct op *op)
{
    return op->kind == OP_SEND || op->kind == OP_SEND_FILE || op->kind == OP_RECEIVE ||
           (op->kind == OP_SPLICE && op->length > 0);
}

/* Make the want of the running task fit the maximum rate. */
static void program_pace(struct program *program, struct pace *pace, uint64_t now_us, struct op *op)
{
    uint64_t allowance = pace_allowance(pace, now_us);

    if (allowance == 0) {
        program->state = PACING;
        *op = (struct op){ .kind = OP_WAIT, .until_us = pace_next_us(pace, now_us) };
        return;
    }
    if (op->length > allowance) {
        op->length = allowance;
        op->more = false;
    }
}

bool program_next(struct program *program, struct pace *pace, uint64_t now_us, struct op *op)
{
    if (program->state == PACING)
        program->state = RUNNING;
    if (program->stopped && program->state != ENDED && !program->open)
        program_end(program, program->stopped, program->error);
    if (program->state == ENDED)
        return false;
    if (program_open(program)) {
        program->state = RUNNING;
        *op = program->task.want;
        op->more = op->kind == OP_SEND && program_more(program);
        if (pace && program_moves_bytes(op))
            program_pace(program, pace, now_us, op);
    } else if (program->state == ENDED) {
        return false;
    } else if (program->growing) {
        program->state = WAITING;
        *op = (struct op){ .kind = OP_MORE };
    } else {
        program_end(program, UWO_FINISHED, 0);
        return false;
    }
    return true;
}

void program_step(struct program *program, struct pace *pace, const struct op *op,
                  const struct op_result *result)
{
    ensure(program->state != ENDED);
    if (op->kind == OP_SEND || op->kind == OP_SEND_FILE || op->kind == OP_SPLICE)
        program->bytes_queued += result->bytes_out;
    else if (op->kind == OP_RECEIVE)
        program->bytes_received += result->bytes_in;
    if (pace && program_moves_bytes(op))
        pace_spend(pace, op->kind == OP_SPLICE || op->kind == OP_RECEIVE ? result->bytes_in
                                                                         : result->bytes_out);
    if (op->kind != OP_WAIT && op->kind != OP_MORE) {
        task_step(&program->task, result);
        if (program->task.done)
            program_advance(program);
    }
    if (program->stopped && program->state != ENDED)
        program_end(program, program->stopped, program->error);
    else if (result->error && program->state != ENDED) /* a wait that failed */
        program_end(program, result->side == END_CLIENT ? UWO_CLIENT_GONE : UWO_NO_RESOURCE,
                    result->error);
}

void program_stop(struct program *program, uint8_t outcome, int error)
{
    ensure(outcome != UWO_FINISHED);
    if (program->stopped || program->state == ENDED)
        return;
    program->stopped = outcome;
    program->error = error;
}

void program_grow(struct program *program, const struct instruction *list, uint32_t count,
                  uint32_t at)
{
    program->list = list;
    program->count = count;
    program->at = at;
}

bool program_hold_back(struct program *program, struct instruction *list)
{
    uint32_t last = program->count - 1;
    struct task *task = &program->task;

    if (program->state == ENDED || program->count == 0 || program->at > last)
        return false;
    if (program->at < last || !program->open) {
        if (list[last].count < 2)
            return false;
        list[last].count--;
    } else if (task->left > 0) {
        task->left--;
    } else if (task->want.length > 1) {
        task->want.length--;
    } else {
        return false;
    }
    return true;
}

void program_finish(struct program *program)
{
    program->growing = false;
}

bool program_waiting(const struct program *program)
{
    return program->state == WAITING;
}

bool program_is_bulk(const struct program *program)
{
    uint64_t size = 0;

    if (program->growing)
        return false;
    for (uint32_t i = 0; i < program->count; i++) {
        const struct instruction *instruction = &program->list[i];

        if (!task_type_of(instruction->kind)->known_size)
            return false;
        size += instruction->count;
    }
    return size >= BULK_SIZE;
}
