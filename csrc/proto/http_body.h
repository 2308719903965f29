/* http_body: where a request body ends, and what its content is: by length, or chunked with every
 * byte of the framing checked (RFC 9112 section 7.1).  Pure.
 *
 *   LENGTH    -- `left` bytes passed -------------> ENDED
 *   CHUNKED   -- size line -----------------------> in a chunk, or trailers after size 0
 *             -- trailers and the empty line -----> ENDED
 *             -- anything else -------------------> BAD
 */
#ifndef PROTO_HTTP_BODY_H
#define PROTO_HTTP_BODY_H

#include "proto/request.h"

enum {
    BODY_LINE_MAX = 256,     /* a chunk-size line with its extensions */
    BODY_TRAILERS_MAX = 8192 /* all trailer lines */
};

enum body_state { BODY_ENDED, BODY_LENGTH, BODY_CHUNKED, BODY_BAD };

struct http_body {
    uint64_t left;   /* LENGTH: of the body; CHUNKED: of the chunk */
    uint64_t passed; /* content bytes so far */
    uint32_t line;   /* CHUNKED: bytes of the present line or of all trailers */
    uint8_t state;   /* enum body_state */
    uint8_t inside;  /* CHUNKED: the decoder's own */
};

/* A body by length (0: it has ended at once) or chunked. */
void http_body_init(struct http_body *body, bool chunked, uint64_t length);

/* Take in data[0..size): gives how many bytes were used, and in *content the next piece of the
 * content among them (borrowed from data; size 0 when there was none).  Call again with the rest
 * until it uses nothing, or the body has ended; bytes behind the end are never used.  After BAD it
 * uses nothing. */
size_t http_body_take(struct http_body *body, const char *data, size_t size, struct span *content);

#endif
