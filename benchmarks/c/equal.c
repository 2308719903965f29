/* Equal sockets under every server: loaded in front of the C library (LD_PRELOAD).
 *
 *   BENCH_CONGESTION=cubic   congestion control of every TCP socket that listens or connects
 *
 * With bbr a timer paces what is sent: the kernel sends in whatever process the timer finds, and
 * the CPU of a server no longer contains its own sending.  No server here has an option for it.
 * Costs nothing per request: a few system calls per listening socket, one per connecting one. */
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef int listen_function(int, int);
typedef int connect_function(int, const struct sockaddr *, socklen_t);

static listen_function *next_listen;
static connect_function *next_connect;
static const char *congestion;

__attribute__((constructor)) static void equal_start(void)
{
    next_listen = (listen_function *)dlsym(RTLD_NEXT, "listen");
    next_connect = (connect_function *)dlsym(RTLD_NEXT, "connect");
    congestion = getenv("BENCH_CONGESTION");
}

static bool equal_is_tcp(int fd)
{
    int protocol = 0;
    socklen_t size = sizeof(protocol);

    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
           protocol == IPPROTO_TCP;
}

static void equal_congestion(int fd)
{
    if (congestion && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion,
                                 (socklen_t)strlen(congestion)) < 0) {
        perror("BENCH_CONGESTION");
        abort();
    }
}

int listen(int fd, int backlog)
{
    if (equal_is_tcp(fd))
        equal_congestion(fd);
    return next_listen(fd, backlog);
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    if (address->sa_family != AF_UNIX && equal_is_tcp(fd))
        equal_congestion(fd);
    return next_connect(fd, address, size);
}
