#include "engine/relay.h"

#include "engine/client.h"

/* Wait for the peer too.  A want that fails here ends with the error. */
static int relay_watch(struct loop *loop, struct transfer *transfer, int fd)
{
    struct extra *extra = transfer->extra;
    uint64_t id = atomic_load_explicit(&transfer->id, memory_order_relaxed);
    int status = 0;

    if (!extra->peer_registered)
        status = loop->sys->epoll_set(loop->epoll_fd, EPOLL_CTL_ADD, fd,
                                      EPOLLIN | EPOLLRDHUP | EPOLLET, id << EVENT_TAG_BITS | 1);
    if (status == 0)
        extra->peer_registered = true;
    return status;
}

static enum operated relay_blocked(struct loop *loop, struct transfer *transfer,
                                   struct op_result *result)
{
    int status = relay_watch(loop, transfer, operated_instruction(transfer)->fd);

    if (status < 0) {
        result->error = -status;
        return OPERATED_RESULT;
    }
    if (transfer->hung) { /* the source is silent, and nobody is left to send to */
        result->error = ECONNRESET;
        result->side = END_CLIENT;
        return OPERATED_RESULT;
    }
    return OPERATED_BLOCKED;
}

/* The peer gave nothing: 0 at its end, or -errno. */
static enum operated relay_nothing(struct loop *loop, struct transfer *transfer, int64_t status,
                                   struct op_result *result)
{
    if (status == -EAGAIN)
        return relay_blocked(loop, transfer, result);
    if (status == -EINTR)
        return OPERATED_AGAIN;
    result->error = (int)-status;
    result->side = END_PEER;
    return OPERATED_RESULT;
}

/* What is in the transfer's pipe, to the client. */
static enum operated relay_out(struct loop *loop, struct transfer *transfer, const struct op *op,
                               struct op_result *result)
{
    struct extra *extra = transfer->extra;
    int64_t out = loop->sys->splice(extra->pipe.read_fd, transfer->client_fd, extra->pipe_held,
                                    op->more);

    if (out < 0)
        return operated_failed(out, END_CLIENT, result);
    result->bytes_out = (uint64_t)out;
    extra->pipe_held -= (uint32_t)out;
    if (extra->pipe_held == 0)
        pipes_put(&loop->pipes, loop->sys, &loop->engine->pipes_held, &extra->pipe, true);
    return extra->pipe_held ? OPERATED_FULL : OPERATED_RESULT;
}

/* From a peer socket into an empty pipe, and on.  splice(2) must not be asked before there is
 * something: SPLICE_F_NONBLOCK does not concern a TCP socket as source, and its O_NONBLOCK may be
 * somebody else's to set.  With bytes there it never waits. */
static enum operated relay_in(struct loop *loop, struct transfer *transfer, const struct op *op,
                              struct op_result *result)
{
    struct extra *extra = transfer->extra;
    int peer_fd = operated_instruction(transfer)->fd;
    int64_t in = client_there(loop->sys, peer_fd);
    enum operated operated;

    if (in > 0)
        in = loop->sys->splice(peer_fd, extra->pipe.write_fd,
                               operated_at_most(op->length, extra->pipe.size), false);
    if (in <= 0) {
        pipes_put(&loop->pipes, loop->sys, &loop->engine->pipes_held, &extra->pipe, true);
        return relay_nothing(loop, transfer, in, result);
    }
    result->bytes_in = (uint64_t)in;
    extra->pipe_held = (uint32_t)in;
    operated = relay_out(loop, transfer, op, result);
    /* The bytes are in: that is a result, whatever the way out says; it will say it again. */
    return operated == OPERATED_BLOCKED || operated == OPERATED_AGAIN ? OPERATED_FULL : operated;
}

/* Without a pipe: look at what the peer has sent, send it, and only then take from the peer what
 * the client took.  Nothing is held, so it works for any number of transfers. */
static enum operated relay_copy(struct loop *loop, struct transfer *transfer, const struct op *op,
                                struct op_result *result)
{
    const struct sys *sys = loop->sys;
    int peer_fd = operated_instruction(transfer)->fd;
    int64_t in = sys->peek(peer_fd, loop->scratch, operated_at_most(op->length, SCRATCH_SIZE));
    int64_t out;

    if (in <= 0)
        return relay_nothing(loop, transfer, in, result);
    out = sys->send(transfer->client_fd, loop->scratch, (size_t)in, op->more);
    if (out < 0)
        return operated_failed(out, END_CLIENT, result);
    result->bytes_in = result->bytes_out = (uint64_t)out;
    stats_add(loop->stats, STATS_bytes_copied, (uint64_t)out);
    for (int64_t left = out; left > 0;) { /* what was peeked is there: this cannot block */
        int64_t taken = sys->receive(peer_fd, loop->scratch, (size_t)left);

        if (taken > 0) {
            left -= taken;
        } else if (taken != -EINTR) {
            result->error = taken < 0 ? (int)-taken : EIO;
            result->side = END_PEER;
            return OPERATED_RESULT;
        }
    }
    return out < in ? OPERATED_FULL : OPERATED_RESULT;
}

enum operated relay_splice(struct loop *loop, struct transfer *transfer, const struct op *op,
                           struct op_result *result)
{
    struct extra *extra = transfer->extra;
    const struct instruction *instruction = operated_instruction(transfer);
    struct uwo_engine *engine = loop->engine;

    extra->peer_fd = instruction->fd;
    loop->pipes.used_us = loop->now_us;
    if (extra->pipe_held > 0)
        return relay_out(loop, transfer, op, result);
    if (instruction->flags & FROM_PIPE) {
        int64_t moved = loop->sys->splice(instruction->fd, transfer->client_fd,
                                          operated_at_most(op->length, INT32_MAX), op->more);

        if (moved == -EAGAIN)
            return relay_blocked(loop, transfer, result);
        if (moved < 0)
            return operated_failed(moved, END_PEER, result);
        result->bytes_in = result->bytes_out = (uint64_t)moved;
        if (moved == 0)
            result->side = END_PEER;
        return OPERATED_RESULT;
    }
    if (pipes_get(&loop->pipes, loop->sys, &engine->pipes_held, engine->options.pipes_max,
                  &extra->pipe))
        return relay_in(loop, transfer, op, result);
    stats_add(loop->stats, STATS_pipes_refused, 1);
    return relay_copy(loop, transfer, op, result);
}

void relay_release(struct loop *loop, struct extra *extra)
{
    if (extra->pipe.size)
        pipes_put(&loop->pipes, loop->sys, &loop->engine->pipes_held, &extra->pipe,
                  extra->pipe_held == 0);
    if (extra->peer_registered)
        loop->sys->epoll_set(loop->epoll_fd, EPOLL_CTL_DEL, extra->peer_fd, 0, 0);
    extra->pipe_held = 0;
    extra->peer_registered = false;
    extra->peer_fd = -1;
}
