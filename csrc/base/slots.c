#include "base/slots.h"

#include <string.h>

#include "base/ensure.h"

enum { BITS = 64, SHIFT = 6 };

static uint32_t slots_words(uint32_t capacity, int level)
{
    uint32_t words = capacity;

    for (int i = 0; i <= level; i++)
        words = (words + BITS - 1) >> SHIFT;
    return words;
}

size_t slots_memory_size(uint32_t capacity)
{
    size_t words = 0;

    for (int i = 0; i < SLOTS_LEVELS; i++)
        words += slots_words(capacity, i);
    return words * sizeof(uint64_t);
}

void slots_init(struct slots *slots, void *memory, uint32_t capacity)
{
    uint64_t *words = memory;
    uint32_t bits = capacity;

    ensure(capacity >= 1 && capacity <= SLOTS_CAPACITY_MAX);
    *slots = (struct slots){ .capacity = capacity };
    for (int i = 0; i < SLOTS_LEVELS; i++) {
        uint32_t count = slots_words(capacity, i);

        slots->level[i] = words;
        memset(words, 0xff, count * sizeof *words);
        if (bits % BITS)
            words[count - 1] = (UINT64_C(1) << (bits % BITS)) - 1;
        words += count;
        bits = count;
    }
}

int32_t slots_take(struct slots *slots)
{
    uint32_t slot = 0;

    if (slots->level[SLOTS_LEVELS - 1][0] == 0)
        return -1;
    for (int i = SLOTS_LEVELS - 1; i >= 0; i--)
        slot = slot << SHIFT | (uint32_t)__builtin_ctzll(slots->level[i][slot]);
    for (uint32_t i = 0, bit = slot; i < SLOTS_LEVELS; i++, bit >>= SHIFT) {
        uint64_t *word = &slots->level[i][bit >> SHIFT];

        *word &= ~(UINT64_C(1) << (bit % BITS));
        if (*word)
            break;
    }
    slots->taken_count++;
    return (int32_t)slot;
}

void slots_put(struct slots *slots, uint32_t slot)
{
    ensure(slot < slots->capacity);
    ensure(!(slots->level[0][slot >> SHIFT] >> (slot % BITS) & 1));
    for (uint32_t i = 0, bit = slot; i < SLOTS_LEVELS; i++, bit >>= SHIFT)
        slots->level[i][bit >> SHIFT] |= UINT64_C(1) << (bit % BITS);
    slots->taken_count--;
}

uint32_t slots_top(const struct slots *slots, uint32_t from)
{
    uint32_t bits;

    if (from >= slots->capacity)
        from = slots->capacity - 1;
    bits = from % BITS + 1; /* those at or below `from` in its word */
    for (uint32_t word = from >> SHIFT;; word--, bits = BITS) {
        uint64_t valid = bits == BITS ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
        uint64_t taken = ~slots->level[0][word] & valid;

        if (taken)
            return word * BITS + BITS - (uint32_t)__builtin_clzll(taken);
        if (word == 0)
            return 0;
    }
}
