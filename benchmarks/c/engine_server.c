/* The same bare server, with the engine doing the sending.
 *
 *   engine_server [--threads N] [--hop] [--settle] [--system-congestion] DIRECTORY
 *
 * The main thread accepts and reads the request head, in an epoll loop of its own, and
 * hands the socket over with the program {Send(head), SendFile(file)}, to be closed
 * afterwards; one engine thread (or N) does the rest.  Events are reaped in batches from
 * the same epoll loop.
 *
 * As in the bare server, the first attempt is made where the request was read, and the
 * socket is closed when the kernel has all bytes.  --hop leaves the first attempt to the
 * engine thread; --settle waits for the client's last acknowledgement.
 *
 * Prints {"port": N}; when its standard input ends, the outcomes counted, and ends. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uwoffload.h"

/* A client whose head has not come at once. */
struct waiting {
    int client_fd;
    size_t head_size;
    char head[BENCH_HEAD_MAX];
};

static int64_t threads = 1;
static int64_t hop;
static int64_t settle;
static int64_t system_congestion;
static int epoll_fd;
static int directory_fd;
static struct uwo_engine *engine;
static uint64_t outcome_counts[UWO_OUTCOME_COUNT];
static uint64_t refused_count;

/* Hand the socket and the file over.  Takes client_fd. */
static void server_answer(int client_fd, const char *name)
{
    char head[BENCH_HEAD_MAX];
    int64_t size = 0;
    int file_fd = bench_open(directory_fd, name, &size);
    struct uwo_instruction instructions[] = {
        { .size = sizeof(instructions[0]), .kind = UWO_SEND, .data = head },
        { .size = sizeof(instructions[0]), .kind = UWO_SEND_FILE, .fd = file_fd, .count = size },
    };
    struct uwo_program program = { .size = sizeof(program),
                                   .instructions = instructions,
                                   .count = 2 };
    struct uwo_transfer wanted = {
        .size = sizeof(wanted),
        .after = UWO_CLOSE,
        .flags = (hop ? 0 : UWO_TRY_FIRST) | (settle ? 0 : UWO_NO_SETTLE),
    };
    uint64_t id;

    instructions[0].count = bench_response_head(head, sizeof(head), size);
    if (file_fd >= 0 &&
        uwo_engine_submit(engine, client_fd, &program, &wanted, &id, NULL) == UWO_OK)
        return;
    refused_count++;
    close(client_fd);
    if (file_fd >= 0)
        close(file_fd);
}

/* Read more of the head, and answer when it is complete.  Returns whether the client is
 * dealt with; if not, more must come. */
static bool server_read(int client_fd, char *head, size_t *head_size)
{
    for (;;) {
        ssize_t count = recv(client_fd, head + *head_size, BENCH_HEAD_MAX - *head_size, 0);
        char *name;

        if (count < 0 && errno == EAGAIN)
            return false;
        if (count <= 0) {
            close(client_fd);
            return true;
        }
        *head_size += (size_t)count;
        name = bench_request_name(head, *head_size);
        if (name) {
            server_answer(client_fd, name);
            return true;
        }
    }
}

/* A new client: most have sent their head already. */
static void server_greet(int client_fd)
{
    struct waiting *waiting;
    char head[BENCH_HEAD_MAX];
    size_t head_size = 0;

    if (server_read(client_fd, head, &head_size))
        return;
    waiting = malloc(sizeof(*waiting));
    if (!waiting)
        bench_fail("no memory");
    *waiting = (struct waiting){ .client_fd = client_fd, .head_size = head_size };
    memcpy(waiting->head, head, head_size);
    bench_watch(epoll_fd, client_fd, EPOLLIN, waiting);
}

static void server_go_on(struct waiting *waiting)
{
    /* Out of our epoll set first: the engine watches it in its own. */
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, waiting->client_fd, NULL);
    if (server_read(waiting->client_fd, waiting->head, &waiting->head_size))
        free(waiting);
    else
        bench_watch(epoll_fd, waiting->client_fd, EPOLLIN, waiting);
}

static void server_accept(int listen_fd)
{
    for (int i = 0; i < BENCH_ACCEPTS_PER_TURN; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        server_greet(fd);
    }
}

static void server_reap(void)
{
    static struct uwo_event events[BENCH_EVENTS_PER_TURN];
    int count;

    events[0].size = sizeof(events[0]);
    count = uwo_engine_reap(engine, events, BENCH_EVENTS_PER_TURN);
    for (int i = 0; i < count; i++)
        if (events[i].kind == UWO_EVENT_DONE)
            outcome_counts[events[i].outcome]++;
}

static void server_run(int listen_fd)
{
    struct epoll_event events[BENCH_EVENTS_PER_TURN];

    for (;;) {
        int count = epoll_wait(epoll_fd, events, BENCH_EVENTS_PER_TURN, -1);

        for (int i = 0; i < count; i++) {
            void *data = events[i].data.ptr;

            if (!data)
                return; /* the end of the standard input */
            if (data == &epoll_fd)
                server_accept(listen_fd);
            else if (data == &engine)
                server_reap();
            else
                server_go_on(data);
        }
    }
}

static void server_report(void)
{
    printf("{\"refused\": %llu", (unsigned long long)refused_count);
    for (uint32_t i = 0; i < UWO_OUTCOME_COUNT; i++)
        printf(", \"%s\": %llu", uwo_outcome_name(i), (unsigned long long)outcome_counts[i]);
    printf("}\n");
}

int main(int argc, char **argv)
{
    const struct bench_option options[] = {
        { .name = "system-congestion", .value = &system_congestion, .bare = true },
        { .name = "hop", .value = &hop, .bare = true },
        { .name = "settle", .value = &settle, .bare = true },
        { .name = "threads", .value = &threads },
        { .name = NULL },
    };
    struct uwo_engine_options wanted = { .size = sizeof(wanted) };
    struct uwo_error error = { .size = sizeof(error) };
    int index = bench_options(argc, argv, options);
    int listen_fd;
    int port;

    if (index != argc - 1 || (directory_fd = open(argv[index], O_PATH | O_DIRECTORY)) < 0)
        bench_fail("usage: engine_server [options] DIRECTORY");
    signal(SIGPIPE, SIG_IGN);
    wanted.threads = (uint32_t)threads;
    errno = 0;
    if (uwo_engine_create(&wanted, &engine, &error) != UWO_OK)
        bench_fail("no engine: %s", error.message);
    listen_fd = bench_listen(&port, system_congestion);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    bench_watch(epoll_fd, listen_fd, EPOLLIN, &epoll_fd);
    bench_watch(epoll_fd, uwo_engine_fd(engine), EPOLLIN, &engine);
    bench_watch(epoll_fd, STDIN_FILENO, EPOLLIN, NULL);
    printf("{\"port\": %d}\n", port);
    fflush(stdout);
    server_run(listen_fd);
    uwo_engine_stop(engine);
    while (uwo_engine_count(engine) > 0)
        server_reap();
    server_report();
    uwo_engine_destroy(engine);
    return 0;
}
