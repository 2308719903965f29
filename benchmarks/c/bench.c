/* What every program of the benchmarks shares. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void bench_fail(const char *format, ...)
{
    int error = errno;
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, error ? " (%s)\n" : "\n", strerror(error));
    exit(1);
}

int bench_options(int argc, char **argv, const struct bench_option *options)
{
    int index = 1;

    while (index < argc && strncmp(argv[index], "--", 2) == 0) {
        const struct bench_option *option = options;

        while (option->name && strcmp(option->name, argv[index] + 2) != 0)
            option++;
        errno = 0;
        if (!option->name || (!option->bare && index + 1 >= argc))
            bench_fail("%s: unknown option, or its value is missing: %s", argv[0], argv[index]);
        *option->value = option->bare ? 1 : strtoll(argv[++index], NULL, 10);
        index++;
    }
    return index;
}

uint64_t bench_now_ns(void)
{
    return bench_cpu_ns(CLOCK_MONOTONIC);
}

uint64_t bench_cpu_ns(clockid_t clock)
{
    struct timespec time;

    if (clock_gettime(clock, &time) < 0)
        bench_fail("clock_gettime");
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void bench_sleep_us(uint64_t microseconds)
{
    struct timespec time = {
        .tv_sec = (time_t)(microseconds / 1000000),
        .tv_nsec = (long)(microseconds % 1000000 * 1000),
    };

    while (nanosleep(&time, &time) < 0)
        ;
}

static struct sockaddr_in bench_loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
}

int bench_listen(int *port, bool system_congestion)
{
    struct sockaddr_in address = bench_loopback(0);
    socklen_t address_size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (!system_congestion && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0)
        bench_fail("no cubic congestion control here");
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, BENCH_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &address_size) < 0)
        bench_fail("cannot listen on the loopback");
    *port = ntohs(address.sin_port);
    return fd;
}

int bench_connect(int port, int receive_size, int segment_size)
{
    struct sockaddr_in address = bench_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (receive_size)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_size, sizeof(receive_size));
    if (segment_size)
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment_size, sizeof(segment_size));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS) {
        int error = errno;

        close(fd);
        return -error;
    }
    return fd;
}

void bench_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        bench_fail("cannot make descriptor %d non-blocking", fd);
}

char *bench_request_name(char *head, size_t head_size)
{
    char *end = memmem(head, head_size, "\r\n\r\n", 4);
    char *name_end;

    if (!end)
        return NULL;
    *end = 0;
    if (strncmp(head, "GET /", 5) != 0 || !(name_end = strchr(head + 5, ' ')))
        return end;
    *name_end = 0;
    return strchr(head + 5, '/') ? name_end : head + 5;
}

int bench_open(int directory_fd, const char *name, int64_t *size)
{
    int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return -1;
    }
    *size = status.st_size;
    return fd;
}

int bench_response_head(char *head, size_t head_size, int64_t body_size)
{
    return snprintf(head, head_size,
                    "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\nConnection: close\r\n\r\n",
                    (long long)body_size);
}

void bench_watch(int epoll_fd, int fd, uint32_t events, void *data)
{
    struct epoll_event event = { .events = events, .data.ptr = data };

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        bench_fail("epoll_ctl");
}
