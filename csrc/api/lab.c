/* The lab: every argument is checked, then one call down.  Memory is asked for here. */
#include "lab/lab.h"
#include "api/check.h"
#include "base/ensure.h"
#include "lab/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LAB_WORKERS_MAX = 65535, LAB_THREADS_MAX = 64, LAB_PLACES_MIN = 64 };

#define LAB_RSS_MAX   (UINT64_C(1) << 46)
#define LAB_CLOCK_MAX (INT64_C(1) << 60)
#define LAB_TICK_US   INT64_C(1000000)
#define LAB_FLAP_US   INT64_C(60000000)
#define LAB_WALL_US   INT64_C(1700000000000000)
#define LAB_MONO_US   UINT64_C(1000000000)

struct uwo_lab {
    struct lab *lab;
    struct place *place;
};

/* ---- checks ---- */

static int lab_check_sizes(const struct uwo_lab_options *options, struct uwo_error *error)
{
    if (options->workers_max < 1 || options->workers_max > LAB_WORKERS_MAX)
        return check_fail(error, -1, UWO_E_INVALID,
                          "workers_max is %" PRIu32 ": 1 to %d is allowed", options->workers_max,
                          LAB_WORKERS_MAX);
    if (options->threads > LAB_THREADS_MAX)
        return check_fail(error, -1, UWO_E_INVALID, "threads is %" PRIu32 ": 1 to %d is allowed",
                          options->threads, LAB_THREADS_MAX);
    if ((uint64_t)options->workers_max * ends_leaves(options->threads) > UWO_LAB_CORES_MAX)
        return check_fail(error, -1, UWO_E_INVALID,
                          "threads is %" PRIu32 ": of %" PRIu32
                          " workers that makes more than %d in all",
                          options->threads, options->workers_max, UWO_LAB_CORES_MAX);
    if (options->workers_startup > options->workers_max)
        return check_fail(error, -1, UWO_E_INVALID,
                          "workers_startup is %" PRIu32 ": 0 to workers_max, %" PRIu32
                          ", is allowed",
                          options->workers_startup, options->workers_max);
    if (options->queues > UWO_LAB_PER_WORKER)
        return check_fail(error, -1, UWO_E_INVALID, "queues is %" PRIu32 ": there is none such",
                          options->queues);
    if (options->idle_order > UWO_LAB_LONGEST_IDLE_FIRST)
        return check_fail(error, -1, UWO_E_INVALID, "idle_order is %" PRIu32 ": there is none such",
                          options->idle_order);
    if (options->flags & ~(uint32_t)(UWO_LAB_ASK | UWO_LAB_NO_RESPAWN | UWO_LAB_COLD))
        return check_fail(error, -1, UWO_E_INVALID, "flags is %#" PRIx32 ": there is none such",
                          options->flags);
    if (options->busy_rss < options->idle_rss || options->busy_rss > LAB_RSS_MAX)
        return check_fail(error, -1, UWO_E_INVALID,
                          "busy_rss is %" PRIu64 " bytes: idle_rss, %" PRIu64 ", to 64 TiB is "
                          "allowed",
                          options->busy_rss, options->idle_rss);
    return UWO_OK;
}

static int lab_check_times(const struct uwo_lab_options *options, struct uwo_error *error)
{
    const struct {
        const char *name;
        int64_t value, least, most;
    } times[] = {
        { "horizon_us", options->horizon_us, 1, UWO_LAB_TIME_MAX },
        { "tick_us", options->tick_us, 0, UWO_LAB_TIME_MAX },
        { "startup_us", options->startup_us, 0, UWO_LAB_TIME_MAX },
        { "drain_us", options->drain_us, 0, UWO_LAB_TIME_MAX },
        { "first_request_us", options->first_request_us, 0, UWO_LAB_SERVICE_MAX },
        { "wait_target_us", options->wait_target_us, 0, UWO_LAB_TIME_MAX },
        { "flap_us", options->flap_us, 0, UWO_LAB_TIME_MAX },
        { "wall_us", options->wall_us, 0, LAB_CLOCK_MAX },
        { "mono_us", (int64_t)options->mono_us, 0, LAB_CLOCK_MAX },
    };

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        if (times[i].value < times[i].least || times[i].value > times[i].most)
            return check_fail(error, -1, UWO_E_INVALID,
                              "%s is %" PRId64 ": %" PRId64 " to %" PRId64 " is allowed",
                              times[i].name, times[i].value, times[i].least, times[i].most);
    }
    if (options->horizon_us / (options->tick_us ? options->tick_us : LAB_TICK_US) >
        UWO_LAB_TICKS_MAX)
        return check_fail(error, -1, UWO_E_INVALID,
                          "tick_us is %" PRId64 ": up to the horizon that makes more than %d ticks",
                          options->tick_us, UWO_LAB_TICKS_MAX);
    return UWO_OK;
}

