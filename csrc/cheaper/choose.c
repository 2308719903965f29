/* choose: which workers, once their number is known. */
#include "cheaper/cheaper.h"

static bool choose_is_startable(const struct scale_input *input, uint32_t state)
{
    return state == UWO_WORKER_CHEAPED || (state == UWO_WORKER_DEAD && scale_is_fixed(input));
}

uint32_t choose_start(const struct scale_input *input, uint32_t most, uint32_t *start)
{
    const struct uwo_readings *readings = input->readings;
    uint32_t count = 0;

    for (uint32_t i = 0; i < readings->worker_count && count < most; i++)
        if (choose_is_startable(input, readings->workers[i].state))
            start[count++] = readings->workers[i].number;
    return count;
}

static bool choose_is_idle(bool fixed, const struct uwo_worker_reading *worker)
{
    if (fixed)
        return worker->state == UWO_WORKER_IDLE && !worker->in_request;
    /* There the oldest is looked for from the largest int on down. */
    return scale_is_live(worker) && !scale_is_busy(worker) && worker->started_s < INT32_MAX;
}

/* Did worker a start before worker b?  By number. */
static bool choose_is_older(const struct scale_input *input, uint32_t a, uint32_t b)
{
    const struct uwo_worker_reading *workers = input->readings->workers;

    if (workers[a - 1].started_s != workers[b - 1].started_s)
        return workers[a - 1].started_s < workers[b - 1].started_s;
    return a < b;
}

/* Let number[at] sink to its place in a heap with the youngest on top. */
static void choose_sink(const struct scale_input *input, uint32_t *number, uint32_t count,
                        uint32_t at)
{
    uint32_t sinking = number[at];

    for (uint32_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && choose_is_older(input, number[child], number[child + 1]))
            child++;
        if (choose_is_older(input, number[child], sinking))
            break;
        number[at] = number[child];
        at = child;
    }
    number[at] = sinking;
}

/* The idle ones, ascending.  *in_order: they started in that order, too. */
static uint32_t choose_idle(const struct scale_input *input, uint32_t *number, bool *in_order)
{
    const struct uwo_readings *readings = input->readings;
    bool fixed = scale_is_fixed(input);
    int64_t last_s = INT64_MIN;
    uint32_t count = 0;

    *in_order = true;
    for (uint32_t i = 0; i < readings->worker_count; i++) {
        const struct uwo_worker_reading *worker = &readings->workers[i];

        if (!choose_is_idle(fixed, worker))
            continue;
        number[count++] = worker->number;
        *in_order &= worker->started_s >= last_s;
        last_s = worker->started_s;
    }
    return count;
}

static uint32_t choose_oldest(const struct scale_input *input)
{
    const struct uwo_readings *readings = input->readings;
    bool fixed = scale_is_fixed(input);
    int64_t oldest_s = 0;
    uint32_t oldest = 0;

    for (uint32_t i = 0; i < readings->worker_count; i++) {
        const struct uwo_worker_reading *worker = &readings->workers[i];

        if (!choose_is_idle(fixed, worker) || (oldest && worker->started_s >= oldest_s))
            continue;
        oldest = worker->number;
        oldest_s = worker->started_s;
    }
    return oldest;
}

/* Of several, a heap holds the `most` oldest seen so far; then it is taken apart, youngest first.
 * Workers that nobody ever stopped have started in order, and need none of that. */
uint32_t choose_stop(const struct scale_input *input, uint32_t most, uint32_t *stop)
{
    uint32_t count, taken;
    bool in_order;

    if (most == 1) {
        *stop = choose_oldest(input);
        return *stop > 0;
    }
    count = choose_idle(input, stop, &in_order);
    taken = count < most ? count : most;
    if (in_order)
        return taken;
    for (uint32_t at = taken / 2; at-- > 0;)
        choose_sink(input, stop, taken, at);
    for (uint32_t i = taken; i < count; i++) {
        if (!choose_is_older(input, stop[i], stop[0]))
            continue;
        stop[0] = stop[i];
        choose_sink(input, stop, taken, 0);
    }
    for (uint32_t left = taken; left > 1; left--) {
        uint32_t youngest = stop[0];

        stop[0] = stop[left - 1];
        stop[left - 1] = youngest;
        choose_sink(input, stop, left - 1, 0);
    }
    return taken;
}
