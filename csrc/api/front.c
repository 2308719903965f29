/* Sites, fronts and requests: checks, and one call down. */
#include <string.h>

#include "api/check.h"
#include "engine/answer.h"

static struct site_made *made(struct uwo_site *site)
{
    return (struct site_made *)site;
}

/* ---- sites ---- */

static bool prefix_ok(const char *prefix)
{
    size_t size = prefix ? strlen(prefix) : 0;

    return prefix && (size == 0 || (prefix[0] == '/' && prefix[size - 1] != '/'));
}

static int check_site(const struct uwo_site_options *options, struct uwo_error *error)
{
    if (!options || options->size != sizeof *options)
        return check_fail(error, -1, UWO_E_INVALID, "options->size must be %zu", sizeof *options);
    for (size_t i = 0; i < options->mount_count; i++) {
        const struct uwo_mount *mount = &options->mounts[i];

        if (mount->size != sizeof *mount)
            return check_fail(error, (int)i, UWO_E_INVALID, "mounts[%zu].size must be %zu", i,
                              sizeof *mount);
        if (!prefix_ok(mount->prefix))
            return check_fail(error, (int)i, UWO_E_INVALID,
                              "mounts[%zu].prefix must be \"\", or begin with a slash and not end "
                              "with one: \"%s\"",
                              i, mount->prefix ? mount->prefix : "NULL");
        if (!mount->target)
            return check_fail(error, (int)i, UWO_E_INVALID, "mounts[%zu].target is NULL", i);
    }
    for (size_t i = 0; i < options->type_count; i++) {
        if (options->types[i].size != sizeof *options->types)
            return check_fail(error, -1, UWO_E_INVALID, "types[%zu].size must be %zu", i,
                              sizeof *options->types);
    }
    return 0;
}

int uwo_site_create(const struct uwo_site_options *options, struct uwo_site **site,
                    struct uwo_error *error)
{
    struct site_made *created = NULL;
    int index = -1;
    int status = check_site(options, error);

    if (status < 0)
        return status;
    status = sites_make(sys_default, options, &created, &index);
    if (status < 0 && index >= 0)
        return check_fail(error, index, status, "%s: %s", options->mounts[index].target,
                          sys_error_text(-status));
    if (status < 0)
        return check_fail(error, -1, status, "%s", sys_error_text(-status));
    *site = (struct uwo_site *)created;
    return UWO_OK;
}

void uwo_site_destroy(struct uwo_site *site)
{
    sites_drop(made(site));
}

/* ---- fronts ---- */

