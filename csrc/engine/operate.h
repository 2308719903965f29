/* operate: carries out one operation of a transfer, by system calls that never wait. */
#ifndef ENGINE_OPERATE_H
#define ENGINE_OPERATE_H

#include "engine/engine.h"

enum operated {
    OPERATED_RESULT,    /* *result is filled */
    OPERATED_FULL,      /* the same, and the socket takes no more for now: park before the next */
    OPERATED_BLOCKED,   /* no result: try again when the socket says so */
    OPERATED_AGAIN,     /* no result: try again soon (interrupted) */
    OPERATED_TIME,      /* no result: try again at op->until_us, or when the timer fires */
    OPERATED_PENDING,   /* no result yet: a disk helper has it */
    OPERATED_MORE,      /* no result: waits for its producer */
    OPERATED_ELSEWHERE, /* operate_simple: only a loop can do this */
};

/* What needs nothing but the transfer itself; for a first try in the submitting thread too. */
enum operated operate_simple(struct uwo_engine *engine, struct transfer *transfer,
                             const struct op *op, struct op_result *result);

/* Everything, in the transfer's loop. */
enum operated operate(struct loop *loop, struct transfer *transfer, const struct op *op,
                      struct op_result *result);

/* Put what a finished instruction used (pipe, peer registration) back. */
void operate_release(struct loop *loop, struct transfer *transfer);

/* Take the client socket out of epoll and of the transfer; the caller owns it now. */
int operate_take_client(struct uwo_engine *engine, struct transfer *transfer);

#endif
