/* conn: one connection from accept to close, as a pure machine.
 *
 * It is told of bytes, of answers and of time, and says what comes next; the driver
 * (engine/serve.c) reads, answers, runs programs and closes.
 *
 *   IDLE      -- bytes ------------------------------> HEAD, or at once
 *             -- whole head -------------------------> ASKED
 *   HEAD      -- whole head -------------------------> ASKED
 *             -- malformed, too large, too slow -----> refused: ANSWERING, then CLOSING
 *   ASKED     -- answered from the site -------------> ANSWERING
 *             -- for Python, with a body ------------> BODY
 *             -- for Python, without, or streamed ---> CALLED
 *   BODY      -- all of it here ---------------------> CALLED
 *             -- bad framing, too large, too slow ---> refused
 *   CALLED    -- Python answered --------------------> ANSWERING
 *   ANSWERING -- over, may be kept, body all here ---> IDLE
 *             -- over, may be kept, body not ended --> SKIPPING
 *             -- over, may not be kept --------------> CLOSING
 *   SKIPPING  -- body has ended ---------------------> IDLE
 *             -- bad framing, too much, too slow ----> CLOSING
 */
#ifndef CONN_CONN_H
#define CONN_CONN_H

#include "proto/http_body.h"
#include "proto/http_head.h"

enum conn_protocol { CONN_HTTP = 1, CONN_UWSGI = 2 };

enum conn_state {
    CONN_IDLE,
    CONN_HEAD,
    CONN_ASKED,
    CONN_BODY,
    CONN_CALLED,
    CONN_ANSWERING,
    CONN_SKIPPING,
    CONN_CLOSING,
};

enum {
    CONN_SKIP_MAX = 256 << 10, /* bytes of an unwanted body that are read to keep a connection */
    CONN_BODY_RATE = 500,      /* bytes/s a body must come with, after no_progress_ms */
    CONN_NEVER_MS = 0,
};

struct conn_limits {
    struct http_limits head;
    uint64_t body_size;      /* more: 413 */
    uint32_t requests;       /* of one connection */
    uint32_t head_ms;        /* from the first byte of a head (or accept) to its last */
    uint32_t keepalive_ms;   /* idle between requests; CONN_NEVER_MS: not kept at all */
    uint32_t no_progress_ms; /* without a byte of a body */
};

struct conn {
    uint64_t since_us; /* when the present wait began */
    uint64_t body_us;  /* when the body began to come, or to be thrown away */
    struct http_body body;
    uint64_t body_size; /* REQUEST_NO_LENGTH: chunked */
    uint32_t requests;
    uint32_t scanned;
    uint8_t protocol; /* enum conn_protocol */
    uint8_t state;    /* enum conn_state */
    uint8_t minor;    /* of the present request */
    bool keep_alive;  /* after the present answer */
    bool close_said;  /* the client itself asked for the close: it sends nothing more */
    bool head_only;   /* HEAD */
    bool expects;     /* a 100 is due before the body is read */
};

void conn_init(struct conn *conn, uint8_t protocol, uint64_t now_us);

/* ---- reading ---- */

enum conn_verdict {
    CONN_READ,    /* more bytes are needed */
    CONN_REQUEST, /* data[0..*end) is a request: parse it, then conn_ask */
    CONN_REFUSE,  /* answer *status and close */
    CONN_PING,    /* uwsgi: answer the pong and close */
    CONN_END,     /* close, nothing to be said */
};

/* Look at the bytes at hand; IDLE or HEAD. */
enum conn_verdict conn_look(struct conn *conn, const struct conn_limits *limits, const char *data,
                            size_t size, uint64_t now_us, size_t *end, int *status);

/* A request was parsed: what it says of framing and of the connection.  draining: no other request
 * is wanted.  Returns 0, or the status to refuse it with. */
int conn_ask(struct conn *conn, const struct conn_limits *limits, const struct request *request,
             bool draining);

/* Parse the request at data[0..size), by protocol.  0, or a status to refuse it with. */
int conn_parse(const struct conn *conn, const struct conn_limits *limits, const char *data,
               size_t size, struct request *request);

/* ---- deciding ---- */

/* Would the connection be kept, were the request answered without its body? */
bool conn_keeps(const struct conn *conn);

/* To be answered from the site, or refused: nothing of the body is wanted. */
void conn_answer(struct conn *conn, uint64_t now_us);

/* To be answered with this status, and then closed. */
void conn_refuse(struct conn *conn, uint64_t now_us);

/* For Python.  streamed: it reads the body by itself. */
void conn_call(struct conn *conn, bool streamed, uint64_t now_us);

/* The body came, or was never there: Python has it. */
void conn_called(struct conn *conn, uint64_t now_us);

/* Take bytes of the body (BODY, SKIPPING; CALLED when streamed): gives how many were used, and the
 * next piece of content.  *status is set to 400 or 413 when it is over. */
size_t conn_body(struct conn *conn, const struct conn_limits *limits, const char *data, size_t size,
                 uint64_t now_us, struct span *content, int *status);

bool conn_body_ended(const struct conn *conn);

/* The answer is out. */
void conn_answered(struct conn *conn, uint64_t now_us);

/* SKIPPING: take bytes of the body away; gives how many. */
size_t conn_skip(struct conn *conn, const char *data, size_t size, uint64_t now_us);

/* ---- time ---- */

/* When the present wait is over; UINT64_MAX: somebody else judges it. */
uint64_t conn_due_us(const struct conn *conn, const struct conn_limits *limits);

/* It is: refuse with *status, or CONN_END. */
enum conn_verdict conn_late(const struct conn *conn, int *status);

#endif
