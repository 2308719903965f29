#include "engine/answer.h"

#include <string.h>

#include "engine/attempt.h"
#include "engine/client.h"
#include "engine/hosted.h"
#include "engine/instructions.h"

/* A body of bytes up to here travels with the head in one send. */
enum { MERGE_MAX = 16 << 10, FIXED_FIELDS_SIZE = 256 };

/* Under engine->lock: back to its loop.  True when that must be signalled. */
static bool answer_post(struct uwo_engine *engine, struct transfer *transfer)
{
    return !engine->stopped && transfer_post(engine, transfer, MAIL_BACK);
}

void serve_return(struct uwo_engine *engine, struct transfer *transfer)
{
    uint8_t thread = transfer->thread;
    bool signal;

    pthread_mutex_lock(&engine->lock);
    signal = answer_post(engine, transfer);
    pthread_mutex_unlock(&engine->lock);
    if (signal)
        engine->sys->event_signal(engine->loops[thread].wake_fd);
}

/* The same.  The answer is out, and the connection has nothing to do until its client sends the
 * next request, which wakes the loop anyway: it is not woken for this.  (A loop with connections of
 * an application looks at its mail every FRONT_TICK_MS at the latest, for their timers.) */
static bool answer_post_quietly(struct uwo_engine *engine, struct transfer *transfer)
{
    if (engine->stopped || atomic_fetch_or(&transfer->mail_flags, MAIL_BACK) != 0)
        return true;
    mailbox_leave(&engine->loops[transfer->thread].mailbox, &transfer->mail);
    return atomic_load(&transfer->session->noticed) != 0; /* the lock keeps the session */
}

static bool answer_may_rest(const struct transfer *transfer)
{
    const struct session *session = transfer->session;

    return transfer->phase == PHASE_ANSWERED && transfer->program.outcome == UWO_FINISHED &&
           session->conn.keep_alive && transfer->registered && !session->adopted &&
           session->drained && !session->ending && !session->stash &&
           conn_body_ended(&session->conn);
}

/* Nothing is to follow, nor to be read off, nor to be logged, and nobody else holds a copy: as in
 * connection_end. */
static bool answer_may_close(struct front *front, const struct session *session)
{
    return session->conn.close_said && session->drained && !session->stash && !session->records &&
           conn_body_ended(&session->conn) && atomic_load(&session->noticed) == 0 &&
           sys_forks() == front->forks;
}

/* If the last answer is out, say so to the client: it need not wait until the loop has the
 * connection back.  True when it is closed, and the loop has nothing left to do but to count. */
static bool answer_ends(struct front *front, struct transfer *transfer)
{
    struct session *session = transfer->session;
    struct op_result ignored = { 0 };

    if (transfer->phase != PHASE_ANSWERED || transfer->program.outcome != UWO_FINISHED ||
        session->conn.keep_alive)
        return false;
    if (!answer_may_close(front, session)) {
        client_shutdown(front->sys, transfer, &ignored); /* if it fails, the loop will see why */
        return false;
    }
    client_close(front->engine, transfer, false);
    session->closed = true;
    atomic_fetch_sub(&front->connections, 1);
    return true;
}

/* ---- the head ---- */

/* How the end of the body is told. */
enum framing { BY_LENGTH, BY_CHUNKS, BY_CLOSE, NO_BODY };

static enum framing answer_framing(const struct session *session, const struct uwo_answer *answer,
                                   bool known)
{
    if (answer->status == 204 || answer->status == 304)
        return NO_BODY;
    if (known)
        return BY_LENGTH;
    if (answer->flags & UWO_GROWING && session->conn.protocol == CONN_HTTP &&
        session->conn.minor >= 1)
        return BY_CHUNKS;
    return BY_CLOSE;
}

static size_t answer_head_room(const struct uwo_answer *answer)
{
    size_t room = FIXED_FIELDS_SIZE;

    for (size_t i = 0; i < answer->field_count; i++)
        room += answer->fields[i].name_size + answer->fields[i].value_size + 4;
    return room;
}

