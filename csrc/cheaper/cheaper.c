/* cheaper: the list of algorithms, their states, and the way through a check. */
#include "cheaper/cheaper.h"

static const struct scale_algo *const algos[] = {
#define ALGO(stem) &scale_##stem,
#include "cheaper/algos.def"
#undef ALGO
};

enum { ALGO_COUNT = sizeof(algos) / sizeof(*algos) };

const struct scale_algo *scale_algo_at(uint32_t number)
{
    return number < ALGO_COUNT ? algos[number] : NULL;
}

const struct scale_algo *scale_algo_of(const struct uwo_scale_rule *rule)
{
    return scale_algo_at(rule->algorithm);
}

uint32_t scale_algo_count(void)
{
    return ALGO_COUNT;
}

size_t scale_state_words(const struct uwo_scale_rule *rule)
{
    const struct scale_algo *algo = scale_algo_of(rule);

    if (algo == NULL)
        return HEAD_WORDS;
    return HEAD_WORDS + algo->words + (size_t)algo->words_per_worker * rule->workers_max +
           (algo->keeps_set ? scale_groups(rule->workers_max) : 0);
}

static struct scale_state scale_state_of(uint64_t *state, const struct uwo_scale_rule *rule)
{
    const struct scale_algo *algo = scale_algo_of(rule);
    uint64_t *word = state + HEAD_WORDS, *worker = word + (algo ? algo->words : 0);
    size_t per_worker = algo ? algo->words_per_worker : 0;

    return (struct scale_state){ .word = word,
                                 .worker = worker,
                                 .set = worker + per_worker * rule->workers_max };
}

/* Whose state it is: of the algorithm by name, for numbers change when one is added.  Never 0. */
static uint64_t scale_mark(const struct uwo_scale_rule *rule)
{
    const struct scale_algo *algo = scale_algo_of(rule);
    uint64_t mark = 1;

    for (const char *at = algo ? algo->info.name : ""; *at; at++)
        mark = mark * 31 + (unsigned char)*at;
    return mark << 24 | (uint64_t)rule->workers_max << 8 | rule->profile;
}

/* Workers are counted in one number, four counts of 16 bits: the loop over them is what a check
 * costs per worker.  A worker's own count stands at 2 + its state, or at 10 + its state when it has
 * a request. */
