#include "engine/sites.h"

#include <stdlib.h>
#include <string.h>

struct site_text {
    struct site_text *next;
    char bytes[];
};

static const char *sites_copy(struct site_made *site, const char *text, size_t size)
{
    struct site_text *copy = site->sys->alloc(sizeof *copy + size + 1);

    if (!copy)
        return NULL;
    copy->next = site->text;
    site->text = copy;
    memcpy(copy->bytes, text, size);
    copy->bytes[size] = '\0';
    return copy->bytes;
}

/* A file: its directory is the root. */
static int sites_open_file(struct site_made *site, const char *target, uint32_t index)
{
    const char *slash = strrchr(target, '/');
    const char *name = slash ? slash + 1 : target;
    size_t size = slash ? (size_t)(slash - target) : 1;
    const char *folder = sites_copy(site, slash ? target : ".", size > 0 ? size : 1);
    bool directory;

    site->names[index] = sites_copy(site, name, strlen(name));
    if (!folder || !site->names[index])
        return -ENOMEM;
    return site->sys->open_root(folder, &directory);
}

static int sites_mount(struct site_made *site, const struct uwo_mount *from, uint32_t index)
{
    struct site_mount *mount = &site->mounts[index];
    bool directory = false;
    int fd = site->sys->open_root(from->target, &directory);

    if (fd < 0)
        return fd;
    if (!directory) {
        site->sys->close(fd);
        fd = sites_open_file(site, from->target, index);
        if (fd < 0)
            return fd;
    }
    site->roots[index] = fd;
    *mount = (struct site_mount){
        .prefix_size = strlen(from->prefix),
        .root = index,
        .keep_prefix = from->keep_prefix,
        .file = !directory,
    };
    mount->prefix = sites_copy(site, from->prefix, mount->prefix_size);
    site->site.mount_count = index + 1;
    return mount->prefix ? 0 : -ENOMEM;
}

static int sites_indexes(struct site_made *site, const struct uwo_site_options *options)
{
    for (uint32_t i = 0; i < options->index_count; i++) {
        struct span *name = &site->index_names[i];

        name->size = strlen(options->index_names[i]);
        name->data = sites_copy(site, options->index_names[i], name->size);
        if (!name->data)
            return -ENOMEM;
    }
    return 0;
}

static int sites_compare(const void *a, const void *b)
{
    return strcmp(((const struct type *)a)->ending, ((const struct type *)b)->ending);
}

/* Sorted by ending; of equal ones the last given counts. */
static int sites_types(struct site_made *site, const struct uwo_site_options *options)
{
    uint32_t count = 0;

    for (size_t i = 0; i < options->type_count; i++) {
        const struct uwo_type *from = &options->types[i];
        struct type *to = &site->type_entries[count];

        for (uint32_t j = 0; j < count; j++) {
            if (!strcmp(site->type_entries[j].ending, from->ending))
                to = &site->type_entries[j];
        }
        if (to == &site->type_entries[count])
            count++;
        to->ending = sites_copy(site, from->ending, strlen(from->ending));
        to->type = sites_copy(site, from->type, strlen(from->type));
        if (!to->ending || !to->type)
            return -ENOMEM;
    }
    qsort(site->type_entries, count, sizeof *site->type_entries, sites_compare);
    site->types = (struct types){ .entries = site->type_entries, .count = count };
    return 0;
}

static void *sites_array(const struct sys *sys, size_t count, size_t size)
{
    void *memory = sys->alloc((count + 1) * size);

    if (memory)
        memset(memory, 0, (count + 1) * size);
    return memory;
}

static int sites_fill(struct site_made *site, const struct uwo_site_options *options, int *index)
{
    const struct sys *sys = site->sys;
    int status = 0;

    site->mounts = sites_array(sys, options->mount_count, sizeof *site->mounts);
    site->roots = sites_array(sys, options->mount_count, sizeof *site->roots);
    site->names = sites_array(sys, options->mount_count, sizeof *site->names);
    site->index_names = sites_array(sys, options->index_count, sizeof *site->index_names);
    site->type_entries = sites_array(sys, options->type_count, sizeof *site->type_entries);
    if (!site->mounts || !site->roots || !site->names || !site->index_names || !site->type_entries)
        return -ENOMEM;
    for (uint32_t i = 0; status == 0 && i < options->mount_count; i++) {
        *index = (int)i;
        status = sites_mount(site, &options->mounts[i], i);
    }
    if (status < 0)
        return status;
    *index = -1;
    status = sites_indexes(site, options);
    if (status == 0)
        status = sites_types(site, options);
    site->site.mounts = site->mounts;
    site->site.index_names = site->index_names;
    site->site.index_count = (uint32_t)options->index_count;
    site->site.types = &site->types;
    site->site.application = options->application;
    site->site.siblings = options->siblings;
    return status;
}

int sites_make(const struct sys *sys, const struct uwo_site_options *options,
               struct site_made **out, int *index)
{
    static _Atomic(uint64_t) last_number;
    struct site_made *site = sys->alloc(sizeof *site);
    int status;

    *index = -1;
    if (!site)
        return -ENOMEM;
    memset(site, 0, sizeof *site);
    site->sys = sys;
    site->number = atomic_fetch_add(&last_number, 1) + 1;
    atomic_init(&site->references, 1);
    status = sites_fill(site, options, index);
    if (status < 0)
        sites_drop(site);
    else
        *out = site;
    return status;
}

struct site_made *sites_hold(struct site_made *site)
{
    if (site)
        atomic_fetch_add(&site->references, 1);
    return site;
}

void sites_drop(struct site_made *site)
{
    if (!site || atomic_fetch_sub(&site->references, 1) > 1)
        return;

    const struct sys *sys = site->sys;

    for (uint32_t i = 0; i < site->site.mount_count; i++)
        sys->close(site->roots[i]);
    while (site->text) {
        struct site_text *text = site->text;

        site->text = text->next;
        sys->release(text);
    }
    sys->release(site->mounts);
    sys->release(site->roots);
    sys->release(site->names);
    sys->release(site->index_names);
    sys->release(site->type_entries);
    sys->release(site);
}
