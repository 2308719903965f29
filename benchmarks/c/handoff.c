/* What it costs to hand something to a sleeping thread.
 *
 *   handoff [--rounds N] [--seed S]
 *
 * A producer hands items to a consumer, which sleeps in epoll_wait as an engine thread
 * does.  The ways, side by side in one run, in shuffled order each round:
 *
 *   pipe      a pointer written to a pipe; the reader takes as many as are there
 *   eventfd   a list under a lock, and the eventfd written for every item
 *   mailbox   the engine's own: a stack without a lock, and a signal only to a sleeper
 *   engine    whole transfers of one byte through uwo_engine_submit
 *
 * burst: 1000 items back to back, then a rest; alone: one item, then a rest, so that the
 * consumer sleeps again.  Counted is CPU, not time: of the producer around its posts, less
 * what reading the clock costs; of the consumer over the whole run.
 *
 * Prints a JSON line for each way, shape and round. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/mailbox.h"
#include "uwoffload.h"

enum {
    BURST_SIZE = 1000,
    BURSTS = 50,
    ALONE_COUNT = 1000,
    PIPE_BATCH = 512,
    REST_US = 100, /* long enough to fall asleep in */
};

struct item {
    struct mail mail; /* first: the mailbox's link is the item */
    int client_fd;    /* engine: where the byte goes, ... */
    int peer_fd;      /* ... and where it arrives */
};

/* One producer and one consumer; which fields count depends on the way. */
struct line {
    const struct way *way;
    int epoll_fd;
    int read_fd;  /* pipe, or eventfd */
    int write_fd; /* the same eventfd, or the pipe's other end */
    pthread_mutex_t lock;
    struct mail *first; /* [lock] */
    struct mailbox mailbox;
    struct uwo_engine *engine;
    pthread_t thread;
    clockid_t clock; /* the consumer's CPU */
    atomic_bool ending;
    _Atomic(uint64_t) taken;
    _Atomic(uint64_t) wakes;
};

struct way {
    const char *name;
    void (*start)(struct line *line);
    void (*stop)(struct line *line);
    void (*post)(struct line *line, struct item *item);
    uint64_t (*consumer_ns)(struct line *line);
    /* Let the producer collect what comes back, outside of what is measured. */
    void (*collect)(struct line *line);
};

static int64_t rounds = 9;
static int64_t seed = 1;
static struct item items[BURST_SIZE];

/* ---- A thread that sleeps in epoll_wait ---------------------------------- */

static uint64_t list_count(const struct mail *mail)
{
    uint64_t count = 0;

    for (; mail; mail = mail->next)
        count++;
    return count;
}

static void line_wait(struct line *line)
{
    struct epoll_event event;

    while (epoll_wait(line->epoll_fd, &event, 1, -1) < 0)
        ;
    atomic_fetch_add(&line->wakes, 1);
}

static void line_start(struct line *line, void *(*run)(void *), uint32_t events)
{
    line->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bench_watch(line->epoll_fd, line->read_fd, events, NULL);
    if (pthread_create(&line->thread, NULL, run, line) != 0 ||
        pthread_getcpuclockid(line->thread, &line->clock) != 0)
        bench_fail("no thread");
}

/* One more item, which is not counted, wakes the consumer to its end. */
static void line_stop(struct line *line)
{
    atomic_store(&line->ending, true);
    line->way->post(line, &items[0]);
    pthread_join(line->thread, NULL);
    close(line->epoll_fd);
    if (line->write_fd != line->read_fd)
        close(line->write_fd);
    close(line->read_fd);
}

static uint64_t line_consumer_ns(struct line *line)
{
    return bench_cpu_ns(line->clock);
}

static void line_collect(struct line *line)
{
    (void)line;
}

/* ---- pipe ----------------------------------------------------------------- */

static void *pipe_run(void *argument)
{
    struct line *line = argument;
    struct item *batch[PIPE_BATCH];

    while (!atomic_load(&line->ending)) {
        ssize_t size;

        line_wait(line);
        size = read(line->read_fd, batch, sizeof(batch));
        if (size > 0)
            atomic_fetch_add(&line->taken, (uint64_t)size / sizeof(batch[0]));
    }
    return NULL;
}

static void pipe_start(struct line *line)
{
    int fds[2];

    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
        bench_fail("no pipe");
    line->read_fd = fds[0];
    line->write_fd = fds[1];
    line_start(line, pipe_run, EPOLLIN);
}

