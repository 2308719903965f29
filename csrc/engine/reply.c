/* reply: answers that the engine makes itself.
 *
 * A small one goes out in one send, head and body together, straight from the loop's buffer.
 * Others, and what such a send leaves over, become the program of the transfer.  The last byte of a
 * file that is not sent at once is kept back until the file was found to be what it was: a client
 * must see that a file changed on the way. */
#include <string.h>

#include "base/ensure.h"
#include "engine/client.h"
#include "engine/front.h"

/* Files up to here are looked at as a whole. */
enum { DIRECT_MAX = 2 << 20 };

/* From here on a look at the file costs nothing beside sending it. */
enum { STAMP_FROM = 64 << 10 };

static uint64_t reply_queued(const struct transfer *transfer)
{
    return atomic_load_explicit(&transfer->bytes_queued, memory_order_relaxed);
}

void reply_start(struct front *front, struct transfer *transfer, struct instruction *list,
                 uint32_t count, uint64_t now_us)
{
    program_init(&transfer->program, list, count, transfer->growing);
    transfer->program.bytes_queued = reply_queued(transfer);
    transfer->program.bytes_received = 0;
    transfer->released = 0;
    transfer->stop = 0;
    transfer->phase = PHASE_RUNNING;
    transfer->session->by_program = true;
    limits_start(&transfer->limits, now_us);
    transfer->limits.moved = atomic_load(&transfer->bytes_acked);
    transfer->limits.deadline_ms = LIMITS_NEVER;
    transfer->limits.no_progress_ms = front->limits.no_progress_ms;
}

void reply_context(struct loop *loop, const struct session *session, struct answer_context *context)
{
    struct serving *serving = loop->serving;
    int64_t now = loop->sys->wall_us() / 1000000;

    if (now != serving->date_seconds) {
        date_format(now, serving->date);
        serving->date_seconds = now;
    }
    *context = (struct answer_context){
        .now_seconds = now,
        .date = serving->date,
        .keep_alive = conn_keeps(&session->conn),
        .boundary = serving->front->boundary ^ loop->now_us * UINT64_C(0x9e3779b97f4a7c15),
    };
}

/* ---- by program ---- */

static void *reply_copy(const struct sys *sys, const void *data, size_t size)
{
    void *copy = sys->alloc(size ? size : 1);

    return copy ? memcpy(copy, data, size) : NULL;
}

static bool reply_send(const struct sys *sys, const void *data, size_t size, struct instruction *to)
{
    *to = (struct instruction){ .kind = UWO_SEND, .flags = OWNS_DATA, .fd = -1, .count = size };
    to->data = reply_copy(sys, data, size);
    return to->data != NULL;
}

static bool reply_fill(const struct sys *sys, struct session *session, const struct answer *answer,
                       struct instruction *list)
{
    uint32_t filled = 0;
    bool good = reply_send(sys, answer->head.data, answer->head.used, &list[filled++]);

    for (uint32_t i = 0; good && i < answer->part_count; i++) {
        const struct answer_part *part = &answer->parts[i];

        if (part->file)
            list[filled++] = (struct instruction){
                .kind = UWO_SEND_FILE,
                .fd = session->file->fd,
                .count = part->count,
                .offset = (int64_t)part->offset,
            };
        else
            good = reply_send(sys, part->data, part->count, &list[filled++]);
    }
    if (good)
        return true;
    for (uint32_t i = 0; i < filled; i++) {
        if (list[i].flags & OWNS_DATA)
            sys->release((void *)(uintptr_t)list[i].data);
    }
    return false;
}

static void reply_by_program(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;
    const struct answer *answer = &loop->serving->answer;
    uint32_t count = answer->part_count + 1;
    struct instruction *list = transfer->first;

    if (count > INLINE_INSTRUCTIONS)
        list = loop->sys->alloc(count * sizeof *list);
    if (list && !reply_fill(loop->sys, session, answer, list)) {
        if (list != transfer->first)
            loop->sys->release(list);
        list = NULL;
    }
    if (!list) {
        serve_cut(transfer);
        return;
    }
    reply_start(loop->serving->front, transfer, list, count, loop->now_us);
}

