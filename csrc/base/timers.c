#include "base/timers.h"

#include <stddef.h>

enum { GROUP_BITS = 6, GROUP_MASK = 63 };

static const uint64_t FARTHEST = (UINT64_C(1) << (GROUP_BITS * TIMERS_LEVELS)) - 1;

void timers_init(struct timers *timers, uint64_t now_ms)
{
    timers->now_ms = now_ms;
    list_init(&timers->due);
    list_init(&timers->far);
    for (int level = 0; level < TIMERS_LEVELS; level++) {
        timers->occupied[level] = 0;
        for (int i = 0; i < TIMERS_LISTS; i++)
            list_init(&timers->list[level][i]);
    }
}

void timer_init(struct timer *timer)
{
    list_init(&timer->link);
    timer->at_ms = TIMERS_NEVER;
}

/* Put a timer that is in no list where its time belongs. */
static void timers_place(struct timers *timers, struct timer *timer)
{
    uint64_t now = timers->now_ms;

    if (timer->at_ms <= now) {
        list_append(&timers->due, &timer->link);
        return;
    }

    if (timer->at_ms > (now | FARTHEST)) {
        list_append(&timers->far, &timer->link);
        return;
    }

    int level = (63 - __builtin_clzll(timer->at_ms ^ now)) / GROUP_BITS;
    unsigned group = (unsigned)(timer->at_ms >> (GROUP_BITS * level)) & GROUP_MASK;

    timers->occupied[level] |= UINT64_C(1) << group;
    list_append(&timers->list[level][group], &timer->link);
}

void timers_set(struct timers *timers, struct timer *timer, uint64_t at_ms)
{
    list_remove(&timer->link);
    timer->at_ms = at_ms;
    timers_place(timers, timer);
}

void timers_clear(struct timer *timer)
{
    list_remove(&timer->link);
    timer->at_ms = TIMERS_NEVER;
}

uint64_t timers_next(struct timers *timers)
{
    if (!list_empty(&timers->due))
        return timers->now_ms;
    for (int level = 0; level < TIMERS_LEVELS; level++) {
        while (timers->occupied[level]) {
            int group = __builtin_ctzll(timers->occupied[level]);
            int shift = GROUP_BITS * level;
            uint64_t above = timers->now_ms >> shift >> GROUP_BITS << GROUP_BITS;

            if (!list_empty(&timers->list[level][group]))
                return (above | (unsigned)group) << shift;
            timers->occupied[level] &= timers->occupied[level] - 1;
        }
    }
    return list_empty(&timers->far) ? TIMERS_NEVER : (timers->now_ms | FARTHEST) + 1;
}

/* The earliest list that may hold timers, no longer marked so; the far one after all others. */
static struct list *timers_first(struct timers *timers)
{
    for (int level = 0; level < TIMERS_LEVELS; level++) {
        uint64_t occupied = timers->occupied[level];

        if (!occupied)
            continue;
        timers->occupied[level] &= occupied - 1;
        return &timers->list[level][__builtin_ctzll(occupied)];
    }
    return &timers->far;
}

/* Move the wheel to `next`, the start of its earliest list, and spread that list. */
static void timers_turn(struct timers *timers, uint64_t next)
{
    struct list moved;

    list_init(&moved);
    list_move_all(timers_first(timers), &moved);
    timers->now_ms = next;
    for (struct list *link; (link = list_take_first(&moved));)
        timers_place(timers, list_entry(link, struct timer, link));
}

struct timer *timers_take(struct timers *timers, uint64_t now_ms)
{
    struct list *link;

    while (!(link = list_take_first(&timers->due))) {
        uint64_t next = timers_next(timers);

        if (next > now_ms) {
            if (now_ms > timers->now_ms)
                timers->now_ms = now_ms;
            return NULL;
        }
        timers_turn(timers, next);
    }

    struct timer *timer = list_entry(link, struct timer, link);

    timer->at_ms = TIMERS_NEVER;
    return timer;
}
