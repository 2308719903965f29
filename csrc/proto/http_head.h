/* http_head: HTTP/1.1 and 1.0 request heads, strictly (RFC 9110, RFC 9112).  Pure. */
#ifndef PROTO_HTTP_HEAD_H
#define PROTO_HTTP_HEAD_H

#include "proto/request.h"

struct http_limits {
    uint32_t head_size;   /* bytes of the whole head, its last empty line included; more: 431 */
    uint32_t target_size; /* bytes of the target; more: 414 */
    uint32_t field_count; /* at most REQUEST_FIELDS_MAX; more: 431 */
};

enum http_scan {
    HTTP_SCAN_MORE, /* no end in sight */
    HTTP_SCAN_HEAD, /* the head ends at *end */
    HTTP_SCAN_BAD,  /* it can be said already that it is malformed or too large: parse `size` bytes
                     * with http_head_parse to learn the status */
};

/* Look for the end of a head in data[0..size), of which the first *scanned bytes have been looked
 * at before; sets *scanned.  Every byte is looked at a bounded number of times, however the head is
 * cut into pieces.  Empty lines (CRLF) before the request line count to the head.  BAD comes at the
 * first bare LF, NUL, or control byte in sight, a request line longer than the limits, or more than
 * limits->head_size bytes without an end. */
enum http_scan http_head_scan(const char *data, size_t size, const struct http_limits *limits,
                              size_t *scanned, size_t *end);

/* Parse a head that ends at data[size).  Returns 0, or the status to refuse it with: 400, 414, 417,
 * 431, 501 (transfer coding), 505.  request->minor is valid whenever the request line was, else 1.
 * When it is not 0, no body framing is known and the connection must close. */
int http_head_parse(const char *data, size_t size, const struct http_limits *limits,
                    struct request *request);

#endif