void reply_hold_back(const struct sys *sys, struct transfer *transfer)
{
    struct session *session = transfer->session;
    struct instruction *list = (struct instruction *)(uintptr_t)transfer->program.list;
    struct instruction *last;
    uint64_t end;

    if (transfer->phase != PHASE_RUNNING || !session->file || session->tail || session->tail_out)
        return;
    last = &list[transfer->program.count - 1];
    end = (uint64_t)last->offset + last->count;
    session->tail_text = last->kind == UWO_SEND && last->count > 0;
    if (session->tail_text)
        session->tail_byte = ((const char *)last->data)[last->count - 1];
    session->tail_offset = session->tail_text ? 0 : end - 1;
    session->tail = program_hold_back(&transfer->program, list);
    /* So that the byte goes in one segment with what precedes it. */
    if (session->tail)
        client_cork(sys, transfer);
}

/* The file has still the size and the time that the look-up said. */
static bool reply_same(const struct sys *sys, const struct open_file *file)
{
    uint64_t size;
    int64_t mtime_ns;

    return sys->file_stamp(file->fd, &size, &mtime_ns) == 0 && size == file->info.size &&
           mtime_ns == file->info.mtime_ns;
}

bool reply_checked(struct front *front, struct transfer *transfer)
{
    if (reply_same(front->sys, transfer->session->file))
        return true;
    transfer->program.outcome = UWO_SOURCE_FAILED;
    transfer->program.error = ESTALE;
    return false;
}

void reply_tail(struct front *front, struct transfer *transfer, uint64_t now_us)
{
    struct session *session = transfer->session;
    struct instruction *last = transfer->first;

    session->tail = false;
    session->tail_out = true;
    if (transfer->program.list != transfer->first)
        front->sys->release((void *)(uintptr_t)transfer->program.list);
    if (session->tail_text || front->sys->read_now(session->file->fd, &session->tail_byte, 1,
                                                   (int64_t)session->tail_offset) == 1)
        *last = (struct instruction){
            .kind = UWO_SEND, .fd = -1, .count = 1, .data = &session->tail_byte
        };
    else
        *last = (struct instruction){ .kind = UWO_SEND_FILE,
                                      .fd = session->file->fd,
                                      .count = 1,
                                      .offset = (int64_t)session->tail_offset };
    reply_start(front, transfer, last, 1, now_us);
}

/* ---- at once ---- */

/* Head and body in the loop's buffer; serving->gathered is 0 when the body is too large, or not in
 * memory.  False: the file is not what the look-up said. */
static bool reply_gather(struct loop *loop)
{
    struct serving *serving = loop->serving;
    const struct answer *answer = &serving->answer;
    const struct open_file *file = (const struct open_file *)answer->file;
    char *out = serving->output;
    size_t used = answer->head.used;

    serving->gathered = 0;
    if (answer->body_size > SMALL_MAX || answer->head.failed)
        return true;
    memcpy(out, answer->head.data, used);
    for (uint32_t i = 0; i < answer->part_count; i++) {
        const struct answer_part *part = &answer->parts[i];

        if (!part->file) {
            memcpy(out + used, part->data, part->count);
        } else {
            /* One byte more than there should be: a file that has grown is another file. */
            bool whole = part->offset + part->count == file->info.size;
            int64_t got = loop->sys->read_now(file->fd, out + used, part->count + (whole ? 1 : 0),
                                              (int64_t)part->offset);

            if (got < 0)
                return true;
            if (got < (int64_t)part->count && reply_same(loop->sys, file))
                return true; /* the rest is not in memory */
            if (got != (int64_t)part->count)
                return false;
        }
        used += part->count;
    }
    serving->gathered = used;
    return true;
}

