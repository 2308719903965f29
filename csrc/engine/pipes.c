#include "engine/pipes.h"

#include <stdatomic.h>

static int pipes_open(const struct sys *sys, struct pipe *pipe)
{
    int fds[2];
    int size = sys->pipe_open(fds, PIPE_SIZE);

    if (size < 0)
        return size;
    *pipe = (struct pipe){ .read_fd = fds[0], .write_fd = fds[1], .size = (uint32_t)size };
    return 0;
}

static void pipes_close(const struct sys *sys, const struct pipe *pipe)
{
    sys->close(pipe->read_fd);
    sys->close(pipe->write_fd);
}

bool pipes_get(struct pipes *pipes, const struct sys *sys, _Atomic(uint32_t) *held_all,
               uint32_t pipes_max, struct pipe *pipe)
{
    if (pipes->kept_count > 0) {
        *pipe = pipes->kept[--pipes->kept_count];
        return true;
    }
    if (pipes->refused)
        return false;
    if (atomic_fetch_add(held_all, 1) < pipes_max && pipes_open(sys, pipe) == 0) {
        if (pipe->size >= PIPE_SIZE_LEAST)
            return true;
        pipes_close(sys, pipe);
    }
    atomic_fetch_sub(held_all, 1);
    *pipe = (struct pipe){ 0 };
    pipes->refused = true;
    return false;
}

void pipes_put(struct pipes *pipes, const struct sys *sys, _Atomic(uint32_t) *held_all,
               struct pipe *pipe, bool empty)
{
    if (empty && pipes->kept_count < PIPES_KEPT) {
        pipes->kept[pipes->kept_count++] = *pipe;
    } else {
        pipes_close(sys, pipe);
        atomic_fetch_sub(held_all, 1);
    }
    *pipe = (struct pipe){ 0 };
}

void pipes_shrink(struct pipes *pipes, const struct sys *sys, _Atomic(uint32_t) *held_all)
{
    for (; pipes->kept_count > 0; atomic_fetch_sub(held_all, 1))
        pipes_close(sys, &pipes->kept[--pipes->kept_count]);
}
