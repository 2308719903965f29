#include "engine/call.h"

#include <stdio.h>
#include <string.h>

#include "proto/path.h"

static void call_peer(char *out, size_t size, const struct sys_peer *peer)
{
    char address[SYS_PEER_SIZE];

    if (sys_peer_text(peer, address) == 0)
        out[0] = '\0';
    else
        snprintf(out, size, peer->family == 6 ? "[%s]:%u" : "%s:%u", address, peer->port);
}

/* A span of the head that was parsed, in our copy of it. */
static const char *call_moved(const struct call *call, const char *head, struct span span)
{
    return span.data ? call->text + (span.data - head) : "";
}

/* Field names of uwsgi packets may be constants instead of bytes of the packet. */
static const char *call_name(const struct call *call, const char *head, struct span name)
{
    bool inside = name.data >= head && name.data < head + call->head_size;

    return inside ? call->text + (name.data - head) : name.data;
}

static void call_fields(struct call *call, const struct request *request, const char *head,
                        struct uwo_field *fields)
{
    for (uint32_t i = 0; i < request->field_count; i++) {
        const struct field *from = &request->fields[i];

        fields[i] = (struct uwo_field){
            .size = sizeof fields[i],
            .name = call_name(call, head, from->name),
            .value = call_moved(call, head, from->value),
            .name_size = (uint32_t)from->name.size,
            .value_size = (uint32_t)from->value.size,
        };
    }
    call->request.fields = fields;
    call->request.field_count = request->field_count;
}

static void call_fill(struct call *call, const struct session *session,
                      const struct request *request, const char *head)
{
    struct uwo_request *seen = &call->request;
    char *path = call->text + call->head_size;
    size_t path_size = 0;

    seen->method = call_moved(call, head, request->method_name);
    seen->method_size = (uint32_t)request->method_name.size;
    seen->target = call_moved(call, head, request->target);
    seen->target_size = (uint32_t)request->target.size;
    seen->query = call_moved(call, head, request->query);
    seen->query_size = (uint32_t)request->query.size;
    if (path_normalize(request->path, request->decoded, path, &path_size) == 0) {
        seen->path = path;
        seen->path_size = (uint32_t)path_size;
    }
    call_peer(call->peer, sizeof call->peer, &session->peer);
    seen->peer = call->peer;
    seen->protocol = session->conn.protocol;
    seen->minor = session->conn.minor;
    seen->body_fd = -1;
    seen->body_size = session->conn.body_size;
}

struct call *call_make(struct front *front, struct session *session, uint64_t id,
                       const struct request *request, const char *head, size_t size)
{
    const struct sys *sys = front->sys;
    size_t fields_size = request->field_count * sizeof(struct uwo_field);
    struct call *call = sys->alloc(sizeof *call + fields_size);

    if (!call)
        return NULL;
    memset(call, 0, sizeof *call);
    call->front = front;
    list_init(&call->link);
    call->request.size = sizeof call->request;
    call->request.id = id;
    call->request.kind = UWO_REQUEST;
    call->request.body_fd = -1;
    call->head_size = size;
    call->text = sys->alloc(size + request->path.size + 2);
    if (!call->text) {
        sys->release(call);
        return NULL;
    }
    memcpy(call->text, head, size);
    call_fill(call, session, request, head);
    call_fields(call, request, head, (struct uwo_field *)(call + 1));
    return call;
}

/* ---- the body ---- */

static bool call_grow(struct call *call, size_t wanted)
{
    const struct sys *sys = call->front->sys;
    size_t most = call->front->options.body_memory_max;
    uint64_t known = call->request.body_size;
    size_t room = call->body_room ? 2 * call->body_room : 4096;
    uint8_t *bigger;

    if (known <= most)
        room = (size_t)known;
    if (room < wanted)
        room = wanted;
    if (room > most)
        room = most;
    if (room <= call->body_room)
        return true;
    bigger = sys->alloc(room);
    if (!bigger)
        return false;
    if (call->body_used > 0)
        memcpy(bigger, call->body, call->body_used);
    sys->release(call->body);
    call->body = bigger;
    call->body_room = room;
    return true;
}

int call_body(struct call *call, struct span content)
{
    if (!call_grow(call, call->body_used + content.size))
        return -ENOMEM;
    if (call->body_used + content.size > call->body_room)
        return 0;
    memcpy(call->body + call->body_used, content.data, content.size);
    call->body_used += content.size;
    return 1;
}

void call_complete(struct call *call)
{
    call->request.body_size = call->spooled + call->body_used;
    call->request.body = call->request.body_fd < 0 ? call->body : NULL;
}

void call_free(struct call *call)
{
    const struct sys *sys = call->front->sys;

    if (call->request.body_fd >= 0)
        sys->close(call->request.body_fd);
    sys->release(call->body);
    sys->release(call->text);
    sys->release(call);
}

/* ---- to Python ---- */

bool call_put(struct front *front, struct transfer *transfer)
{
    struct call *call = transfer_session(transfer)->call;

    if (queue_put(&front->queue, call, front->queue.overflow_fd < 0))
        return false;
    switch (overflow_send(front, transfer)) {
    case OVERFLOW_GIVEN:
        return true;
    case OVERFLOW_FULL:
        queue_put(&front->queue, call, true);
        front_watch_overflow(front);
        return false;
    default:
        call->stays = true;
        queue_put(&front->queue, call, true);
        return false;
    }
}

void call_room(struct front *front, struct call *call)
{
    call->request.kind = UWO_REQUEST_ROOM;
    queue_put_room(&front->queue, call);
}

void call_detach(struct front *front, struct transfer *transfer)
{
    struct uwo_engine *engine = front->engine;
    struct session *session = transfer->session;
    struct call *call;
    bool dropped;

    pthread_mutex_lock(&engine->lock);
    call = session->call;
    session->call = NULL;
    dropped = call->dropped;
    call->gone = true;
    /* Who waits for room learns it now, everybody else at the next append. */
    if (!dropped && transfer->extra && transfer->extra->room_wanted) {
        transfer->extra->room_wanted = false;
        call_room(front, call);
    }
    pthread_mutex_unlock(&engine->lock);
    if (dropped)
        call_free(call);
}

bool call_take_back(struct front *front, struct session *session)
{
    struct uwo_engine *engine = front->engine;
    struct call *call;
    bool taken = false;
    bool dropped;

    pthread_mutex_lock(&engine->lock);
    call = session->call;
    if (call && !call->answering) {
        call->gone = true;
        session->call = NULL;
        taken = true;
    }
    dropped = taken && call->dropped;
    pthread_mutex_unlock(&engine->lock);
    if (dropped)
        call_free(call);
    return taken;
}

/* Under engine->lock: may it be answered?  From now on its loop waits for us. */
struct transfer *call_begin(struct call *call)
{
    struct uwo_engine *engine = call->front->engine;
    struct transfer *transfer = NULL;

    pthread_mutex_lock(&engine->lock);
    if (!call->gone && !call->answering)
        transfer = transfer_find(engine, call->request.id);
    if (transfer) /* who is at it already stays so */
        call->answering = true;
    pthread_mutex_unlock(&engine->lock);
    return transfer;
}

void call_release(struct call *call)
{
    pthread_mutex_lock(&call->front->engine->lock);
    call->answering = false;
    pthread_mutex_unlock(&call->front->engine->lock);
}
