/* range: the Range field (RFC 9110 section 14).  Pure; no arithmetic here can overflow. */
#ifndef PROTO_RANGE_H
#define PROTO_RANGE_H

#include <stdint.h>

#include "base/span.h"

enum { RANGES_MAX = 16 }; /* after merging; more: the field is ignored, for it is an attack */

struct range {
    uint64_t first; /* offset of its first byte */
    uint64_t count; /* bytes, never 0 */
};

enum range_verdict {
    RANGE_IGNORE,        /* another unit, malformed, or too many: answer as if there were none */
    RANGE_UNSATISFIABLE, /* 416 */
    RANGE_GIVEN,         /* 206 with `count` ranges, in the order asked */
};

struct ranges {
    uint32_t count;
    struct range range[RANGES_MAX];
};

/* What a Range value asks of a representation of `size` bytes.  Ranges that touch or overlap their
 * predecessor are merged.  Ranges that cannot be satisfied beside others that can are left out.  A
 * set that asks for more bytes in all than the representation has is ignored. */
enum range_verdict range_parse(struct span value, uint64_t size, struct ranges *ranges);

#endif
