#include "proto/range.h"

#include "proto/bytes.h"

/* One member of the set. */
enum range_spec { SPEC_MALFORMED, SPEC_OUTSIDE, SPEC_INSIDE };

/* The digits at `at`; a number too large for 64 bits is as good as the largest. */
static const char *range_number(const char *at, const char *end, uint64_t *number)
{
    *number = 0;
    for (; at < end && byte_is_digit(*at); at++) {
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(*at - '0'), number))
            *number = UINT64_MAX;
    }
    return at;
}

/* The last `count` bytes.  Those of an empty representation are all of it, which no 206 can say. */
static enum range_spec range_suffix(uint64_t count, uint64_t size, struct range *range)
{
    if (count && size == 0)
        return SPEC_MALFORMED;
    range->count = count < size ? count : size;
    range->first = size - range->count;
    return range->count ? SPEC_INSIDE : SPEC_OUTSIDE;
}

/* "first-last", "first-" or "-count" */
static enum range_spec range_read(struct span spec, uint64_t size, struct range *range)
{
    const char *start = spec.data, *end = spec.data + spec.size, *dash, *at;
    uint64_t first, last;

    dash = range_number(start, end, &first);
    if (dash == end || *dash != '-')
        return SPEC_MALFORMED;
    at = range_number(dash + 1, end, &last);
    if (at != end || spec.size == 1)
        return SPEC_MALFORMED;
    if (dash == start)
        return range_suffix(last, size, range);
    if (at == dash + 1)
        last = UINT64_MAX;
    if (first > last)
        return SPEC_MALFORMED;
    if (first >= size)
        return SPEC_OUTSIDE;
    range->first = first;
    range->count = (last < size ? last + 1 : size) - first;
    return SPEC_INSIDE;
}

/* Both lie inside the representation, so their ends do not overflow. */
static bool range_merge(struct range *into, const struct range *range)
{
    uint64_t into_end = into->first + into->count, end = range->first + range->count;

    if (range->first > into_end || into->first > end)
        return false;
    if (range->first < into->first)
        into->first = range->first;
    into->count = (end > into_end ? end : into_end) - into->first;
    return true;
}

static bool range_add(struct ranges *ranges, const struct range *range)
{
    if (ranges->count && range_merge(&ranges->range[ranges->count - 1], range))
        return true;
    if (ranges->count == RANGES_MAX)
        return false;
    ranges->range[ranges->count++] = *range;
    return true;
}

static bool range_asks_too_much(const struct ranges *ranges, uint64_t size)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < ranges->count; i++) {
        if (__builtin_add_overflow(total, ranges->range[i].count, &total) || total > size)
            return true;
    }
    return false;
}

static bool range_is_bytes(struct span *value)
{
    struct span unit = SPAN("bytes=");

    if (value->size < unit.size || !span_is_nocase((struct span){ value->data, unit.size }, unit))
        return false;
    value->data += unit.size;
    value->size -= unit.size;
    return true;
}

enum range_verdict range_parse(struct span value, uint64_t size, struct ranges *ranges)
{
    bool any = false;
    struct span spec;

    ranges->count = 0;
    if (!range_is_bytes(&value))
        return RANGE_IGNORE;
    while (bytes_next_member(&value, &spec)) {
        struct range range;
        enum range_spec found = spec.size ? range_read(spec, size, &range) : SPEC_OUTSIDE;

        any = any || spec.size;
        if (found == SPEC_MALFORMED || (found == SPEC_INSIDE && !range_add(ranges, &range)))
            return RANGE_IGNORE;
    }
    if (!any || range_asks_too_much(ranges, size))
        return RANGE_IGNORE;
    return ranges->count ? RANGE_GIVEN : RANGE_UNSATISFIABLE;
}
