/* loop: one thread, its epoll set, its timers and its transfers. */
#include <string.h>

#include "engine/drive.h"
#include "engine/engine.h"
#include "engine/front.h"
#include "engine/upload.h"

enum {
    EVENTS_MAX = 256,
    PIPES_IDLE_US = 1000000,    /* without a splice: empty pipes are closed */
    STOP_PATIENCE_US = 5000000, /* for a disk helper that does not come back */
};

/* Epoll data of wake_fd, and of what a host watches; from FRONT_DATA on, below them, that of what a
 * front listens to. */
static const uint64_t WAKE = UINT64_MAX;
static const uint64_t WATCHED = UINT64_MAX - 1;

static void loop_mail(struct loop *loop, struct transfer *transfer)
{
    uint32_t flags;

    if (atomic_load(&transfer->done)) { /* while Python has it, nothing else may be looked at */
        struct uwo_engine *engine = loop->engine;

        pthread_mutex_lock(&engine->lock);
        if (atomic_exchange(&transfer->mail_flags, 0) & MAIL_REAPED)
            transfer_free(engine, transfer);
        pthread_mutex_unlock(&engine->lock);
        return;
    }
    flags = atomic_exchange(&transfer->mail_flags, 0);
    if (transfer->serves) {
        serve_mail(loop, transfer, flags);
        return;
    }
    if (flags & MAIL_DISK && transfer->wait == WAIT_DISK)
        drive_disk(loop, transfer);
    if (flags & MAIL_SUBMIT) {
        if (flags & MAIL_CANCEL)
            drive_stop(loop, transfer, UWO_CANCELLED);
        drive_start(loop, transfer);
    } else if (flags & MAIL_CANCEL) {
        drive_stop(loop, transfer, UWO_CANCELLED);
    }
    if (flags & MAIL_GROWN)
        drive_grown(loop, transfer);
}

/* The front is looked at behind the taking: so mail of a connection finds it joined, even if it was
 * made a moment ago (a request from another worker may be answered before our first turn). */
static void loop_mails(struct loop *loop)
{
    struct mail *mail = mailbox_take(&loop->mailbox);

    front_turn(loop);
    while (mail) {
        struct mail *next = mail->next;

        loop_mail(loop, list_entry(mail, struct transfer, mail));
        mail = next;
    }
}

static void loop_timers(struct loop *loop)
{
    struct timer *timer;

    while ((timer = timers_take(&loop->timers, loop->now_us / 1000))) {
        if (loop->serving && timer == &loop->serving->listen_again)
            listen_start(loop);
        else
            drive_timer(loop, list_entry(timer, struct transfer, timer));
    }
}

static void loop_events(struct loop *loop, const struct epoll_event *events, int count)
{
    struct uwo_engine *engine = loop->engine;
    uint64_t slot_mask = (UINT64_C(1) << ID_SLOT_BITS) - 1;

    for (int i = 0; i < count; i++) {
        uint64_t data = events[i].data.u64;
        uint64_t id = data >> EVENT_TAG_BITS;

        if (data == WAKE) /* edge-triggered: it need not be read */
            continue;
        if (data == WATCHED) {
            loop->watched = true;
            continue;
        }
        if (data >= FRONT_DATA) {
            front_event(loop, (uint32_t)(data - FRONT_DATA));
            continue;
        }

        struct transfer *transfer = &engine->arena[id & slot_mask];

        /* An event of a transfer that has ended, or of the slot's next one, is stale. */
        if (atomic_load_explicit(&transfer->id, memory_order_relaxed) == id &&
            !atomic_load_explicit(&transfer->done, memory_order_relaxed))
            drive_event(loop, transfer, data & 1, events[i].events);
    }
}

void loop_visit_all(struct loop *loop, void (*visit)(struct loop *, struct transfer *))
{
    struct uwo_engine *engine = loop->engine;
    uint32_t top;

    pthread_mutex_lock(&engine->lock);
    top = engine->arena_top;
    pthread_mutex_unlock(&engine->lock);
    for (uint32_t i = 0; i < top; i++) {
        struct transfer *transfer = &engine->arena[i];
        bool mine;

        pthread_mutex_lock(&engine->lock);
        mine = atomic_load_explicit(&transfer->id, memory_order_relaxed) && transfer->committed &&
               transfer->thread == loop->index && !atomic_load(&transfer->done);
        pthread_mutex_unlock(&engine->lock);
        if (mine)
            visit(loop, transfer);
    }
}

static void loop_cancel(struct loop *loop, struct transfer *transfer)
{
    drive_stop(loop, transfer, UWO_CANCELLED);
}

