/* A small HTTP server in C: one thread that only reads heads, one file, keep-alive.
 *
 *     cc c_host.c $(uwoffload --cflags --libs) -o c_host && ./c_host FILE [PORT]
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <uwoffload.h>

static struct uwo_engine *engine;
static int poller;

/* The answer to every request: a head, and the file. */
static struct uwo_instruction answer[] = {
    { .size = sizeof *answer, .kind = UWO_SEND, .flags = UWO_BORROW },
    { .size = sizeof *answer, .kind = UWO_SEND_FILE, .flags = UWO_KEEP_FD },
};

static int must(int status, const char *what)
{
    if (status < 0)
        err(1, "%s", what);
    return status;
}

static void watch(int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };

    must(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

static void welcome(int listener)
{
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (client >= 0)
        watch(client, EPOLLIN | EPOLLET);
}

/* Once the whole head is there, take it and hand the connection over. */
static void serve(int client)
{
    const struct uwo_program program = { sizeof program, answer, 2 };
    const struct uwo_transfer wanted = { .size = sizeof wanted, .after = UWO_GIVE_BACK };
    char head[8192];
    ssize_t got = recv(client, head, sizeof head, MSG_PEEK);
    char *end = got > 0 ? memmem(head, (size_t)got, "\r\n\r\n", 4) : NULL;

    if ((got < 0 && errno == EAGAIN) || (!end && got > 0 && got < (ssize_t)sizeof head))
        return; /* another edge will come */
    epoll_ctl(poller, EPOLL_CTL_DEL, client, NULL);
    if (!end || recv(client, head, (size_t)(end + 4 - head), 0) < 0 ||
        uwo_engine_submit(engine, client, &program, &wanted, NULL, NULL) < 0)
        close(client); /* nothing was taken: it is still ours */
}

/* Connections that come back wait for the next head, which may be there already. */
static void reap(void)
{
    struct uwo_event events[64] = { { .size = sizeof *events } };
    int count = uwo_engine_reap(engine, events, 64);

    for (int i = 0; i < count; i++) {
        if (events[i].outcome == UWO_FINISHED)
            watch(events[i].client_fd, EPOLLIN | EPOLLET);
        else
            close(events[i].client_fd);
    }
}

static int open_listener(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t size = sizeof address;
    int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(fd, (struct sockaddr *)&address, size), "bind");
    must(listen(fd, SOMAXCONN), "listen");
    must(getsockname(fd, (struct sockaddr *)&address, &size), "getsockname");
    dprintf(STDOUT_FILENO, "http://127.0.0.1:%d/\n", ntohs(address.sin_port));
    return fd;
}

static void open_answer(const char *path)
{
    static char head[96];

    answer[1].fd = must(open(path, O_RDONLY | O_CLOEXEC), path);
    answer[1].count = lseek(answer[1].fd, 0, SEEK_END);
    answer[0].data = head;
    answer[0].count = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n",
                               (long long)answer[1].count);
}

int main(int argc, char **argv)
{
    struct uwo_error error = { .size = sizeof error };
    struct epoll_event event = { .data.fd = -1 };
    sigset_t ends;

    if (argc < 2)
        errx(2, "usage: c_host FILE [PORT]");
    open_answer(argv[1]);
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    if (uwo_engine_create(NULL, &engine, &error) < 0)
        errx(1, "%s", error.message);
    poller = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    int signals = must(signalfd(-1, &ends, SFD_CLOEXEC), "signalfd");
    int listener = open_listener(argc > 2 ? atoi(argv[2]) : 0);

    watch(signals, EPOLLIN);
    watch(listener, EPOLLIN);
    watch(uwo_engine_fd(engine), EPOLLIN);
    while (event.data.fd != signals) {
        if (epoll_wait(poller, &event, 1, -1) < 1)
            continue;
        if (event.data.fd == listener)
            welcome(listener);
        else if (event.data.fd == uwo_engine_fd(engine))
            reap();
        else if (event.data.fd != signals)
            serve(event.data.fd);
    }
    uwo_engine_destroy(engine); /* ends what is alive, closes what was not reaped */
    return 0;
}
