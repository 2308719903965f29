/* response: the head of an answer, written from constants and checked values.  Pure.
 *
 * A head is written into memory of fixed size; what would not fit sets `failed`, and nothing more
 * is written: ask at the end. */
#ifndef PROTO_RESPONSE_H
#define PROTO_RESPONSE_H

#include <stdint.h>

#include "base/span.h"
#include "proto/date.h"

struct response {
    char *data;
    size_t size; /* room */
    size_t used;
    bool failed;
};

/* "200 OK"; a status nobody named: its number and "Unknown".  100 to 599. */
struct span response_status_text(int status);

/* Status line; the version is ours: always HTTP/1.1. */
void response_begin(struct response *response, int status);

/* A field.  name and value come from us, or were checked by response_token_ok / response_value_ok.
 * */
void response_field(struct response *response, struct span name, struct span value);
void response_number(struct response *response, struct span name, uint64_t value);
void response_bytes(struct response *response, struct span bytes);

/* The empty line. */
void response_end(struct response *response);

/* May this be a field name, or a value (no CR, LF, NUL or other control but tab)? */
bool response_token_ok(struct span name);
bool response_value_ok(struct span value);

#endif
