/* target: as many workers as the coming load needs.
 *
 * Requests in progress are seen as those of an infinite pool: each arrival finds a worker, N are in
 * it.  A worker that is started now is of use `horizon` from now (its start-up, and one check), so
 * N at that time counts.  From the readings it is known up to chance:
 *
 *     survive = exp(-horizon / service)         share of today's N that is still in progress
 *     mean    = survive N + (1 - survive) load
 *     var     = survive (1 - survive) N + (1 - survive) load            (exact for M/M/infinity)
 *     want    = mean + beta sqrt(var + what is not known of load + 1)
 *
 * For short requests this is square-root staffing, load + beta sqrt(load); for long ones it is the
 * workers that are busy now and a few more.  beta follows from the share of requests that may wait,
 * alpha = 1 / (1 + beta Phi(beta) / phi(beta)) (Halfin and Whitt 1981), or from the wait w that one
 * request in a hundred may exceed: alpha exp(-beta sqrt(load) w / service) = 0.01.
 *
 * The load is arrivals times service time; the share of busy workers says no more than "all" once
 * all are busy.  Service time is work done by requests completed.  Arrivals are averaged over the
 * longest of the windows 1, 2, 4 ... checks with which no shorter one disagrees (after Lepski
 * 1990): long while nothing changes, short after a jump.
 *
 * Several signals, the largest counts: the forecast; the workers that were busy on average since
 * the last check; and the queue, which is to be gone within `drain`, or half of that once its
 * oldest has waited longer.  Up at once, workers that are starting counted.  Down to the largest
 * want of the last `shrink_after` seconds, and of a start-up at least: what a start costs is waited
 * for before a worker is given up. */
#include "cheaper/algo.h"
#include "cheaper/arith.h"

enum { KNOB_WAIT_SHARE, KNOB_WAIT_P99, KNOB_SHRINK_AFTER, KNOB_DRAIN, KNOB_WINDOW };
enum { RING = 65, BUCKETS = 8 };

static const struct uwo_scale_knob target_knobs[] = {
    [KNOB_WAIT_SHARE] = { .name = "wait_share",
                          .option = "",
                          .unit = "per mille",
                          .help = "of requests that may find every worker busy",
                          .value = 100,
                          .min = 1,
                          .max = 999 },
    [KNOB_WAIT_P99] = { .name = "wait_p99",
                        .option = "",
                        .unit = "ms",
                        .help = "that 1 request in 100 may wait longer; 0: wait_share counts",
                        .value = 0,
                        .min = 0,
                        .max = 3600000 },
    [KNOB_SHRINK_AFTER] = { .name = "shrink_after",
                            .option = "",
                            .unit = "s",
                            .help = "workers not needed for so long are given up",
                            .value = 20,
                            .min = 0,
                            .max = 86400 },
    [KNOB_DRAIN] = { .name = "drain",
                     .option = "",
                     .unit = "ms",
                     .help = "in which a queue is to be worked off",
                     .value = 1000,
                     .min = 1,
                     .max = 3600000 },
    [KNOB_WINDOW] = { .name = "window",
                      .option = "",
                      .unit = "checks",
                      .help = "arrivals are averaged over at most so many",
                      .value = RING - 1,
                      .min = 1,
                      .max = RING - 1 },
};
SCALE_KNOBS_FIT(target_knobs);

/* What is remembered; times in us.  Sums are halved by FADE_US, and fade to 1/e in it when
 * checked often. */
struct memory {
    uint64_t seen_us;         /* of the last readings */
    double work_us;           /* done, a sum */
    double completed;         /* requests, a sum */
    double starting_us;       /* that workers spent starting, a sum */
    double started;           /* workers that became ready, a sum */
    double queued;            /* at the last check */
    uint32_t starting;        /* at the last check */
    uint64_t ran_us, busy_us; /* sums over the pool at the last check */
    uint32_t per_worker;      /* requests at a time, the most seen */
    uint32_t at, filled;      /* place in `arrived`, and how much of it is so far */
    uint64_t bucket_until_us;
    uint64_t bucket;          /* place in `want` */
    double arrived[RING];     /* requests since the beginning, at each check */
    float want[BUCKETS];      /* the largest in each stretch: a seventh of shrink_after */
} __attribute__((may_alias)); /* lies in words */

