/* listen: how a loop comes by its connections.
 *
 * All loops of all workers watch the same listeners with EPOLLEXCLUSIVE, so a connection wakes one
 * of them.  The kernel always wakes whoever stands first in the listener's wait queue, which would
 * pile everything on one loop; so a loop that has taken its share goes to the end of the queue
 * (steps back): after STEP_BACK_AFTER accepts, or as soon as it holds more connections than the
 * mean.  Loops of one worker need no share: whichever wakes serves as well, and the next connection
 * finds another when that one is busy; so there only the mean counts, and accepting costs nothing
 * more than with one loop.
 *
 * When descriptors run out, the oldest idle connection is closed for the new one; when there is
 * none, the reserve descriptor is given up for a moment, to tell the client 503.  Nothing here can
 * spin: what cannot be accepted is left alone for PAUSE_MS. */
#include "engine/drive.h"
#include "engine/front.h"

enum {
    ACCEPTS_MAX = 64,     /* a turn */
    STEP_BACK_AFTER = 16, /* accepts */
    FAILURES_MAX = 16,    /* of accept, in a row */
    PAUSE_MS = 50,
    BURST_TURNS = 4,
    ABOVE_MEAN = 8 /* so many connections more than the mean are no reason to step back */
};

static bool listen_watch(struct loop *loop, int action)
{
    struct front *front = loop->serving->front;
    bool good = true;

    for (uint32_t i = 0; i < front->listener_count; i++) {
        int status = loop->sys->epoll_set(loop->epoll_fd, action, front->listeners[i].fd,
                                          EPOLLIN | EPOLLEXCLUSIVE, FRONT_DATA + i);

        good = good && status == 0;
    }
    return good;
}

void listen_start(struct loop *loop)
{
    struct front *front = loop->serving->front;

    if (loop->serving->listening || atomic_load(&front->draining))
        return;
    loop->serving->listening = true;
    if (!listen_watch(loop, EPOLL_CTL_ADD)) /* no memory: again later */
        listen_pause(loop);
}

void listen_stop(struct loop *loop)
{
    if (!loop->serving->listening)
        return;
    loop->serving->listening = false;
    listen_watch(loop, EPOLL_CTL_DEL);
}

void listen_pause(struct loop *loop)
{
    listen_stop(loop);
    timers_set(&loop->timers, &loop->serving->listen_again, loop->now_us / 1000 + PAUSE_MS);
}

/* Connections of an average loop, over all workers that share the listeners.  Their slots may stand
 * anywhere in the block: the workers before a reload have others than those after it. */
static uint64_t listen_mean(const struct front *front)
{
    const struct uwo_engine_options *options = &front->engine->options;
    const struct uwo_stats *stats = front->engine->stats;
    uint64_t sum = 0;

    for (uint32_t worker = 0; worker < stats->header->workers_max; worker++) {
        for (uint32_t thread = 0; thread < options->threads; thread++)
            sum += atomic_load_explicit(&stats_slot(stats, worker, thread)[STATS_connections],
                                        memory_order_relaxed);
    }
    return sum / (front->options.balance_count * options->threads);
}

static bool listen_shared(const struct front *front)
{
    return front->options.balance_count * front->engine->options.threads > 1;
}

static bool listen_above_mean(const struct loop *loop)
{
    uint64_t own = atomic_load_explicit(&loop->stats[STATS_connections], memory_order_relaxed);

    return own > ABOVE_MEAN && own > listen_mean(loop->serving->front) + ABOVE_MEAN;
}

/* To the end of the wait queues, when it was our turn long enough. */
static void listen_step_back(struct loop *loop, uint32_t accepted)
{
    struct serving *serving = loop->serving;
    struct front *front = serving->front;

    if (!listen_shared(front))
        return;
    serving->accepted += accepted;
    if ((front->options.balance_count == 1 || serving->accepted < STEP_BACK_AFTER) &&
        !listen_above_mean(loop))
        return;
    serving->accepted = 0;
    listen_watch(loop, EPOLL_CTL_DEL);
    if (!listen_watch(loop, EPOLL_CTL_ADD))
        listen_pause(loop);
}

