/* accept: which content codings a client takes (RFC 9110 section 12.5.3).  Pure. */
#ifndef PROTO_ACCEPT_H
#define PROTO_ACCEPT_H

#include "proto/request.h"

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_BROTLI, CODING_COUNT };

/* The weight 0 to 1000 a request gives to each coding, by all its Accept-Encoding lines; "*",
 * "x-gzip" and "identity;q=0" included.  Without the field: identity 1000, the others 0.  Malformed
 * members count as not there. */
void accept_encoding(const struct request *request, uint16_t weight[CODING_COUNT]);

#endif
