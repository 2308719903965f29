#include "engine/files.h"

#include <string.h>

enum { BUCKETS_MAX = 1 << 16 };

/* So long is a failure for want of something believed. */
enum { FAILED_VALID_US = 50000 };

/* Beyond its validity, an entry is kept so long; and so many go in one turn. */
enum { UNUSED_US = 20000000, TRIM_MAX = 64 };

static uint32_t files_hash(uint64_t site, uint32_t root, const char *path, size_t size)
{
    uint64_t mixed = (site ^ (uint64_t)root << 32 ^ size) * UINT64_C(0x9e3779b97f4a7c15);

    while (size >= 8) {
        uint64_t word;

        memcpy(&word, path, 8);
        mixed = (mixed ^ word) * UINT64_C(0xff51afd7ed558ccd);
        mixed ^= mixed >> 32;
        path += 8;
        size -= 8;
    }
    while (size > 0) {
        mixed = (mixed ^ (uint8_t)*path++) * UINT64_C(0x100000001b3);
        size--;
    }
    return (uint32_t)(mixed ^ mixed >> 29);
}

int files_init(struct files *files, const struct sys *sys, uint32_t max, uint64_t valid_us)
{
    *files = (struct files){ .sys = sys, .max = max, .valid_us = valid_us, .bucket_count = 16 };
    list_init(&files->used);
    while (files->bucket_count < max && files->bucket_count < BUCKETS_MAX)
        files->bucket_count *= 2;
    files->buckets = sys->alloc(files->bucket_count * sizeof *files->buckets);
    if (!files->buckets)
        return -ENOMEM;
    memset(files->buckets, 0, files->bucket_count * sizeof *files->buckets);
    return 0;
}

static void files_free(struct files *files, struct open_file *file)
{
    if (file->fd >= 0)
        files->sys->close(file->fd);
    files->sys->release(file);
}

static struct open_file **files_place(struct files *files, const struct open_file *file)
{
    struct open_file **place = &files->buckets[file->hash & (files->bucket_count - 1)];

    while (*place && *place != file)
        place = &(*place)->next;
    return place;
}

/* Out of the cache; whoever has it pinned keeps it. */
static void files_remove(struct files *files, struct open_file *file)
{
    struct open_file **place = files_place(files, file);

    if (*place) {
        *place = file->next;
        files->count--;
    }
    list_remove(&file->used);
    list_init(&file->used);
    if (file->pins == 0)
        files_free(files, file);
}

void files_deinit(struct files *files)
{
    if (!files->buckets)
        return;
    while (!list_empty(&files->used))
        files_remove(files, list_entry(files->used.next, struct open_file, used));
    files->sys->release(files->buckets);
    files->buckets = NULL;
}

static struct open_file *files_at(struct files *files, uint32_t hash, uint64_t site, uint32_t root,
                                  const char *path, size_t size)
{
    struct open_file *file = files->buckets[hash & (files->bucket_count - 1)];

    while (file && (file->hash != hash || file->site != site || file->root != root ||
                    file->path_size != size || memcmp(file->path, path, size) != 0))
        file = file->next;
    return file;
}

static uint64_t files_valid_us(const struct files *files, const struct open_file *file)
{
    bool failed = file->info.kind == SITE_FAILED && files->valid_us > FAILED_VALID_US;

    return failed ? FAILED_VALID_US : files->valid_us;
}

struct open_file *files_find(struct files *files, uint64_t site, uint32_t root, const char *path,
                             size_t size, uint64_t now_us)
{
    uint32_t hash = files_hash(site, root, path, size);
    struct open_file *file = files_at(files, hash, site, root, path, size);

    if (!file || now_us - file->checked_us >= files_valid_us(files, file))
        return NULL;
    if (files->used.previous != &file->used) {
        list_remove(&file->used);
        list_append(&files->used, &file->used);
    }
    return file;
}

static uint8_t files_kind(const struct sys_found *found)
{
    switch (found->error) {
    case 0:
        return found->fd >= 0 ? SITE_REGULAR : found->directory ? SITE_DIRECTORY : SITE_OTHER;
    case EACCES:
    case EPERM:
        return SITE_FORBIDDEN;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO:
    case ESTALE:
    case EAGAIN: /* a rename was in the way, again and again */
    case EINTR:
        return SITE_FAILED;
    default: /* ENOENT ENOTDIR ELOOP ENAMETOOLONG, EXDEV: a link that leaves the root ... */
        return SITE_MISSING;
    }
}

static bool files_same(const struct open_file *file, uint8_t kind, const struct sys_found *found)
{
    return file->info.kind == kind && file->info.inode == found->inode &&
           file->info.size == found->size && file->info.mtime_ns == found->mtime_ns;
}

struct open_file *files_learn(struct files *files, uint64_t site, uint32_t root, const char *path,
                              size_t size, const struct sys_found *found, uint64_t now_us)
{
    uint32_t hash = files_hash(site, root, path, size);
    struct open_file *file = files_at(files, hash, site, root, path, size);
    uint8_t kind = files_kind(found);

    if (file && files_same(file, kind, found)) {
        if (found->fd >= 0)
            files->sys->close(found->fd);
        file->checked_us = now_us;
        return file;
    }
    if (file)
        files_remove(files, file);
    file = files->sys->alloc(sizeof *file + size + 1);
    if (!file) {
        if (found->fd >= 0)
            files->sys->close(found->fd);
        return NULL;
    }
    *file = (struct open_file){
        .info = { .kind = kind,
                  .inode = found->inode,
                  .size = found->size,
                  .mtime_ns = found->mtime_ns },
        .fd = found->fd,
        .hash = hash,
        .root = root,
        .site = site,
        .checked_us = now_us,
        .path_size = (uint32_t)size,
    };
    memcpy(file->path, path, size);
    file->path[size] = '\0';
    file->next = files->buckets[hash & (files->bucket_count - 1)];
    files->buckets[hash & (files->bucket_count - 1)] = file;
    list_append(&files->used, &file->used);
    files->count++;
    return file;
}

void files_forget(struct files *files, struct open_file *file)
{
    if (!list_empty(&file->used))
        files_remove(files, file);
}

void files_unpin(struct files *files, struct open_file *file)
{
    file->pins--;
    if (file->pins == 0 && list_empty(&file->used))
        files_free(files, file);
}

void files_shrink(struct files *files, uint32_t count)
{
    while (count > 0 && !list_empty(&files->used)) {
        files_remove(files, list_entry(files->used.next, struct open_file, used));
        count--;
    }
}

void files_trim(struct files *files, uint64_t now_us)
{
    if (files->count > files->max)
        files_shrink(files, files->count - files->max);
    for (int i = 0; i < TRIM_MAX && !list_empty(&files->used); i++) {
        struct open_file *oldest = list_entry(files->used.next, struct open_file, used);

        if (now_us - oldest->checked_us < files->valid_us + UNUSED_US)
            return;
        files_remove(files, oldest);
    }
}
