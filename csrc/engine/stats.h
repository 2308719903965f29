/* stats: counters in shared memory that another process can read.
 *
 *   offset 0         header (struct stats_header)
 *   field_table      field_count entries (struct stats_field)
 *   slots            workers_max x (threads_max + 1) slots of slot_size bytes
 *
 * The slot of (worker, thread) is number worker * (threads_max + 1) + thread; thread ==
 * threads_max is the slot of the threads that submit.  A slot holds one native 64-bit value per
 * field, at the field's offset, has one writer (the callers' slot: atomic additions) and is
 * aligned to 128 bytes.  Counters go on when a worker starts again in its slot; gauges begin at
 * zero.  A reader checks magic and version, then trusts the table, not this file. */
#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "sys/sys.h"

#define STATS_MAGIC "UWOSTATS"

enum {
    STATS_VERSION = 1,
    STATS_SLOT_ALIGN = 128,
    STATS_WORKERS_MAX = 4096,
    STATS_THREADS_MAX = 64
};

enum stats_kind { STATS_COUNTER, STATS_GAUGE };

struct stats_header {
    char magic[8];
    uint32_t version;
    uint32_t header_size;
    uint32_t field_count;
    uint32_t field_entry_size;
    uint32_t field_table;
    uint32_t slots;
    uint32_t slot_size;
    uint32_t workers_max;
    uint32_t threads_max;
    uint32_t reserved;
};

struct stats_field {
    char name[40];
    uint32_t offset; /* in the slot */
    uint32_t kind;   /* enum stats_kind */
};

enum stats_index {
#define FIELD(name, kind, meaning) STATS_##name,
#include "engine/stats.def"
#undef FIELD
    STATS_COUNT,
};

typedef _Atomic(uint64_t) stats_value;

struct uwo_stats {
    const struct sys *sys;
    int fd;
    size_t size;
    struct stats_header *header;
};

/* Make and map a block; path NULL: a memfd.  An existing file of the same shape goes on.
 * Returns 0, -EINVAL (numbers out of range, or the file is something else) or -errno. */
int stats_create(const struct sys *sys, const char *path, uint32_t workers_max,
                 uint32_t threads_max, struct uwo_stats **stats);

void stats_destroy(struct uwo_stats *stats);

/* The values of a slot. */
stats_value *stats_slot(const struct uwo_stats *stats, uint32_t worker, uint32_t thread);

const char *stats_field_name(uint32_t field);

/* For the one writer of a slot. */
static inline void stats_add(stats_value *slot, enum stats_index field, uint64_t value)
{
    uint64_t before = atomic_load_explicit(&slot[field], memory_order_relaxed);

    atomic_store_explicit(&slot[field], before + value, memory_order_relaxed);
}

/* For a slot with many writers. */
static inline void stats_add_shared(stats_value *slot, enum stats_index field, uint64_t value)
{
    atomic_fetch_add_explicit(&slot[field], value, memory_order_relaxed);
}

#endif
