/* splice: from a pipe or socket to the client, a count of bytes or to the end.
 *
 *   open -- count 0 -------------------------> DONE      outcome 0
 *        -- otherwise -----------------------> MOVING
 *   MOVING -- bytes moved -------------------> MOVING
 *          -- all taken in, some held -------> FLUSHING
 *          -- all taken in, none held -------> DONE      outcome 0
 *          -- peer ended, some held ---------> FLUSHING  (remembers it)
 *          -- peer ended, none held ---------> DONE      outcome 0, or -ENODATA before the count
 *          -- errno -------------------------> DONE      outcome -errno
 *   FLUSHING -- some still held -------------> FLUSHING
 *            -- none held -------------------> DONE      as remembered
 *            -- errno -----------------------> DONE      outcome -errno
 */
#include <errno.h>

#include "base/ensure.h"
#include "task/task.h"
#include "uwoffload.h"

enum { MOVING, FLUSHING };

static void splice_open(struct task *task, const struct instruction *instruction)
{
    task->state = MOVING;
    task->left = instruction->count;
    task->want = (struct op){ .kind = OP_SPLICE, .length = instruction->count };
    if (instruction->count == 0)
        task_finish(task, 0, END_NONE);
}

static void splice_end(struct task *task)
{
    bool complete = task->left == 0 || task->left == TASK_TO_THE_END;

    if (complete)
        task_finish(task, 0, END_NONE);
    else
        task_finish(task, -ENODATA, END_PEER);
}

static void splice_step(struct task *task, const struct op_result *result)
{
    ensure(result->bytes_in <= task->want.length);
    ensure(result->bytes_out <= task->held + result->bytes_in);
    task->held = (uint32_t)(task->held + result->bytes_in - result->bytes_out);
    if (task->left != TASK_TO_THE_END)
        task->left -= result->bytes_in;
    if (result->error) {
        task_finish(task, -result->error, result->side);
        return;
    }
    if (task->left == 0 || result->side == END_PEER) {
        task->state = FLUSHING;
        task->want.length = 0;
    } else if (task->state == MOVING) {
        task->want.length = task->left;
    }
    if (task->state == FLUSHING && task->held == 0)
        splice_end(task);
}

const struct task_type task_splice = {
    .name = "splice",
    .summary = "from a pipe or socket to the client",
    .kind = UWO_SPLICE,
    .known_size = false,
    .open = splice_open,
    .step = splice_step,
};
