/* algo: what a scaling algorithm is, and what it is given.
 *
 * An algorithm is pure: from its state, the readings and its knobs it makes a verdict and its new
 * state.  Its state is words of 64 bit, all zero when new; words per worker lie behind the others,
 * those of worker number n at `worker[(n - 1) * words_per_worker]`; behind them a set of workers,
 * if it keeps one: a group in each word.  Minimum, maximum, memory limits, changes by hand and the
 * choice of workers are not its business: cheaper.h. */
#ifndef CHEAPER_ALGO_H
#define CHEAPER_ALGO_H

#include "uwoffload.h"

enum { SCALE_WORDS_MAX = 128 };

/* In an algorithm's file: its state has room. */
#define SCALE_STATE_FITS(words) \
    _Static_assert((int)(words) <= (int)SCALE_WORDS_MAX, "too many words")
#define SCALE_KNOBS_FIT(knobs)                                                      \
    _Static_assert(sizeof(knobs) / sizeof(*(knobs)) <= (size_t)UWO_SCALE_KNOBS_MAX, \
                   "too many knobs")

#define SCALE_EVERYWHERE \
    (1 << UWO_PROFILE_FIXED | 1 << UWO_PROFILE_UWSGI_2_0 | 1 << UWO_PROFILE_UWSGI_2_1)

struct scale_state {
    uint64_t *word;
    uint64_t *worker;
    uint64_t *set;
};

/* Workers in groups of 16, so that what is asked of many need not go over their readings again.  A
 * word of a map has a set of 16 bits for each kind; the lowest number of a group is the highest
 * bit: 15. */
enum { SCALE_GROUP = 16, SCALE_GROUPS_MAX = 65536 / SCALE_GROUP };
enum scale_kind {
    SCALE_LIVE = 0,
    SCALE_BUSY = 16,
    SCALE_STARTING = 32,
    SCALE_STARTABLE = 48,
};

/* Over all workers, for an algorithm that asks for it; sums modulo 2^64. */
struct scale_sums {
    uint64_t running_time_us;
    uint64_t busy_us;
    uint64_t requests;      /* in_request */
    uint64_t most_requests; /* the largest in_request */
    uint64_t last_ready_us; /* the largest ready_since_us */
};

/* The readings, counted. */
struct scale_input {
    const struct uwo_readings *readings;
    const struct uwo_scale_rule *rule;
    uint32_t live; /* idle + busy + starting */
    uint32_t idle; /* the uWSGI profiles: starting ones too */
    uint32_t busy;
    uint32_t starting;  /* the uWSGI profiles: 0, there a fresh worker is idle at once */
    uint32_t startable; /* cheaped; fixed: dead ones too */
    bool may_spawn;     /* no memory limit is exceeded */
    struct scale_sums sums;
    uint32_t groups;
    uint64_t map[SCALE_GROUPS_MAX]; /* a word per group */
};

struct scale_algo {
    struct uwo_scale_algorithm info; /* name, knobs: what the public sees */
    uint32_t words;
    uint32_t words_per_worker;
    bool keeps_set;
    bool sums; /* fill input->sums */
    /* Set up a state that is all zero, at the moment of these readings.  NULL: zero will do. */
    void (*begin)(struct scale_state *state, const struct scale_input *input, const int64_t *knob);
    struct uwo_scale_verdict (*decide)(struct scale_state *state, const struct scale_input *input,
                                       const int64_t *knob);
    /* A combination of knobs that is not allowed, in one line; NULL: all are.  NULL: no check. */
    const char *(*refuse)(const struct uwo_scale_rule *rule);
};

#define ALGO(stem) extern const struct scale_algo scale_##stem;
#include "cheaper/algos.def"
#undef ALGO

static inline struct uwo_scale_verdict scale_verdict(int32_t delta, const char *reason)
{
    return (struct uwo_scale_verdict){ .delta = delta, .reason = reason };
}

/* Those of a group that are of a kind: 16 bits. */
static inline uint32_t scale_set(const struct scale_input *input, uint32_t group,
                                 enum scale_kind kind)
{
    return (uint16_t)(input->map[group] >> kind);
}

/* The number of the first worker of a set of a group; the set is not empty. */
static inline uint32_t scale_first(uint32_t group, uint32_t set)
{
    return group * SCALE_GROUP + (uint32_t)__builtin_clz(set) - 15;
}

/* The others of it. */
static inline uint32_t scale_others(uint32_t set)
{
    return set & ~(UINT32_C(0x80000000) >> __builtin_clz(set));
}

static inline bool scale_has(uint64_t set, uint32_t place)
{
    return set >> (SCALE_GROUP - 1 - place) & 1;
}

static inline uint32_t scale_groups(uint32_t workers)
{
    return (workers + SCALE_GROUP - 1) / SCALE_GROUP;
}

static inline bool scale_is_fixed(const struct scale_input *input)
{
    return input->rule->profile == UWO_PROFILE_FIXED;
}

/* Checks are not quite on time: one that comes so much too early is on time. */
static inline uint64_t scale_slack_us(const struct scale_input *input)
{
    uint64_t interval_ms = input->rule->check_interval_ms;

    return (interval_ms ? interval_ms : 1000) * 1000 / 8;
}

/* Profile fixed: workers that can be given up, idle ones beyond the minimum.  Those that start do
 * not count towards it: they may never be ready. */
static inline uint32_t scale_spare_workers(const struct scale_input *input)
{
    uint32_t ready = input->live - input->starting, least = input->rule->workers_min;
    uint32_t beyond = ready > least ? ready - least : 0;

    return input->idle < beyond ? input->idle : beyond;
}

/* How many of `step` workers (0 acts as 1) can be started: there must be a slot for each. */
static inline int32_t scale_takeable(const struct scale_input *input, uint32_t step)
{
    uint32_t most = step ? step : 1;

    return (int32_t)(input->startable < most ? input->startable : most);
}

/* Is this worker of those that serve: idle, busy or starting? */
static inline bool scale_is_live(const struct uwo_worker_reading *worker)
{
    return worker->state - UWO_WORKER_IDLE <= UWO_WORKER_STARTING - UWO_WORKER_IDLE;
}

#endif
