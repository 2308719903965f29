/* Scaling: every argument is checked, then one call down. */
#include <inttypes.h>
#include <string.h>

#include "api/check.h"
#include "cheaper/cheaper.h"

enum { WORKERS_MOST = 65535, INTERVAL_MOST_MS = 86400000 };

static const char *const profile_names[] = {
    [UWO_PROFILE_FIXED] = "fixed",
    [UWO_PROFILE_UWSGI_2_0] = "uwsgi-2.0",
    [UWO_PROFILE_UWSGI_2_1] = "uwsgi-2.1",
};

static const char *const limit_names[] = {
    [UWO_LIMIT_NONE] = "none",
    [UWO_LIMIT_WORKERS_MIN] = "workers_min",
    [UWO_LIMIT_WORKERS_MAX] = "workers_max",
    [UWO_LIMIT_WORKERS_STEP] = "workers_step",
    [UWO_LIMIT_RSS_SOFT] = "rss_soft",
    [UWO_LIMIT_RSS_HARD] = "rss_hard",
    [UWO_LIMIT_NO_IDLE] = "no idle worker",
    [UWO_LIMIT_NO_STARTABLE] = "no free slot",
};

const char *uwo_scale_profile_name(uint32_t profile)
{
    return profile <= UWO_PROFILE_UWSGI_2_1 ? profile_names[profile] : "unknown";
}

const char *uwo_scale_limit_name(uint32_t limit)
{
    return limit <= UWO_LIMIT_NO_STARTABLE ? limit_names[limit] : "unknown";
}

uint32_t uwo_scale_count(void)
{
    return scale_algo_count();
}

int uwo_scale_find(const char *name)
{
    for (uint32_t i = 0; i < scale_algo_count(); i++)
        if (strcmp(scale_algo_at(i)->info.name, name) == 0)
            return (int)i;
    return -1;
}

const struct uwo_scale_algorithm *uwo_scale_algorithm(uint32_t number)
{
    const struct scale_algo *algo = scale_algo_at(number);

    return algo ? &algo->info : NULL;
}

/* ---- is a rule sound? ---- */

static int scaling_check_workers(const struct uwo_scale_rule *rule, struct uwo_error *error)
{
    uint32_t most = rule->workers_max;

    if (most < 1 || most > WORKERS_MOST)
        return check_fail(error, -1, UWO_E_INVALID,
                          "workers_max is %" PRIu32 ": 1 to %d workers are allowed", most,
                          WORKERS_MOST);
    if (rule->profile != UWO_PROFILE_FIXED && rule->workers_min >= most)
        return check_fail(error, -1, UWO_E_INVALID,
                          "workers_min is %" PRIu32 ": in profile %s it must be lower than "
                          "workers_max, %" PRIu32,
                          rule->workers_min, profile_names[rule->profile], most);
    if (rule->workers_min < 1 || rule->workers_min > most)
        return check_fail(error, -1, UWO_E_INVALID,
                          "workers_min is %" PRIu32 ": 1 to workers_max, %" PRIu32 ", is allowed",
                          rule->workers_min, most);
    if (rule->profile == UWO_PROFILE_FIXED && rule->workers_startup &&
        (rule->workers_startup < rule->workers_min || rule->workers_startup > most))
        return check_fail(error, -1, UWO_E_INVALID,
                          "workers_startup is %" PRIu32 ": workers_min, %" PRIu32
                          ", to workers_max, %" PRIu32 ", is allowed",
                          rule->workers_startup, rule->workers_min, most);
    if (rule->workers_step > INT32_MAX)
        return check_fail(error, -1, UWO_E_INVALID,
                          "workers_step is %" PRIu32 ": 0 to %" PRId32 " is allowed",
                          rule->workers_step, INT32_MAX);
    return UWO_OK;
}

