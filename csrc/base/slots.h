/* slots: hands out the lowest free number below a capacity, in constant time.
 *
 * Four levels of 64-bit words.  A set bit on level 0 is a free slot; a set bit
 * above says that the word below has a free slot:
 *
 *   level 3   1 word     one bit per 262,144 slots
 *   level 2   <= 64      one bit per   4,096
 *   level 1   <= 4096    one bit per      64
 *   level 0   <= 262144  one bit per slot
 *
 * Lowest first keeps what is in use at the bottom of the arena, so that its top
 * can be returned to the system after a burst. */
#ifndef BASE_SLOTS_H
#define BASE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

enum { SLOTS_LEVELS = 4, SLOTS_CAPACITY_MAX = 1 << 22 };

struct slots {
    uint64_t *level[SLOTS_LEVELS];
    uint32_t capacity;
    uint32_t taken_count;
};

/* Bytes of memory that slots_init wants for this capacity (1 to SLOTS_CAPACITY_MAX). */
size_t slots_memory_size(uint32_t capacity);

/* All free.  Borrows memory (8-byte aligned) for as long as the slots are used. */
void slots_init(struct slots *slots, void *memory, uint32_t capacity);

/* The lowest free slot, now taken, or -1. */
int32_t slots_take(struct slots *slots);

/* Give a taken slot back. */
void slots_put(struct slots *slots, uint32_t slot);

/* One past the highest taken slot at or below `from`; 0 when there is none. */
uint32_t slots_top(const struct slots *slots, uint32_t from);

#endif
