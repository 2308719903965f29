#include "engine/front.h"

#include <string.h>

#include "engine/answer.h"
#include "engine/drive.h"
#include "engine/hosted.h"

/* How long front_destroy waits for a disk helper; and, running the loop itself, between looks. */
enum { LEAVING_US = 5000000, LEAVING_STEP_MS = 20 };

enum { OUTPUT_SIZE = ANSWER_HEAD_MAX + SMALL_MAX + 64 };

/* ---- one loop's part ---- */

static int serving_init(struct serving *serving, struct front *front)
{
    const struct sys *sys = front->sys;
    const struct uwo_front_options *options = &front->options;
    int status;

    serving->front = front;
    serving->date_seconds = -1;
    serving->reserve_fd = -1;
    list_init(&serving->idle);
    timer_init(&serving->listen_again);
    serving->site = sites_hold(front->site);
    status = files_init(&serving->files, sys, options->files_max,
                        options->files_valid_ms * UINT64_C(1000));
    if (status == 0 && options->log_fd >= 0)
        status = log_buffer_init(&serving->log, sys);
    serving->input = sys->alloc(INPUT_SIZE);
    serving->output = sys->alloc(OUTPUT_SIZE);
    if (status == 0 && (!serving->input || !serving->output))
        status = -ENOMEM;
    if (status == 0)
        status = serving->reserve_fd = sys->event_open();
    return status < 0 ? status : 0;
}

static void serving_deinit(struct serving *serving, const struct sys *sys)
{
    if (!serving->front)
        return;
    files_deinit(&serving->files);
    log_buffer_deinit(&serving->log, sys);
    sites_drop(serving->site);
    sys->release(serving->input);
    sys->release(serving->output);
    if (serving->reserve_fd >= 0)
        sys->close(serving->reserve_fd);
    serving->front = NULL;
}

/* ---- turns ---- */

static void front_swap(struct serving *serving)
{
    struct front *front = serving->front;

    pthread_mutex_lock(&front->lock);
    if (serving->site != front->site) {
        sites_drop(serving->site);
        serving->site = sites_hold(front->site);
    }
    pthread_mutex_unlock(&front->lock);
}

/* Requests that found the overflow queue full wait for room in it: then the first loop watches it,
 * once.  What others give away is watched by who waits for requests: without threads that is the
 * loop, else a thread in queue_wait. */
void front_watch_overflow(struct front *front)
{
    front->sys->epoll_set(front->engine->loops[0].epoll_fd, EPOLL_CTL_MOD,
                          front->options.overflow_send_fd, EPOLLOUT | EPOLLONESHOT,
                          FRONT_DATA + OVERFLOW_EVENT);
}

static void front_know_overflow(struct loop *loop, int action)
{
    struct front *front = loop->serving->front;

    if (loop->index != 0 || front->queue.overflow_fd < 0)
        return;
    loop->sys->epoll_set(loop->epoll_fd, action, front->options.overflow_send_fd, EPOLLONESHOT,
                         FRONT_DATA + OVERFLOW_EVENT);
    if (loop->engine->hosted)
        loop->sys->epoll_set(loop->epoll_fd, action, front->queue.overflow_fd,
                             EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, FRONT_DATA + GIVEN_EVENT);
}

static void front_cut(struct loop *loop, struct transfer *transfer)
{
    if (transfer->serves)
        drive_stop(loop, transfer, UWO_CANCELLED);
}

static void front_count(struct loop *loop, struct transfer *transfer)
{
    loop->serving->left += transfer->serves;
}

static void front_leave(struct loop *loop)
{
    struct front *front = loop->serving->front;

    listen_stop(loop);
    timers_clear(&loop->serving->listen_again);
    loop_visit_all(loop, front_cut);
    loop->serving->left = 0;
    loop_visit_all(loop, front_count);
    if (loop->serving->left > 0)
        return; /* a helper or Python has some; looked at again when it comes back */
    front_know_overflow(loop, EPOLL_CTL_DEL);
    loop->serving = NULL;
    loop->front_left = atomic_load(&loop->engine->front_number);
    pthread_mutex_lock(&front->lock);
    front->away++;
    pthread_cond_signal(&front->left);
    pthread_mutex_unlock(&front->lock);
}