bool reply_ready(struct loop *loop)
{
    const struct answer *answer = &loop->serving->answer;
    const struct open_file *file = (const struct open_file *)answer->file;

    if (file && answer->body_size >= STAMP_FROM && !reply_same(loop->sys, file))
        return false;
    return reply_gather(loop);
}

static void reply_over(struct transfer *transfer, uint8_t outcome, int error)
{
    transfer->program.outcome = outcome;
    transfer->program.error = error;
    transfer->phase = PHASE_ANSWERED;
}

/* Count what was sent.  A negative status that means "later" counts as nothing sent; otherwise the
 * client has gone, and it is over. */
static bool reply_count(struct loop *loop, struct transfer *transfer, int64_t *sent)
{
    if (*sent == -EAGAIN || *sent == -EINTR)
        *sent = 0;
    if (*sent < 0) {
        reply_over(transfer, UWO_CLIENT_GONE, (int)-*sent);
        return false;
    }
    stats_add(loop->stats, STATS_bytes_queued, (uint64_t)*sent);
    atomic_store_explicit(&transfer->bytes_queued, reply_queued(transfer) + (uint64_t)*sent,
                          memory_order_relaxed);
    return true;
}

static void reply_finished(struct loop *loop, struct transfer *transfer)
{
    stats_add(loop->stats, STATS_finished_inline, 1);
    reply_over(transfer, UWO_FINISHED, 0);
}

/* The connection ends with this answer: the shutdown that follows at once lets out what is held
 * back, with the FIN in the same segment. */
static bool reply_is_last(const struct transfer *transfer)
{
    const struct conn *conn = &transfer->session->conn;

    return !conn->keep_alive && conn_body_ended(conn);
}

static void reply_at_once(struct loop *loop, struct transfer *transfer, size_t size)
{
    const char *data = loop->serving->output;
    int64_t sent = loop->sys->send(transfer->client_fd, data, size, reply_is_last(transfer));

    if (!reply_count(loop, transfer, &sent))
        return;
    if ((size_t)sent == size)
        reply_finished(loop, transfer);
    else if (reply_send(loop->sys, data + sent, size - (size_t)sent, &transfer->first[0]))
        reply_start(loop->serving->front, transfer, transfer->first, 1, loop->now_us);
    else
        serve_cut(transfer);
}

/* One range of a file that is in memory: looked at once a second. */
static bool reply_is_direct(struct loop *loop, struct session *session)
{
    const struct answer *answer = &loop->serving->answer;
    struct open_file *file = session->file;

    if (!file || answer->part_count != 1 || answer->body_size > DIRECT_MAX ||
        file->info.size > DIRECT_MAX)
        return false;
    if (loop->now_us - file->resident_us < RESIDENT_VALID_US)
        return true;
    if (loop->sys->file_cached(file->fd, 0, file->info.size) <= 0)
        return false;
    file->resident_us = loop->now_us;
    return true;
}

/* Head and file by two calls; what they leave over by program. */
static void reply_direct(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;
    const struct answer *answer = &loop->serving->answer;
    const struct answer_part *part = &answer->parts[0];
    struct instruction *rest = transfer->first;
    uint32_t count = 0;
    int64_t head, body = 0;

    if (reply_is_last(transfer)) /* sendfile has no MSG_MORE */
        client_cork(loop->sys, transfer);
    head = loop->sys->send(transfer->client_fd, answer->head.data, answer->head.used, true);
    if (!reply_count(loop, transfer, &head))
        return;
    if ((size_t)head < answer->head.used) {
        if (!reply_send(loop->sys, answer->head.data + head, answer->head.used - (size_t)head,
                        &rest[count++])) {
            serve_cut(transfer);
            return;
        }
    } else {
        body = loop->sys->send_file(transfer->client_fd, session->file->fd, (int64_t)part->offset,
                                    part->count);
        if (!reply_count(loop, transfer, &body))
            return;
    }
    if ((uint64_t)body == part->count) {
        reply_finished(loop, transfer);
        return;
    }
    rest[count++] = (struct instruction){
        .kind = UWO_SEND_FILE,
        .fd = session->file->fd,
        .count = part->count - (uint64_t)body,
        .offset = (int64_t)part->offset + body,
    };
    reply_start(loop->serving->front, transfer, rest, count, loop->now_us);
}

