/* hand: a request on its way to Python: its body is collected, in memory or in a file. */
#include "engine/client.h"
#include "engine/serving.h"

/* The client waits for leave to send its body. */
static void hand_continue(struct loop *loop, struct transfer *transfer)
{
    struct conn *conn = &transfer->session->conn;

    if (!conn->expects)
        return;
    conn->expects = false;
    client_continue(loop->sys, transfer);
}

/* Whoever answers writes the line. */
static void hand_forget_record(struct loop *loop, struct session *session)
{
    struct record **last = &session->records;

    while (*last && (*last)->end != UINT64_MAX)
        last = &(*last)->next;
    loop->sys->release(*last);
    *last = NULL;
}

/* Another worker has it: our copy of the socket goes, and nothing is said on it. */
void hand_leave(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;

    stats_add(loop->stats, STATS_overflowed, 1);
    hand_forget_record(loop, session);
    call_free(session->call);
    session->call = NULL;
    transfer->wait = WAIT_NOTHING;
    transfer->phase = PHASE_ENDING;
    ending_leave(&transfer->ending);
}

static enum step hand_put(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;

    if (!window_stash(loop, session)) {
        call_free(session->call);
        session->call = NULL;
        serve_cut(transfer);
        return STEP_DRIVE;
    }
    if (!session->call->request.body_streamed)
        call_complete(session->call);
    timers_clear(&transfer->timer);
    transfer->wait = WAIT_PYTHON;
    atomic_store(&session->noticed, 0);
    if (!call_put(loop->serving->front, transfer))
        return STEP_WAIT; /* it is not ours any more */
    hand_leave(loop, transfer);
    return STEP_DRIVE;
}

static enum step hand_spool(struct loop *loop, struct transfer *transfer)
{
    struct call *call = transfer->session->call;

    if (!window_stash(loop, transfer->session) || !transfer_extra(loop->sys, transfer)) {
        serve_cut(transfer);
        return STEP_DRIVE;
    }
    transfer->session->looking = false;
    transfer->wait = WAIT_DISK;
    transfer->extra->job = (struct disk_job){
        .owner = transfer,
        .kind = DISK_SPOOL,
        .fd = call->request.body_fd,
        .offset = (int64_t)call->spooled,
        .length = call->body_used,
        .data = call->body,
        .path = loop->serving->front->spool_directory,
    };
    stats_add(loop->stats, STATS_disk_writes, 1);
    disk_submit(&loop->engine->disk, &transfer->extra->job);
    return STEP_WAIT;
}

static enum step hand_refuse(struct loop *loop, struct transfer *transfer, int status)
{
    call_free(transfer->session->call);
    transfer->session->call = NULL;
    window_clear(loop->serving);
    reply_status(loop, transfer, status);
    return STEP_DRIVE;
}

/* The body of a request for Python comes. */
enum step hand_body(struct loop *loop, struct transfer *transfer)
{
    struct serving *serving = loop->serving;
    struct front *front = serving->front;
    struct session *session = transfer->session;
    struct call *call = session->call;

    while (!conn_body_ended(&session->conn) && window_size(serving) > 0) {
        size_t room = front->options.body_memory_max - call->body_used;
        size_t size = window_size(serving) < room ? window_size(serving) : room;
        struct span content;
        int status;
        size_t used;

        if (room == 0)
            return hand_spool(loop, transfer);
        used = conn_body(&session->conn, &front->limits, window_data(serving), size, loop->now_us,
                         &content, &status);
        if (status == 0 && content.size > 0 && call_body(call, content) != 1)
            status = 503;
        if (status != 0)
            return hand_refuse(loop, transfer, status);
        window_use(serving, used);
    }
    if (!conn_body_ended(&session->conn)) {
        hand_continue(loop, transfer);
        return STEP_READ;
    }
    if (call->request.body_fd >= 0 && call->body_used > 0)
        return hand_spool(loop, transfer);
    conn_called(&session->conn, loop->now_us);
    return hand_put(loop, transfer);
}

enum step hand_over(struct loop *loop, struct transfer *transfer, const struct request *request,
                    size_t size)
{
    struct front *front = loop->serving->front;
    struct session *session = transfer->session;
    uint64_t id = atomic_load_explicit(&transfer->id, memory_order_relaxed);
    bool streamed = front->options.body_streamed && !conn_body_ended(&session->conn);

    session->call = call_make(front, session, id, request, window_data(loop->serving), size);
    window_use(loop->serving, size);
    if (!session->call) {
        reply_status(loop, transfer, 503);
        return STEP_DRIVE;
    }
    session->call->request.body_streamed = streamed;
    conn_call(&session->conn, streamed, loop->now_us);
    return session->conn.state == CONN_CALLED ? hand_put(loop, transfer) : STEP_ON;
}

void hand_spooled(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;
    struct disk_job *job = &transfer->extra->job;

    session->call->request.body_fd = job->fd;
    if (job->result >= 0) {
        session->call->spooled += session->call->body_used;
        session->call->body_used = 0;
    } else if (!transfer->stop) {
        window_open(loop, session);
        hand_refuse(loop, transfer, 503);
    }
}
