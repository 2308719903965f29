#include "engine/operate.h"

#include "base/ensure.h"

/* Errors that speak of the connection, not of where the bytes come from. */
static uint8_t side_of(int error, uint8_t source)
{
    switch (error) {
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case ENOPROTOOPT:
    case EPROTO:
        return END_CLIENT;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
        return END_NONE;
    default:
        return source;
    }
}

/* The answer to a call that returned a negative value. */
static enum operated operate_failed(int64_t status, uint8_t source, struct op_result *result)
{
    if (status == -EAGAIN)
        return OPERATED_BLOCKED;
    if (status == -EINTR)
        return OPERATED_AGAIN;
    result->error = (int)-status;
    result->side = side_of(result->error, source);
    return OPERATED_RESULT;
}

static const struct instruction *running(const struct transfer *transfer)
{
    return &transfer->program.list[transfer->program.at];
}

static size_t at_most(uint64_t length, size_t most)
{
    return length < most ? (size_t)length : most;
}

static enum operated operate_send(const struct sys *sys, struct transfer *transfer,
                                  const struct op *op, struct op_result *result)
{
    size_t length = at_most(op->length, INT32_MAX);
    int64_t sent = sys->send(transfer->client_fd, op->data, length, op->more);

    if (sent < 0)
        return operate_failed(sent, END_CLIENT, result);
    result->bytes_in = result->bytes_out = (uint64_t)sent;
    return (size_t)sent < length ? OPERATED_FULL : OPERATED_RESULT;
}

/* Less was sent than asked: the socket is full, or the file ended at `end`.  The file is asked once
 * in each window; should it shrink after that, no edge comes, and the transfer, unsure, finds out
 * when it is looked at next (UNSURE_US). */
static enum operated operate_short(const struct sys *sys, struct transfer *transfer, int64_t end,
                                   struct op_result *result)
{
    if (!transfer->sized && end >= sys->file_size(running(transfer)->fd)) {
        result->side = END_FILE;
        return OPERATED_RESULT;
    }
    transfer->sized = true;
    return OPERATED_FULL;
}

static enum operated operate_send_file(const struct sys *sys, struct transfer *transfer,
                                       const struct op *op, struct op_result *result)
{
    int fd = running(transfer)->fd;
    size_t length = at_most(op->length, INT32_MAX);
    int64_t sent = sys->send_file(transfer->client_fd, fd, op->offset, length);

    if (sent < 0)
        return operate_failed(sent, END_FILE, result);
    result->bytes_in = result->bytes_out = (uint64_t)sent;
    if ((size_t)sent == length)
        return OPERATED_RESULT;
    if (sent == 0) {
        result->side = END_FILE;
        return OPERATED_RESULT;
    }
    return operate_short(sys, transfer, op->offset + sent, result);
}

static bool operate_all_acked(const struct sys *sys, struct transfer *transfer)
{
    return transfer_acked(sys, transfer) >= atomic_load(&transfer->bytes_queued);
}

static enum operated operate_shutdown(const struct sys *sys, struct transfer *transfer,
                                      struct op_result *result)
{
    int status = sys->shutdown(transfer->client_fd, SYS_SHUT_WRITE);

    if (status == 0) {
        atomic_store(&transfer->shut, true);
        return OPERATED_RESULT;
    }
    if (transfer->tcp && operate_all_acked(sys, transfer)) /* it took everything and reset */
        return OPERATED_RESULT;
    return operate_failed(status, END_CLIENT, result);
}

/* A UNIX peer that closes with bytes unread leaves an error, set before they are dropped: no error
 * after nothing is held means that it has read them all. */
static enum operated operate_settle_unix(const struct sys *sys, struct transfer *transfer,
                                         struct op_result *result)
{
    int unsent = transfer_unsent(sys, transfer);
    int error = sys->error(transfer->client_fd);

    if (error) {
        result->error = error;
        result->side = END_CLIENT;
    } else if (unsent > 0) {
        return OPERATED_BLOCKED;
    } else {
        atomic_store(&transfer->bytes_acked, atomic_load(&transfer->bytes_queued));
    }
    return OPERATED_RESULT;
}

