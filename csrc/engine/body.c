/* body: a streamed request body, read by the Python thread that has the request. */
#include <string.h>

#include "engine/answer.h"
#include "engine/client.h"

enum { WAIT_STEP_MS = 100 };

/* What was read behind the piece goes back to where it came from. */
static bool body_unread(const struct sys *sys, struct session *session, const char *data,
                        size_t size)
{
    size_t rest = session->stash_size; /* which comes behind it */
    char *stash;

    if (size == 0)
        return true;
    stash = sys->alloc(size + rest);
    if (!stash)
        return false;
    memcpy(stash, data, size);
    if (rest > 0)
        memcpy(stash + size, session->stash, rest);
    sys->release(session->stash);
    session->stash = stash;
    session->stash_size = (uint32_t)(size + rest);
    return true;
}

/* Until the client sends something: 1, 0 when it does not in time, -ECONNRESET when nobody is to
 * wait any more, or -errno.  Who says so does not know who waits: hence steps. */
static int body_wait(struct front *front, int client_fd)
{
    uint64_t until_us = front->sys->now_us() + (uint64_t)front->limits.no_progress_ms * 1000;

    for (;;) {
        uint64_t now_us = front->sys->now_us();
        uint64_t left_ms = now_us < until_us ? (until_us - now_us + 999) / 1000 : 0;
        int ready;

        if (atomic_load(&front->impatient) || atomic_load(&front->engine->stopping))
            return -ECONNRESET;
        ready = front->sys->event_wait(client_fd,
                                       (int)(left_ms < WAIT_STEP_MS ? left_ms : WAIT_STEP_MS));
        if (ready != 0 || left_ms <= WAIT_STEP_MS)
            return ready;
    }
}

/* Raw bytes: what the connection had, or the socket's next ones. */
static int64_t body_raw(struct front *front, struct transfer *transfer, char *data, size_t size)
{
    const struct sys *sys = front->sys;
    struct session *session = transfer->session;
    char *stash = session->stash;
    size_t had = session->stash_size;
    size_t part = had < size ? had : size;
    int64_t got;

    if (stash) {
        session->stash = NULL;
        session->stash_size = 0;
        memcpy(data, stash, part);
        if (!body_unread(sys, session, stash + part, had - part))
            part = 0;
        sys->release(stash);
        return part > 0 ? (int64_t)part : -ENOMEM;
    }
    while ((got = sys->receive(transfer->client_fd, data, size)) == -EAGAIN) {
        int ready = body_wait(front, transfer->client_fd);

        if (ready <= 0)
            return ready == 0 ? -ETIMEDOUT : ready;
    }
    return got == 0 ? -ECONNRESET : got;
}

static int64_t body_content(struct front *front, struct transfer *transfer, char *data, size_t size)
{
    struct session *session = transfer->session;

    if (size > INPUT_SIZE) /* what comes behind the body must fit the loop's window */
        size = INPUT_SIZE;
    while (!conn_body_ended(&session->conn)) {
        int64_t got = body_raw(front, transfer, data, size);
        size_t used = 0;
        size_t content_size = 0;

        if (got < 0)
            return got;
        /* Content moves to the front; framing falls out. */
        while (used < (size_t)got && !conn_body_ended(&session->conn)) {
            struct span content;
            int status;
            size_t step = conn_body(&session->conn, &front->limits, data + used, (size_t)got - used,
                                    front->sys->now_us(), &content, &status);

            if (status != 0)
                return status == 413 ? -EFBIG : -EPROTO;
            if (content.size > 0)
                memmove(data + content_size, content.data, content.size);
            content_size += content.size;
            used += step;
        }
        if (!body_unread(front->sys, session, data + used, (size_t)got - used))
            return -ENOMEM;
        if (content_size > 0)
            return (int64_t)content_size;
    }
    return 0;
}

int64_t answer_read(struct call *call, void *data, size_t size)
{
    struct front *front = call->front;
    struct transfer *transfer;
    struct conn *conn;
    int64_t got;

    if (call->answered) /* then the connection is its loop's */
        return -EINVAL;
    transfer = call_begin(call);
    if (!transfer)
        return -ECONNRESET;
    conn = &transfer->session->conn;
    if (conn->expects && !conn_body_ended(conn)) {
        conn->expects = false;
        client_continue(front->sys, transfer);
    }
    transfer->session->read_by_python = true;
    got = body_content(front, transfer, data, size);
    call_release(call);
    return got;
}
