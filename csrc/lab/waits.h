/* waits: how long requests waited, in bounded memory.
 *
 * A histogram with 128 buckets per power of two: below 256 us each value has its own, above, a
 * bucket is 1/128 of its value wide, so that its middle is at most 0.4 % off.  Sums and the longest
 * wait are exact. */
#ifndef LAB_WAITS_H
#define LAB_WAITS_H

#include <stdint.h>

enum {
    WAITS_FINE_BITS = 7, /* 128 buckets per power of two */
    WAITS_TIME_BITS = 43,
    WAITS_BUCKETS = (WAITS_TIME_BITS - WAITS_FINE_BITS + 1) << WAITS_FINE_BITS,
};

struct waits {
    uint64_t none; /* requests that did not wait at all */
    uint64_t some;
    uint64_t total_us;
    int64_t max_us;
    int64_t target_us;
    uint64_t over_count; /* that waited longer than the target */
    uint64_t over_us;    /* by so much, all together */
    uint64_t bucket[WAITS_BUCKETS];
};

void waits_init(struct waits *waits, int64_t target_us);

/* 0 to 2^43 - 1. */
void waits_add(struct waits *waits, int64_t wait_us);

/* The wait that so many millionths of the requests do not exceed. */
int64_t waits_quantile(const struct waits *waits, uint32_t millionths);

#endif
