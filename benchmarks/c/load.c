/* The clients: fetch files over HTTP and count what arrives, to the byte.
 *
 *   load bulk [--connections N] [--for-ms T | --bytes K] PORT NAME
 *   load slow [--readers N] [--rate R] [--receive-size B] [--segment-size M] [--ramp C] PORT NAME
 *
 * bulk: N connections; each fetches the file again and again, every time on a new
 * connection, until the time is over or K bytes have come; what is under way is fetched
 * to its end.  slow: N readers, C new ones per second, each reading the file once at R
 * bytes/s.
 *
 * The slow readers set TCP_MAXSEG and a small receive buffer before they connect: with
 * the loopback's own 64 KiB segments the kernel swallows a whole megabyte at once, and
 * any server looks free.  The body is drained with MSG_TRUNC, which drops it in the
 * kernel: the machine's two cores are for the server.
 *
 * Each answer ends as one of: complete (exactly Content-Length bytes, then the end),
 * truncated (the end came early), over (more came), reset, stalled (30 s without a byte).
 * Prints one JSON object. */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DRAIN_SIZE = 1 << 20,
    SLOW_TICK_MS = 5,       /* readers are spread over ticks, ... */
    SLOW_PERIOD_TICKS = 20, /* ... each reads once per 100 ms */
    STALL_SECONDS = 30,
};

struct reader {
    int fd;
    bool requested;
    int64_t body_size; /* -1 until the response head is complete */
    int64_t received;  /* of the body */
    uint64_t started_ns;
    uint64_t moved_ns; /* when the last byte came */
    size_t head_size;
    char head[BENCH_HEAD_MAX];
};

static int64_t connections = 16;
static int64_t for_ms = 2000;
static int64_t bytes_wanted;
static int64_t readers_max = 5000;
static int64_t rate = 61440;
static int64_t receive_size = 16384;
static int64_t segment_size = 1460;
static int64_t ramp = 6000;

static struct {
    uint64_t complete, truncated, over, reset, stalled, refused;
    uint64_t bytes; /* of bodies */
    uint64_t slowest_ns;
} counts;

static int port;
static char request[BENCH_HEAD_MAX];
static int request_size;
static char sink[DRAIN_SIZE];

static int reader_open(struct reader *reader, int receive, int segment)
{
    *reader = (struct reader){ .fd = bench_connect(port, receive, segment), .body_size = -1 };
    reader->started_ns = reader->moved_ns = bench_now_ns();
    if (reader->fd < 0)
        counts.refused++;
    return reader->fd;
}

static void reader_close(struct reader *reader, uint64_t *count)
{
    uint64_t took_ns = bench_now_ns() - reader->started_ns;

    (*count)++;
    if (took_ns > counts.slowest_ns)
        counts.slowest_ns = took_ns;
    close(reader->fd);
    reader->fd = -1;
}

/* Find the length in a complete head, and count what came behind it. */
static void reader_head(struct reader *reader)
{
    char *end = memmem(reader->head, reader->head_size, "\r\n\r\n", 4);
    char *field;

    if (!end)
        return;
    *end = 0;
    field = strcasestr(reader->head, "\r\nContent-Length:");
    if (!field || strncmp(reader->head, "HTTP/1.1 200", 12) != 0)
        bench_fail("unexpected answer: %.40s", reader->head);
    reader->body_size = strtoll(field + 17, NULL, 10);
    reader->received = reader->head + reader->head_size - (end + 4);
    counts.bytes += (uint64_t)reader->received;
}

/* Read once, at most that much.  Returns false when the answer has ended, one way or
 * another, and the reader is closed. */
static bool reader_read(struct reader *reader, size_t most)
{
    ssize_t count;

    if (reader->body_size < 0)
        count = recv(reader->fd, reader->head + reader->head_size,
                     sizeof(reader->head) - reader->head_size, 0);
    else
        count = recv(reader->fd, sink, most < sizeof(sink) ? most : sizeof(sink), MSG_TRUNC);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (count < 0) {
        reader_close(reader, &counts.reset);
        return false;
    }
    if (count == 0) {
        bool whole = reader->received == reader->body_size;

        reader_close(reader, whole ? &counts.complete : &counts.truncated);
        return false;
    }
    reader->moved_ns = bench_now_ns();
    if (reader->body_size < 0) {
        reader->head_size += (size_t)count;
        reader_head(reader);
    } else {
        reader->received += count;
        counts.bytes += (uint64_t)count;
    }
    if (reader->body_size < 0 || reader->received <= reader->body_size)
        return true;
    reader_close(reader, &counts.over);
    return false;
}

/* Send the request once the connection stands.  Returns false when it never will. */
static bool reader_request(struct reader *reader)
{
    ssize_t count = send(reader->fd, request, (size_t)request_size, MSG_NOSIGNAL);

    if (count < 0 && errno == EAGAIN)
        return true;
    reader->requested = true;
    if (count == request_size)
        return true;
    reader_close(reader, &counts.reset);
    return false;
}

static bool bulk_open(int epoll_fd, struct reader *reader)
{
    if (reader_open(reader, 0, 0) < 0 || !reader_request(reader))
        return false;
    bench_watch(epoll_fd, reader->fd, reader->requested ? EPOLLIN : EPOLLOUT, reader);
    return true;
}

static bool bulk_event(int epoll_fd, struct reader *reader)
{
    struct epoll_event wanted = { .events = EPOLLIN, .data.ptr = reader };

    if (reader->requested)
        return reader_read(reader, DRAIN_SIZE);
    if (!reader_request(reader))
        return false;
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, reader->fd, &wanted);
    return true;
}