static int scaling_check_limits(const struct uwo_scale_rule *rule, struct uwo_error *error)
{
    if (rule->rss_hard && !rule->rss_soft)
        return check_fail(error, -1, UWO_E_INVALID,
                          "rss_hard is given without rss_soft: give the soft limit too");
    if (rule->rss_hard && rule->rss_hard <= rule->rss_soft)
        return check_fail(error, -1, UWO_E_INVALID,
                          "rss_hard is %" PRIu64 " bytes: it must be above rss_soft, %" PRIu64,
                          rule->rss_hard, rule->rss_soft);
    if (rule->check_interval_ms > INTERVAL_MOST_MS)
        return check_fail(error, -1, UWO_E_INVALID,
                          "check_interval_ms is %" PRIu32 ": 0 to %d is allowed",
                          rule->check_interval_ms, INTERVAL_MOST_MS);
    if (rule->profile != UWO_PROFILE_FIXED && rule->check_interval_ms % 1000)
        return check_fail(error, -1, UWO_E_INVALID,
                          "check_interval_ms is %" PRIu32 ": profile %s has whole seconds",
                          rule->check_interval_ms, profile_names[rule->profile]);
    return UWO_OK;
}

/* The original takes nearly everything; what makes it divide by zero is refused. */
static int scaling_check_knob(const struct uwo_scale_rule *rule, const struct uwo_scale_knob *knob,
                              int64_t value, struct uwo_error *error)
{
    if (rule->profile == UWO_PROFILE_FIXED) {
        if (value >= knob->min && value <= knob->max)
            return UWO_OK;
        return check_fail(error, -1, UWO_E_INVALID,
                          "%s is %" PRId64 ": %" PRId64 " to %" PRId64 " %s is allowed", knob->name,
                          value, knob->min, knob->max, knob->unit);
    }
    if (value == 0 && knob->is_divisor)
        return check_fail(error, -1, UWO_E_INVALID,
                          "%s is 0 %s: uWSGI divides by it and dies; give 1 or more", knob->name,
                          knob->unit);
    if (knob->is_int && (value < 0 || value > INT32_MAX))
        return check_fail(error, -1, UWO_E_INVALID,
                          "%s is %" PRId64 ": 0 to %" PRId32 " %s is allowed", knob->name, value,
                          INT32_MAX, knob->unit);
    return UWO_OK;
}

int uwo_scale_check(const struct uwo_scale_rule *rule, struct uwo_error *error)
{
    const struct scale_algo *algo;
    const char *refusal;
    int status;

    if (!rule || rule->size != sizeof *rule)
        return check_fail(error, -1, UWO_E_INVALID, "rule->size must be %zu", sizeof *rule);
    if (rule->profile > UWO_PROFILE_UWSGI_2_1)
        return check_fail(error, -1, UWO_E_INVALID, "profile is %" PRIu32 ": there is none such",
                          rule->profile);
    algo = scale_algo_of(rule);
    if (!algo && rule->algorithm != UWO_SCALE_FOREIGN)
        return check_fail(error, -1, UWO_E_INVALID, "algorithm is %" PRIu32 ": there is none such",
                          rule->algorithm);
    status = scaling_check_workers(rule, error);
    if (status == UWO_OK)
        status = scaling_check_limits(rule, error);
    if (status < 0 || !algo)
        return status;
    if (!(algo->info.profiles & 1u << rule->profile))
        return check_fail(error, -1, UWO_E_INVALID, "algorithm %s does not exist in profile %s",
                          algo->info.name, profile_names[rule->profile]);
    for (uint32_t i = 0; i < algo->info.knob_count && status == UWO_OK; i++)
        status = scaling_check_knob(rule, &algo->info.knobs[i], rule->knob[i], error);
    if (status < 0)
        return status;
    refusal = algo->refuse ? algo->refuse(rule) : NULL;
    return refusal ? check_fail(error, -1, UWO_E_INVALID, "%s", refusal) : UWO_OK;
}

uint32_t uwo_scale_startup(const struct uwo_scale_rule *rule)
{
    if (rule->workers_startup < rule->workers_min)
        return rule->workers_min;
    return rule->workers_startup < rule->workers_max ? rule->workers_startup : rule->workers_max;
}

size_t uwo_scale_state_size(const struct uwo_scale_rule *rule)
{
    if (uwo_scale_check(rule, NULL) < 0)
        return 0;
    return scale_state_words(rule) * sizeof(uint64_t);
}

/* ---- are readings sound? ---- */

static int scaling_check_readings(struct scale_input *input, const struct uwo_scale_rule *rule,
                                  const struct uwo_readings *readings, const uint64_t *state,
                                  struct uwo_error *error)
{
    uint32_t at = 0;
    int status = uwo_scale_check(rule, error);

