/* overflow: requests that no thread of this worker is free for, on their way to another worker.
 *
 * One message is one request: what the connection knows, the head, the body, what was read beyond
 * it, and the descriptors.  The queue is the kernel's, and bounded by its buffer. */
#include <string.h>

#include "engine/call.h"
#include "engine/submit.h"

struct passed {
    struct conn conn;
    struct sys_peer peer;
    uint64_t asked_us;
    uint64_t spooled;
    uint32_t head_size;
    uint32_t body_size; /* in the message */
    uint32_t rest_size;
    bool tcp;
    bool streamed;
};

enum overflow overflow_send(struct front *front, struct transfer *transfer)
{
    struct session *session = transfer_session(transfer);
    struct call *call = session->call;
    int fds[SYS_MESSAGE_FDS] = { transfer->client_fd, call->request.body_fd };
    bool spooled = call->request.body_fd >= 0;
    struct passed passed;
    int64_t sent;
    struct sys_part parts[] = {
        { &passed, sizeof passed },
        { call->text, call->head_size },
        { call->body, spooled ? 0 : call->body_used },
        { session->stash, session->stash_size },
    };

    memset(&passed, 0, sizeof passed);
    passed.conn = session->conn;
    passed.peer = session->peer;
    passed.asked_us = session->asked_us;
    passed.spooled = call->spooled;
    passed.head_size = (uint32_t)call->head_size;
    passed.body_size = (uint32_t)parts[2].size;
    passed.rest_size = session->stash_size;
    passed.tcp = transfer->tcp;
    passed.streamed = call->request.body_streamed;
    if (sizeof passed + passed.head_size + passed.body_size + passed.rest_size > MESSAGE_MAX)
        return OVERFLOW_NEVER;
    sent = front->sys->send_message(front->options.overflow_send_fd, parts, 4, fds,
                                    spooled ? 2 : 1);
    return sent > 0 ? OVERFLOW_GIVEN : sent == -EAGAIN ? OVERFLOW_FULL : OVERFLOW_NEVER;
}

/* What it knows, as a session of ours.  The head was parsed before, by another worker. */
static struct call *overflow_adopt(struct front *front, struct transfer *transfer,
                                   const struct passed *passed, const char *bytes, int body_fd)
{
    const struct sys *sys = front->sys;
    struct session *session = transfer_session(transfer);
    uint64_t id = atomic_load_explicit(&transfer->id, memory_order_relaxed);
    struct request request;
    struct call *call;

    session->conn = passed->conn;
    session->asked_us = passed->asked_us;
    if (conn_parse(&session->conn, &front->limits, bytes, passed->head_size, &request) != 0)
        return NULL;
    call = call_make(front, session, id, &request, bytes, passed->head_size);
    if (!call)
        return NULL;
    bytes += passed->head_size;
    call->spooled = passed->spooled;
    call->request.body_streamed = passed->streamed;
    if (passed->body_size > 0 && call_body(call, (struct span){ bytes, passed->body_size }) != 1) {
        call_free(call);
        return NULL;
    }
    bytes += passed->body_size;
    if (passed->rest_size > 0) {
        session->stash = sys->alloc(passed->rest_size);
        if (!session->stash) {
            call_free(call);
            return NULL;
        }
        memcpy(session->stash, bytes, passed->rest_size);
        session->stash_size = passed->rest_size;
    }
    call->request.body_fd = body_fd;
    if (!passed->streamed)
        call_complete(call);
    reply_note(front, NULL, session, &request);
    pthread_mutex_lock(&front->engine->lock); /* its loop may want to take it back */
    session->call = call;
    pthread_mutex_unlock(&front->engine->lock);
    return call;
}

static struct call *overflow_open(struct front *front, const struct passed *passed,
                                  const char *bytes, const int *fds, int fd_count)
{
    struct uwo_engine *engine = front->engine;
    uint64_t now_us = front->sys->now_us();
    uint8_t thread = submit_least_loaded(engine, (uint32_t)now_us);
    struct transfer *transfer = serve_open(front, fds[0], thread, passed->conn.protocol,
                                           passed->tcp, true, &passed->peer, now_us);
    struct call *call = NULL;

    if (!transfer) {
        front->sys->close(fds[0]);
        if (fd_count > 1)
            front->sys->close(fds[1]);
        return NULL;
    }
    call = overflow_adopt(front, transfer, passed, bytes, fd_count > 1 ? fds[1] : -1);
    if (!call) { /* no memory: its loop closes it */
        if (fd_count > 1)
            front->sys->close(fds[1]);
        transfer_session(transfer)->conn.state = CONN_CLOSING;
        serve_return(engine, transfer);
    }
    return call;
}

struct call *overflow_take(struct front *front)
{
    const struct sys *sys = front->sys;
    int fds[SYS_MESSAGE_FDS];
    int fd_count = 0;
    struct call *call = NULL;
    struct passed passed = { .head_size = 0 };
    int64_t got;

    if (front->queue.overflow_fd < 0)
        return NULL;
    pthread_mutex_lock(&front->overflow_lock);
    got = sys->receive_message(front->queue.overflow_fd, front->overflow, MESSAGE_MAX, fds,
                               &fd_count);
    if (got >= (int64_t)sizeof passed)
        memcpy(&passed, front->overflow, sizeof passed);
    /* Without room for descriptors the kernel delivers fewer: what cannot be answered is closed. */
    if (fd_count == (passed.spooled > 0 ? 2 : 1) &&
        (uint64_t)got ==
            sizeof passed + (uint64_t)passed.head_size + passed.body_size + passed.rest_size)
        call = overflow_open(front, &passed, front->overflow + sizeof passed, fds, fd_count);
    else
        for (int i = 0; i < fd_count; i++)
            sys->close(fds[i]);
    pthread_mutex_unlock(&front->overflow_lock);
    return call;
}
