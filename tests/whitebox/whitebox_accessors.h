/* What cffi compiles: the headers, and functions for what Python cannot name (bit-fields, inline
 * functions, macros, the registered types). */
#include <stddef.h>

#include "base/list.h"
#include "base/slots.h"
#include "base/timers.h"
#include "task/ending.h"
#include "task/limits.h"
#include "task/program.h"
#include "task/task.h"
#include "uwoffload.h"

static bool wb_task_done(const struct task *task)
{
    return task->done;
}

static int wb_task_state(const struct task *task)
{
    return task->state;
}

static int wb_program_state(const struct program *program)
{
    return program->state;
}

static int wb_ending_state(const struct ending *ending)
{
    return ending->state;
}

static bool wb_ending_lost(const struct ending *ending)
{
    return ending->lost;
}

#define TASK(name) extern const struct task_type task_##name;
#include "task/tasks.def"
#undef TASK

static const struct task_type *wb_task_type(unsigned index)
{
    static const struct task_type *const types[] = {
#define TASK(name) &task_##name,
#include "task/tasks.def"
#undef TASK
    };

    return index < sizeof types / sizeof *types ? types[index] : NULL;
}

static struct timer *wb_timers_take(struct timers *timers, uint64_t now_ms)
{
    return timers_take(timers, now_ms);
}

static int64_t wb_rate_floor_lump(void)
{
    return (int64_t)RATE_FLOOR_LUMP;
}
