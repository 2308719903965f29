/* fuzz: what every target has in common.  Each target is one function that libFuzzer calls with
 * bytes of its choice, and replay.c with those of the corpus; what must hold is said with ensure.
 * */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/ensure.h"
#include "base/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy of its own, so that the sanitizer sees who reads on; free it. */
static inline char *fuzz_copy(const void *data, size_t size)
{
    char *copy = calloc(1, size ? size : 1);

    ensure(copy);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

static inline bool fuzz_inside(struct span span, const char *data, size_t size)
{
    return span.size == 0 || (span.data >= data && span.data + span.size <= data + size);
}

#endif
