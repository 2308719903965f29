/* What every program of the benchmarks shares: clocks, options, sockets, failing loudly. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    BENCH_HEAD_MAX = 1024,       /* request and response heads are shorter */
    BENCH_ACCEPTS_PER_TURN = 64, /* so that a wave of clients does not starve the others */
    BENCH_EVENTS_PER_TURN = 256,
    BENCH_BACKLOG = 4096,
};

/* One option of a program: "--name value", or a bare "--name" which sets 1. */
struct bench_option {
    const char *name;
    int64_t *value;
    bool bare;
};

/* Print the message and the errno, and end the process with status 1. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Read the options, in any order; fails loudly on an unknown one.  The list ends with
 * a NULL name.  Returns the index of the first argument that is no option. */
int bench_options(int argc, char **argv, const struct bench_option *options);

uint64_t bench_now_ns(void);

/* CPU time of one clock: CLOCK_THREAD_CPUTIME_ID, or one of pthread_getcpuclockid. */
uint64_t bench_cpu_ns(clockid_t clock);

void bench_sleep_us(uint64_t microseconds);

/* A listening, non-blocking TCP socket on 127.0.0.1; gives it, and says its port.
 *
 * Its connections use cubic, unless the system's own congestion control is wanted: where
 * that is bbr, a timer paces what is sent, the kernel sends in whatever process the timer
 * finds, and the CPU of a server no longer contains its own sending. */
int bench_listen(int *port, bool system_congestion);

/* A non-blocking TCP socket on its way to 127.0.0.1.  A receive_size or segment_size of 0
 * keeps the kernel's own.  Both must be set before connect to count.  Gives the socket, or
 * -errno. */
int bench_connect(int port, int receive_size, int segment_size);

void bench_nonblocking(int fd);

/* The name in "GET /<name> ...", ended by a zero in place; NULL while the head has not
 * ended.  A head that makes no sense gives "". */
char *bench_request_name(char *head, size_t head_size);

/* A file beneath the directory, and its size; gives the descriptor, or -1. */
int bench_open(int directory_fd, const char *name, int64_t *size);

/* The response head for a body of that size; returns its length. */
int bench_response_head(char *head, size_t head_size, int64_t body_size);

/* Add a descriptor to an epoll set. */
void bench_watch(int epoll_fd, int fd, uint32_t events, void *data);

#endif
