/* resident: what was in the page cache when it was looked at last.
 *
 * Looking costs microseconds per megabyte, for the pages are counted one by one.  A file that is
 * asked for again and again is looked at once per second and range.
 *
 * A small table, each place of which holds the range that was seen last; under engine->lock. */
#ifndef ENGINE_RESIDENT_H
#define ENGINE_RESIDENT_H

#include "sys/sys.h"

enum { RESIDENT_PLACES = 256, RESIDENT_VALID_US = 1000000 };

/* A range of a file, by the file's own name. */
struct resident_range {
    uint64_t device;
    uint64_t inode;
    int64_t offset;
    uint64_t length;
};

struct resident {
    struct {
        struct resident_range range;
        uint64_t seen_us;
    } place[RESIDENT_PLACES];
};

/* It was in memory less than a second ago. */
bool resident_known(const struct resident *resident, const struct resident_range *range,
                    uint64_t now_us);

/* It is in memory now. */
void resident_learn(struct resident *resident, const struct resident_range *range, uint64_t now_us);

#endif