static bool bulk_goes_on(uint64_t end_ns)
{
    return bytes_wanted ? counts.bytes < (uint64_t)bytes_wanted : bench_now_ns() < end_ns;
}

static void bulk_run(void)
{
    struct reader *readers = calloc((size_t)connections, sizeof(*readers));
    uint64_t end_ns = bench_now_ns() + (uint64_t)for_ms * 1000000u;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[BENCH_EVENTS_PER_TURN];
    int64_t live = 0;

    for (int64_t i = 0; i < connections; i++)
        live += bulk_open(epoll_fd, &readers[i]);
    while (live > 0) {
        int count = epoll_wait(epoll_fd, events, BENCH_EVENTS_PER_TURN, STALL_SECONDS * 1000);

        if (count == 0) {
            counts.stalled += (uint64_t)live;
            return;
        }
        for (int i = 0; i < count; i++)
            if (!bulk_event(epoll_fd, events[i].data.ptr) &&
                (!bulk_goes_on(end_ns) || !bulk_open(epoll_fd, events[i].data.ptr)))
                live--;
    }
}

/* The reader's turn: everything that its rate allows by now, at most two periods' worth
 * at once, so that one which was late does not turn into a fast one. */
static bool slow_turn(struct reader *reader, uint64_t now_ns)
{
    int64_t period = rate * SLOW_TICK_MS * SLOW_PERIOD_TICKS / 1000;
    int64_t allowed = (int64_t)((now_ns - reader->started_ns) / 1000 * (uint64_t)rate / 1000000);
    int64_t most = allowed - reader->received;

    if (!reader->requested)
        return reader_request(reader);
    if (now_ns - reader->moved_ns > STALL_SECONDS * 1000000000ull) {
        reader_close(reader, &counts.stalled);
        return false;
    }
    if (most <= 0)
        return true;
    if (most > 2 * period)
        most = 2 * period;
    if (reader->body_size < 0 && !reader_read(reader, 0))
        return false;
    if (reader->body_size < 0)
        return true;
    if (reader->received < reader->body_size)
        return reader_read(reader, (size_t)most);
    return reader_read(reader, DRAIN_SIZE); /* nothing may come any more but the end */
}

static int64_t slow_open(struct reader *readers, int64_t opened, uint64_t started_ns, int64_t *live)
{
    uint64_t elapsed_us = (bench_now_ns() - started_ns) / 1000;
    int64_t due = (int64_t)(elapsed_us * (uint64_t)ramp / 1000000);

    while (opened < due && opened < readers_max) {
        struct reader *reader = &readers[opened++];

        if (reader_open(reader, (int)receive_size, (int)segment_size) >= 0 &&
            reader_request(reader))
            (*live)++;
    }
    return opened;
}

static void slow_run(void)
{
    struct reader *readers = calloc((size_t)readers_max, sizeof(*readers));
    uint64_t started_ns = bench_now_ns();
    int64_t opened = 0;
    int64_t live = 0;

    for (uint64_t tick = 1; opened < readers_max || live > 0; tick++) {
        uint64_t due_ns = started_ns + tick * SLOW_TICK_MS * 1000000u;
        uint64_t now_ns = bench_now_ns();

        if (now_ns < due_ns)
            bench_sleep_us((due_ns - now_ns) / 1000);
        opened = slow_open(readers, opened, started_ns, &live);
        now_ns = bench_now_ns();
        for (int64_t i = (int64_t)(tick % SLOW_PERIOD_TICKS); i < opened; i += SLOW_PERIOD_TICKS)
            if (readers[i].fd >= 0 && !slow_turn(&readers[i], now_ns))
                live--;
    }
}

static void load_report(const char *mode, uint64_t started_ns)
{
    printf("{\"mode\": \"%s\", \"seconds\": %.3f, \"bytes\": %llu, \"complete\": %llu, "
           "\"truncated\": %llu, \"over\": %llu, \"reset\": %llu, \"stalled\": %llu, "
           "\"refused\": %llu, \"slowest_seconds\": %.3f}\n",
           mode, (double)(bench_now_ns() - started_ns) / 1e9, (unsigned long long)counts.bytes,
           (unsigned long long)counts.complete, (unsigned long long)counts.truncated,
           (unsigned long long)counts.over, (unsigned long long)counts.reset,
           (unsigned long long)counts.stalled, (unsigned long long)counts.refused,
           (double)counts.slowest_ns / 1e9);
}

int main(int argc, char **argv)
{
    const struct bench_option options[] = {
        { .name = "bytes", .value = &bytes_wanted },
        { .name = "connections", .value = &connections },
        { .name = "for-ms", .value = &for_ms },
        { .name = "ramp", .value = &ramp },
        { .name = "rate", .value = &rate },
        { .name = "readers", .value = &readers_max },
        { .name = "receive-size", .value = &receive_size },
        { .name = "segment-size", .value = &segment_size },
        { .name = NULL },
    };
    uint64_t started_ns = bench_now_ns();
    int index = 1 + (argc > 1 ? bench_options(argc - 1, argv + 1, options) : 0);
    bool slow = argc > 1 && strcmp(argv[1], "slow") == 0;

    errno = 0;
    if (index != argc - 2 || (!slow && strcmp(argv[1], "bulk") != 0))
        bench_fail("usage: load bulk|slow [options] PORT NAME");
    port = atoi(argv[index]);
    request_size = snprintf(request, sizeof(request),
                            "GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                            argv[index + 1]);
    if (slow)
        slow_run();
    else
        bulk_run();
    load_report(slow ? "slow" : "bulk", started_ns);
    return 0;
}
