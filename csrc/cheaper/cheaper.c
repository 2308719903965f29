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
    return HEAD_WORDS + algo->words + (size_t)algo->words_per_worker * rule->workers_max;
}

static struct scale_state scale_state_of(uint64_t *state, const struct uwo_scale_rule *rule)
{
    const struct scale_algo *algo = scale_algo_of(rule);

    return (struct scale_state){ .word = state + HEAD_WORDS,
                                 .worker = state + HEAD_WORDS + (algo ? algo->words : 0) };
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
 * costs per worker.  A worker's own count stands at its state, or at 8 + its state when it has a
 * request. */
#define LIVE      UINT64_C(1)
#define BUSY      (UINT64_C(1) << 16)
#define STARTING  (UINT64_C(1) << 32)
#define STARTABLE (UINT64_C(1) << 48)

static const uint64_t count_fixed[16] = {
    [UWO_WORKER_CHEAPED] = STARTABLE,
    [8 + UWO_WORKER_CHEAPED] = STARTABLE,
    [UWO_WORKER_IDLE] = LIVE,
    [8 + UWO_WORKER_IDLE] = LIVE | BUSY,
    [UWO_WORKER_BUSY] = LIVE | BUSY,
    [8 + UWO_WORKER_BUSY] = LIVE | BUSY,
    [UWO_WORKER_STARTING] = LIVE | STARTING,
    [8 + UWO_WORKER_STARTING] = LIVE | STARTING,
    [UWO_WORKER_DEAD] = STARTABLE,
    [8 + UWO_WORKER_DEAD] = STARTABLE,
};

/* There a worker that starts is idle at once. */
static const uint64_t count_uwsgi[16] = {
    [UWO_WORKER_CHEAPED] = STARTABLE, [8 + UWO_WORKER_CHEAPED] = STARTABLE,
    [UWO_WORKER_IDLE] = LIVE,         [8 + UWO_WORKER_IDLE] = LIVE | BUSY,
    [UWO_WORKER_BUSY] = LIVE | BUSY,  [8 + UWO_WORKER_BUSY] = LIVE | BUSY,
    [UWO_WORKER_STARTING] = LIVE,     [8 + UWO_WORKER_STARTING] = LIVE | BUSY,
};

static uint32_t scale_count(uint64_t counts, uint64_t unit)
{
    return (uint16_t)(counts / unit);
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

/* One pass, for each costs as much as the rest of a check.  *wrong is not 0 when readings are not
 * sound.  Inline, so that the sums cost nothing where nobody asks for them. */
static inline uint64_t scale_count_workers(const struct uwo_readings *readings,
                                           const uint64_t *unit, struct scale_sums *sums,
                                           uint32_t *wrong)
{
    uint64_t counts = 0;

    for (uint32_t i = 0; i < readings->worker_count; i++) {
        const struct uwo_worker_reading *worker = &readings->workers[i];

        *wrong |= (worker->number ^ (i + 1)) | (worker->state > UWO_WORKER_DEAD);
        counts += unit[(worker->state & 7) + (worker->in_request ? 8u : 0)];
        if (!sums)
            continue;
        sums->running_time_us += worker->running_time_us;
        sums->busy_us += worker->busy_us;
        sums->requests += worker->in_request;
        if (worker->in_request > sums->most_requests)
            sums->most_requests = worker->in_request;
        if (worker->ready_since_us > sums->last_ready_us)
            sums->last_ready_us = worker->ready_since_us;
    }
    return counts;
}

enum scale_fault scale_input_init(struct scale_input *input, const struct uwo_scale_rule *rule,
                                  const struct uwo_readings *readings, const uint64_t *state,
                                  uint32_t *index)
{
    const struct scale_algo *algo = scale_algo_of(rule);
    bool fixed = rule->profile == UWO_PROFILE_FIXED;
    const uint64_t *unit = fixed ? count_fixed : count_uwsgi;
    struct scale_sums sums = { .requests = 0 };
    uint64_t counts;
    uint32_t wrong = 0;

    if (readings->worker_count != rule->workers_max)
        return SCALE_WRONG_COUNT;
    if (state[HEAD_MARK] && state[HEAD_MARK] != scale_mark(rule))
        return SCALE_FOREIGN_STATE;
    if (fixed && readings->mono_us < state[HEAD_SEEN])
        return SCALE_BACKWARDS;
    counts = algo && algo->sums ? scale_count_workers(readings, unit, &sums, &wrong)
                                : scale_count_workers(readings, unit, NULL, &wrong);
    if (wrong)
        return scale_find_fault(readings, index);
    *input = (struct scale_input){
        .readings = readings,
        .rule = rule,
        .live = scale_count(counts, LIVE),
        .busy = scale_count(counts, BUSY),
        .starting = scale_count(counts, STARTING),
        .startable = scale_count(counts, STARTABLE),
        .may_spawn = true,
        .sums = sums,
    };
    input->idle = input->live - input->starting - input->busy;
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
