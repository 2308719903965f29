/* look: a file look-up that may wait for a disk, carried out by a helper. */
#ifndef ENGINE_LOOK_H
#define ENGINE_LOOK_H

#include "engine/sites.h"

struct look {
    struct site_made *site; /* a reference */
    uint32_t root;
    struct sys_found found; /* the result */
    uint32_t path_size;
    char path[]; /* terminated */
};

/* NULL: no memory. */
struct look *look_make(const struct sys *sys, struct site_made *site, uint32_t root,
                       const char *path, size_t size);
void look_free(const struct sys *sys, struct look *look);

#endif