void front_turn(struct loop *loop)
{
    uint32_t number = atomic_load(&loop->engine->front_number);
    struct front *front = atomic_load(&loop->engine->front);
    struct serving *serving = loop->serving;
    uint32_t changes;

    /* One that the loop has left may be gone: it must not be looked at. */
    if (!front || (!serving && number == loop->front_left))
        return;
    if (serving) {
        serving->turn++;
        files_trim(&serving->files, loop->now_us);
    }
    changes = atomic_load_explicit(&front->changes, memory_order_acquire);
    if (!serving) {
        serving = &front->servings[loop->index];
        loop->serving = serving;
        atomic_store(&loop->stats[STATS_connections], 0);
        front_know_overflow(loop, EPOLL_CTL_ADD);
        listen_start(loop);
    }
    if (atomic_load_explicit(&front->stopping, memory_order_relaxed)) {
        front_leave(loop);
        return;
    }
    if (serving->seen == changes)
        return;
    serving->seen = changes;
    front_swap(serving);
    if (atomic_load(&front->draining)) {
        listen_stop(loop);
        timers_clear(&serving->listen_again);
        if (!serving->deaf)
            atomic_fetch_add(&front->deaf, 1);
        serving->deaf = true;
        serve_drain(loop);
    }
}

void front_event(struct loop *loop, uint32_t number)
{
    if (!loop->serving)
        return;
    if (number == OVERFLOW_EVENT)
        answer_spill(loop->serving->front);
    else if (number == GIVEN_EVENT)
        loop->given = true;
    else if (loop->serving->listening)
        listen_event(loop, number);
}

/* ---- from outside ---- */

static void front_tell(struct front *front)
{
    struct uwo_engine *engine = front->engine;

    atomic_fetch_add(&front->changes, 1);
    for (uint32_t i = 0; i < engine->options.threads; i++)
        engine->sys->event_signal(engine->loops[i].wake_fd);
}

static void front_limits(struct front *front)
{
    const struct uwo_front_options *options = &front->options;

    front->limits = (struct conn_limits){
        .head = { .head_size = options->head_size_max,
                  .target_size = options->target_size_max,
                  .field_count = options->fields_max },
        .body_size = options->body_size_max,
        .requests = options->requests_max,
        .head_ms = options->head_timeout_ms,
        .keepalive_ms = options->keepalive_timeout_ms == UWO_NONE ? CONN_NEVER_MS
                                                                  : options->keepalive_timeout_ms,
        .no_progress_ms = options->no_progress_ms,
    };
}

static int front_listeners(struct front *front)
{
    for (size_t i = 0; i < front->options.listener_count; i++) {
        const struct uwo_listener *from = &front->options.listeners[i];
        struct listener *listener = &front->listeners[i];
        int status;

        listener->fd = from->fd;
        listener->protocol = (uint8_t)from->protocol;
        status = front->sys->listening(from->fd, &listener->tcp);
        if (status == 0)
            status = front->sys->nonblocking(from->fd, true);
        if (status < 0)
            return status;
    }
    front->listener_count = (uint32_t)front->options.listener_count;
    front->options.listeners = NULL;
    return 0;
}

static int front_init(struct front *front)
{
    const struct sys *sys = front->sys;
    uint32_t threads = front->engine->options.threads;
    size_t directory_size = strlen(front->options.spool_directory) + 1;
    int overflow_fd = front->options.overflow_receive_fd;
    int status = front_listeners(front);

    front_limits(front);
    front->spool_directory = sys->alloc(directory_size);
    front->servings = sys->alloc(threads * sizeof *front->servings);
    if (front->servings)
        memset(front->servings, 0, threads * sizeof *front->servings);
    front->log_buffers = sys->alloc(threads * sizeof(struct log_buffer *));
    front->overflow = overflow_fd >= 0 ? sys->alloc(MESSAGE_MAX) : NULL;
    if (!front->spool_directory || !front->servings || !front->log_buffers ||
        (overflow_fd >= 0 && !front->overflow))
        return -ENOMEM;
    memcpy(front->spool_directory, front->options.spool_directory, directory_size);
    front->options.spool_directory = front->spool_directory;

    if (sys->random(&front->boundary) < 0)
        front->boundary = sys->now_us() ^ (uint64_t)(uintptr_t)front;
    if (status == 0)
        status = queue_init(&front->queue, sys, overflow_fd,
                            front->engine->hosted ? front->engine->loops[0].wake_fd : -1);
    for (uint32_t i = 0; status == 0 && i < threads; i++) {
        status = serving_init(&front->servings[i], front);
        front->log_buffers[i] = &front->servings[i].log;
    }
    if (status == 0)
        status = log_start(&front->log, sys, front->options.log_fd, front->log_buffers, threads,
                           front->engine->callers_stats);
    return status;
}