/* No descriptor is to be had: say so to one client. */
static void listen_turn_away(struct loop *loop, const struct listener *listener)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                               "Content-Length: 0\r\n\r\n";
    struct serving *serving = loop->serving;
    struct sys_peer peer;
    int fd;

    if (serving->reserve_fd >= 0)
        loop->sys->close(serving->reserve_fd);
    fd = loop->sys->accept(listener->fd, &peer);
    if (fd >= 0) {
        if (listener->protocol == CONN_HTTP)
            loop->sys->send(fd, text, sizeof text - 1, false);
        loop->sys->shutdown(fd, SYS_SHUT_WRITE);
        loop->sys->close(fd);
        stats_add(loop->stats, STATS_refused, 1);
    }
    serving->reserve_fd = loop->sys->event_open();
}

static bool listen_full(const struct front *front)
{
    return atomic_load_explicit(&front->connections, memory_order_relaxed) >=
           front->options.connections_max;
}

/* Room for one more connection?  At the limit an idle one goes first. */
static bool listen_room(struct loop *loop)
{
    struct front *front = loop->serving->front;

    if (front->options.application && queue_waiting(&front->queue) >= front->options.queue_max)
        return false;
    return !listen_full(front) || serve_close_idle(loop);
}

static void listen_take(struct loop *loop, const struct listener *listener, int fd,
                        const struct sys_peer *peer)
{
    struct transfer *transfer = serve_open(loop->serving->front, fd, (uint8_t)loop->index,
                                           listener->protocol, listener->tcp, false, peer,
                                           loop->now_us);

    if (transfer) {
        stats_add(loop->stats, STATS_accepted, 1);
        serve_accepted(loop, transfer);
    } else {
        loop->sys->close(fd);
        stats_add(loop->stats, STATS_refused, 1);
    }
}

/* Out of something.  True when it is worth another try. */
static bool listen_failed(struct loop *loop, const struct listener *listener, int error)
{
    switch (error) {
    case -ECONNABORTED:
    case -EINTR:
    case -EPROTO:
    case -EPERM:
        return true;
    case -EMFILE:
    case -ENFILE:
        files_shrink(&loop->serving->files, 16);
        if (serve_close_idle(loop))
            return true;
        listen_turn_away(loop, listener);
        listen_pause(loop);
        return false;
    case -EAGAIN:
        return false;
    default:
        listen_pause(loop);
        return false;
    }
}

/* How many to take.  The listener says so when more are there, so no call is spent on finding out;
 * but when it has said so turn after turn, there is a burst. */
static uint32_t listen_wanted(struct serving *serving)
{
    uint32_t most = listen_shared(serving->front) ? STEP_BACK_AFTER : ACCEPTS_MAX;
    bool again = serving->turn - serving->accept_turn <= 1;

    serving->accept_turn = serving->turn;
    serving->accept_burst = again ? serving->accept_burst + 1 : 0;
    if (serving->accept_burst < BURST_TURNS || serving->accept_most == 0) {
        serving->accept_most = 1;
    } else if (serving->accept_burst % BURST_TURNS == 0) {
        serving->accept_most *= 2;
    }
    if (serving->accept_most > most)
        serving->accept_most = most;
    return serving->accept_most;
}

void listen_event(struct loop *loop, uint32_t number)
{
    struct serving *serving = loop->serving;
    const struct listener *listener = &serving->front->listeners[number];
    uint32_t wanted = listen_wanted(serving);
    uint32_t accepted = 0;
    uint32_t failed = 0;
    bool emptied = false;

    while (accepted < wanted && serving->listening) {
        struct sys_peer peer;
        int fd;

        if (listen_full(serving->front) && accepted > 0)
            break; /* perhaps nobody waits */
        if (!listen_room(loop)) {
            listen_pause(loop);
            return;
        }
        fd = loop->sys->accept(listener->fd, &peer);
        if (fd >= 0) {
            accepted++;
            listen_take(loop, listener, fd, &peer);
        } else if (!listen_failed(loop, listener, fd)) {
            emptied = true;
            break;
        } else if (++failed == FAILURES_MAX) { /* something forbids it, for good */
            listen_pause(loop);
            return;
        }
    }
    if (emptied)
        serving->accept_most = accepted;
    if (serving->listening && accepted > 0)
        listen_step_back(loop, accepted);
}