static void pipe_post(struct line *line, struct item *item)
{
    if (write(line->write_fd, &item, sizeof(item)) != sizeof(item))
        bench_fail("the pipe is full");
}

/* ---- eventfd --------------------------------------------------------------- */

static void *eventfd_run(void *argument)
{
    struct line *line = argument;

    while (!atomic_load(&line->ending)) {
        struct mail *taken;
        uint64_t signals;

        line_wait(line);
        if (read(line->read_fd, &signals, sizeof(signals)) < 0)
            continue;
        pthread_mutex_lock(&line->lock);
        taken = line->first;
        line->first = NULL;
        pthread_mutex_unlock(&line->lock);
        atomic_fetch_add(&line->taken, list_count(taken));
    }
    return NULL;
}

static void signal_start(struct line *line, void *(*run)(void *), uint32_t events)
{
    line->read_fd = line->write_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (line->read_fd < 0)
        bench_fail("no eventfd");
    line_start(line, run, events);
}

static void signal_post(struct line *line)
{
    uint64_t one = 1;

    if (write(line->write_fd, &one, sizeof(one)) < 0)
        bench_fail("the eventfd is full");
}

static void eventfd_start(struct line *line)
{
    pthread_mutex_init(&line->lock, NULL);
    signal_start(line, eventfd_run, EPOLLIN);
}

static void eventfd_post(struct line *line, struct item *item)
{
    pthread_mutex_lock(&line->lock);
    item->mail.next = line->first;
    line->first = &item->mail;
    pthread_mutex_unlock(&line->lock);
    signal_post(line);
}

/* ---- mailbox --------------------------------------------------------------- */

static void *mailbox_run(void *argument)
{
    struct line *line = argument;

    while (!atomic_load(&line->ending)) {
        if (mailbox_sleep(&line->mailbox))
            line_wait(line); /* edge-triggered: the eventfd need not be read */
        mailbox_awake(&line->mailbox);
        atomic_fetch_add(&line->taken, list_count(mailbox_take(&line->mailbox)));
    }
    return NULL;
}

static void mailbox_start(struct line *line)
{
    mailbox_init(&line->mailbox);
    signal_start(line, mailbox_run, EPOLLIN | EPOLLET);
}

static void mailbox_put(struct line *line, struct item *item)
{
    if (mailbox_post(&line->mailbox, &item->mail))
        signal_post(line);
}

/* ---- engine ---------------------------------------------------------------- */

static void engine_start(struct line *line)
{
    struct uwo_engine_options wanted = { .size = sizeof(wanted), .threads = 1 };

    if (uwo_engine_create(&wanted, &line->engine, NULL) != UWO_OK)
        bench_fail("no engine");
    for (int i = 0; i < BURST_SIZE; i++) {
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
            bench_fail("no socket pair");
        items[i].client_fd = pair[0];
        items[i].peer_fd = pair[1];
    }
}

static void engine_stop(struct line *line)
{
    uwo_engine_destroy(line->engine);
    for (int i = 0; i < BURST_SIZE; i++) {
        close(items[i].client_fd);
        close(items[i].peer_fd);
    }
}

static void engine_post(struct line *line, struct item *item)
{
    const struct uwo_instruction byte = {
        .size = sizeof(byte), .kind = UWO_SEND, .data = "x", .count = 1
    };
    const struct uwo_program program = { .size = sizeof(program),
                                         .instructions = &byte,
                                         .count = 1 };
    const struct uwo_transfer wanted = { .size = sizeof(wanted),
                                         .after = UWO_GIVE_BACK,
                                         .tag = (uint64_t)(item - items) };
    uint64_t id;

    if (uwo_engine_submit(line->engine, item->client_fd, &program, &wanted, &id, NULL) != UWO_OK)
        bench_fail("submit");
}