/* Everything acknowledged?  The acknowledgement of our FIN makes an edge, so waiting for the
 * last byte needs no polling (TCP: FIN_WAIT1 to FIN_WAIT2 wakes whoever polls). */
static enum operated operate_settle(const struct sys *sys, struct transfer *transfer,
                                    struct op_result *result)
{
    int error;

    if (!transfer->tcp)
        return operate_settle_unix(sys, transfer, result);
    if (operate_all_acked(sys, transfer))
        return OPERATED_RESULT;
    error = transfer->hung ? sys->error(transfer->client_fd) : 0;
    if (!error)
        return OPERATED_BLOCKED;
    result->error = error;
    result->side = END_CLIENT;
    return OPERATED_RESULT;
}

int operate_take_client(struct uwo_engine *engine, struct transfer *transfer)
{
    const struct sys *sys = engine->sys;
    int fd = transfer->client_fd;

    if (fd < 0)
        return fd;
    if (transfer->registered)
        sys->epoll_set(engine->loops[transfer->thread].epoll_fd, EPOLL_CTL_DEL, fd, 0, 0);
    transfer->registered = false;
    transfer_acked(sys, transfer);
    pthread_mutex_lock(&engine->lock); /* uwo_transfer_progress may be asking it */
    transfer->client_fd = -1;
    pthread_mutex_unlock(&engine->lock);
    return fd;
}

static void operate_close(struct uwo_engine *engine, struct transfer *transfer, bool abort)
{
    int fd = operate_take_client(engine, transfer);

    if (fd < 0)
        return;
    if (abort)
        engine->sys->reset(fd);
    engine->sys->close(fd);
}

/* Let out what is held back.  An error here says that the client is gone, which the program's
 * outcome or the next owner's first call will say better. */
static void operate_push(const struct sys *sys, struct transfer *transfer)
{
    if (transfer->corked)
        sys->cork(transfer->client_fd, false);
    transfer->corked = false;
    if (transfer->tcp && atomic_load(&transfer->bytes_queued) > 0)
        sys->push(transfer->client_fd);
}

/* The socket as it was; it leaves the transfer when the DONE event is reaped. */
static void operate_return(struct uwo_engine *engine, struct transfer *transfer)
{
    const struct sys *sys = engine->sys;

    if (transfer->registered)
        sys->epoll_set(engine->loops[transfer->thread].epoll_fd, EPOLL_CTL_DEL, transfer->client_fd,
                       0, 0);
    transfer->registered = false;
    transfer_acked(sys, transfer);
    if (!transfer->was_nonblocking)
        sys->nonblocking(transfer->client_fd, false);
}

enum operated operate_simple(struct uwo_engine *engine, struct transfer *transfer,
                             const struct op *op, struct op_result *result)
{
    const struct sys *sys = engine->sys;

    switch (op->kind) {
    case OP_SEND:
        return operate_send(sys, transfer, op, result);
    case OP_SEND_FILE:
        return operate_send_file(sys, transfer, op, result);
    case OP_PREFETCH:
        transfer->sized = false;
        if (sys->file_cached(running(transfer)->fd, op->offset, op->length) > 0)
            return OPERATED_RESULT;
        return OPERATED_ELSEWHERE;
    case OP_SHUTDOWN:
        return operate_shutdown(sys, transfer, result);
    case OP_SETTLE:
        return operate_settle(sys, transfer, result);
    case OP_LINGER:
        return sys->unread(transfer->client_fd) > 0 ? OPERATED_ELSEWHERE : OPERATED_RESULT;
    case OP_CLOSE:
    case OP_ABORT:
        operate_close(engine, transfer, op->kind == OP_ABORT);
        return OPERATED_RESULT;
    case OP_PUSH:
        operate_push(sys, transfer);
        return OPERATED_RESULT;
    case OP_RETURN:
        operate_return(engine, transfer);
        return OPERATED_RESULT;
    default:
        return OPERATED_ELSEWHERE;
    }
}

/* ---- what needs the loop ---- */