#define LIVE      (UINT64_C(1) << SCALE_LIVE)
#define BUSY      (UINT64_C(1) << SCALE_BUSY)
#define STARTING  (UINT64_C(1) << SCALE_STARTING)
#define STARTABLE (UINT64_C(1) << SCALE_STARTABLE)
/* Of a state, without and with a request. */
#define COUNT(state, alone, asked) \
    [2 + UWO_WORKER_##state] = (alone), [10 + UWO_WORKER_##state] = (asked)

static const uint64_t count_fixed[16] = {
    COUNT(CHEAPED, STARTABLE, STARTABLE),  COUNT(IDLE, LIVE, LIVE | BUSY),
    COUNT(BUSY, LIVE | BUSY, LIVE | BUSY), COUNT(STARTING, LIVE | STARTING, LIVE | STARTING),
    COUNT(DEAD, STARTABLE, STARTABLE),
};

/* There a worker that starts is idle at once. */
static const uint64_t count_uwsgi[16] = {
    COUNT(CHEAPED, STARTABLE, STARTABLE),
    COUNT(IDLE, LIVE, LIVE | BUSY),
    COUNT(BUSY, LIVE | BUSY, LIVE | BUSY),
    COUNT(STARTING, LIVE, LIVE | BUSY),
};

static uint32_t scale_count_of(uint64_t counts, enum scale_kind kind)
{
    return (uint16_t)(counts >> kind);
}

/* Which worker is at fault, once it is known that one is. */
static enum scale_fault scale_find_fault(const struct uwo_readings *readings, uint32_t *index)
{
    for (uint32_t i = 0; i < readings->worker_count; i++) {
        *index = i;
        if (readings->workers[i].number != i + 1)
            return SCALE_WRONG_NUMBER;
        if (readings->workers[i].state > UWO_WORKER_DEAD)
            return SCALE_WRONG_STATE;
    }
    return SCALE_SOUND;
}

/* What is found in the one pass that every check makes over all workers. */
struct census {
    uint64_t counts;
    /* State and number of each in one, or'ed; in faults the state is two more, so that one that is
     * too large overflows its three bits, and the number is as far from the right one. */
    uint64_t rows, faults;
    struct scale_sums sums;
};

static bool census_is_sound(const struct census *census)
{
    return !(census->rows >> 35) && !(census->faults & ~(UINT64_C(7) << 32));
}

/* One group; the word of the map, the last worker as the lowest bit of its sets: doubling is
 * cheaper than shifting by a count. */
static uint64_t census_group(struct census *census, const uint64_t *unit,
                             const struct uwo_worker_reading *workers, uint32_t first,
                             uint32_t count)
{
    uint64_t counts = 0, rows = 0, faults = 0, sets = 0, sound = first + 1 - (UINT64_C(2) << 32);

    for (uint32_t i = 0; i < count; i++) {
        const struct uwo_worker_reading *worker = &workers[i];
        uint64_t row = (uint64_t)worker->state << 32 | worker->number, fault = row - (sound + i);
        uint64_t own = unit[(fault >> 32 & 7) + (worker->in_request ? 8u : 0)];

        rows |= row;
        faults |= fault;
        counts += own;
        sets += sets + own;
    }
    census->counts += counts;
    census->rows |= rows;
    census->faults |= faults;
    return sets;
}

static void census_sums(struct census *census, const struct uwo_worker_reading *workers,
                        uint32_t count)
{
    struct scale_sums sums = census->sums; /* in registers */

    for (uint32_t i = 0; i < count; i++) {
        const struct uwo_worker_reading *worker = &workers[i];

        sums.running_time_us += worker->running_time_us;
        sums.busy_us += worker->busy_us;
        sums.requests += worker->in_request;
        if (worker->in_request > sums.most_requests)
            sums.most_requests = worker->in_request;
        if (worker->ready_since_us > sums.last_ready_us)
            sums.last_ready_us = worker->ready_since_us;
    }
    census->sums = sums;
}

static void census_take(struct census *census, const struct uwo_readings *readings,
                        const uint64_t *unit, bool with_sums, uint64_t *map)
{
    for (uint32_t at = 0; at < readings->worker_count; at += SCALE_GROUP) {
        const struct uwo_worker_reading *workers = &readings->workers[at];
        uint32_t left = readings->worker_count - at;
        uint32_t count = left < SCALE_GROUP ? left : SCALE_GROUP;

        *map++ = census_group(census, unit, workers, at, count) << (SCALE_GROUP - count);
        if (with_sums)
            census_sums(census, workers, count);
    }
}

enum scale_fault scale_input_init(struct scale_input *input, const struct uwo_scale_rule *rule,
                                  const struct uwo_readings *readings, const uint64_t *state,
                                  uint32_t *index)
{
    const struct scale_algo *algo = scale_algo_of(rule);
    bool fixed = rule->profile == UWO_PROFILE_FIXED;
    const uint64_t *unit = fixed ? count_fixed : count_uwsgi;
    struct census census = { .counts = 0 };

    if (readings->worker_count != rule->workers_max)
        return SCALE_WRONG_COUNT;
    if (state[HEAD_MARK] && state[HEAD_MARK] != scale_mark(rule))
        return SCALE_FOREIGN_STATE;
    if (fixed && readings->mono_us < state[HEAD_SEEN])
        return SCALE_BACKWARDS;
    census_take(&census, readings, unit, algo && algo->sums, input->map);
    if (!census_is_sound(&census))
        return scale_find_fault(readings, index);
    input->readings = readings;
    input->rule = rule;
    input->groups = scale_groups(rule->workers_max);
    input->live = scale_count_of(census.counts, SCALE_LIVE);
    input->busy = scale_count_of(census.counts, SCALE_BUSY);
    input->starting = scale_count_of(census.counts, SCALE_STARTING);
    input->startable = scale_count_of(census.counts, SCALE_STARTABLE);
    input->idle = input->live - input->starting - input->busy;
    input->may_spawn = true;
    input->sums = census.sums;
    return SCALE_SOUND;
}

void scale_begin(uint64_t *state, const struct scale_input *input)
{
    const struct uwo_scale_rule *rule = input->rule;
    const struct scale_algo *algo = scale_algo_of(rule);
    struct scale_state own = scale_state_of(state, rule);
    size_t words = scale_state_words(rule);

    for (size_t i = 0; i < words; i++)
        state[i] = 0;
    state[HEAD_MARK] = scale_mark(rule);
    if (scale_is_fixed(input))
        state[HEAD_SEEN] = input->readings->mono_us;
    if (algo && algo->begin)
        algo->begin(&own, input, rule->knob);
}

struct uwo_scale_verdict scale_decide(uint64_t *state, const struct scale_input *input)
{
    struct scale_state own = scale_state_of(state, input->rule);

    if (state[HEAD_MARK] == 0)
        scale_begin(state, input);
    if (scale_is_fixed(input))
        state[HEAD_SEEN] = input->readings->mono_us;
    return scale_algo_of(input->rule)->decide(&own, input, input->rule->knob);
}

enum scale_ask scale_open(uint64_t *state, struct scale_input *input,
                          struct uwo_scale_verdict *verdict)
{
    if (state[HEAD_MARK] == 0)
        scale_begin(state, input);
    if (!scale_is_fixed(input))
        return clamp_uwsgi_open(state, input, verdict);
    state[HEAD_SEEN] = input->readings->mono_us;
    return clamp_fixed_open(state, input, verdict);
}

void scale_close(uint64_t *state, const struct scale_input *input,
                 struct uwo_scale_verdict *verdict, uint32_t *start, uint32_t *stop)
{
    verdict->start_count = 0;
    verdict->stop_count = 0;
    if (scale_is_fixed(input))
        clamp_fixed_close(state, input, verdict, start, stop);
    else
        clamp_uwsgi_close(state, input, verdict, start, stop);
}

void scale_tick(uint64_t *state, struct scale_input *input, struct uwo_scale_verdict *verdict,
                uint32_t *start, uint32_t *stop)
{
    if (scale_open(state, input, verdict) != SCALE_ASK_NOT) {
        struct uwo_scale_verdict wanted = scale_decide(state, input);

        verdict->delta = wanted.delta;
        verdict->reason = wanted.reason;
    }
    scale_close(state, input, verdict, start, stop);
}
