/* The prober: how long does one answer take, and how many can be had?
 *
 *   probe [--rate R] [--for-ms T] [--connections C] [--closed-ms T] PORT NAME
 *
 * First an open loop: R new connections per second for T ms, each fetching /NAME; the time counts
 * from the instant at which it was due, so a server (or prober) that is late is not flattered.
 * Then a closed loop: C clients, each fetching it again and again on a new connection.
 *
 * An answer counts when the server has closed after a head that says 200.  What is not answered
 * within five seconds has failed.  Prints one JSON object. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { PROBES_MAX = 65536, PATIENCE_MS = 5000 };

struct probe {
    int fd;
    bool requested;
    bool counted; /* the head says 200 */
    uint64_t due_ns;
};

static int64_t rate = 400;
static int64_t for_ms = 2000;
static int64_t connections = 16;
static int64_t closed_ms = 1000;

static int port;
static int epoll_fd;
static char request[BENCH_HEAD_MAX];
static int request_size;
static struct probe probes[PROBES_MAX];
static uint64_t took_ns[PROBES_MAX];
static uint64_t answered;
static uint64_t failed;

static void probe_open(struct probe *probe, uint64_t due_ns)
{
    *probe = (struct probe){ .fd = bench_connect(port, 0, 0), .due_ns = due_ns };
    if (probe->fd < 0) {
        failed++;
        return;
    }
    bench_watch(epoll_fd, probe->fd, EPOLLIN | EPOLLOUT | EPOLLET, probe);
}

static void probe_close(struct probe *probe, bool good)
{
    close(probe->fd);
    probe->fd = -1;
    if (!good)
        failed++;
    else if (answered < PROBES_MAX)
        took_ns[answered++] = bench_now_ns() - probe->due_ns;
    else
        answered++;
}

/* Returns true when the probe is over. */
static bool probe_event(struct probe *probe)
{
    char bytes[16384];
    ssize_t count;

    if (!probe->requested) {
        count = send(probe->fd, request, (size_t)request_size, MSG_NOSIGNAL);
        if (count < 0 && (errno == EAGAIN || errno == ENOTCONN))
            return false;
        probe->requested = true;
        if (count != request_size) {
            probe_close(probe, false);
            return true;
        }
    }
    while ((count = recv(probe->fd, bytes, sizeof(bytes), 0)) > 0)
        if (!probe->counted && count > 12)
            probe->counted = memcmp(bytes + 8, " 200", 4) == 0;
    if (count < 0 && errno == EAGAIN)
        return false;
    probe_close(probe, count == 0 && probe->counted);
    return true;
}

static int timer_start(uint64_t start_ns, uint64_t every_ns)
{
    struct itimerspec times = {
        .it_value = { .tv_sec = (time_t)(start_ns / 1000000000u),
                      .tv_nsec = (long)(start_ns % 1000000000u) },
        .it_interval = { .tv_nsec = (long)every_ns },
    };
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    if (fd < 0 || timerfd_settime(fd, TFD_TIMER_ABSTIME, &times, NULL) < 0)
        bench_fail("no timer");
    bench_watch(epoll_fd, fd, EPOLLIN, NULL);
    return fd;
}

static void open_loop(void)
{
    uint64_t every_ns = 1000000000u / (uint64_t)rate;
    uint64_t start_ns = bench_now_ns() + 1000000;
    int64_t total = for_ms * rate / 1000;
    int timer_fd = timer_start(start_ns, every_ns);
    uint64_t give_up_ns = start_ns + (uint64_t)(for_ms + PATIENCE_MS) * 1000000u;
    struct epoll_event events[BENCH_EVENTS_PER_TURN];
    int64_t opened = 0;

    while (answered + failed < (uint64_t)total && bench_now_ns() < give_up_ns) {
        int count = epoll_wait(epoll_fd, events, BENCH_EVENTS_PER_TURN, 100);

        for (int i = 0; i < count; i++) {
            uint64_t ticks = 0;

            if (events[i].data.ptr) {
                probe_event(events[i].data.ptr);
                continue;
            }
            if (read(timer_fd, &ticks, sizeof(ticks)) < 0)
                continue;
            for (; ticks > 0 && opened < total; ticks--, opened++)
                probe_open(&probes[opened], start_ns + (uint64_t)opened * every_ns);
        }
    }
    close(timer_fd);
    failed += (uint64_t)total - answered - failed;
    for (int64_t i = 0; i < opened; i++)
        if (probes[i].fd >= 0)
            close(probes[i].fd);
}

static int time_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

static double quantile_us(double part)
{
    return answered ? (double)took_ns[(uint64_t)((double)(answered - 1) * part)] / 1e3 : 0;
}

static double closed_loop(void)
{
    uint64_t start_ns = bench_now_ns();
    uint64_t end_ns = start_ns + (uint64_t)closed_ms * 1000000u;
    struct epoll_event events[BENCH_EVENTS_PER_TURN];

    answered = failed = 0;
    for (int64_t i = 0; i < connections; i++)
        probe_open(&probes[i], start_ns);
    while (bench_now_ns() < end_ns) {
        int count = epoll_wait(epoll_fd, events, BENCH_EVENTS_PER_TURN, 100);

        for (int i = 0; i < count; i++)
            if (probe_event(events[i].data.ptr))
                probe_open(events[i].data.ptr, bench_now_ns());
    }
    return (double)(bench_now_ns() - start_ns) / 1e9;
}

int main(int argc, char **argv)
{
    const struct bench_option options[] = {
        { .name = "closed-ms", .value = &closed_ms },
        { .name = "connections", .value = &connections },
        { .name = "for-ms", .value = &for_ms },
        { .name = "rate", .value = &rate },
        { .name = NULL },
    };
    int index = bench_options(argc, argv, options);
    double seconds;

    if (index != argc - 2 || rate < 2 || rate * for_ms / 1000 > PROBES_MAX ||
        connections > PROBES_MAX)
        bench_fail("usage: probe [options] PORT NAME");
    port = atoi(argv[index]);
    request_size = snprintf(request, sizeof(request),
                            "GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                            argv[index + 1]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    open_loop();
    qsort(took_ns, answered, sizeof(*took_ns), time_compare);
    printf("{\"probes\": %llu, \"failed\": %llu, \"p50_us\": %.1f, \"p90_us\": %.1f, "
           "\"p99_us\": %.1f, \"max_us\": %.1f, ",
           (unsigned long long)answered, (unsigned long long)failed, quantile_us(0.5),
           quantile_us(0.9), quantile_us(0.99), quantile_us(1));
    seconds = closed_loop();
    printf("\"closed_requests\": %llu, \"closed_failed\": %llu, \"closed_seconds\": %.4f}\n",
           (unsigned long long)answered, (unsigned long long)failed, seconds);
    return 0;
}
