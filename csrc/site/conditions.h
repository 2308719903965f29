/* conditions: the fields that make a request conditional (RFC 9110 section 13).  Pure. */
#ifndef SITE_CONDITIONS_H
#define SITE_CONDITIONS_H

#include "proto/request.h"

/* What tells one state of a representation from another. */
struct validators {
    struct span tag;  /* strong */
    int64_t modified; /* seconds since 1970 */
};

enum conditions {
    CONDITIONS_MET,
    CONDITIONS_FAILED,       /* 412 */
    CONDITIONS_NOT_MODIFIED, /* 304 */
};

/* For GET and HEAD of a representation that exists, in the order of section 13.2.2.  Dates that are
 * malformed, or given twice, count as not there. */
enum conditions conditions_judge(const struct request *request, const struct validators *validators,
                                 int64_t now_seconds);

/* The ranges to answer: the value of Range, or data NULL when there is none, there are several, the
 * method is not GET, or If-Range says that the client's part is of another state. */
struct span conditions_range(const struct request *request, const struct validators *validators,
                             int64_t now_seconds);

#endif
