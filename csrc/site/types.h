/* types: media types by the ending of a file name.  Pure. */
#ifndef SITE_TYPES_H
#define SITE_TYPES_H

#include <stdint.h>

#include "base/span.h"

struct type {
    const char *ending; /* "html", lower case, no dot */
    const char *type;   /* "text/html; charset=utf-8": charset is added when the table is made */
};

/* Entries sorted by ending; the table and the text belong to the caller, and stay valid. */
struct types {
    const struct type *entries;
    uint32_t count;
};

/* The type of a file name: by its text behind the last dot of the last component, upper case
 * folded; else "application/octet-stream". */
struct span types_of(const struct types *types, struct span name);

#endif
