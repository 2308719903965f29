/* receive_file: from the client into a file, a count of bytes.
 *
 *   open -- count 0 -----------------------> DONE       outcome 0
 *        -- otherwise ---------------------> RECEIVING
 *   RECEIVING -- bytes --------------------> WRITING
 *             -- client ended -------------> DONE       outcome -ENODATA
 *             -- errno --------------------> DONE       outcome -errno
 *   WRITING -- some left to write ---------> WRITING
 *           -- written, more to come ------> RECEIVING
 *           -- written, all there ---------> DONE       outcome 0
 *           -- errno ----------------------> DONE       outcome -errno
 */
#include <errno.h>

#include "base/ensure.h"
#include "task/task.h"
#include "uwoffload.h"

enum { RECEIVING, WRITING };

static void receive_file_await(struct task *task, int64_t offset)
{
    task->state = RECEIVING;
    task->want = (struct op){ .kind = OP_RECEIVE, .offset = offset, .length = task->left };
}

static void receive_file_open(struct task *task, const struct instruction *instruction)
{
    task->left = instruction->count;
    if (task->left == 0)
        task_finish(task, 0, END_NONE);
    else
        receive_file_await(task, instruction->offset);
}

static void receive_file_received(struct task *task, const struct op_result *result)
{
    struct op *want = &task->want;

    ensure(result->bytes_in <= want->length);
    if (result->error) {
        task_finish(task, -result->error, result->side);
    } else if (result->bytes_in > 0) {
        task->left -= result->bytes_in;
        task->held = (uint32_t)result->bytes_in;
        task->state = WRITING;
        *want = (struct op){ .kind = OP_WRITE, .offset = want->offset, .length = task->held };
    } else if (result->side == END_CLIENT) {
        task_finish(task, -ENODATA, END_CLIENT);
    }
}

static void receive_file_written(struct task *task, const struct op_result *result)
{
    struct op *want = &task->want;

    ensure(result->bytes_out <= want->length);
    want->offset += (int64_t)result->bytes_out;
    want->length -= result->bytes_out;
    task->held = (uint32_t)want->length;
    if (result->error)
        task_finish(task, -result->error, result->side);
    else if (want->length == 0 && task->left == 0)
        task_finish(task, 0, END_NONE);
    else if (want->length == 0)
        receive_file_await(task, want->offset);
}

static void receive_file_step(struct task *task, const struct op_result *result)
{
    switch (task->state) {
    case RECEIVING:
        receive_file_received(task, result);
        return;
    case WRITING:
        receive_file_written(task, result);
        return;
    }
}

const struct task_type task_receive_file = {
    .name = "receive file",
    .summary = "from the client into a file",
    .kind = UWO_RECEIVE_FILE,
    .known_size = false,
    .open = receive_file_open,
    .step = receive_file_step,
};
