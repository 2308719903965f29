#include "engine/upload.h"

#include <string.h>

#include "engine/client.h"
#include "engine/park.h"

static void upload_drop_buffer(struct loop *loop, struct extra *extra)
{
    if (!extra->buffer)
        return;
    loop->sys->release(extra->buffer);
    extra->buffer = NULL;
    atomic_fetch_sub(&loop->engine->buffers_held, 1);
}

/* A buffer for the transfer: 0, -ENOMEM, or -ENOBUFS when all are held. */
static int upload_take_buffer(struct loop *loop, struct extra *extra)
{
    struct uwo_engine *engine = loop->engine;

    if (atomic_fetch_add(&engine->buffers_held, 1) >= engine->options.buffers_max) {
        atomic_fetch_sub(&engine->buffers_held, 1);
        return -ENOBUFS;
    }
    extra->buffer = loop->sys->alloc(BUFFER_SIZE);
    extra->buffer_start = 0;
    if (extra->buffer)
        return 0;
    atomic_fetch_sub(&engine->buffers_held, 1);
    return -ENOMEM;
}

static int64_t upload_fill(struct loop *loop, struct transfer *transfer, size_t length)
{
    struct extra *extra = transfer->extra;
    size_t left = extra->leftover_size - extra->leftover_used;

    if (left == 0)
        return loop->sys->receive(transfer->client_fd, extra->buffer, length);
    if (length > left)
        length = left;
    memcpy(extra->buffer, extra->leftover + extra->leftover_used, length);
    extra->leftover_used += length;
    return (int64_t)length;
}

enum operated upload_receive(struct loop *loop, struct transfer *transfer, const struct op *op,
                             struct op_result *result)
{
    struct extra *extra = transfer->extra;
    int64_t got = 1;
    int status;

    if (extra->leftover_used == extra->leftover_size)
        got = client_there(loop->sys, transfer->client_fd);
    if (got > 0) {
        status = upload_take_buffer(loop, extra);
        if (status == -ENOBUFS) {
            stats_add(loop->stats, STATS_buffers_refused, 1);
            list_append(&loop->starved, &extra->starved);
            return OPERATED_STARVED;
        }
        if (status < 0)
            return operated_failed(status, END_NONE, result);
        got = upload_fill(loop, transfer, operated_at_most(op->length, BUFFER_SIZE));
    }
    if (got <= 0)
        upload_drop_buffer(loop, extra);
    if (got < 0)
        return operated_failed(got, END_CLIENT, result);
    if (got == 0)
        result->side = END_CLIENT;
    result->bytes_in = (uint64_t)got;
    return OPERATED_RESULT;
}

void upload_release(struct loop *loop, struct extra *extra)
{
    upload_drop_buffer(loop, extra);
    list_remove(&extra->starved);
}

void upload_serve(struct loop *loop)
{
    const struct uwo_engine *engine = loop->engine;
    uint32_t held = atomic_load(&engine->buffers_held);
    struct list *link;

    for (; held < engine->options.buffers_max; held++) {
        link = list_take_first(&loop->starved);
        if (!link)
            return;
        park_later(loop, list_entry(link, struct extra, starved)->job.owner);
    }
}