    if (status < 0)
        return status;
    if (!readings || readings->size != sizeof *readings)
        return check_fail(error, -1, UWO_E_INVALID, "readings->size must be %zu", sizeof *readings);
    if (!readings->workers || !state)
        return check_fail(error, -1, UWO_E_INVALID, "readings->workers and state must be given");
    switch (scale_input_init(input, rule, readings, state, &at)) {
    case SCALE_SOUND:
        return UWO_OK;
    case SCALE_WRONG_COUNT:
        return check_fail(error, -1, UWO_E_INVALID,
                          "readings of %" PRIu32 " workers: the rule is for %" PRIu32
                          ", every slot once",
                          readings->worker_count, rule->workers_max);
    case SCALE_WRONG_NUMBER:
        return check_fail(error, -1, UWO_E_INVALID,
                          "readings of worker %" PRIu32 " where %" PRIu32
                          " should be: every slot once, in order",
                          readings->workers[at].number, at + 1);
    case SCALE_WRONG_STATE:
        return check_fail(error, -1, UWO_E_INVALID,
                          "state of worker %" PRIu32 " is %" PRIu32 ": there is none such", at + 1,
                          readings->workers[at].state);
    case SCALE_BACKWARDS:
        return check_fail(error, -1, UWO_E_INVALID,
                          "mono_us is %" PRIu64
                          ", earlier than in the readings before: it must not go back",
                          readings->mono_us);
    default:
        return check_fail(error, -1, UWO_E_INVALID,
                          "the state is of another rule: other algorithm, profile or workers_max");
    }
}

int uwo_scale_begin(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                    uint64_t *state, struct uwo_error *error)
{
    static const uint64_t fresh[HEAD_WORDS];
    struct scale_input input;
    int status = scaling_check_readings(&input, rule, readings, state ? fresh : NULL, error);

    if (status < 0)
        return status;
    scale_begin(state, &input);
    return UWO_OK;
}

int uwo_scale_decide(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                     int may_spawn, uint64_t *state, struct uwo_scale_verdict *verdict,
                     struct uwo_error *error)
{
    struct scale_input input;
    int status = scaling_check_readings(&input, rule, readings, state, error);

    if (status < 0)
        return status;
    if (rule->algorithm == UWO_SCALE_FOREIGN)
        return check_fail(error, -1, UWO_E_INVALID, "a foreign algorithm decides by itself");
    input.may_spawn = may_spawn;
    *verdict = scale_decide(state, &input);
    verdict->size = sizeof *verdict;
    verdict->fired = 1;
    return UWO_OK;
}

int uwo_scale_tick(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                   uint64_t *state, struct uwo_scale_verdict *verdict, uint32_t *start,
                   uint32_t *stop, struct uwo_error *error)
{
    struct scale_input input;
    int status = scaling_check_readings(&input, rule, readings, state, error);

    if (status < 0)
        return status;
    if (rule->algorithm == UWO_SCALE_FOREIGN)
        return check_fail(error, -1, UWO_E_INVALID,
                          "a foreign algorithm: use uwo_scale_open and _close");
    scale_tick(state, &input, verdict, start, stop);
    verdict->size = sizeof *verdict;
    return UWO_OK;
}

int uwo_scale_open(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                   uint64_t *state, struct uwo_scale_verdict *verdict, int *ask,
                   struct uwo_error *error)
{
    struct scale_input input;
    int status = scaling_check_readings(&input, rule, readings, state, error);

    if (status < 0)
        return status;
    *ask = (int)scale_open(state, &input, verdict);
    verdict->size = sizeof *verdict;
    return UWO_OK;
}

int uwo_scale_close(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                    uint64_t *state, struct uwo_scale_verdict *verdict, int ask, uint32_t *start,
                    uint32_t *stop, struct uwo_error *error)
{
    struct scale_input input;
    int status = scaling_check_readings(&input, rule, readings, state, error);

    if (status < 0)
        return status;
    input.may_spawn = ask == SCALE_ASK_MAY_SPAWN ||
                      (ask == SCALE_ASK_NOT && verdict->memory == UWO_LIMIT_NONE);
    scale_close(state, &input, verdict, start, stop);
    verdict->size = sizeof *verdict;
    return UWO_OK;
}
