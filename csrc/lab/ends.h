/* ends: the earliest of many times, one per slot.
 *
 * A complete binary tree of minima over a power of two of leaves.  A key is a time and, in its low
 * bits, the slot: so equal times come in the order of slots.  To set a leaf is to walk one fixed
 * path to the root, with no branch to guess and no order to keep, which is faster than a heap. */
#ifndef LAB_ENDS_H
#define LAB_ENDS_H

#include <stdbool.h>
#include <stdint.h>

#define ENDS_NEVER UINT64_MAX

struct ends {
    uint64_t *node; /* 1 is the root, `leaves` + slot a leaf; the caller's memory */
    uint32_t leaves;
    uint32_t bits; /* of a key, that are the slot */
};

/* Leaves for this many slots. */
static inline uint32_t ends_leaves(uint32_t slots)
{
    uint32_t leaves = 1;

    while (leaves < slots)
        leaves *= 2;
    return leaves;
}

static inline void ends_init(struct ends *ends, uint64_t *memory, uint32_t leaves)
{
    ends->node = memory;
    ends->leaves = leaves;
    ends->bits = (uint32_t)__builtin_ctz(leaves);
    for (uint32_t i = 0; i < 2 * leaves; i++)
        memory[i] = ENDS_NEVER;
}

static inline void ends_put(struct ends *ends, uint32_t slot, uint64_t key)
{
    uint64_t *node = ends->node;
    uint32_t at = ends->leaves + slot;

    node[at] = key;
    while (at > 1) {
        uint64_t beside = node[at ^ 1];

        key = key < beside ? key : beside;
        at >>= 1;
        node[at] = key;
    }
}

static inline void ends_set(struct ends *ends, uint32_t slot, int64_t at_us)
{
    ends_put(ends, slot, (uint64_t)at_us << ends->bits | slot);
}

static inline void ends_clear(struct ends *ends, uint32_t slot)
{
    ends_put(ends, slot, ENDS_NEVER);
}

static inline bool ends_set_at(const struct ends *ends, uint32_t slot)
{
    return ends->node[ends->leaves + slot] != ENDS_NEVER;
}

static inline uint64_t ends_first(const struct ends *ends)
{
    return ends->node[1];
}

/* The last key of this time. */
static inline uint64_t ends_until(const struct ends *ends, int64_t at_us)
{
    return (uint64_t)at_us << ends->bits | (ends->leaves - 1);
}

static inline int64_t ends_time(const struct ends *ends, uint64_t key)
{
    return (int64_t)(key >> ends->bits);
}

static inline uint32_t ends_slot(const struct ends *ends, uint64_t key)
{
    return (uint32_t)key & (ends->leaves - 1);
}

#endif