enum { STATE_WORDS = sizeof(struct memory) / sizeof(uint64_t) };

SCALE_STATE_FITS(STATE_WORDS);

/* One check. */
struct sample {
    const struct scale_input *input;
    const int64_t *knob;
    double interval_us; /* nominal */
    double passed_us;   /* since the last check */
    double arrivals;
    double work_us;
    double in_use;  /* workers with a request, on average since the last check */
    double started; /* workers that became ready */
    double busy;    /* requests in workers */
    double queued;  /* requests that wait */
    double service_us;
    double horizon_us;
};

static const double FADE_US = 120e6;
/* Windows disagree when their averages are apart by so many deviations of both: the long one below
 * the short one, above it. */
static const double BELOW = 1;
static const double ABOVE = 1.5;
/* So many variances of the load's estimate are added, and so much because workers are whole. */
static const double UNKNOWN = 4;
static const double WHOLE = 1;
/* Requests between two checks; more is an error in somebody's counter, and soon forgotten. */
static const double MOST = 1e9;

/* At beta = i / 4: the share that waits, per mille, and its logarithm as a fraction.  They end
 * below what can be asked for: one per mille, and one in a hundred. */
static const double share_at[] = { 1000,   720.932, 504.539, 341.748, 223.361, 140.436, 84.690,
                                   48.850, 26.881,  14.080,  7.006,   3.306,   1.477,   0.624 };
static const double log_at[] = { 0.0,     -0.3272, -0.6841, -1.0737, -1.499, -1.963,
                                 -2.4688, -3.019,  -3.6163, -4.263,  -4.961 };

enum { SHARES = sizeof(share_at) / sizeof(*share_at), LOGS = sizeof(log_at) / sizeof(*log_at) };

static double target_beta(const struct sample *sample, double load)
{
    double wait_us = (double)sample->knob[KNOB_WAIT_P99] * 1000;
    double share = (double)sample->knob[KNOB_WAIT_SHARE];
    int i = 1;

    if (wait_us > 0) {
        const double hundredth = -4.60517;
        double fall = arith_root(load) * wait_us / sample->service_us / 4;

        while (i < LOGS - 1 && log_at[i] - i * fall > hundredth)
            i++;
        double above = log_at[i - 1] - (i - 1) * fall, below = log_at[i] - i * fall;
        return (i - 1 + (above - hundredth) / (above - below)) / 4;
    }
    while (i < SHARES - 1 && share_at[i] > share)
        i++;
    return (i - 1 + (share_at[i - 1] - share) / (share_at[i - 1] - share_at[i])) / 4;
}

/* Workers that became able to take requests since the last check. */
static double target_started(const struct scale_input *input, const struct memory *memory)
{
    const struct uwo_readings *readings = input->readings;
    uint32_t started = 0;

    if (input->sums.last_ready_us <= memory->seen_us)
        return 0;
    for (uint32_t i = 0; i < readings->worker_count; i++)
        started += readings->workers[i].ready_since_us > memory->seen_us;
    return started;
}

/* Work done since the last check: of finished requests, or where only busy time is measured, that.
 * Sums over the pool, for both counters go on when a worker is started again; one that began anew
 * all the same makes the sum fall, and counts for nothing. */
static void target_work(struct sample *sample, struct memory *memory)
{
    const struct scale_sums *sums = &sample->input->sums;
    uint64_t in_use = sums->busy_us - memory->busy_us;
    uint64_t ran = sums->running_time_us - memory->ran_us;
    uint64_t done = sums->running_time_us ? ran : in_use;

    memory->ran_us = sums->running_time_us;
    memory->busy_us = sums->busy_us;
    if (sums->most_requests > memory->per_worker)
        memory->per_worker = (uint32_t)sums->most_requests;
    sample->started = target_started(sample->input, memory);
    sample->work_us = done <= INT64_MAX ? (double)done : 0;
    sample->in_use = in_use <= INT64_MAX ? (double)in_use / sample->passed_us : 0;
    /* Not all count requests. */
    sample->busy = arith_max((double)sums->requests, sample->input->busy);
}

