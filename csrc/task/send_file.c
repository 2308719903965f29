/* send_file: a range of a file to the client.
 *
 * The range is sent in windows.  Before each, the driver is asked to have it in memory:
 * sendfile(2) would otherwise wait for the disk inside the loop.
 *
 *   open -- nothing to send ----------> DONE         outcome 0
 *        -- a range ------------------> PREFETCHING
 *   PREFETCHING -- in memory ---------> SENDING
 *               -- errno -------------> DONE         outcome -errno
 *   SENDING -- window not all sent ---> SENDING
 *           -- window sent, more left-> PREFETCHING
 *           -- all sent --------------> DONE         outcome 0
 *           -- file ended early ------> DONE         outcome -ENODATA (file shrank)
 *           -- errno -----------------> DONE         outcome -errno
 */
#include <errno.h>

#include "base/ensure.h"
#include "task/task.h"
#include "uwoffload.h"

enum { PREFETCHING, SENDING };

enum { WINDOW = 2 << 20 };

static void send_file_window(struct task *task, int64_t offset)
{
    uint64_t length = task->left < WINDOW ? task->left : WINDOW;

    task->left -= length;
    task->state = PREFETCHING;
    task->want = (struct op){ .kind = OP_PREFETCH, .offset = offset, .length = length };
}

static void send_file_open(struct task *task, const struct instruction *instruction)
{
    task->left = instruction->count;
    if (task->left == 0)
        task_finish(task, 0, END_NONE);
    else
        send_file_window(task, instruction->offset);
}

static void send_file_sent(struct task *task, const struct op_result *result)
{
    struct op *want = &task->want;

    ensure(result->bytes_out <= want->length);
    want->offset += (int64_t)result->bytes_out;
    want->length -= result->bytes_out;
    if (result->error)
        task_finish(task, -result->error, result->side);
    else if (want->length > 0 && result->side == END_FILE)
        task_finish(task, -ENODATA, END_FILE);
    else if (want->length == 0 && task->left == 0)
        task_finish(task, 0, END_NONE);
    else if (want->length == 0)
        send_file_window(task, want->offset);
}

static void send_file_step(struct task *task, const struct op_result *result)
{
    switch (task->state) {
    case PREFETCHING:
        if (result->error) {
            task_finish(task, -result->error, result->side);
            return;
        }
        task->state = SENDING;
        task->want.kind = OP_SEND_FILE;
        return;
    case SENDING:
        send_file_sent(task, result);
        return;
    }
}

const struct task_type task_send_file = {
    .name = "send file",
    .summary = "a range of a file to the client",
    .kind = UWO_SEND_FILE,
    .known_size = true,
    .open = send_file_open,
    .step = send_file_step,
};
