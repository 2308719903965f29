/* files: the open-file cache of a loop.
 *
 * Key: site, root, normalised name.  An entry is believed for valid_us; then it is looked up again,
 * and when inode, size or time of change differ it is replaced, while whoever sends the old file
 * keeps it (pins).  What is missing is remembered as well. */
#ifndef ENGINE_FILES_H
#define ENGINE_FILES_H

#include "base/list.h"
#include "site/site.h"
#include "sys/sys.h"

struct open_file {
    struct site_file info; /* first: a look-up gives a pointer to it */
    int fd;                /* regular files, else -1 */
    uint32_t pins;
    uint32_t hash;
    uint32_t root;
    uint64_t site;
    uint64_t checked_us;
    uint64_t resident_us;   /* when all of it was last seen in memory; 0: never */
    struct open_file *next; /* in its bucket */
    struct list used;       /* in files->used, least lately first; alone: no longer in the cache */
    uint32_t path_size;
    char path[]; /* terminated */
};

struct files {
    const struct sys *sys;
    struct open_file **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t count;
    uint32_t max; /* 0: nothing is kept */
    uint64_t valid_us;
    struct list used; /* least lately first */
};

/* 0 or -ENOMEM. */
int files_init(struct files *files, const struct sys *sys, uint32_t max, uint64_t valid_us);
void files_deinit(struct files *files);

/* What is known of a name, if it is believed still; else NULL. */
struct open_file *files_find(struct files *files, uint64_t site, uint32_t root, const char *path,
                             size_t size, uint64_t now_us);

/* What has just been found under a name; takes found->fd.  NULL: no memory, found->fd is closed. */
struct open_file *files_learn(struct files *files, uint64_t site, uint32_t root, const char *path,
                              size_t size, const struct sys_found *found, uint64_t now_us);

/* Forget it: it was found changed. */
void files_forget(struct files *files, struct open_file *file);

static inline void files_pin(struct open_file *file)
{
    file->pins++;
}

void files_unpin(struct files *files, struct open_file *file);

/* Forget what has not been asked for the longest, up to `count`: somebody needs the descriptors. */
void files_shrink(struct files *files, uint32_t count);

/* Between turns: no more entries than `max`, and none that nobody has asked for lately: a deleted
 * file must not take up its disk for ever. */
void files_trim(struct files *files, uint64_t now_us);

#endif
