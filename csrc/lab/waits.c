#include "lab/waits.h"

#include <string.h>

void waits_init(struct waits *waits, int64_t target_us)
{
    memset(waits, 0, sizeof *waits);
    waits->target_us = target_us;
}

/* Bucket of a value: its leading eight bits, below how far they are shifted. */
static uint32_t waits_bucket(uint64_t value)
{
    uint32_t length = 64 - (uint32_t)__builtin_clzll(value | 1);
    uint32_t shift = length > WAITS_FINE_BITS + 1 ? length - (WAITS_FINE_BITS + 1) : 0;

    return (shift << WAITS_FINE_BITS) + (uint32_t)(value >> shift);
}

/* The middle of a bucket. */
static int64_t waits_middle(uint32_t bucket)
{
    uint32_t shift = bucket >> WAITS_FINE_BITS;

    if (shift <= 1)
        return bucket;
    shift--;
    return ((int64_t)(bucket - (shift << WAITS_FINE_BITS)) << shift) + (INT64_C(1) << (shift - 1));
}

void waits_add(struct waits *waits, int64_t wait_us)
{
    if (wait_us == 0) {
        waits->none++;
        return;
    }
    waits->some++;
    if (__builtin_add_overflow(waits->total_us, (uint64_t)wait_us, &waits->total_us))
        waits->total_us = UINT64_MAX;
    if (wait_us > waits->max_us)
        waits->max_us = wait_us;
    if (wait_us > waits->target_us) {
        waits->over_count++;
        waits->over_us += (uint64_t)(wait_us - waits->target_us);
    }
    waits->bucket[waits_bucket((uint64_t)wait_us)]++;
}

int64_t waits_quantile(const struct waits *waits, uint32_t millionths)
{
    uint64_t count = waits->none + waits->some;
    uint64_t part = count / 1000000 * millionths +
                    (count % 1000000 * millionths + 999999) / 1000000;
    uint64_t seen = waits->none;
    uint32_t bucket = 0;

    if (part <= seen)
        return 0;
    while (bucket < WAITS_BUCKETS - 1 && (seen += waits->bucket[bucket]) < part)
        bucket++;
    return waits_middle(bucket) < waits->max_us ? waits_middle(bucket) : waits->max_us;
}
