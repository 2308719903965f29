#include "engine/resident.h"

/* Windows of a file stand megabytes apart: all bits of the offset must count. */
static unsigned resident_place(const struct resident_range *range)
{
    uint64_t mixed = (range->inode ^ range->device << 32) * UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (uint64_t)range->offset ^ range->length) * UINT64_C(0xff51afd7ed558ccd);
    return (unsigned)(mixed >> 32) % RESIDENT_PLACES;
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
