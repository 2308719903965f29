/* The bare C sendfile loop: the limit that the engine is measured against.
 *
 *   bare_server [--slice BYTES] [--huge BYTES] [--huge-slice BYTES] [--system-congestion]
 *               DIRECTORY
 *
 * One thread, one edge-triggered epoll.  A connection:
 *
 *   accepted -- head complete --> sending -- last byte queued --> closed
 *            \- not yet: wait              \- short write: wait for the edge
 *                                           \- a full slice: again on the next turn
 *
 * What can be done at once is done at once: most clients have sent their request before
 * the accept, and a small file fits the send buffer, so neither meets epoll.  The head
 * goes out behind MSG_MORE; the first short write corks the socket, so that the many
 * sendfiles at a full buffer leave in whole segments, and close pushes the rest.
 * A sendfile stops at a short write, and takes at most one slice per turn: looping to
 * EAGAIN chases the client with small writes.
 *
 * Prints {"port": N}, and ends when its standard input ends. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    int client_fd;
    int file_fd; /* -1 while the head is being read */
    off_t offset;
    off_t end;
    bool watched;
    bool corked;
    bool ready; /* in the list of those that go on next turn */
    struct connection *next_ready;
    size_t head_size;
    char head[BENCH_HEAD_MAX];
};

static int64_t slice = 2 << 20;      /* most bytes per turn */
static int64_t huge = 8 << 20;       /* files from this size on ... */
static int64_t huge_slice = 1 << 19; /* ... get less per turn */
static int64_t system_congestion;
static int epoll_fd;
static int directory_fd;
static struct connection *ready_first;

static void connection_close(struct connection *connection)
{
    close(connection->client_fd);
    if (connection->file_fd >= 0)
        close(connection->file_fd);
    free(connection);
}

/* Nothing more can be done now: an edge will wake us, also one that came before this. */
static void connection_wait(struct connection *connection)
{
    if (!connection->watched)
        bench_watch(epoll_fd, connection->client_fd, EPOLLIN | EPOLLOUT | EPOLLET, connection);
    connection->watched = true;
}

static void connection_send(struct connection *connection)
{
    off_t left = connection->end - connection->offset;
    off_t most = connection->end < huge ? slice : huge_slice;
    size_t wanted = (size_t)(left < most ? left : most);
    ssize_t sent = 0;
    int on = 1;

    if (wanted)
        sent = sendfile(connection->client_fd, connection->file_fd, &connection->offset, wanted);
    if (connection->offset == connection->end) {
        connection_close(connection);
        return;
    }
    if (sent == 0 || (sent < 0 && errno != EAGAIN && errno != EINTR)) {
        connection_close(connection); /* the file shrank, or the client is gone */
        return;
    }
    if (!connection->corked)
        setsockopt(connection->client_fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
    connection->corked = true;
    connection_wait(connection);
    if (sent == (ssize_t)wanted) {
        connection->ready = true;
        connection->next_ready = ready_first;
        ready_first = connection;
    }
}

/* The head is complete: open the file, send the response head, begin. */
static void connection_answer(struct connection *connection, const char *name)
{
    char head[BENCH_HEAD_MAX];
    int head_size;
    int64_t size = 0;

    connection->file_fd = bench_open(directory_fd, name, &size);
    if (connection->file_fd < 0) {
        connection_close(connection);
        return;
    }
    connection->end = size;
    head_size = bench_response_head(head, sizeof(head), size);
    /* A new socket has room for a head; one that has not is broken. */
    if (send(connection->client_fd, head, (size_t)head_size, MSG_MORE | MSG_NOSIGNAL) != head_size)
        connection_close(connection);
    else
        connection_send(connection);
}

static void connection_read(struct connection *connection)
{
    size_t room = sizeof(connection->head) - connection->head_size;
    ssize_t count = recv(connection->client_fd, connection->head + connection->head_size, room, 0);
    char *name;

    if (count < 0 && errno == EAGAIN) {
        connection_wait(connection);
        return;
    }
    if (count <= 0) {
        connection_close(connection);
        return;
    }
    connection->head_size += (size_t)count;
    name = bench_request_name(connection->head, connection->head_size);
    if (name)
        connection_answer(connection, name);
    else
        connection_read(connection); /* until EAGAIN, or the head is full and recv says 0 */
}

static void connections_accept(int listen_fd)
{
    for (int i = 0; i < BENCH_ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct connection *connection;

        if (fd < 0)
            return;
        connection = malloc(sizeof(*connection));
        if (!connection)
            bench_fail("no memory");
        *connection = (struct connection){ .client_fd = fd, .file_fd = -1 };
        connection_read(connection);
    }
}

/* Those that used up their slice get the next one, each once. */
static void connections_go_on(void)
{
    struct connection *list = ready_first;

    ready_first = NULL;
    while (list) {
        struct connection *connection = list;

        list = connection->next_ready;
        connection->ready = false;
        connection_send(connection);
    }
}

static void loop_run(int listen_fd)
{
    struct epoll_event events[BENCH_EVENTS_PER_TURN];

    for (;;) {
        int count = epoll_wait(epoll_fd, events, BENCH_EVENTS_PER_TURN, ready_first ? 0 : -1);

        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (!connection)
                return; /* the end of the standard input */
            if (events[i].data.ptr == &epoll_fd)
                connections_accept(listen_fd);
            else if (connection->file_fd < 0)
                connection_read(connection);
            else if (!connection->ready)
                connection_send(connection);
        }
        connections_go_on();
    }
}

int main(int argc, char **argv)
{
    const struct bench_option options[] = {
        { .name = "slice", .value = &slice },
        { .name = "huge", .value = &huge },
        { .name = "huge-slice", .value = &huge_slice },
        { .name = "system-congestion", .value = &system_congestion, .bare = true },
        { .name = NULL },
    };
    int index = bench_options(argc, argv, options);
    int listen_fd;
    int port;

    if (index != argc - 1 || (directory_fd = open(argv[index], O_PATH | O_DIRECTORY)) < 0)
        bench_fail("usage: bare_server [options] DIRECTORY");
    signal(SIGPIPE, SIG_IGN);
    listen_fd = bench_listen(&port, system_congestion);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bench_watch(epoll_fd, listen_fd, EPOLLIN, &epoll_fd);
    bench_watch(epoll_fd, STDIN_FILENO, EPOLLIN, NULL);
    printf("{\"port\": %d}\n", port);
    fflush(stdout);
    loop_run(listen_fd);
    return 0;
}
