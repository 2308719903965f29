/* request: what a request head says, whichever protocol brought it (http_head.c, uwsgi_packet.c).
 *
 * All spans point into the bytes that were parsed (field values: without surrounding blanks).  A
 * request is scratch memory of whoever parses: it lives while it is being decided upon. */
#ifndef PROTO_REQUEST_H
#define PROTO_REQUEST_H

#include <stdint.h>

#include "base/span.h"

enum { REQUEST_FIELDS_MAX = 128 }; /* more: 431 */

#define REQUEST_NO_LENGTH UINT64_MAX

enum request_method {
    METHOD_OTHER, /* a valid token that none of the following is */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_PATCH,
    METHOD_CONNECT,
    METHOD_TRACE,
};

/* Fields that mean something to us. */
enum known_field {
    FIELD_UNKNOWN,
    FIELD_ACCEPT_ENCODING,
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_EXPECT,
    FIELD_HOST,
    FIELD_IF_MATCH,
    FIELD_IF_MODIFIED_SINCE,
    FIELD_IF_NONE_MATCH,
    FIELD_IF_RANGE,
    FIELD_IF_UNMODIFIED_SINCE,
    FIELD_RANGE,
    FIELD_REFERER,
    FIELD_TRANSFER_ENCODING,
    FIELD_UPGRADE,
    FIELD_USER_AGENT,
    FIELD_KNOWN_COUNT,
};

struct field {
    struct span name;
    struct span value;
    uint8_t known; /* enum known_field */
    uint8_t next;  /* index + 1 of the next field of the same known name, or 0 */
};

struct request {
    struct span method_name;
    struct span target; /* as sent: "/a%20b?c", "*", or an absolute URI */
    struct span path;   /* of the target, still encoded (uwsgi: PATH_INFO, decoded by the peer) */
    struct span query;  /* behind the first '?'; empty when there is none */
    struct span host;   /* of an absolute target, else the Host field */
    struct span remote; /* uwsgi: REMOTE_ADDR; else empty */
    uint8_t method;     /* enum request_method */
    uint8_t minor;      /* HTTP/1.minor; uwsgi: 0 when SERVER_PROTOCOL is not HTTP/1.1 */
    bool decoded;       /* path is decoded already */
    bool has_query;     /* there is a '?', perhaps with nothing behind */
    bool keep_alive;    /* the client wants, and framing allows, another request (uwsgi: never) */
    bool chunked;
    bool expect_continue;
    bool secure;                      /* uwsgi: HTTPS is "on" or "1" */
    uint64_t content_length;          /* REQUEST_NO_LENGTH when not given */
    uint8_t first[FIELD_KNOWN_COUNT]; /* index + 1 of the first such field, or 0 */
    uint32_t field_count;
    struct field fields[REQUEST_FIELDS_MAX];
};

/* The first field of that name; data NULL when there is none. */
static inline struct span request_field(const struct request *request, enum known_field known)
{
    uint8_t first = request->first[known];

    return first ? request->fields[first - 1].value : (struct span){ NULL, 0 };
}

/* A request that says nothing.  Not all of its memory is written: `fields` is large, and only those
 * that are counted are looked at. */
void request_reset(struct request *request);

/* Append a field, linking it to those of the same known name.  False when there is no room. */
bool request_add(struct request *request, struct span name, struct span value,
                 enum known_field known);

/* The known field of a name, letters regardless of case. */
enum known_field request_known(struct span name);

/* The method of a name, case-sensitive. */
enum request_method request_method(struct span name);

#endif