void reply(struct loop *loop, struct transfer *transfer)
{
    struct session *session = transfer->session;
    const struct answer *answer = &loop->serving->answer;

    ensure(session->conn.state == CONN_ANSWERING);
    session->status = (uint16_t)answer->status;
    session->head_size = (uint32_t)answer->head.used;
    session->answer_start = reply_queued(transfer);
    session->answered_python = false;
    session->tail = session->tail_out = session->by_program = false;
    if (answer->head.failed) {
        serve_cut(transfer);
        return;
    }
    if (answer->file && answer->body_size > 0) {
        session->file = (struct open_file *)(uintptr_t)answer->file;
        files_pin(session->file);
    }
    if (loop->serving->gathered > 0)
        reply_at_once(loop, transfer, loop->serving->gathered);
    else if (reply_is_direct(loop, session))
        reply_direct(loop, transfer);
    else
        reply_by_program(loop, transfer);
}

void reply_status(struct loop *loop, struct transfer *transfer, int status)
{
    struct session *session = transfer->session;
    struct answer_context context;

    stats_add(loop->stats, STATS_requests_refused, 1);
    conn_refuse(&session->conn, loop->now_us);
    reply_context(loop, session, &context);
    context.keep_alive = false;
    answer_status(&loop->serving->answer, status, &context, session->conn.head_only,
                  session->conn.minor);
    reply_gather(loop);
    reply(loop, transfer);
}

/* ---- the log ---- */

void reply_note(struct front *front, struct log_buffer *buffer, struct session *session,
                const struct request *request)
{
    static const struct span nothing = { NULL, 0 };
    struct record **last = &session->records;
    struct record *record;

    if (!front->log.started)
        return;
    record = log_record(front->sys, buffer, &session->peer,
                        request ? request->method_name : nothing,
                        request ? request->target : nothing, session->conn.minor,
                        request ? request_field(request, FIELD_REFERER) : nothing,
                        request ? request_field(request, FIELD_USER_AGENT) : nothing);
    if (!record)
        return;
    record->asked_us = session->asked_us;
    while (*last)
        last = &(*last)->next;
    *last = record;
}

void reply_log(struct loop *loop, struct transfer *transfer, bool last)
{
    struct session *session = transfer->session;
    uint64_t acked;
    uint32_t count = 0;

    if (!session->records)
        return;
    acked = transfer_acked(loop->sys, transfer);
    for (const struct record *record = session->records; record; record = record->next)
        count++;
    while (session->records) {
        struct record *record = session->records;
        bool over = record->end != UINT64_MAX && (acked >= record->end || count > LOG_RECORDS_MAX);

        if (!over && !last)
            return;
        if (record->end == UINT64_MAX) { /* it was never answered */
            record->over_us = loop->now_us;
            record->outcome = session->ended ? UWO_CLIENT_GONE : UWO_CANCELLED;
        } else if (last && acked < record->end && record->outcome == UWO_FINISHED) {
            /* All of it was with the kernel, and the client has not taken it. */
            record->over_us = loop->now_us;
            record->outcome = atomic_load_explicit(&loop->serving->front->stopping,
                                                   memory_order_relaxed)
                                  ? UWO_CANCELLED
                                  : UWO_CLIENT_GONE;
        }
        if (!log_line(&loop->serving->front->log, &loop->serving->log, record, acked))
            stats_add(loop->stats, STATS_log_dropped, 1);
        session->records = record->next;
        loop->sys->release(record);
        count--;
    }
}
