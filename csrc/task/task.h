/* task: one instruction at work, as a pure machine.
 *
 * open() looks at the instruction and sets the first want, or finishes at once.  step()
 * receives one result for every want and sets the next want, or finishes.  Cancel and
 * time-outs arrive as results with an error, so there is one way out. */
#ifndef TASK_TASK_H
#define TASK_TASK_H

#include "task/op.h"

#define TASK_TO_THE_END UINT64_MAX

/* What an instruction says, as the engine keeps it. */
struct instruction {
    uint8_t kind;   /* enum uwo_kind */
    uint8_t flags;  /* the engine's: who owns what */
    int32_t fd;     /* FILE, PEER or DISK; -1 for none */
    uint64_t count; /* bytes, or TASK_TO_THE_END */
    union {
        int64_t offset;
        const void *data;
    };
};

struct task {
    const struct task_type *type;
    struct op want;
    uint64_t left;     /* bytes not yet asked for: the machine's own */
    uint32_t held;     /* bytes taken in and not yet given out: the driver has them */
    int16_t outcome;   /* 0, or -errno */
    uint8_t side;      /* enum endpoint behind the outcome */
    uint8_t state : 7; /* the machine's own */
    bool done : 1;
};

struct task_type {
    const char *name;
    const char *summary;
    uint8_t kind;    /* enum uwo_kind */
    bool known_size; /* `count` bytes are there at once: what precedes may be sent with `more` */
    void (*open)(struct task *task, const struct instruction *instruction);
    void (*step)(struct task *task, const struct op_result *result);
};

/* The type registered for a kind, or NULL. */
const struct task_type *task_type_of(uint32_t kind);

/* Start an instruction of a registered kind. */
void task_open(struct task *task, const struct instruction *instruction);

/* Hand in the result of task->want. */
void task_step(struct task *task, const struct op_result *result);

/* For the machines: the one way to the end. */
static inline void task_finish(struct task *task, int outcome, uint8_t side)
{
    task->outcome = (int16_t)outcome;
    task->side = side;
    task->done = true;
    task->want = (struct op){ .kind = OP_NONE };
}

#endif
