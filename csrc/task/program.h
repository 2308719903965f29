/* program: runs the instructions of a transfer in order, as a pure machine.
 *
 * It owns the sequence, `more`, the byte counts, pacing and the outcome; the instructions
 * themselves are tasks.  Use:
 *
 *     while (program_next(program, pace, now, &op)) {
 *         ... carry out op; when it would block, come back here later ...
 *         program_step(program, pace, &op, &result);
 *     }
 *
 * program_next may be asked again and again: it is the same want until program_step, except
 * that a paced length grows with time.
 *
 *   RUNNING -- instruction finished, others follow ---> RUNNING
 *           -- none follows, growing -----------------> WAITING   wants OP_MORE
 *           -- none follows, not growing -------------> ENDED     UWO_FINISHED
 *           -- instruction failed --------------------> ENDED     outcome of the failure
 *           -- maximum rate reached ------------------> PACING    wants OP_WAIT
 *           -- stopped (cancel, time-out) ------------> ENDED     outcome of the stop
 *   PACING  -- time has come -------------------------> RUNNING
 *   WAITING -- program has grown, or was finished ----> RUNNING
 */
#ifndef TASK_PROGRAM_H
#define TASK_PROGRAM_H

#include "task/limits.h"
#include "task/task.h"

struct program {
    const struct instruction *list; /* the owner's; stays valid */
    uint32_t count;
    uint32_t at; /* index of the running instruction; those before it are done with */
    struct task task;
    uint64_t bytes_queued;
    uint64_t bytes_received;
    int error;       /* positive errno behind the outcome */
    uint8_t outcome; /* enum uwo_outcome, once ended */
    uint8_t stopped; /* enum uwo_outcome of a stop, or 0 */
    uint8_t state : 2;
    bool growing : 1;
    bool open : 1; /* the task of instruction `at` has been opened */
};

void program_init(struct program *program, const struct instruction *list, uint32_t count,
                  bool growing);

/* The operation wanted now.  False when the program has ended.  pace may be NULL. */
bool program_next(struct program *program, struct pace *pace, uint64_t now_us, struct op *op);

/* The one result for the want `op`. */
void program_step(struct program *program, struct pace *pace, const struct op *op,
                  const struct op_result *result);

/* End with this outcome and errno.  An outstanding want must then be answered, with ECANCELED if it
 * was withdrawn.  The first stop holds; after the end it changes nothing. */
void program_stop(struct program *program, uint8_t outcome, int error);

/* The list has moved or grown; instruction `at` is still the same. */
void program_grow(struct program *program, const struct instruction *list, uint32_t count,
                  uint32_t at);

/* Keep the last byte of the last instruction back: the program ends without it.  list: the
 * program's, which changes.  False: it is too late, or there are not two bytes left. */
bool program_hold_back(struct program *program, struct instruction *list);

/* No more instructions will come. */
void program_finish(struct program *program);

/* True while it waits for its producer. */
bool program_waiting(const struct program *program);

/* True when a cork is worth its two system calls: all of it is at hand, and it is much. */
bool program_is_bulk(const struct program *program);

#endif