static void answer_head(struct response *head, struct front *front, const struct session *session,
                        const struct uwo_answer *answer, enum framing framing, uint64_t length)
{
    char date[DATE_SIZE];
    struct answer_context context = {
        .now_seconds = front->sys->wall_us() / 1000000,
        .date = date,
        .keep_alive = session->conn.keep_alive,
    };

    date_format(context.now_seconds, date);
    response_begin(head, (int)answer->status);
    for (size_t i = 0; i < answer->field_count; i++) {
        const struct uwo_field *field = &answer->fields[i];

        response_field(head, (struct span){ field->name, field->name_size },
                       (struct span){ field->value, field->value_size });
    }
    if (framing == BY_LENGTH)
        response_number(head, SPAN("Content-Length"), length);
    else if (framing == BY_CHUNKS)
        response_field(head, SPAN("Transfer-Encoding"), SPAN("chunked"));
    answer_common(head, &context, session->conn.minor);
    response_end(head);
}

/* ---- the program ---- */

/* The answer's instructions with the head in front.  Returns their number or -errno. */
static int answer_fill(struct front *front, const struct response *head,
                       const struct uwo_answer *answer, const struct checked *checked,
                       struct instruction *list)
{
    const struct sys *sys = front->sys;
    const struct uwo_program *program = answer->program;
    size_t merged = 0;
    size_t first = 0;
    char *start;
    struct uwo_program rest;
    int status;

    if (program->count > 0 && program->instructions[0].kind == UWO_SEND &&
        checked[0].count <= MERGE_MAX) {
        merged = checked[0].count;
        first = 1;
    }
    start = sys->alloc(head->used + merged);
    if (!start)
        return -ENOMEM;
    memcpy(start, head->data, head->used);
    if (merged > 0)
        memcpy(start + head->used, program->instructions[0].data, merged);
    list[0] = (struct instruction){
        .kind = UWO_SEND, .flags = OWNS_DATA, .fd = -1, .count = head->used + merged, .data = start
    };
    rest = (struct uwo_program){ .size = sizeof rest,
                                 .instructions = program->instructions + first,
                                 .count = program->count - first };
    status = instructions_copy(sys, &rest, checked + first, list + 1);
    if (status < 0) {
        sys->release(start);
        return status;
    }
    return (int)(rest.count + 1);
}

static bool answer_length(const struct uwo_answer *answer, const struct checked *checked,
                          uint64_t *length)
{
    *length = 0;
    if (answer->flags & UWO_GROWING) {
        *length = (uint64_t)answer->length;
        return answer->length >= 0;
    }
    for (size_t i = 0; i < answer->program->count; i++) {
        if (checked[i].count == TASK_TO_THE_END)
            return false;
        *length += checked[i].count;
    }
    return true;
}

/* Bytes of the body that a growing answer begins with. */
static uint64_t answer_begun(const struct uwo_answer *answer, const struct checked *checked)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < answer->program->count; i++) {
        if (checked[i].count == TASK_TO_THE_END)
            return UINT64_MAX;
        bytes += checked[i].count;
    }
    return bytes;
}

/* The list is complete: nothing can fail any more. */
static void answer_start(struct call *call, struct transfer *transfer, struct instruction *list,
                         uint32_t count, bool growing)
{
    struct front *front = call->front;
    struct session *session = transfer->session;

    instructions_take(list, count);
    transfer->growing = transfer->shared = growing;
    if (growing) {
        transfer->extra->high_water = 1 << 20;
        transfer->extra->waiting = instructions_bytes(list, count);
    }
    session->conn.state = CONN_ANSWERING;
    session->answer_start = atomic_load(&transfer->bytes_queued);
    session->answered_python = true;
    reply_start(front, transfer, list, count, front->sys->now_us());
    queue_answered(&front->queue);
    if (attempt_answer(front->engine, transfer))
        stats_add_shared(front->engine->callers_stats, STATS_finished_inline, 1);
    else
        stats_add_shared(front->engine->callers_stats, STATS_handed_over, 1);
}

static bool answer_splices(const struct uwo_program *program)
{
    for (size_t i = 0; i < program->count; i++) {
        if (program->instructions[i].kind == UWO_SPLICE)
            return true;
    }
    return false;
}

