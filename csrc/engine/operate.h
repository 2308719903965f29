/* operate: carries out one operation of a transfer, by system calls that never wait. */
#ifndef ENGINE_OPERATE_H
#define ENGINE_OPERATE_H

#include "engine/operated.h"

/* What needs nothing but the transfer itself; for a first try in the submitting thread too. */
enum operated operate_simple(struct uwo_engine *engine, struct transfer *transfer,
                             const struct op *op, struct op_result *result);

/* Everything, in the transfer's loop. */
enum operated operate(struct loop *loop, struct transfer *transfer, const struct op *op,
                      struct op_result *result);

/* Put what a finished instruction used (pipe, peer registration) back. */
void operate_release(struct loop *loop, struct transfer *transfer);

#endif