static enum operated operate_disk(struct loop *loop, struct transfer *transfer, uint8_t kind,
                                  const struct op *op, const void *data)
{
    struct extra *extra = transfer->extra;

    extra->job = (struct disk_job){
        .owner = transfer,
        .kind = kind,
        .fd = running(transfer)->fd,
        .offset = op->offset,
        .length = op->length,
        .data = data,
    };
    stats_add(loop->stats, kind == DISK_READ ? STATS_disk_reads : STATS_disk_writes, 1);
    disk_submit(&loop->engine->disk, &extra->job);
    return OPERATED_PENDING;
}

static enum operated operate_prefetch(struct loop *loop, struct transfer *transfer,
                                      const struct op *op, struct op_result *result)
{
    if (!transfer_extra(loop->sys, transfer)) {
        result->error = ENOMEM;
        return OPERATED_RESULT;
    }
    return operate_disk(loop, transfer, DISK_READ, op, NULL);
}

/* SPLICE_F_NONBLOCK does not concern a socket: tcp_splice_read looks at O_NONBLOCK alone.  A
 * descriptor that its owner keeps is made blocking again at the end. */
static int operate_open_peer(const struct sys *sys, struct extra *extra,
                             const struct instruction *instruction)
{
    int was = instruction->flags & FROM_PIPE ? 1 : sys->nonblocking(instruction->fd, true);

    if (was < 0)
        return was;
    extra->peer_fd = instruction->fd;
    extra->peer_was_blocking = was == 0;
    return 0;
}

/* Wait for the peer too.  A want that fails here ends with the error. */
static int operate_watch_peer(struct loop *loop, struct transfer *transfer, int fd)
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

static enum operated operate_splice_blocked(struct loop *loop, struct transfer *transfer,
                                            struct op_result *result)
{
    int status = operate_watch_peer(loop, transfer, running(transfer)->fd);

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

/* What is in the transfer's pipe, to the client. */
static enum operated operate_pipe_out(struct loop *loop, struct transfer *transfer,
                                      const struct op *op, struct op_result *result)
{
    struct extra *extra = transfer->extra;
    int64_t out = loop->sys->splice(extra->pipe.read_fd, transfer->client_fd, extra->pipe_held,
                                    op->more);

    if (out < 0)
        return operate_failed(out, END_CLIENT, result);
    result->bytes_out = (uint64_t)out;
    extra->pipe_held -= (uint32_t)out;
    if (extra->pipe_held == 0)
        pipes_put(&loop->pipes, loop->sys, &loop->engine->pipes_held, &extra->pipe, true);
    return extra->pipe_held ? OPERATED_FULL : OPERATED_RESULT;
}

/* From a peer socket into an empty pipe, and on. */
static enum operated operate_pipe_in(struct loop *loop, struct transfer *transfer,
                                     const struct op *op, struct op_result *result)
{
    struct extra *extra = transfer->extra;
    int peer_fd = running(transfer)->fd;
    int64_t in = loop->sys->splice(peer_fd, extra->pipe.write_fd,
                                   at_most(op->length, extra->pipe.size), false);

    if (in <= 0)
        pipes_put(&loop->pipes, loop->sys, &loop->engine->pipes_held, &extra->pipe, true);
    if (in == -EAGAIN)
        return operate_splice_blocked(loop, transfer, result);
    if (in < 0) {
        enum operated operated = operate_failed(in, END_PEER, result);

        if (result->side == END_CLIENT)
            result->side = END_PEER;
        return operated;
    }
    if (in == 0) {
        result->side = END_PEER;
        return OPERATED_RESULT;
    }
    result->bytes_in = (uint64_t)in;
    extra->pipe_held = (uint32_t)in;

    enum operated operated = operate_pipe_out(loop, transfer, op, result);

    /* The bytes are in: that is a result, whatever the way out says; it will say it again. */
    return operated == OPERATED_BLOCKED || operated == OPERATED_AGAIN ? OPERATED_FULL : operated;
}

/* Without a pipe: look at what the peer has sent, send it, and only then take from the peer what
 * the client took.  Nothing is held, so it works for any number of transfers. */
static enum operated operate_copy(struct loop *loop, struct transfer *transfer, const struct op *op,
                                  struct op_result *result)
{
    const struct sys *sys = loop->sys;
    int peer_fd = running(transfer)->fd;
    int64_t in = sys->peek(peer_fd, loop->scratch, at_most(op->length, SCRATCH_SIZE));
    int64_t out;

