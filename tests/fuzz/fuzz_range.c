/* Range fields.  Input: the size of the representation, 8 bytes; then the value. */
#include "fuzz.h"
#include "proto/range.h"

static void check(const struct ranges *ranges, uint64_t size)
{
    uint64_t total = 0;

    ensure(ranges->count > 0 && ranges->count <= RANGES_MAX);
    for (uint32_t i = 0; i < ranges->count; i++) {
        const struct range *range = &ranges->range[i];

        ensure(range->count > 0 && range->first < size && range->count <= size - range->first);
        ensure(!__builtin_add_overflow(total, range->count, &total));
    }
    ensure(total <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ranges ranges;
    uint64_t whole;
    char *value;

    if (size < sizeof whole)
        return 0;
    memcpy(&whole, data, sizeof whole);
    size -= sizeof whole;
    value = fuzz_copy(data + sizeof whole, size);
    if (range_parse((struct span){ value, size }, whole, &ranges) == RANGE_GIVEN)
        check(&ranges, whole);
    free(value);
    return 0;
}