/* What an event's value may be; number tells whether it names a worker. */
static int64_t lab_event_most(uint32_t kind, bool *number)
{
    *number = false;
    switch (kind) {
    case UWO_LAB_DEATH:
    case UWO_LAB_START:
    case UWO_LAB_STOP:
        *number = true;
        return 0;
    case UWO_LAB_FORKS_FAIL:
    case UWO_LAB_MANUAL:
        return LAB_WORKERS_MAX - 1;
    case UWO_LAB_CLOCK_STEP:
        return UWO_LAB_TIME_MAX;
    default:
        return -1;
    }
}

static int lab_check_events(const struct uwo_lab_options *options, struct uwo_error *error)
{
    const struct uwo_lab_event *events = options->events;
    uint64_t moved = 0;

    if (options->event_count > LAB_WORKERS_MAX / 2 || (options->event_count && !events))
        return check_fail(error, -1, UWO_E_INVALID, "event_count is %zu: 0 to %d is allowed",
                          options->event_count, LAB_WORKERS_MAX / 2);
    for (size_t i = 0; i < options->event_count; i++) {
        const struct uwo_lab_event *event = &events[i];
        bool number;
        int64_t most = lab_event_most(event->kind, &number);

        if (most < 0)
            return check_fail(error, -1, UWO_E_INVALID,
                              "events[%zu]: kind is %" PRIu32 ": there is none such", i,
                              event->kind);
        if (event->at_us < (i ? event[-1].at_us : 0) || event->at_us > UWO_LAB_TIME_MAX)
            return check_fail(error, -1, UWO_E_INVALID,
                              "events[%zu]: at_us is %" PRId64 ": not before the one before, up to "
                              "%" PRId64 " is allowed",
                              i, event->at_us, (int64_t)UWO_LAB_TIME_MAX);
        if (number && (event->number < 1 || event->number > options->workers_max))
            return check_fail(error, -1, UWO_E_INVALID,
                              "events[%zu]: number is %" PRIu32 ": 1 to %" PRIu32 " is allowed", i,
                              event->number, options->workers_max);
        if (!number &&
            (event->value > most || event->value < (event->kind == UWO_LAB_FORKS_FAIL ? 0 : -most)))
            return check_fail(error, -1, UWO_E_INVALID,
                              "events[%zu]: value is %" PRId64 ": up to %" PRId64 " is allowed", i,
                              event->value, most);
        moved += event->kind == UWO_LAB_CLOCK_STEP ? (uint64_t)llabs(event->value) : 0;
    }
    if (moved > (uint64_t)LAB_CLOCK_MAX)
        return check_fail(error, -1, UWO_E_INVALID, "events: the clock is set too far");
    return UWO_OK;
}

static int lab_check_rule(const struct uwo_lab_options *options, struct uwo_error *error)
{
    const struct uwo_scale_rule *rule = options->rule;
    int status;

    if (!rule)
        return UWO_OK;
    status = uwo_scale_check(rule, error);
    if (status < 0)
        return status;
    if (rule->algorithm == UWO_SCALE_FOREIGN || options->flags & UWO_LAB_ASK)
        return check_fail(error, -1, UWO_E_INVALID,
                          "rule: it is asked by the lab itself; one of your own needs UWO_LAB_ASK "
                          "and no rule");
    if (rule->workers_max != options->workers_max)
        return check_fail(error, -1, UWO_E_INVALID,
                          "rule: workers_max is %" PRIu32 ": that of the pool is %" PRIu32,
                          rule->workers_max, options->workers_max);
    return UWO_OK;
}

static int lab_check(const struct uwo_lab_options *given, struct uwo_lab_options *complete,
                     struct uwo_error *error)
{
    int status;

