/* span: some bytes in memory that somebody else owns.  Not terminated. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *data;
    size_t size;
};

#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })

static inline bool span_is(struct span span, struct span other)
{
    return span.size == other.size && (span.size == 0 || !memcmp(span.data, other.data, span.size));
}

static inline char span_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

/* The same, ASCII letters regardless of case. */
static inline bool span_is_nocase(struct span span, struct span other)
{
    if (span.size != other.size)
        return false;
    for (size_t i = 0; i < span.size; i++) {
        if (span_lower(span.data[i]) != span_lower(other.data[i]))
            return false;
    }
    return true;
}

#endif
