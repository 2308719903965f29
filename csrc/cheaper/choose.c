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

static bool choose_is_idle(const struct scale_input *input, const struct uwo_worker_reading *worker)
{
    if (scale_is_fixed(input))
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

/* Let number[0], the root of a heap with the youngest on top, sink to its place. */
static void choose_sink(const struct scale_input *input, uint32_t *number, uint32_t count)
{
    uint32_t sinking = number[0], at = 0;

    for (uint32_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && choose_is_older(input, number[child], number[child + 1]))
            child++;
        if (choose_is_older(input, number[child], sinking))
            break;
        number[at] = number[child];
        at = child;
    }
    number[at] = sinking;
}

/* The heap holds the `most` oldest seen so far; afterwards it is taken apart, youngest first. */
uint32_t choose_stop(const struct scale_input *input, uint32_t most, uint32_t *stop)
{
    const struct uwo_readings *readings = input->readings;
    uint32_t count = 0;

    if (most == 0)
        return 0;
    for (uint32_t i = 0; i < readings->worker_count; i++) {
        uint32_t number = readings->workers[i].number;

        if (!choose_is_idle(input, &readings->workers[i]))
            continue;
        if (count == most) {
            if (!choose_is_older(input, number, stop[0]))
                continue;
            stop[0] = number;
            choose_sink(input, stop, count);
            continue;
        }
        uint32_t at = count++;
        for (; at > 0 && choose_is_older(input, stop[(at - 1) / 2], number); at = (at - 1) / 2)
            stop[at] = stop[(at - 1) / 2];
        stop[at] = number;
    }
    for (uint32_t left = count; left > 1; left--) {
        uint32_t youngest = stop[0];

        stop[0] = stop[left - 1];
        stop[left - 1] = youngest;
        choose_sink(input, stop, left - 1);
    }
    return count;
}
