/* Names, texts and statistics. */
#include "api/check.h"
#include "api/version.h"

static const char *const outcome_names[UWO_OUTCOME_COUNT] = {
    [UWO_FINISHED] = "finished",         [UWO_CANCELLED] = "cancelled",
    [UWO_DEADLINE] = "deadline",         [UWO_NO_PROGRESS] = "no progress",
    [UWO_TOO_SLOW] = "too slow",         [UWO_CLIENT_GONE] = "client gone",
    [UWO_SOURCE_SHORT] = "source short", [UWO_SOURCE_FAILED] = "source failed",
    [UWO_UPLOAD_SHORT] = "upload short", [UWO_DISK_FAILED] = "disk failed",
    [UWO_NO_RESOURCE] = "no resource",
};

const char *uwo_version(void)
{
    return UWO_VERSION_TEXT;
}

const char *uwo_outcome_name(uint32_t outcome)
{
    return outcome < UWO_OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

const char *uwo_kind_name(uint32_t kind)
{
    const struct task_type *type = task_type_of(kind);

    return type ? type->name : "unknown";
}

const char *uwo_status_text(int status)
{
    switch (status) {
    case UWO_E_INVALID:
        return "an argument is wrong";
    case UWO_E_FULL:
        return "a limit of the engine is reached";
    case UWO_E_CLOSED:
        return "the engine is draining or closed";
    case UWO_E_FORKED:
        return "the engine belongs to the process that made it: make one after fork";
    case UWO_E_GONE:
        return "no such transfer, or it has ended";
    case UWO_E_UNSUPPORTED:
        return "this kernel lacks something the engine needs";
    default:
        return status >= 0 ? "no error" : sys_error_text(-status);
    }
}

int uwo_stats_create(const char *path, uint32_t workers_max, uint32_t threads_max,
                     struct uwo_stats **stats)
{
    int status = stats_create(sys_default, path, workers_max, threads_max, stats);

    return status == -EINVAL ? UWO_E_INVALID : status;
}

void uwo_stats_destroy(struct uwo_stats *stats)
{
    stats_destroy(stats);
}

int uwo_stats_fd(const struct uwo_stats *stats)
{
    return stats->fd;
}

struct uwo_stats *uwo_engine_stats(const struct uwo_engine *engine)
{
    return engine->stats;
}

uint32_t uwo_stats_field_count(void)
{
    return STATS_COUNT;
}

const char *uwo_stats_field_name(uint32_t field)
{
    return stats_field_name(field);
}

uint64_t uwo_stats_value(const struct uwo_stats *stats, uint32_t worker, uint32_t thread,
                         uint32_t field)
{
    const struct stats_header *header = stats->header;

    if (worker >= header->workers_max || thread > header->threads_max || field >= STATS_COUNT)
        return 0;
    return atomic_load_explicit(&stats_slot(stats, worker, thread)[field], memory_order_relaxed);
}