    if (in == -EAGAIN)
        return operate_splice_blocked(loop, transfer, result);
    if (in < 0 && in != -EINTR) {
        result->error = (int)-in;
        result->side = END_PEER;
        return OPERATED_RESULT;
    }
    if (in < 0)
        return OPERATED_AGAIN;
    if (in == 0) {
        result->side = END_PEER;
        return OPERATED_RESULT;
    }
    out = sys->send(transfer->client_fd, loop->scratch, (size_t)in, op->more);
    if (out < 0)
        return operate_failed(out, END_CLIENT, result);
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

static enum operated operate_splice(struct loop *loop, struct transfer *transfer,
                                    const struct op *op, struct op_result *result)
{
    struct extra *extra = transfer->extra;
    const struct instruction *instruction = running(transfer);
    struct uwo_engine *engine = loop->engine;

    if (extra->peer_fd < 0) {
        int status = operate_open_peer(loop->sys, extra, instruction);

        if (status < 0)
            return operate_failed(status, END_PEER, result);
    }
    if (extra->pipe_held > 0)
        return operate_pipe_out(loop, transfer, op, result);
    if (instruction->flags & FROM_PIPE) {
        int64_t moved = loop->sys->splice(instruction->fd, transfer->client_fd,
                                          at_most(op->length, INT32_MAX), op->more);

        if (moved == -EAGAIN)
            return operate_splice_blocked(loop, transfer, result);
        if (moved < 0)
            return operate_failed(moved, END_PEER, result);
        result->bytes_in = result->bytes_out = (uint64_t)moved;
        if (moved == 0)
            result->side = END_PEER;
        return OPERATED_RESULT;
    }
    if (pipes_get(&loop->pipes, loop->sys, &engine->pipes_held, engine->options.pipes_max,
                  &extra->pipe))
        return operate_pipe_in(loop, transfer, op, result);
    stats_add(loop->stats, STATS_pipes_refused, 1);
    return operate_copy(loop, transfer, op, result);
}

/* ---- uploads ---- */

static void operate_drop_buffer(struct loop *loop, struct extra *extra)
{
    if (!extra->buffer)
        return;
    loop->sys->release(extra->buffer);
    extra->buffer = NULL;
    atomic_fetch_sub(&loop->engine->buffers_held, 1);
}

static int64_t operate_take_leftover(struct extra *extra, size_t length)
{
    size_t taken = at_most(extra->leftover_size - extra->leftover_used, length);

    __builtin_memcpy(extra->buffer, extra->leftover + extra->leftover_used, taken);
    extra->leftover_used += taken;
    return (int64_t)taken;
}

static enum operated operate_receive(struct loop *loop, struct transfer *transfer,
                                     const struct op *op, struct op_result *result)
{
    struct uwo_engine *engine = loop->engine;
    struct extra *extra = transfer->extra;
    size_t length = at_most(op->length, BUFFER_SIZE);
    int64_t got;

    if (atomic_fetch_add(&engine->buffers_held, 1) >= engine->options.buffers_max) {
        atomic_fetch_sub(&engine->buffers_held, 1);
        stats_add(loop->stats, STATS_buffers_refused, 1);
        return OPERATED_TIME;
    }
    extra->buffer = loop->sys->alloc(BUFFER_SIZE);
    if (!extra->buffer) {
        atomic_fetch_sub(&engine->buffers_held, 1);
        result->error = ENOMEM;
        return OPERATED_RESULT;
    }
    extra->buffer_start = 0;
    if (extra->leftover_used < extra->leftover_size)
        got = operate_take_leftover(extra, length);
    else
        got = loop->sys->receive(transfer->client_fd, extra->buffer, length);
    if (got <= 0)
        operate_drop_buffer(loop, extra);
    if (got < 0)
        return operate_failed(got, END_CLIENT, result);
    if (got == 0)
        result->side = END_CLIENT;
    result->bytes_in = (uint64_t)got;
    return OPERATED_RESULT;
}

static enum operated operate_linger(struct loop *loop, struct transfer *transfer)
{
    enum { READS_MAX = 16 };
    struct limits *limits = &transfer->limits;
    uint64_t passed_ms = (loop->now_us - limits->started_us) / 1000;

