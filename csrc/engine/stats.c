#include "engine/stats.h"

#include <string.h>

static const struct {
    const char *name;
    uint32_t kind;
} fields[STATS_COUNT] = {
#define FIELD(name, kind, meaning) { #name, STATS_##kind },
#include "engine/stats.def"
#undef FIELD
};

static uint32_t round_up(uint32_t value, uint32_t to)
{
    return (value + to - 1) / to * to;
}

static struct stats_header stats_shape(uint32_t workers_max, uint32_t threads_max)
{
    uint32_t table = round_up(sizeof(struct stats_header), 8);
    uint32_t table_size = STATS_COUNT * (uint32_t)sizeof(struct stats_field);

    return (struct stats_header){
        .magic = STATS_MAGIC,
        .version = STATS_VERSION,
        .header_size = sizeof(struct stats_header),
        .field_count = STATS_COUNT,
        .field_entry_size = sizeof(struct stats_field),
        .field_table = table,
        .slots = round_up(table + table_size, STATS_SLOT_ALIGN),
        .slot_size = round_up(STATS_COUNT * (uint32_t)sizeof(stats_value), STATS_SLOT_ALIGN),
        .workers_max = workers_max,
        .threads_max = threads_max,
    };
}

static size_t stats_size(const struct stats_header *shape)
{
    size_t slots = (size_t)shape->workers_max * (shape->threads_max + 1);

    return shape->slots + slots * shape->slot_size;
}

static void stats_describe(const struct uwo_stats *stats, const struct stats_header *shape)
{
    char *base = (char *)stats->header;
    struct stats_field *table = (struct stats_field *)(base + shape->field_table);

    for (uint32_t i = 0; i < STATS_COUNT; i++) {
        memset(&table[i], 0, sizeof table[i]);
        memcpy(table[i].name, fields[i].name, strlen(fields[i].name));
        table[i].offset = i * (uint32_t)sizeof(stats_value);
        table[i].kind = fields[i].kind;
    }
    *stats->header = *shape;
}

/* Map the file, new or from before. */
static int stats_attach(struct uwo_stats *stats, const struct stats_header *shape)
{
    int64_t size = stats->sys->file_size(stats->fd);
    int status;

    if (size < 0)
        return (int)size;
    if (size != 0 && (size_t)size != stats->size)
        return -EINVAL;
    if (size == 0 && (status = stats->sys->resize(stats->fd, (int64_t)stats->size)) < 0)
        return status;
    stats->header = stats->sys->map(stats->fd, stats->size);
    if (!stats->header)
        return -ENOMEM;
    if (size == 0)
        stats_describe(stats, shape);
    return memcmp(stats->header, shape, sizeof *shape) == 0 ? 0 : -EINVAL;
}

int stats_create(const struct sys *sys, const char *path, uint32_t workers_max,
                 uint32_t threads_max, struct uwo_stats **out)
{
    struct stats_header shape = stats_shape(workers_max, threads_max);

    if (workers_max < 1 || workers_max > STATS_WORKERS_MAX)
        return -EINVAL;
    if (threads_max < 1 || threads_max > STATS_THREADS_MAX)
        return -EINVAL;

    struct uwo_stats *stats = sys->alloc(sizeof *stats);

    if (!stats)
        return -ENOMEM;
    *stats = (struct uwo_stats){ .sys = sys, .size = stats_size(&shape) };
    stats->fd = path ? sys->open_file(path) : sys->memory_file("uwoffload-stats");

    int status = stats->fd < 0 ? stats->fd : stats_attach(stats, &shape);

    if (status < 0) {
        stats_destroy(stats);
        return status;
    }
    *out = stats;
    return 0;
}

void stats_destroy(struct uwo_stats *stats)
{
    if (!stats)
        return;
    if (stats->header)
        stats->sys->arena_unmap(stats->header, stats->size);
    if (stats->fd >= 0)
        stats->sys->close(stats->fd);
    stats->sys->release(stats);
}

stats_value *stats_slot(const struct uwo_stats *stats, uint32_t worker, uint32_t thread)
{
    const struct stats_header *header = stats->header;
    size_t slot = (size_t)worker * (header->threads_max + 1) + thread;

    return (stats_value *)((char *)header + header->slots + slot * header->slot_size);
}

const char *stats_field_name(uint32_t field)
{
    return field < STATS_COUNT ? fields[field].name : "unknown";
}
