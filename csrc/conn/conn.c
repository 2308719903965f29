#include "conn/conn.h"

#include "base/ensure.h"
#include "proto/uwsgi_packet.h"

static void conn_enter(struct conn *conn, uint8_t state, uint64_t now_us)
{
    conn->state = state;
    conn->since_us = now_us;
    if (state == CONN_BODY || state == CONN_SKIPPING)
        conn->body_us = now_us;
}

void conn_init(struct conn *conn, uint8_t protocol, uint64_t now_us)
{
    *conn = (struct conn){ .protocol = protocol, .since_us = now_us, .minor = 1 };
}

/* ---- reading ---- */

static enum conn_verdict conn_look_http(struct conn *conn, const struct conn_limits *limits,
                                        const char *data, size_t size, size_t *end)
{
    size_t scanned = conn->scanned;
    enum http_scan scan = http_head_scan(data, size, &limits->head, &scanned, end);

    conn->scanned = (uint32_t)scanned;
    if (scan == HTTP_SCAN_BAD)
        *end = size; /* the parser says what is wrong with it */
    return scan == HTTP_SCAN_MORE ? CONN_READ : CONN_REQUEST;
}

static enum conn_verdict conn_look_uwsgi(const struct conn_limits *limits, const char *data,
                                         size_t size, size_t *end)
{
    switch (uwsgi_packet_scan(data, size, limits->head.head_size, end)) {
    case UWSGI_SCAN_MORE:
        return CONN_READ;
    case UWSGI_SCAN_REQUEST:
        return CONN_REQUEST;
    case UWSGI_SCAN_PING:
        return CONN_PING;
    default:
        return CONN_END;
    }
}

enum conn_verdict conn_look(struct conn *conn, const struct conn_limits *limits, const char *data,
                            size_t size, uint64_t now_us, size_t *end, int *status)
{
    enum conn_verdict verdict;

    ensure(conn->state == CONN_IDLE || conn->state == CONN_HEAD);
    *status = 0;
    if (size == 0)
        return CONN_READ;
    verdict = conn->protocol == CONN_UWSGI ? conn_look_uwsgi(limits, data, size, end)
                                           : conn_look_http(conn, limits, data, size, end);
    if (conn->state == CONN_IDLE) { /* until it is parsed, nothing is known of it */
        conn->head_only = false;
        conn->minor = 1;
    }
    if (verdict == CONN_READ) {
        if (conn->state == CONN_IDLE)
            conn_enter(conn, CONN_HEAD, now_us);
    } else {
        conn->scanned = 0;
        conn_enter(conn, verdict == CONN_REQUEST ? CONN_ASKED : CONN_CLOSING, now_us);
    }
    return verdict;
}

int conn_parse(const struct conn *conn, const struct conn_limits *limits, const char *data,
               size_t size, struct request *request)
{
    if (conn->protocol == CONN_UWSGI)
        return uwsgi_packet_parse(data, size, request);
    return http_head_parse(data, size, &limits->head, request);
}

int conn_ask(struct conn *conn, const struct conn_limits *limits, const struct request *request,
             bool draining)
{
    uint64_t length = request->content_length;

    ensure(conn->state == CONN_ASKED);
    conn->requests++;
    conn->minor = request->minor;
    conn->head_only = request->method == METHOD_HEAD;
    conn->expects = request->expect_continue;
    conn->close_said = !request->keep_alive;
    conn->keep_alive = request->keep_alive && !draining && limits->keepalive_ms != CONN_NEVER_MS &&
                       conn->requests < limits->requests;
    conn->body_size = request->chunked              ? REQUEST_NO_LENGTH
                      : length == REQUEST_NO_LENGTH ? 0
                                                    : length;
    http_body_init(&conn->body, request->chunked, request->chunked ? 0 : conn->body_size);
    if (!request->chunked && conn->body_size > limits->body_size)
        return 413;
    return 0;
}

/* ---- deciding ---- */

bool conn_keeps(const struct conn *conn)
{
    bool much = conn->body_size != REQUEST_NO_LENGTH && conn->body.left > CONN_SKIP_MAX;

    /* Who waits for a 100 may send the body, or not: nobody can tell where the next head begins. */
    return conn->keep_alive && (conn_body_ended(conn) || (!conn->expects && !much));
}