/* True when the loop may end. */
static bool loop_stopping(struct loop *loop)
{
    if (!atomic_load(&loop->engine->stopping))
        return false;
    if (loop->stop_by_us == 0) {
        loop->stop_by_us = loop->now_us + STOP_PATIENCE_US;
        loop_mails(loop); /* nothing is posted after `stopping`: these are the last */
        if (loop->live > 0)
            loop_visit_all(loop, loop_cancel);
    } else if (loop->now_us >= loop->stop_by_us) {
        loop_visit_all(loop, drive_leave_behind);
    }
    return loop->live == 0;
}

static int loop_timeout_ms(struct loop *loop)
{
    uint64_t next_ms = timers_next(&loop->timers);
    uint64_t now_ms = loop->now_us / 1000;
    int sleep_ms = front_sleep_ms(loop);

    if (loop->ready_first)
        return 0;
    if (loop->stop_by_us && loop->stop_by_us / 1000 + 1 < next_ms)
        next_ms = loop->stop_by_us / 1000 + 1;
    if (!list_empty(&loop->starved) && now_ms + UPLOAD_RETRY_MS < next_ms)
        next_ms = now_ms + UPLOAD_RETRY_MS;
    if (sleep_ms >= 0 && now_ms + (uint64_t)sleep_ms < next_ms)
        next_ms = now_ms + (uint64_t)sleep_ms;
    if (next_ms == TIMERS_NEVER)
        return -1;
    if (next_ms <= now_ms)
        return 0;
    return next_ms - now_ms > INT32_MAX ? INT32_MAX : (int)(next_ms - now_ms);
}

int loop_wait(struct loop *loop, int most_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int timeout_ms = loop_timeout_ms(loop);
    int count;

    if (most_ms >= 0 && (timeout_ms < 0 || timeout_ms > most_ms))
        timeout_ms = most_ms;
    if (loop->live == 0 || loop->now_us - loop->pipes.used_us > PIPES_IDLE_US)
        pipes_shrink(&loop->pipes, loop->sys, &loop->engine->pipes_held);
    if (timeout_ms != 0 && !mailbox_sleep(&loop->mailbox))
        timeout_ms = 0;
    count = loop->sys->epoll_wait(loop->epoll_fd, events, EVENTS_MAX, timeout_ms);
    mailbox_awake(&loop->mailbox);
    if (timeout_ms != 0)
        stats_add(loop->stats, STATS_wake_ups, 1);
    loop->now_us = loop->sys->now_us();
    loop_events(loop, events, count);
    return count;
}

bool loop_work(struct loop *loop)
{
    bool going;

    loop->pipes.refused = false;
    loop_mails(loop);
    upload_serve(loop);
    drive_ready(loop);
    loop_timers(loop);
    going = !loop_stopping(loop);
    events_publish(loop);
    return going;
}

static void *loop_run(void *argument)
{
    struct loop *loop = argument;

    while (loop_work(loop))
        loop_wait(loop, -1);
    return NULL;
}

int loop_watch(struct loop *loop, int fd, bool on)
{
    return loop->sys->epoll_set(loop->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd,
                                EPOLLIN | EPOLLET, WATCHED);
}

int loop_init(struct loop *loop, struct uwo_engine *engine, uint32_t index)
{
    const struct sys *sys = engine->sys;

    memset(loop, 0, sizeof *loop);
    loop->engine = engine;
    loop->sys = sys;
    loop->index = index;
    loop->wake_fd = -1;
    loop->stats = stats_slot(engine->stats, engine->options.stats_worker, index);
    atomic_store(&loop->stats[STATS_active], 0);
    loop->now_us = loop->left_us = sys->now_us();
    list_init(&loop->starved);
    mailbox_init(&loop->mailbox);
    timers_init(&loop->timers, loop->now_us / 1000);
    loop->epoll_fd = sys->epoll_open();
    if (loop->epoll_fd < 0)
        return loop->epoll_fd;
    loop->wake_fd = sys->event_open();
    if (loop->wake_fd < 0)
        return loop->wake_fd;
    loop->scratch = sys->alloc(SCRATCH_SIZE);
    if (!loop->scratch)
        return -ENOMEM;
    return sys->epoll_set(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, EPOLLIN | EPOLLET, WAKE);
}

int loop_start(struct loop *loop)
{
    int status = loop->sys->thread_start(&loop->thread, "uwo-loop", loop_run, loop);

    loop->started = status == 0;
    return status;
}

void loop_deinit(struct loop *loop)
{
    if (!loop->sys)
        return;
    pipes_shrink(&loop->pipes, loop->sys, &loop->engine->pipes_held);
    loop->sys->release(loop->scratch);
    if (loop->wake_fd >= 0)
        loop->sys->close(loop->wake_fd);
    if (loop->epoll_fd >= 0)
        loop->sys->close(loop->epoll_fd);
    loop->sys = NULL;
}
