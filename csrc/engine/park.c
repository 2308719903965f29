#include "engine/park.h"

/* Progress is judged at multiples of this. */
enum { JUDGE_GRID_MS = 100 };

/* How soon to look again at a socket that may have room without an edge. */
enum { UNSURE_US = 750000 };

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Progress is looked at on a grid, so that one wake-up serves many transfers. */
void park_arm(struct loop *loop, struct transfer *transfer, uint64_t until_us)
{
    const struct limits *limits = &transfer->limits;
    uint64_t judge_us = limits_next_us(limits, transfer_floor(transfer), loop->now_us);
    uint64_t due_ms = TIMERS_NEVER;

    if (transfer->unsure)
        judge_us = earlier(judge_us, loop->now_us + UNSURE_US);
    if (judge_us != UINT64_MAX)
        due_ms = (judge_us / 1000 / JUDGE_GRID_MS + 1) * JUDGE_GRID_MS;
    if (limits->deadline_ms != LIMITS_NEVER)
        until_us = earlier(until_us, limits->started_us + limits->deadline_ms * UINT64_C(1000));
    if (until_us != UINT64_MAX)
        due_ms = earlier(due_ms, (until_us + 999) / 1000);
    if (due_ms < transfer->timer.at_ms) /* a timer that fires too early looks again */
        timers_set(&loop->timers, &transfer->timer, due_ms);
}

int park_watch(struct loop *loop, struct transfer *transfer, bool output)
{
    uint64_t id = atomic_load_explicit(&transfer->id, memory_order_relaxed);
    uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET | (output ? (uint32_t)EPOLLOUT : 0);
    int action = transfer->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int status;

    if (transfer->registered && (transfer->watches_output || !output))
        return 0;
    status = loop->sys->epoll_set(loop->epoll_fd, action, transfer->client_fd, events,
                                  id << EVENT_TAG_BITS);
    if (status == 0) {
        transfer->registered = true;
        transfer->watches_output = output;
    }
    return -status;
}

void park_later(struct loop *loop, struct transfer *transfer)
{
    transfer->wait = WAIT_NOTHING;
    transfer->waited = true;
    transfer->ready_next = NULL;
    if (loop->ready_last)
        loop->ready_last->ready_next = transfer;
    else
        loop->ready_first = transfer;
    loop->ready_last = transfer;
    park_arm(loop, transfer, UINT64_MAX);
}

bool park(struct loop *loop, struct transfer *transfer, uint8_t wait, bool unsure,
          uint64_t until_us, struct op_result *result)
{
    if (wait != WAIT_DISK)
        result->error = park_watch(loop, transfer, true);
    if (result->error)
        return false;
    transfer->wait = wait;
    transfer->waited = true;
    transfer->unsure = unsure;
    park_arm(loop, transfer, until_us);
    return true;
}