void conn_answer(struct conn *conn, uint64_t now_us)
{
    ensure(conn->state == CONN_ASKED);
    conn->keep_alive = conn_keeps(conn);
    conn_enter(conn, CONN_ANSWERING, now_us);
}

void conn_refuse(struct conn *conn, uint64_t now_us)
{
    conn->keep_alive = false;
    conn->close_said = false;
    conn_enter(conn, CONN_ANSWERING, now_us);
}

void conn_call(struct conn *conn, bool streamed, uint64_t now_us)
{
    ensure(conn->state == CONN_ASKED);
    conn_enter(conn, streamed || conn_body_ended(conn) ? CONN_CALLED : CONN_BODY, now_us);
}

void conn_called(struct conn *conn, uint64_t now_us)
{
    ensure(conn->state == CONN_BODY && conn_body_ended(conn));
    conn_enter(conn, CONN_CALLED, now_us);
}

size_t conn_body(struct conn *conn, const struct conn_limits *limits, const char *data, size_t size,
                 uint64_t now_us, struct span *content, int *status)
{
    size_t used = http_body_take(&conn->body, data, size, content);

    *status = 0;
    if (used > 0)
        conn->since_us = now_us;
    if (conn->body.state == BODY_BAD)
        *status = 400;
    else if (conn->body.passed > limits->body_size)
        *status = 413;
    return used;
}

bool conn_body_ended(const struct conn *conn)
{
    return conn->body.state == BODY_ENDED;
}

void conn_answered(struct conn *conn, uint64_t now_us)
{
    ensure(conn->state == CONN_ANSWERING);
    if (!conn->keep_alive || conn->body.state == BODY_BAD) {
        conn_enter(conn, CONN_CLOSING, now_us);
    } else if (conn_body_ended(conn)) {
        conn_enter(conn, CONN_IDLE, now_us);
    } else if (conn->expects) { /* the body was never asked for */
        conn_enter(conn, CONN_CLOSING, now_us);
    } else {
        conn->body.passed = 0;
        conn_enter(conn, CONN_SKIPPING, now_us);
    }
}

size_t conn_skip(struct conn *conn, const char *data, size_t size, uint64_t now_us)
{
    size_t used = 0;
    size_t step;
    struct span content;

    ensure(conn->state == CONN_SKIPPING);
    do {
        step = http_body_take(&conn->body, data + used, size - used, &content);
        used += step;
    } while (step > 0 && !conn_body_ended(conn));
    if (conn_body_ended(conn))
        conn_enter(conn, CONN_IDLE, now_us);
    else if (conn->body.state == BODY_BAD || conn->body.passed > CONN_SKIP_MAX)
        conn_enter(conn, CONN_CLOSING, now_us);
    return used;
}

/* ---- time ---- */

/* Progress within no_progress_ms, and no trickle: who sends a byte now and then must not hold a
 * connection for ever. */
static uint64_t conn_body_due_us(const struct conn *conn, const struct conn_limits *limits)
{
    uint64_t patience_us = limits->no_progress_ms * UINT64_C(1000);
    uint64_t moving_us = conn->since_us + patience_us;
    uint64_t earned_us = conn->body.passed / CONN_BODY_RATE * 1000000;
    uint64_t whole_us = conn->body_us + patience_us + earned_us;

    return moving_us < whole_us ? moving_us : whole_us;
}

uint64_t conn_due_us(const struct conn *conn, const struct conn_limits *limits)
{
    uint64_t wait_ms;

    switch (conn->state) {
    case CONN_IDLE: /* the first request must begin as soon as a head must end */
        wait_ms = conn->requests > 0 ? limits->keepalive_ms : limits->head_ms;
        break;
    case CONN_HEAD:
        wait_ms = limits->head_ms;
        break;
    case CONN_BODY:
    case CONN_SKIPPING:
        return conn_body_due_us(conn, limits);
    default:
        return UINT64_MAX;
    }
    return conn->since_us + wait_ms * 1000;
}

enum conn_verdict conn_late(const struct conn *conn, int *status)
{
    if ((conn->state == CONN_HEAD && conn->protocol == CONN_HTTP) || conn->state == CONN_BODY) {
        *status = 408;
        return CONN_REFUSE;
    }
    return CONN_END;
}