    if (!transfer->lingering) {
        transfer->lingering = true;
        limits->deadline_ms = (uint32_t)passed_ms + loop->engine->options.linger_ms;
        limits->no_progress_ms = LIMITS_NEVER;
    }
    if (passed_ms >= limits->deadline_ms)
        return OPERATED_RESULT;
    for (int i = 0; i < READS_MAX; i++) {
        int64_t got = loop->sys->receive(transfer->client_fd, loop->scratch, SCRATCH_SIZE);

        if (got == -EAGAIN)
            return OPERATED_BLOCKED;
        if (got <= 0 && got != -EINTR)
            return OPERATED_RESULT;
    }
    return OPERATED_AGAIN;
}

static enum operated operate_more(struct loop *loop, struct transfer *transfer)
{
    struct uwo_engine *engine = loop->engine;
    struct extra *extra = transfer->extra;
    struct instruction *list = NULL;
    uint32_t count = 0;
    bool finished;

    pthread_mutex_lock(&engine->lock);
    if (extra->inbox_count > 0) {
        list = extra->inbox;
        count = extra->inbox_count;
        extra->inbox = NULL;
        extra->inbox_count = extra->inbox_capacity = 0;
    }
    finished = extra->inbox_finished;
    pthread_mutex_unlock(&engine->lock);
    if (list) {
        transfer_release(loop->sys, transfer, transfer->program.count);
        if (transfer->program.list != transfer->first)
            loop->sys->release((void *)(uintptr_t)transfer->program.list);
        transfer->released = 0;
        program_grow(&transfer->program, list, count, 0);
    } else if (finished) {
        program_finish(&transfer->program);
    }
    return list || finished ? OPERATED_RESULT : OPERATED_MORE;
}

enum operated operate(struct loop *loop, struct transfer *transfer, const struct op *op,
                      struct op_result *result)
{
    enum operated operated;

    switch (op->kind) {
    case OP_SPLICE:
        return operate_splice(loop, transfer, op, result);
    case OP_RECEIVE:
        return operate_receive(loop, transfer, op, result);
    case OP_WRITE:
        return operate_disk(loop, transfer, DISK_WRITE, op,
                            transfer->extra->buffer + transfer->extra->buffer_start);
    case OP_WAIT:
        return loop->now_us >= op->until_us ? OPERATED_RESULT : OPERATED_TIME;
    case OP_MORE:
        return operate_more(loop, transfer);
    default:
        operated = operate_simple(loop->engine, transfer, op, result);
    }
    if (operated != OPERATED_ELSEWHERE)
        return operated;
    if (op->kind == OP_PREFETCH)
        return operate_prefetch(loop, transfer, op, result);
    ensure(op->kind == OP_LINGER);
    return operate_linger(loop, transfer);
}

void operate_release(struct loop *loop, struct transfer *transfer)
{
    struct extra *extra = transfer->extra;

    if (!extra)
        return;
    operate_drop_buffer(loop, extra);
    if (extra->pipe.read_fd) {
        pipes_put(&loop->pipes, loop->sys, &loop->engine->pipes_held, &extra->pipe,
                  extra->pipe_held == 0);
        extra->pipe_held = 0;
    }
    if (extra->peer_registered)
        loop->sys->epoll_set(loop->epoll_fd, EPOLL_CTL_DEL, extra->peer_fd, 0, 0);
    if (extra->peer_was_blocking)
        loop->sys->nonblocking(extra->peer_fd, false);
    extra->peer_registered = extra->peer_was_blocking = false;
    extra->peer_fd = -1;
}
