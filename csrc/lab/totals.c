#include "lab/lab.h"

void lab_total(const struct lab *lab, struct uwo_lab_result *result)
{
    const struct lab_counts *counts = &lab->counts;
    const struct waits *waits = &lab->waits;
    int64_t end_us = lab->options.horizon_us;

    *result = lab->result;
    result->size = sizeof *result;
    result->finished += lab->completions;
    for (uint32_t i = 0; i < lab->options.workers_max; i++) {
        const struct lab_worker *worker = &lab->worker[i];

        result->left_serving += worker->in_request;
        result->busy_us += (uint64_t)worker->busy_us;
        if (worker->in_request)
            result->busy_us += (uint64_t)(end_us - worker->busy_since_us);
        result->served_us += worker->served_us;
        for (uint32_t thread = 0; thread < lab->threads; thread++) {
            uint32_t core = i << lab->thread_bits | thread;

            if (ends_set_at(&lab->ends, core))
                result->served_us += (uint64_t)(end_us - lab->core[core].begun_us);
        }
    }
    result->over_target = waits->over_count;
    result->missed += waits->over_count + result->rejected + result->lost;
    result->excess_us = waits->over_us;
    result->wait_total_us = waits->total_us;
    result->wait_max_us = waits->max_us;
    result->wait_p50_us = waits_quantile(waits, 500000);
    result->wait_p90_us = waits_quantile(waits, 900000);
    result->wait_p99_us = waits_quantile(waits, 990000);
    result->wait_p999_us = waits_quantile(waits, 999000);
    result->worker_us = counts->existing_us;
    result->starting_us = counts->starting_us;
    result->draining_us = counts->leaving_us;
    result->idle_us = counts->existing_us - counts->starting_us - counts->leaving_us -
                      result->busy_us;
    result->at_max_us = counts->at_max_us;
    result->memory_peak = counts->memory_peak;
}
