/* send: bytes to the client.
 *
 *   open -- nothing to send --> DONE     outcome 0
 *        -- bytes ------------> SENDING
 *   SENDING -- more left -----> SENDING
 *           -- all sent ------> DONE     outcome 0
 *           -- errno ---------> DONE     outcome -errno
 */
#include "base/ensure.h"
#include "task/task.h"
#include "uwoffload.h"

enum { SENDING };

static void send_open(struct task *task, const struct instruction *instruction)
{
    task->state = SENDING;
    task->want = (struct op){ .kind = OP_SEND,
                              .data = instruction->data,
                              .length = instruction->count };
    if (instruction->count == 0)
        task_finish(task, 0, END_NONE);
}

static void send_step(struct task *task, const struct op_result *result)
{
    struct op *want = &task->want;

    ensure(result->bytes_out <= want->length);
    want->data = (const char *)want->data + result->bytes_out;
    want->length -= result->bytes_out;
    if (result->error)
        task_finish(task, -result->error, result->side);
    else if (want->length == 0)
        task_finish(task, 0, END_NONE);
}

const struct task_type task_send = {
    .name = "send",
    .summary = "bytes to the client",
    .kind = UWO_SEND,
    .known_size = true,
    .open = send_open,
    .step = send_step,
};