static void or_default(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void front_defaults(struct uwo_front_options *options)
{
    or_default(&options->connections_max, 10000);
    or_default(&options->requests_max, 10000);
    or_default(&options->head_size_max, 16384);
    or_default(&options->target_size_max, 8192);
    or_default(&options->fields_max, 100);
    or_default(&options->body_memory_max, 65536);
    or_default(&options->head_timeout_ms, 10000);
    or_default(&options->keepalive_timeout_ms, 15000);
    or_default(&options->no_progress_ms, 30000);
    or_default(&options->queue_max, 1024);
    or_default(&options->files_max, 1024);
    or_default(&options->files_valid_ms, 1000);
    or_default(&options->balance_count, 1);
    if (options->files_max == UWO_NONE)
        options->files_max = 0;
    if (options->body_size_max == 0)
        options->body_size_max = UINT64_C(1) << 30;
    if (!options->spool_directory)
        options->spool_directory = "/tmp";
    if (options->log_fd == 0)
        options->log_fd = -1;
    if (options->overflow_send_fd == 0 && options->overflow_receive_fd == 0)
        options->overflow_send_fd = options->overflow_receive_fd = -1;
}

static int check_listeners(const struct uwo_front_options *options, struct uwo_error *error)
{
    bool tcp;

    if (options->listener_count > LISTENERS_MAX)
        return check_fail(error, -1, UWO_E_INVALID, "listener_count is %zu; allowed: at most %d",
                          options->listener_count, LISTENERS_MAX);
    for (size_t i = 0; i < options->listener_count; i++) {
        const struct uwo_listener *listener = &options->listeners[i];
        int status;

        if (listener->size != sizeof *listener)
            return check_fail(error, (int)i, UWO_E_INVALID, "listeners[%zu].size must be %zu", i,
                              sizeof *listener);
        if (listener->protocol != UWO_HTTP && listener->protocol != UWO_UWSGI)
            return check_fail(error, (int)i, UWO_E_INVALID,
                              "listeners[%zu].protocol is %u; allowed: UWO_HTTP, UWO_UWSGI", i,
                              listener->protocol);
        status = sys_default->listening(listener->fd, &tcp);
        if (status < 0)
            return check_fail(error, (int)i, UWO_E_INVALID,
                              "listeners[%zu].fd is %d, which is no listening socket: %s", i,
                              listener->fd, sys_error_text(-status));
    }
    return 0;
}

static int check_front(const struct uwo_front_options *options, struct uwo_error *error)
{
    const struct {
        const char *name;
        uint64_t value, least, most;
    } ranges[] = {
        { "head_size_max", options->head_size_max, 64, 65535 },
        { "target_size_max", options->target_size_max, 1, 65535 },
        { "fields_max", options->fields_max, 1, REQUEST_FIELDS_MAX },
        { "body_memory_max", options->body_memory_max, 1, 131072 },
        { "files_valid_ms", options->files_valid_ms, 1, 3600000 },
        { "files_max", options->files_max, 0, 1 << 20 },
        { "balance_count", options->balance_count, 1, STATS_WORKERS_MAX },
    };

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (ranges[i].value < ranges[i].least || ranges[i].value > ranges[i].most)
            return check_fail(error, -1, UWO_E_INVALID, "%s is %llu; allowed: %llu to %llu",
                              ranges[i].name, (unsigned long long)ranges[i].value,
                              (unsigned long long)ranges[i].least,
                              (unsigned long long)ranges[i].most);
    }
    if (!options->site && !options->application)
        return check_fail(error, -1, UWO_E_INVALID,
                          "there is neither a site nor an application: nobody would answer");
    return check_listeners(options, error);
}

int uwo_front_create(struct uwo_engine *engine, const struct uwo_front_options *given,
                     struct uwo_front **front, struct uwo_error *error)
{
    struct uwo_front_options options;
    struct front *created = NULL;
    int status;

    if (engine->generation != sys_generation())
        return UWO_E_FORKED;
    if (!given || given->size != sizeof *given)
        return check_fail(error, -1, UWO_E_INVALID, "options->size must be %zu", sizeof *given);
    options = *given;
    front_defaults(&options);
    status = check_front(&options, error);
    if (status < 0)
        return status;
    status = front_create(engine, &options, &created);
    if (status == UWO_E_INVALID)
        return check_fail(error, -1, status, "the engine has a front already");
    if (status < 0)
        return check_fail(error, -1, status, "%s", uwo_status_text(status));
    *front = (struct uwo_front *)created;
    return UWO_OK;
}

static struct front *real(const struct uwo_front *front)
{
    return (struct front *)(uintptr_t)front;
}

static bool forked(const struct front *front)
{
    return front->engine->generation != sys_generation();
}

int uwo_front_swap_site(struct uwo_front *front, struct uwo_site *site)
{
    if (forked(real(front)))
        return UWO_E_FORKED;
    front_swap_site(real(front), made(site));
    return UWO_OK;
}

int uwo_front_hasten(struct uwo_front *front)
{
    if (forked(real(front)))
        return UWO_E_FORKED;
    front_hasten(real(front));
    return UWO_OK;
}

int uwo_front_drain(struct uwo_front *front)
{
    if (forked(real(front)))
        return UWO_E_FORKED;
    front_drain(real(front));
    return UWO_OK;
}

uint64_t uwo_front_connections(const struct uwo_front *front)
{
    return forked(real(front)) ? 0 : front_connections(real(front));
}

uint64_t uwo_front_waiting(const struct uwo_front *front)
{
    struct queue *queue = &real(front)->queue;

    return forked(real(front)) ? 0 : (uint64_t)queue_waiting(queue) + queue_busy(queue);
}