/* Room for pipes, and for what is appended.  promised: bytes of the body, or UNPROMISED. */
static bool answer_prepare(const struct sys *sys, struct transfer *transfer,
                           const struct uwo_program *program, bool growing, uint64_t promised)
{
    struct extra *extra;

    if (!growing && !answer_splices(program))
        return true;
    extra = transfer_extra(sys, transfer);
    if (!extra)
        return false;
    extra->promised = promised;
    extra->inbox_finished = extra->room_wanted = false;
    extra->waiting = 0;
    return true;
}

static int answer_build(struct call *call, struct transfer *transfer,
                        const struct uwo_answer *answer, const struct checked *checked)
{
    static const struct uwo_program nothing = { .size = sizeof nothing };
    struct front *front = call->front;
    const struct sys *sys = front->sys;
    struct session *session = transfer->session;
    struct uwo_answer told = *answer;
    uint64_t length;
    bool known = answer_length(answer, checked, &length);
    enum framing framing = answer_framing(session, answer, known);
    bool growing = answer->flags & UWO_GROWING && framing != NO_BODY && !session->conn.head_only;
    uint64_t begun = growing ? answer_begun(answer, checked) : 0;
    size_t room = answer_head_room(answer);
    struct response head = { .data = sys->alloc(room), .size = room };
    struct instruction *list = sys->alloc((answer->program->count + 2) * sizeof *list);
    int count = -ENOMEM;

    session->conn.keep_alive = conn_keeps(&session->conn) && framing != BY_CLOSE &&
                               !atomic_load(&front->draining);
    if (framing == NO_BODY || session->conn.head_only)
        told.program = &nothing;
    if (growing && known && begun > length) {
        sys->release(head.data);
        sys->release(list);
        return UWO_E_INVALID;
    }
    if (head.data && list &&
        answer_prepare(sys, transfer, told.program, growing, known ? length - begun : UNPROMISED)) {
        answer_head(&head, front, session, answer, framing, length);
        count = answer_fill(front, &head, &told, checked, list);
    }
    if (count > 0) {
        session->status = (uint16_t)answer->status;
        session->head_size = (uint32_t)head.used;
        call->request.chunked = growing && framing == BY_CHUNKS;
        call->answered = growing;
        answer_start(call, transfer, list, (uint32_t)count, growing);
    } else {
        sys->release(list);
    }
    sys->release(head.data);
    return count < 0 ? count : 0;
}

/* Descriptors of a program that is not sent after all (HEAD, 204) are ours all the same. */
static void answer_close_unsent(const struct sys *sys, const struct uwo_answer *answer)
{
    for (size_t i = 0; i < answer->program->count; i++) {
        const struct uwo_instruction *instruction = &answer->program->instructions[i];

        if (instruction->kind != UWO_SEND && !(instruction->flags & UWO_KEEP_FD))
            sys->close(instruction->fd);
    }
}

/* The answer is made: the connection goes back to its loop, and the call away, unless it grows. */
static void answer_return(struct call *call, struct transfer *transfer)
{
    struct uwo_engine *engine = call->front->engine;
    int wake_fd = engine->loops[transfer->thread].wake_fd;
    bool growing = call->answered;
    bool rests = answer_may_rest(transfer) || (!growing && answer_ends(call->front, transfer));
    bool signal;

    /* All at once: as soon as nobody answers, its loop may end it. */
    pthread_mutex_lock(&engine->lock);
    call->answering = false;
    if (!growing)
        transfer->session->call = NULL;
    signal = rests ? answer_post_quietly(engine, transfer) : answer_post(engine, transfer);
    pthread_mutex_unlock(&engine->lock);
    if (signal)
        engine->sys->event_signal(wake_fd);
    if (!growing)
        call_free(call);
}

