/* choose: which workers, once their number is known. */
#include "cheaper/cheaper.h"

uint32_t choose_start(const struct scale_input *input, uint32_t most, uint32_t *start)
{
    uint32_t count = 0;

    for (uint32_t group = 0; group < input->groups && count < most; group++)
        for (uint32_t set = scale_set(input, group, SCALE_STARTABLE); set && count < most;
             set = scale_others(set))
            start[count++] = scale_first(group, set);
    return count;
}

static uint32_t choose_idle_of(const struct scale_input *input, uint32_t group)
{
    return scale_set(input, group, SCALE_LIVE) & ~scale_set(input, group, SCALE_BUSY) &
           ~scale_set(input, group, SCALE_STARTING);
}

/* From when on a worker has not started: the profiles of uWSGI look for the oldest from the largest
 * int on down. */
static int64_t choose_latest(const struct scale_input *input)
{
    return scale_is_fixed(input) ? INT64_MAX : INT32_MAX - 1;
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
    const struct uwo_worker_reading *workers = input->readings->workers;
    int64_t last_s = INT64_MIN, latest_s = choose_latest(input);
    uint32_t count = 0;

    *in_order = true;
    for (uint32_t group = 0; group < input->groups; group++)
        for (uint32_t set = choose_idle_of(input, group); set; set = scale_others(set)) {
            uint32_t found = scale_first(group, set);
            int64_t started_s = workers[found - 1].started_s;

            if (started_s > latest_s)
                continue;
            number[count++] = found;
            *in_order &= started_s >= last_s;
            last_s = started_s;
        }
    return count;
}

/* 0: nobody is idle. */
static uint32_t choose_oldest(const struct scale_input *input)
{
    const struct uwo_worker_reading *workers = input->readings->workers;
    int64_t oldest_s = choose_latest(input);
    uint32_t oldest = 0;

    for (uint32_t group = 0; group < input->groups; group++)
        for (uint32_t set = choose_idle_of(input, group); set; set = scale_others(set)) {
            uint32_t found = scale_first(group, set);
            int64_t started_s = workers[found - 1].started_s;

            if (started_s > oldest_s || (oldest && started_s == oldest_s))
                continue;
            oldest = found;
            oldest_s = started_s;
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