void uwo_front_destroy(struct uwo_front *front)
{
    if (front && !forked(real(front)))
        front_destroy(real(front));
}

int uwo_front_take(struct uwo_front *front, int timeout_ms, struct uwo_request **request)
{
    struct call *call = NULL;
    int status;

    if (forked(real(front)))
        return UWO_E_FORKED;
    status = answer_take(real(front), timeout_ms, &call);
    if (status > 0)
        *request = &call->request;
    return status;
}

void uwo_front_wake(struct uwo_front *front)
{
    if (!forked(real(front)))
        queue_wake(&real(front)->queue);
}

/* ---- requests ---- */

static struct call *call_of(struct uwo_request *request)
{
    return (struct call *)request;
}

int64_t uwo_request_read(struct uwo_request *request, void *data, size_t size)
{
    if (!request->body_streamed || size == 0)
        return 0;
    return answer_read(call_of(request), data, size);
}

static bool is_ours(struct span name)
{
    static const struct span ours[] = {
        { "Content-Length", 14 },
        { "Connection", 10 },
        { "Date", 4 },
        { "Transfer-Encoding", 17 },
    };

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (span_is_nocase(name, ours[i]))
            return true;
    }
    return false;
}

static int check_fields(const struct uwo_answer *answer, struct uwo_error *error)
{
    for (size_t i = 0; i < answer->field_count; i++) {
        const struct uwo_field *field = &answer->fields[i];
        struct span name = { field->name, field->name_size };
        struct span value = { field->value, field->value_size };

        if (field->size != sizeof *field)
            return check_fail(error, (int)i, UWO_E_INVALID, "fields[%zu].size must be %zu", i,
                              sizeof *field);
        if (!response_token_ok(name))
            return check_fail(error, (int)i, UWO_E_INVALID,
                              "fields[%zu]: not a field name: \"%.*s\"", i,
                              (int)(name.size < 60 ? name.size : 60), name.data);
        if (!response_value_ok(value))
            return check_fail(
                error, (int)i, UWO_E_INVALID,
                "fields[%zu]: the value of %.*s has a control character (a line end?)", i,
                (int)(name.size < 60 ? name.size : 60), name.data);
        if (is_ours(name))
            return check_fail(error, (int)i, UWO_E_INVALID,
                              "fields[%zu]: %.*s is set by the engine; leave it out", i,
                              (int)name.size, name.data);
    }
    return 0;
}

static int check_receives_nothing(const struct uwo_program *program, struct uwo_error *error)
{
    for (size_t i = 0; i < program->count; i++) {
        if (program->instructions[i].kind == UWO_RECEIVE_FILE)
            return check_fail(error, (int)i, UWO_E_INVALID,
                              "an answer receives nothing: read the body of the request instead");
    }
    return 0;
}

int uwo_request_answer(struct uwo_request *request, const struct uwo_answer *answer,
                       struct uwo_error *error)
{
    static const struct uwo_program nothing = { .size = sizeof nothing };
    struct checked checked[CHECK_INSTRUCTIONS_MAX];
    struct uwo_answer complete;
    struct call *call = call_of(request);
    int status;

    if (forked(call->front))
        return UWO_E_FORKED;
    if (!answer || answer->size != sizeof *answer)
        return check_fail(error, -1, UWO_E_INVALID, "answer->size must be %zu", sizeof *answer);
    complete = *answer;
    if (!complete.program)
        complete.program = &nothing;
    if (answer->status < 200 || answer->status > 599)
        return check_fail(error, -1, UWO_E_INVALID, "status is %u; allowed: 200 to 599",
                          answer->status);
    if (call->answered)
        return check_fail(error, -1, UWO_E_INVALID, "the request has been answered");
    status = check_fields(&complete, error);
    if (status == 0 && complete.program->count > 0)
        status = check_program(call->front->sys, complete.program, -1, false, checked, error);
    if (status == 0)
        status = check_receives_nothing(complete.program, error);
    return status < 0 ? status : answer_make(call, &complete, checked);
}

void uwo_request_drop(struct uwo_request *request)
{
    if (request && !forked(call_of(request)->front))
        answer_drop(call_of(request));
}
