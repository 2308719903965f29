#include "engine/operate.h"

#include "base/ensure.h"
#include "engine/client.h"
#include "engine/relay.h"
#include "engine/upload.h"

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
enum operated operated_failed(int64_t status, uint8_t source, struct op_result *result)
{
    if (status == -EAGAIN)
        return OPERATED_BLOCKED;
    if (status == -EINTR)
        return OPERATED_AGAIN;
    result->error = (int)-status;
    result->side = side_of(result->error, source);
    return OPERATED_RESULT;
}

/* Is the next window of the file in memory? */
static enum operated operate_look(struct uwo_engine *engine, struct transfer *transfer,
                                  const struct op *op)
{
    const struct sys *sys = engine->sys;
    struct resident_range range = { .offset = op->offset, .length = op->length };
    int fd = operated_instruction(transfer)->fd;
    bool named = sys->file_name(fd, &range.device, &range.inode) == 0;
    uint64_t now_us = sys->now_us();
    bool known = false;

    transfer->sized = false;
    if (named) {
        pthread_mutex_lock(&engine->lock);
        known = resident_known(&engine->resident, &range, now_us);
        pthread_mutex_unlock(&engine->lock);
    }
    if (known)
        return OPERATED_RESULT;
    if (sys->file_cached(fd, op->offset, op->length) <= 0)
        return OPERATED_ELSEWHERE;
    if (named) {
        pthread_mutex_lock(&engine->lock);
        resident_learn(&engine->resident, &range, now_us);
        pthread_mutex_unlock(&engine->lock);
    }
    return OPERATED_RESULT;
}

enum operated operate_simple(struct uwo_engine *engine, struct transfer *transfer,
                             const struct op *op, struct op_result *result)
{
    const struct sys *sys = engine->sys;

    switch (op->kind) {
    case OP_SEND:
        return client_send(sys, transfer, op, result);
    case OP_SEND_FILE:
        return client_send_file(sys, transfer, op, result);
    case OP_PREFETCH:
        return operate_look(engine, transfer, op);
    case OP_SHUTDOWN:
        return client_shutdown(sys, transfer, result);
    case OP_SETTLE:
        return client_settle(sys, transfer, result);
    case OP_LINGER:
        if (transfer->lingering || transfer->more_comes || sys->unread(transfer->client_fd) > 0)
            return OPERATED_ELSEWHERE;
        return OPERATED_RESULT;
    case OP_CLOSE:
    case OP_ABORT:
        client_close(engine, transfer, op->kind == OP_ABORT);
        return OPERATED_RESULT;
    case OP_PUSH:
        client_push(sys, transfer);
        return OPERATED_RESULT;
    case OP_RETURN:
        client_return(engine, transfer);
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
        .fd = operated_instruction(transfer)->fd,
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
        events_make_room(loop, transfer, 0);
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
        return relay_splice(loop, transfer, op, result);
    case OP_RECEIVE:
        return upload_receive(loop, transfer, op, result);
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
    if (!transfer->extra)
        return;
    upload_release(loop, transfer->extra);
    relay_release(loop, transfer->extra);
}