/* Requests completed: no more than were there, where that is known. */
static double target_completions(const struct sample *sample, const struct memory *memory)
{
    const struct uwo_readings *readings = sample->input->readings;
    double most = MOST;

    if (readings->arrivals)
        most = arith_min((double)readings->arrivals, MOST) + memory->queued +
               (double)readings->worker_count * memory->per_worker;
    return arith_min((double)readings->completions, most);
}

/* The time of one request, and the time until a worker started now is of use. */
static void target_times(struct sample *sample, struct memory *memory)
{
    double keep = FADE_US / (FADE_US + sample->passed_us);

    memory->work_us = memory->work_us * keep + sample->work_us;
    memory->completed = memory->completed * keep + target_completions(sample, memory);
    memory->starting_us = memory->starting_us * keep +
                          arith_min(sample->passed_us, FADE_US) * memory->starting;
    memory->started = memory->started * keep + sample->started;
    memory->starting = sample->input->starting;
    sample->service_us = memory->completed > 0.5 ? memory->work_us / memory->completed
                                                 : sample->interval_us;
    sample->service_us = arith_max(sample->service_us, 1);
    sample->horizon_us = sample->interval_us;
    if (memory->started > 0.5)
        sample->horizon_us += memory->starting_us / memory->started;
}

/* Arrivals that a caller did not count are those that went through. */
static void target_arrivals(struct sample *sample, struct memory *memory)
{
    const struct uwo_readings *readings = sample->input->readings;
    double arrivals = arith_min((double)readings->arrivals, MOST);
    uint32_t before = memory->at;

    if (readings->arrivals == 0 && readings->completions)
        arrivals = arith_max(0, arith_min((double)readings->completions, MOST) + sample->queued -
                                    memory->queued);
    memory->queued = sample->queued;
    memory->at = before + 1 == RING ? 0 : before + 1;
    memory->filled += memory->filled < RING - 1;
    memory->arrived[memory->at] = memory->arrived[before] +
                                  arrivals * sample->interval_us / sample->passed_us;
}

/* Arrivals per interval; *var: the variance of that figure. */
static double target_rate(const struct sample *sample, const struct memory *memory, double *var)
{
    uint32_t longest = (uint32_t)sample->knob[KNOB_WINDOW];
    double low = 0, high = 1e300, rate = 0;

    *var = 0;
    if (longest > memory->filled)
        longest = memory->filled;
    for (uint32_t window = 1; window <= longest; window *= 2) {
        uint32_t from = memory->at >= window ? memory->at - window : memory->at + RING - window;
        double each = 1.0 / window;
        double mean = (memory->arrived[memory->at] - memory->arrived[from]) * each;
        double variance = arith_max(mean, each) * each;
        double deviation = arith_root(variance);

        if (mean + BELOW * deviation < low || mean - ABOVE * deviation > high)
            break;
        low = arith_max(low, mean - BELOW * deviation);
        high = arith_min(high, mean + ABOVE * deviation);
        rate = mean;
        *var = variance;
    }
    return rate;
}

/* Workers that are wanted, not yet a whole number. */
static double target_want(const struct sample *sample, const struct memory *memory)
{
    double drain_us = (double)sample->knob[KNOB_DRAIN] * 1000;
    double survive = arith_decay(sample->horizon_us / sample->service_us), fresh = 1 - survive;
    double service = sample->service_us / sample->interval_us, rate_var;
    double load = target_rate(sample, memory, &rate_var) * service;
    double mean = survive * sample->busy + fresh * load;
    double var = survive * fresh * sample->busy + fresh * load;
    double forecast, queue;

    var += UNKNOWN * fresh * fresh * rate_var * service * service + WHOLE;
    forecast = mean + target_beta(sample, load) * arith_root(var);
    if ((double)sample->input->readings->oldest_wait_us > drain_us)
        drain_us /= 2;
    queue = arith_min(sample->busy, load) +
            sample->queued * arith_min(sample->service_us / drain_us, 1);
    return arith_max(arith_max(forecast, queue) / memory->per_worker, sample->in_use);
}