int answer_make(struct call *call, const struct uwo_answer *answer, const struct checked *checked)
{
    struct uwo_engine *engine = call->front->engine;
    struct transfer *transfer = call_begin(call);
    bool bodiless = answer->status == 204 || answer->status == 304;
    int status;

    if (!transfer)
        return UWO_E_GONE;
    bodiless = bodiless || transfer->session->conn.head_only;
    status = answer_build(call, transfer, answer, checked);
    if (status < 0) {
        call_release(call);
        return status;
    }
    if (bodiless)
        answer_close_unsent(engine->sys, answer);
    answer_return(call, transfer);
    return 0;
}

/* It has been told that no more comes.  Under engine->lock. */
static bool answer_finished(struct uwo_engine *engine, const struct call *call)
{
    const struct transfer *transfer = transfer_find(engine, call->request.id);

    return call->answered && transfer && transfer->extra && transfer->extra->inbox_finished;
}

void answer_drop(struct call *call)
{
    static const char text[] = "500 Internal Server Error\n";
    static const struct uwo_field fields[] = {
        { sizeof *fields, 12, "Content-Type", "text/plain", 10 },
    };
    struct uwo_engine *engine = call->front->engine;
    uint64_t id = call->request.id;
    bool gone;
    bool cut;

    if (!call->answered) {
        struct uwo_instruction body = {
            .size = sizeof body, .kind = UWO_SEND, .fd = -1, .count = sizeof text - 1, .data = text
        };
        struct uwo_program program = { .size = sizeof program, .instructions = &body, .count = 1 };
        struct uwo_answer answer = { .size = sizeof answer,
                                     .status = 500,
                                     .fields = fields,
                                     .field_count = 1,
                                     .program = &program };
        struct checked checked = { .count = sizeof text - 1 };

        if (answer_make(call, &answer, &checked) == 0)
            return;
        queue_answered(&call->front->queue);
    }
    pthread_mutex_lock(&engine->lock);
    gone = call->gone;
    call->dropped = true; /* the connection frees it, if there is one; no room is told any more */
    queue_forget(&call->front->queue, call);
    cut = !gone && !answer_finished(engine, call);
    pthread_mutex_unlock(&engine->lock);
    if (cut)
        submit_cancel(engine, id);
    if (gone)
        call_free(call);
}

/* ---- taking ---- */

struct call *answer_adopt(struct front *front)
{
    struct call *call = overflow_take(front);

    if (call) {
        queue_adopted(&front->queue);
        answer_spill(front);
    }
    return call;
}

/* Who was woken looks at the overflow queue first: the kernel wakes one worker for a message, and
 * if that one took something else instead, nobody would come for it. */
int answer_take(struct front *front, int timeout_ms, struct call **call)
{
    uint64_t until_us = front->sys->now_us() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000;
    bool woken = false;

    if (front->engine->hosted)
        return hosted_take(front, timeout_ms < 0 ? UINT64_MAX : until_us, call);
    for (;;) {
        int left_ms = timeout_ms;
        int status;

        *call = woken ? answer_adopt(front) : NULL;
        if (!*call)
            *call = queue_next(&front->queue);
        if (!*call && !woken)
            *call = answer_adopt(front);
        if (*call)
            return 1;
        if (timeout_ms > 0) {
            uint64_t now_us = front->sys->now_us();

            if (now_us >= until_us)
                return 0;
            left_ms = (int)((until_us - now_us + 999) / 1000);
        }
        status = queue_wait(&front->queue, left_ms);
        if (status <= 0)
            return status;
        woken = true;
    }
}

void answer_spill(struct front *front)
{
    struct call *call;

    if (front->queue.overflow_fd < 0)
        return;
    while ((call = queue_surplus(&front->queue))) {
        struct uwo_engine *engine = front->engine;
        struct transfer *transfer = call_begin(call);
        enum overflow sent = transfer ? overflow_send(front, transfer) : OVERFLOW_NEVER;

        if (sent == OVERFLOW_GIVEN) {
            transfer->session->given = true;
            serve_return(engine, transfer);
            continue;
        }
        if (transfer)
            call_release(call);
        call->stays = sent == OVERFLOW_NEVER;
        queue_put(&front->queue, call, true);
        if (sent == OVERFLOW_FULL) {
            front_watch_overflow(front);
            return;
        }
    }
}
