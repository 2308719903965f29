#include "task/task.h"

#include <stddef.h>

#include "base/ensure.h"

#define TASK(name) extern const struct task_type task_##name;
#include "task/tasks.def"
#undef TASK

const struct task_type *task_type_of(uint32_t kind)
{
    static const struct task_type *const types[] = {
#define TASK(name) &task_##name,
#include "task/tasks.def"
#undef TASK
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i]->kind == kind)
            return types[i];
    }
    return NULL;
}

void task_open(struct task *task, const struct instruction *instruction)
{
    *task = (struct task){ .type = task_type_of(instruction->kind) };
    ensure(task->type);
    task->type->open(task, instruction);
}

void task_step(struct task *task, const struct op_result *result)
{
    ensure(!task->done);
    ensure(task->want.kind != OP_NONE);
    task->type->step(task, result);
}
