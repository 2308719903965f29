#include "engine/resident.h"

static unsigned resident_place(const struct resident_range *range)
{
    uint64_t mixed = range->inode * UINT64_C(0x9e3779b97f4a7c15) ^ range->device ^
                     (uint64_t)range->offset >> 12 ^ range->length;

    return (unsigned)(mixed >> 32 ^ mixed) % RESIDENT_PLACES;
}

static bool resident_same(const struct resident_range *a, const struct resident_range *b)
{
    return a->inode == b->inode && a->device == b->device && a->offset == b->offset &&
           a->length == b->length;
}

bool resident_known(const struct resident *resident, const struct resident_range *range,
                    uint64_t now_us)
{
    unsigned place = resident_place(range);

    return resident_same(&resident->place[place].range, range) &&
           now_us - resident->place[place].seen_us < RESIDENT_VALID_US;
}

void resident_learn(struct resident *resident, const struct resident_range *range, uint64_t now_us)
{
    unsigned place = resident_place(range);

    resident->place[place].range = *range;
    resident->place[place].seen_us = now_us;
}