static void front_free(struct front *front)
{
    const struct sys *sys = front->sys;

    if (!log_stop(&front->log))
        return;
    for (uint32_t i = 0; front->servings && i < front->engine->options.threads; i++)
        serving_deinit(&front->servings[i], sys);
    queue_deinit(&front->queue);
    sites_drop(front->site);
    sys->release(front->servings);
    sys->release(front->log_buffers);
    sys->release(front->spool_directory);
    sys->release(front->overflow);
    pthread_cond_destroy(&front->left);
    pthread_mutex_destroy(&front->lock);
    pthread_mutex_destroy(&front->overflow_lock);
    sys->release(front);
}

int front_create(struct uwo_engine *engine, const struct uwo_front_options *options,
                 struct front **out)
{
    const struct sys *sys = engine->sys;
    struct front *front = sys->alloc_aligned(_Alignof(struct front), sizeof *front);
    struct front *none = NULL;
    int status;

    if (!front)
        return -ENOMEM;
    memset(front, 0, sizeof *front);
    front->engine = engine;
    front->sys = sys;
    front->options = *options;
    front->forks = sys_forks();
    front->site = sites_hold((struct site_made *)options->site);
    pthread_mutex_init(&front->lock, NULL);
    pthread_cond_init(&front->left, NULL);
    pthread_mutex_init(&front->overflow_lock, NULL);
    status = front_init(front);
    pthread_mutex_lock(&engine->lock);
    if (status == 0 && engine->draining)
        status = UWO_E_CLOSED;
    pthread_mutex_unlock(&engine->lock);
    if (status == 0 && !atomic_compare_exchange_strong(&engine->front, &none, front))
        status = UWO_E_INVALID;
    if (status < 0) {
        front_free(front);
        return status;
    }
    atomic_fetch_add(&engine->front_number, 1);
    *out = front;
    front_tell(front);
    return 0;
}

void front_swap_site(struct front *front, struct site_made *site)
{
    struct site_made *before;

    pthread_mutex_lock(&front->lock);
    before = front->site;
    front->site = sites_hold(site);
    pthread_mutex_unlock(&front->lock);
    sites_drop(before);
    front_tell(front);
}

void front_hasten(struct front *front)
{
    atomic_store(&front->impatient, true);
    front_drain(front);
}

void front_drain(struct front *front)
{
    atomic_store(&front->draining, true);
    front_tell(front);
}

/* A loop that has not heard of the drain yet may still accept one. */
uint64_t front_connections(struct front *front)
{
    bool may_accept = atomic_load(&front->deaf) < front->engine->options.threads;
    uint64_t connections = atomic_load(&front->connections);

    return connections + (may_accept && atomic_load(&front->draining) ? 1 : 0);
}

/* No loop looks at the front any more: each has left it, or has ended with its engine.  An engine
 * that is only about to stop has loops that still do. */
static bool front_is_left(struct front *front)
{
    struct uwo_engine *engine = front->engine;
    bool stopped, left;

    pthread_mutex_lock(&engine->lock);
    stopped = engine->stopped;
    pthread_mutex_unlock(&engine->lock);
    pthread_mutex_lock(&front->lock);
    left = front->away == engine->options.threads;
    pthread_mutex_unlock(&front->lock);
    return stopped || left;
}

/* One step towards it: without threads this one runs the loop, unless another does.  Who stops the
 * engine does not tell us: hence steps. */
static void front_wait_step(struct front *front)
{
    struct uwo_engine *engine = front->engine;
    int64_t until_us = front->sys->wall_us() + LEAVING_STEP_MS * 1000;
    struct timespec until = { .tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000 };

    if (engine->hosted && !atomic_load(&engine->stopping)) {
        hosted_step(engine, LEAVING_STEP_MS);
        return;
    }
    pthread_mutex_lock(&front->lock);
    if (front->away < engine->options.threads)
        pthread_cond_timedwait(&front->left, &front->lock, &until);
    pthread_mutex_unlock(&front->lock);
}

/* Until every loop has left.  False: one cannot. */
static bool front_wait(struct front *front)
{
    uint64_t until_us = front->sys->now_us() + LEAVING_US;

    while (!front_is_left(front)) {
        if (front->sys->now_us() >= until_us)
            return false;
        front_wait_step(front);
    }
    return true;
}

void front_destroy(struct front *front)
{
    struct uwo_engine *engine = front->engine;

    atomic_store(&front->draining, true);
    atomic_store(&front->stopping, true);
    front_tell(front);
    if (!front_wait(front)) /* a dead disk holds a helper: its connection needs the front */
        return;
    atomic_store(&engine->front, NULL);
    front_free(front);
}