    if (!given || given->size != sizeof *given)
        return check_fail(error, -1, UWO_E_INVALID,
                          "options.size is %zu: set it to sizeof(struct uwo_lab_options), %zu",
                          given ? given->size : 0, sizeof *given);
    *complete = *given;
    if (!complete->threads)
        complete->threads = 1;
    if ((status = lab_check_sizes(complete, error)) < 0 ||
        (status = lab_check_times(complete, error)) < 0 ||
        (status = lab_check_events(complete, error)) < 0 ||
        (status = lab_check_rule(complete, error)) < 0)
        return status;
    if (!complete->workers_startup)
        complete->workers_startup = complete->rule ? uwo_scale_startup(complete->rule)
                                                   : complete->workers_max;
    if (!complete->tick_us)
        complete->tick_us = LAB_TICK_US;
    if (!complete->flap_us)
        complete->flap_us = LAB_FLAP_US;
    if (!complete->wall_us)
        complete->wall_us = LAB_WALL_US;
    if (!complete->mono_us)
        complete->mono_us = LAB_MONO_US;
    if (!complete->waits)
        complete->waits_max = 0;
    if (!complete->rows)
        complete->rows_max = 0;
    return UWO_OK;
}

/* ---- memory ---- */

int uwo_lab_create(const struct uwo_lab_options *options, struct uwo_lab **lab,
                   struct uwo_error *error)
{
    struct uwo_lab_options complete;
    int status = lab_check(options, &complete, error);
    void *memory;

    if (status < 0)
        return status;
    *lab = calloc(1, sizeof **lab);
    memory = aligned_alloc(64, lab_size(&complete));
    if (!*lab || !memory) {
        free(*lab);
        free(memory);
        *lab = NULL;
        return -ENOMEM;
    }
    (*lab)->lab = lab_init(memory, &complete);
    return UWO_OK;
}

void uwo_lab_destroy(struct uwo_lab *lab)
{
    if (!lab)
        return;
    free(lab->place);
    free(lab->lab);
    free(lab);
}

/* Room for twice as many that wait. */
static int lab_grow(struct uwo_lab *lab)
{
    uint32_t count = lab->lab->lines.place_count * 2;
    struct place *place;

    if (count > UWO_LAB_WAITING_MAX)
        return UWO_E_FULL;
    if (count < LAB_PLACES_MIN)
        count = LAB_PLACES_MIN;
    place = realloc(lab->place, count * sizeof *place);
    if (!place)
        return -ENOMEM;
    lab->place = place;
    lines_grow(&lab->lab->lines, place, count);
    return UWO_OK;
}

/* ---- running ---- */

static int lab_refuse(const struct uwo_lab *lab, const struct lab_load *load, int status,
                      struct uwo_error *error)
{
    int64_t arrival_us = load->arrivals[load->taken];
    int index = load->taken <= INT32_MAX ? (int)load->taken : -1;

    if (status == LAB_BAD_SERVICE)
        return check_fail(error, index, UWO_E_INVALID,
                          "services: %" PRId64 ": 0 to %" PRId64 " is allowed",
                          load->services[load->taken], (int64_t)UWO_LAB_SERVICE_MAX);
    if (arrival_us < lab->lab->arrived_us)
        return check_fail(error, index, UWO_E_INVALID,
                          "arrivals: %" PRId64 " stands behind %" PRId64
                          ": they must not decrease, from 0 on",
                          arrival_us, lab->lab->arrived_us);
    return check_fail(error, index, UWO_E_INVALID,
                      "arrivals: %" PRId64 ": the run ends at %" PRId64, arrival_us,
                      lab->lab->options.horizon_us);
}

static int lab_ready(const struct uwo_lab *lab, struct uwo_error *error)
{
    if (lab->lab->ended)
        return check_fail(error, -1, UWO_E_INVALID, "this run has ended: make another lab");
    if (lab->lab->asking)
        return check_fail(error, -1, UWO_E_INVALID, "a tick is not answered: uwo_lab_answer first");
    return UWO_OK;
}

