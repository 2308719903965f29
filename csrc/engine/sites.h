/* sites: the dispatch table as an object: its text copied, its roots opened, its users counted. */
#ifndef ENGINE_SITES_H
#define ENGINE_SITES_H

#include <stdatomic.h>

#include "site/site.h"
#include "sys/sys.h"
#include "uwoffload.h"

struct site_made {
    struct site site; /* points into what follows */
    const struct sys *sys;
    uint64_t number; /* of all sites of this process: part of the key of an open file */
    _Atomic(uint32_t) references;
    struct types types;
    struct site_mount *mounts;
    int *roots;         /* one per mount */
    const char **names; /* of file mounts: the name below the root; else NULL */
    struct span *index_names;
    struct type *type_entries;
    struct site_text *text; /* every copied string */
};

/* 0, or -errno; *index is the mount at fault, or -1. */
int sites_make(const struct sys *sys, const struct uwo_site_options *options,
               struct site_made **site, int *index);

struct site_made *sites_hold(struct site_made *site);
void sites_drop(struct site_made *site);

#endif