static uint64_t engine_consumer_ns(struct line *line)
{
    (void)line; /* nobody else lives in this process but the caller */
    return bench_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - bench_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

static uint64_t engine_wakes(struct line *line)
{
    struct uwo_stats *stats = uwo_engine_stats(line->engine);
    uint32_t field = 0;

    while (field < uwo_stats_field_count() && strcmp(uwo_stats_field_name(field), "wake_ups") != 0)
        field++;
    return uwo_stats_value(stats, 0, 0, field);
}

/* The sockets come back, and the bytes are read, so that no buffer fills. */
static void engine_collect(struct line *line)
{
    static struct uwo_event events[BENCH_EVENTS_PER_TURN];
    int count;

    events[0].size = sizeof(events[0]);
    count = uwo_engine_reap(line->engine, events, BENCH_EVENTS_PER_TURN);
    for (int i = 0; i < count; i++) {
        struct item *item = &items[events[i].tag];
        char byte;

        if (events[i].outcome != UWO_FINISHED || read(item->peer_fd, &byte, 1) != 1)
            bench_fail("a transfer of one byte failed");
        item->client_fd = events[i].client_fd;
        atomic_fetch_add(&line->taken, 1);
    }
    atomic_store(&line->wakes, engine_wakes(line));
}

static const struct way ways[] = {
    { "pipe", pipe_start, line_stop, pipe_post, line_consumer_ns, line_collect },
    { "eventfd", eventfd_start, line_stop, eventfd_post, line_consumer_ns, line_collect },
    { "mailbox", mailbox_start, line_stop, mailbox_put, line_consumer_ns, line_collect },
    { "engine", engine_start, engine_stop, engine_post, engine_consumer_ns, engine_collect },
};

enum { WAY_COUNT = sizeof(ways) / sizeof(ways[0]) };

/* ---- Measuring -------------------------------------------------------------- */

/* What reading the thread's clock adds to a measured interval. */
static double clock_cost_ns(void)
{
    enum { READINGS = 2000 };
    uint64_t total = 0;

    for (int i = 0; i < READINGS; i++) {
        uint64_t before = bench_cpu_ns(CLOCK_THREAD_CPUTIME_ID);

        total += bench_cpu_ns(CLOCK_THREAD_CPUTIME_ID) - before;
    }
    return (double)total / READINGS;
}

static void measure(const struct way *way, const char *shape, int64_t round, uint64_t posts,
                    uint64_t times)
{
    struct line line = { .way = way };
    double clock_ns = clock_cost_ns();
    double producer_ns = 0;
    uint64_t consumer_ns, wakes;

    way->start(&line);
    bench_sleep_us(20000);
    way->collect(&line);
    wakes = atomic_load(&line.wakes);
    consumer_ns = way->consumer_ns(&line);
    for (uint64_t time = 1; time <= times; time++) {
        uint64_t before = bench_cpu_ns(CLOCK_THREAD_CPUTIME_ID);

        for (uint64_t i = 0; i < posts; i++)
            way->post(&line, &items[i]);
        producer_ns += (double)(bench_cpu_ns(CLOCK_THREAD_CPUTIME_ID) - before) - clock_ns;
        do {
            bench_sleep_us(REST_US);
            way->collect(&line);
        } while (atomic_load(&line.taken) < posts * time);
    }
    consumer_ns = way->consumer_ns(&line) - consumer_ns;
    wakes = atomic_load(&line.wakes) - wakes;
    printf("{\"way\": \"%s\", \"shape\": \"%s\", \"round\": %lld, \"producer_ns\": %.1f, "
           "\"consumer_ns\": %.1f, \"both_ns\": %.1f, \"wakes_each\": %.4f}\n",
           way->name, shape, (long long)round, producer_ns / (double)(posts * times),
           (double)consumer_ns / (double)(posts * times),
           (producer_ns + (double)consumer_ns) / (double)(posts * times),
           (double)wakes / (double)(posts * times));
    fflush(stdout);
    way->stop(&line);
}

int main(int argc, char **argv)
{
    const struct bench_option options[] = {
        { .name = "rounds", .value = &rounds },
        { .name = "seed", .value = &seed },
        { .name = NULL },
    };
    int order[WAY_COUNT];

    if (bench_options(argc, argv, options) != argc)
        bench_fail("usage: handoff [options]");
    srand48(seed);
    for (int i = 0; i < WAY_COUNT; i++)
        order[i] = i;
    for (int64_t round = 0; round < rounds; round++) {
        for (int i = WAY_COUNT - 1; i > 0; i--) {
            int other = (int)(lrand48() % (i + 1));
            int kept = order[i];

            order[i] = order[other];
            order[other] = kept;
        }
        for (int i = 0; i < WAY_COUNT; i++) {
            measure(&ways[order[i]], "burst", round, BURST_SIZE, BURSTS);
            measure(&ways[order[i]], "alone", round, 1, ALONE_COUNT);
        }
    }
    return 0;
}
