/* pipes: what splice(2) moves bytes through.
 *
 * A transfer holds a pipe only while bytes are in it.  A busy loop keeps a few empty ones; all
 * loops together never hold more than the engine's pipes_max.  When there is none, because of
 * that limit, of descriptors, or of the user's pipe budget (64 MiB by default for those who are
 * not root), the engine copies instead. */
#ifndef ENGINE_PIPES_H
#define ENGINE_PIPES_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/sys.h"

enum {
    PIPE_SIZE = 256 << 10,
    PIPE_SIZE_LEAST = 64 << 10, /* a smaller one is not worth its system calls */
    PIPES_KEPT = 4,             /* empty ones, per loop, while it has transfers */
};

struct pipe {
    int read_fd;
    int write_fd;
    uint32_t size; /* 0 when there is none */
};

struct pipes {
    struct pipe kept[PIPES_KEPT];
    uint32_t kept_count;
    uint64_t used_us; /* when the loop last spliced */
    bool refused;     /* do not try again in this turn of the loop */
};

/* An empty pipe; false when there is none to be had.  held_all counts those of all loops. */
bool pipes_get(struct pipes *pipes, const struct sys *sys, _Atomic(uint32_t) *held_all,
               uint32_t pipes_max, struct pipe *pipe);

/* Give back an empty one, or close one with bytes in it.  *pipe is zeroed. */
void pipes_put(struct pipes *pipes, const struct sys *sys, _Atomic(uint32_t) *held_all,
               struct pipe *pipe, bool empty);

/* Close the empty ones that are kept: the loop has nothing to do, or ends. */
void pipes_shrink(struct pipes *pipes, const struct sys *sys, _Atomic(uint32_t) *held_all);

#endif