/* The largest want of the last shrink_after seconds at least, this one included: the stretch that
 * has begun counts for nothing, the others make up the whole. */
static double target_recent(const struct sample *sample, struct memory *memory, double want)
{
    uint64_t now = sample->input->readings->mono_us;
    double keep_us = arith_max((double)sample->knob[KNOB_SHRINK_AFTER] * 1e6,
                               sample->horizon_us - sample->interval_us);
    uint64_t stretch = (uint64_t)arith_min(keep_us / (BUCKETS - 1), 1e15) + 1;
    double most = 0;

    for (int i = 0; i < BUCKETS && now >= memory->bucket_until_us; i++) {
        memory->bucket = (memory->bucket + 1) % BUCKETS;
        memory->want[memory->bucket] = 0;
        memory->bucket_until_us += stretch;
    }
    if (now >= memory->bucket_until_us)
        memory->bucket_until_us = now + stretch;
    for (int i = 0; i < BUCKETS; i++) /* nothing here waits for what is wanted now */
        most = arith_max(most, memory->want[i]);
    memory->want[memory->bucket] = (float)arith_max(want, memory->want[memory->bucket]);
    return arith_max(most, want);
}

/* As an amount of workers: no more than can be started, or stopped. */
static int32_t target_up(const struct scale_input *input, double more)
{
    return (int32_t)arith_min(more + 0.5, scale_takeable(input, input->rule->workers_step));
}

static int32_t target_down(const struct scale_input *input, double fewer)
{
    return -(int32_t)arith_max(arith_min(fewer, scale_spare_workers(input)), 0);
}

static void target_begin(struct scale_state *state, const struct scale_input *input,
                         const int64_t *knob)
{
    struct memory *memory = (struct memory *)state->word;

    (void)knob;
    memory->seen_us = input->readings->mono_us;
    memory->bucket_until_us = memory->seen_us;
    memory->starting = input->starting;
    memory->per_worker = 1;
    memory->ran_us = input->sums.running_time_us;
    memory->busy_us = input->sums.busy_us;
}

/* A state comes from outside: what is an index or a divisor is made one. */
static void target_mend(struct memory *memory)
{
    memory->at %= RING;
    memory->bucket %= BUCKETS;
    memory->filled = memory->filled < RING ? memory->filled : RING - 1;
    memory->per_worker += memory->per_worker == 0;
}

static struct uwo_scale_verdict target_decide(struct scale_state *state,
                                              const struct scale_input *input, const int64_t *knob)
{
    const struct uwo_readings *readings = input->readings;
    struct memory *memory = (struct memory *)state->word;
    struct sample sample = { .input = input, .knob = knob };
    double want, recent;

    if (readings->mono_us <= memory->seen_us)
        return scale_verdict(0, "no time went by");
    sample.interval_us = 8.0 * (double)scale_slack_us(input);
    sample.passed_us = (double)(readings->mono_us - memory->seen_us);
    sample.queued = (double)readings->listen_queue + readings->waiting;
    target_mend(memory);
    target_work(&sample, memory);
    memory->seen_us = readings->mono_us;
    target_times(&sample, memory);
    target_arrivals(&sample, memory);
    want = target_want(&sample, memory);
    recent = target_recent(&sample, memory, want);

    if (want >= input->live + 0.5) {
        if (!input->may_spawn)
            return scale_verdict(0, "the coming load needs more, but memory forbids to start");
        return scale_verdict(target_up(input, want - input->live), "the coming load needs more");
    }
    if (recent > input->live - 1.0)
        return scale_verdict(0, "as many as the coming load needs");
    return scale_verdict(target_down(input, input->live - recent),
                         "fewer were needed for long enough");
}

const struct scale_algo scale_target = {
    .info = { .name = "target",
              .summary = "by the coming load, and the share of requests that may wait",
              .knob_count = sizeof(target_knobs) / sizeof(*target_knobs),
              .profiles = 1 << UWO_PROFILE_FIXED,
              .step = UWO_NONE,
              .knobs = target_knobs },
    .words = STATE_WORDS,
    .sums = true,
    .begin = target_begin,
    .decide = target_decide,
};