int uwo_lab_feed(struct uwo_lab *lab, const int64_t *arrivals, const int64_t *services,
                 size_t count, size_t *taken, struct uwo_error *error)
{
    struct lab_load load = { .arrivals = arrivals, .services = services, .count = count };
    int status = lab_ready(lab, error);

    *taken = 0;
    if (status < 0)
        return status;
    while ((status = lab_feed(lab->lab, &load)) == LAB_ROOM) {
        int grown = lab_grow(lab);

        if (grown < 0) {
            *taken = load.taken;
            return grown;
        }
    }
    *taken = load.taken;
    if (status == LAB_BAD_ARRIVAL || status == LAB_BAD_SERVICE)
        return lab_refuse(lab, &load, status, error);
    return status == LAB_TICK ? UWO_LAB_ASK : UWO_OK;
}

int uwo_lab_finish(struct uwo_lab *lab, struct uwo_error *error)
{
    int status = lab_ready(lab, error);

    if (status < 0)
        return status;
    return lab_finish(lab->lab) == LAB_TICK ? UWO_LAB_ASK : UWO_OK;
}

const struct uwo_readings *uwo_lab_readings(const struct uwo_lab *lab)
{
    return &lab->lab->readings;
}

/* Each number once, and fit for it. */
static int lab_check_numbers(struct lab *lab, const char *name, const uint32_t *numbers,
                             uint32_t count, bool start, struct uwo_error *error)
{
    uint32_t sound = 0;

    for (; sound < count; sound++) {
        uint32_t number = numbers[sound];
        struct lab_worker *worker = lab->worker + (number ? number - 1 : 0);

        if (number < 1 || number > lab->options.workers_max || worker->named)
            break;
        if (!(start ? pool_may_start(worker) : pool_may_stop(worker)))
            break;
        worker->named = 1;
    }
    for (uint32_t i = 0; i < sound; i++)
        lab->worker[numbers[i] - 1].named = 0;
    if (sound == count)
        return UWO_OK;
    return check_fail(error, (int)sound, UWO_E_INVALID,
                      "%s: worker %" PRIu32 ": no such worker, or it stands there twice, or it is "
                      "not one to %s",
                      name, numbers[sound], name);
}

int uwo_lab_answer(struct uwo_lab *lab, int32_t delta, const uint32_t *start, uint32_t start_count,
                   const uint32_t *stop, uint32_t stop_count, struct uwo_error *error)
{
    int status;

    if (!lab->lab->asking)
        return check_fail(error, -1, UWO_E_INVALID, "no tick is to be answered");
    if ((status = lab_check_numbers(lab->lab, "start", start, start_count, true, error)) < 0 ||
        (status = lab_check_numbers(lab->lab, "stop", stop, stop_count, false, error)) < 0)
        return status;
    lab_answer(lab->lab, delta, start, start_count, stop, stop_count);
    return UWO_OK;
}

int uwo_lab_result(const struct uwo_lab *lab, struct uwo_lab_result *result)
{
    if (result->size != sizeof *result || !lab->lab->ended)
        return UWO_E_INVALID;
    lab_total(lab->lab, result);
    return UWO_OK;
}

int64_t uwo_lab_quantile(const struct uwo_lab *lab, uint32_t millionths)
{
    return waits_quantile(&lab->lab->waits, millionths < 1000000 ? millionths : 1000000);
}

/* ---- whole runs ---- */

static int lab_run(struct uwo_lab_job *job, struct uwo_error *error)
{
    struct uwo_lab *lab;
    size_t taken;
    int status;

    if (job->size != sizeof *job || job->options.flags & UWO_LAB_ASK)
        return check_fail(error, -1, UWO_E_INVALID,
                          "job: size must be %zu, and UWO_LAB_ASK is not for whole runs",
                          sizeof *job);
    status = uwo_lab_create(&job->options, &lab, error);
    if (status < 0)
        return status;
    status = uwo_lab_feed(lab, job->arrivals, job->services, job->count, &taken, error);
    if (status == UWO_OK)
        status = uwo_lab_finish(lab, error);
    if (status == UWO_OK)
        lab_total(lab->lab, &job->result);
    uwo_lab_destroy(lab);
    return status;
}

int uwo_lab_run(struct uwo_lab_job *jobs, size_t count, struct uwo_error *error)
{
    for (size_t i = 0; i < count; i++) {
        jobs[i].status = lab_run(&jobs[i], error);
        if (jobs[i].status < 0)
            return jobs[i].status;
    }
    return UWO_OK;
}
