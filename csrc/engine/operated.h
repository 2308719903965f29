/* operated: how an attempt at an operation ended; for operate.c and the files that it calls. */
#ifndef ENGINE_OPERATED_H
#define ENGINE_OPERATED_H

#include "engine/engine.h"

enum operated {
    OPERATED_RESULT,    /* *result is filled */
    OPERATED_FULL,      /* the same, and the socket takes no more for now: park before the next */
    OPERATED_BLOCKED,   /* no result: try again when the socket says so */
    OPERATED_AGAIN,     /* no result: try again soon (interrupted) */
    OPERATED_STARVED,   /* no result: waits in line for a buffer */
    OPERATED_TIME,      /* no result: try again at op->until_us, or when the timer fires */
    OPERATED_PENDING,   /* no result yet: a disk helper has it */
    OPERATED_MORE,      /* no result: waits for its producer */
    OPERATED_ELSEWHERE, /* operate_simple: only a loop can do this */
};

/* The answer to a call that returned a negative value: would block, again, or a result that blames
 * the client, the source or nobody. */
enum operated operated_failed(int64_t status, uint8_t source, struct op_result *result);

static inline const struct instruction *operated_instruction(const struct transfer *transfer)
{
    return &transfer->program.list[transfer->program.at];
}

static inline size_t operated_at_most(uint64_t length, size_t most)
{
    return length < most ? (size_t)length : most;
}

#endif
