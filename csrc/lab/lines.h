/* lines: first-in first-out queues of requests that wait, all out of one block of places.
 *
 * The block is the caller's, who may hand in a larger one (with the places copied over) when
 * lines_full says so; places are linked by their numbers, so that they survive the move. */
#ifndef LAB_LINES_H
#define LAB_LINES_H

#include "base/ensure.h"

#include <stdbool.h>
#include <stdint.h>

#define LINES_NONE UINT32_MAX

struct place {
    int64_t arrival_us;
    int64_t service_us;
    uint64_t request; /* its number, from 0 */
    uint32_t next;
};

struct line {
    uint32_t first;
    uint32_t last;
    uint32_t count;
};

struct lines {
    struct place *place;
    uint32_t place_count;
    uint32_t used;  /* places from here on were never used */
    uint32_t free;  /* first of those given back */
    uint32_t total; /* requests in all lines */
};

static inline void lines_init(struct lines *lines)
{
    *lines = (struct lines){ .free = LINES_NONE };
}

static inline void lines_clear(struct line *line)
{
    *line = (struct line){ .first = LINES_NONE, .last = LINES_NONE };
}

static inline bool lines_full(const struct lines *lines)
{
    return lines->total == lines->place_count;
}

static inline void lines_grow(struct lines *lines, struct place *place, uint32_t place_count)
{
    ensure(place_count >= lines->place_count);
    lines->place = place;
    lines->place_count = place_count;
}

/* Behind the last one.  There must be a place. */
static inline void lines_push(struct lines *lines, struct line *line, const struct place *request)
{
    uint32_t at = lines->free;

    if (at != LINES_NONE)
        lines->free = lines->place[at].next;
    else
        at = lines->used++;
    lines->place[at] = *request;
    lines->place[at].next = LINES_NONE;
    if (line->count++ == 0)
        line->first = at;
    else
        lines->place[line->last].next = at;
    line->last = at;
    lines->total++;
}

/* The first one; the line is not empty. */
static inline struct place lines_pop(struct lines *lines, struct line *line)
{
    uint32_t at = line->first;
    struct place request = lines->place[at];

    line->first = request.next;
    line->count--;
    lines->place[at].next = lines->free;
    lines->free = at;
    lines->total--;
    return request;
}

#endif
