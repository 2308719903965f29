#define _GNU_SOURCE
#include "stand.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "faulty.h"
#include "play.h"
#include "python.h"

enum { BUFFER = 16 << 10, ADDRESSES = 64 };

static char docroot[40];
static int listeners[2] = { -1, -1 }; /* UNIX, TCP */
static struct sockaddr_in tcp_address;
static struct sockaddr_un unix_address = { .sun_family = AF_UNIX };
static socklen_t unix_size;

/* ---- what all share ---- */

static int must(int value, const char *what)
{
    if (value < 0)
        play_give_up(what);
    return value;
}

static void stand_write(const char *name, size_t size)
{
    char path[200];
    int fd;

    snprintf(path, sizeof path, "%s/%s", docroot, name);
    fd = must(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644), path);
    must((int)write(fd, play_bytes(size), size), path);
    close(fd);
}

void stand_remove_files(void)
{
    char command[200];

    snprintf(command, sizeof command, "rm -rf %s", docroot);
    if (system(command) != 0)
        fprintf(stderr, "%s is left\n", docroot);
}

static int stand_listen(int domain, const void *address, socklen_t size)
{
    int fd = must(socket(domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
    int buffer = BUFFER;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    must(bind(fd, address, size), "bind");
    must(listen(fd, 256), "listen");
    return fd;
}

const char *stand_docroot(void)
{
    return docroot;
}

/* Those of the process that this one was forked from. */
static void stand_leave_listeners(void)
{
    for (int i = 0; i < 2; i++) {
        if (listeners[i] >= 0)
            close(listeners[i]);
        listeners[i] = -1;
    }
}

void stand_prepare(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET };
    socklen_t size = sizeof tcp_address;
    char path[200];

    if (!docroot[0])
        atexit(stand_remove_files);
    stand_leave_listeners();
    strcpy(docroot, "/tmp/uwoffload-stand-XXXXXX");
    if (!mkdtemp(docroot))
        play_give_up(docroot);
    stand_write("empty", 0);
    stand_write("small.txt", SMALL_SIZE);
    stand_write("small.txt.gz", HEAD_SIZE);
    stand_write("middle.bin", MIDDLE_SIZE);
    stand_write("large.bin", LARGE_SIZE);
    snprintf(path, sizeof path, "%s/folder", docroot);
    must(mkdir(path, 0755), path);
    stand_write("folder/index.html", SMALL_SIZE);
    snprintf(path, sizeof path, "%s/fifo", docroot);
    must(mkfifo(path, 0644), path);
    listeners[1] = stand_listen(AF_INET, &any, sizeof any);
    must(getsockname(listeners[1], (struct sockaddr *)&tcp_address, &size), "getsockname");
    snprintf(unix_address.sun_path + 1, sizeof unix_address.sun_path - 1, "uwoffload-stand-%d",
             getpid());
    unix_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                            strlen(unix_address.sun_path + 1));
    listeners[0] = stand_listen(AF_UNIX, &unix_address, unix_size);
}

/* ---- one stand ---- */

static int stand_make_site(struct stand *stand, const struct stand_options *options)
{
    const char *const names[] = { "index.html", "index.txt" };
    struct uwo_mount mounts[] = {
        { .size = sizeof *mounts, .prefix = "", .target = docroot },
        { .size = sizeof *mounts, .prefix = "/one", .target = NULL },
    };
    const struct uwo_type types[] = {
        { sizeof *types, "txt", "text/plain" },
        { sizeof *types, "html", "text/html" },
        { sizeof *types, "txt", "text/plain; charset=utf-8" },
    };
    const struct uwo_site_options wanted = {
        .size = sizeof wanted,
        .mounts = mounts,
        .mount_count = 2,
        .index_names = names,
        .index_count = 2,
        .types = types,
        .type_count = 3,
        .application = !options->no_application,
        .siblings = true,
    };
    char path[200];

    snprintf(path, sizeof path, "%s/small.txt", docroot);
    mounts[1].target = path;
    return uwo_site_create(&wanted, &stand->site, NULL);
}

static int stand_make_front(struct stand *stand, const struct stand_options *options)
{
    const struct uwo_listener listener = {
        .size = sizeof listener,
        .fd = listeners[stand->tcp],
        .protocol = stand->uwsgi ? UWO_UWSGI : UWO_HTTP,
    };
    struct uwo_front_options front = options->front;

    front.size = sizeof front;
    front.listeners = &listener;
    front.listener_count = 1;
    front.site = stand->site;
    front.application = !options->no_application;
    front.spool_directory = docroot;
    if (options->overflows) {
        front.overflow_send_fd = options->overflow_fds[0];
        front.overflow_receive_fd = options->overflow_fds[1];
        front.balance_count = 2;
    }
    if (options->log) {
        stand->log_fd = play_file(NULL, 0);
        front.log_fd = stand->log_fd;
    }
    if (options->log_fd > 0)
        front.log_fd = options->log_fd;
    return uwo_front_create(stand->engine, &front, &stand->front, NULL);
}

bool stand_open(struct stand *stand, bool tcp, bool uwsgi, const struct stand_options *options)
{
    const struct uwo_engine_options engine = {
        .size = sizeof engine,
        .threads = options->threads ? options->threads : 1,
        .disk_threads = 1,
        .transfers_max = options->transfers ? options->transfers : 64,
        .linger_ms = 1000,
    };

    *stand = (struct stand){ .tcp = tcp, .uwsgi = uwsgi, .log_fd = -1 };
    if (uwo_engine_create(&engine, &stand->engine, NULL) < 0)
        return false;
    if ((!options->no_site && stand_make_site(stand, options) < 0) ||
        stand_make_front(stand, options) < 0) {
        stand_close(stand);
        return false;
    }
    if (!options->no_application)
        stand->python = python_start(stand->engine, stand->front,
                                     options->threads == UWO_NONE ? 0
                                     : options->pythons           ? options->pythons
                                                                  : 1);
    return true;
}

/* Who connected and was never accepted. */
static void stand_clear(bool tcp)
{
    int fd;

    while ((fd = accept4(listeners[tcp], NULL, NULL, SOCK_CLOEXEC)) >= 0)
        close(fd);
}

const char *stand_close(struct stand *stand)
{
    const char *wrong = NULL;

    if (stand->python)
        python_stop(stand->python);
    uwo_front_destroy(stand->front);
    stand->front = NULL;
    uwo_site_destroy(stand->site);
    if (stand->engine && uwo_engine_stop(stand->engine) != UWO_OK)
        wrong = "stop failed";
    if (stand->engine && uwo_engine_count(stand->engine) != 0)
        wrong = "a transfer is left after the front";
    uwo_engine_destroy(stand->engine);
    if (stand->log_fd >= 0)
        close(stand->log_fd);
    stand_clear(stand->tcp);
    return wrong;
}

int stand_turn(struct stand *stand, int timeout_ms)
{
    return python_turn(stand->python, timeout_ms);
}

void stand_dismiss(struct stand *stand)
{
    python_stop(stand->python);
    stand->python = NULL;
}

int stand_connect(struct stand *stand)
{
    static _Atomic(uint32_t) turn;
    struct sockaddr_in address = tcp_address;
    int fd = must(socket(stand->tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    int buffer = BUFFER;
    int one = 1;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    if (stand->tcp) {
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + turn++ % ADDRESSES);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        /* Turned away before we have even seen that it was made: that shows soon enough. */
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != ECONNRESET)
            play_give_up("connect");
    } else {
        must(connect(fd, (struct sockaddr *)&unix_address, unix_size), "connect");
    }
    stand->connected++;
    return fd;
}

uint64_t stand_count(const struct stand *stand, const char *field)
{
    const struct uwo_stats *stats = uwo_engine_stats(stand->engine);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < uwo_stats_field_count(); i++) {
        if (strcmp(uwo_stats_field_name(i), field) != 0)
            continue;
        for (uint32_t thread = 0; thread <= 64; thread++)
            sum += uwo_stats_value(stats, 0, thread, i);
    }
    return sum;
}

bool stand_accepted_all(const struct stand *stand)
{
    return stand_count(stand, "accepted") + stand_count(stand, "refused") >= stand->connected;
}

bool stand_quiet(struct stand *stand)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;

    while (uwo_front_connections(stand->front) > 0) {
        if (play_now_ms() >= until_ms)
            return false;
        poll(NULL, 0, 1);
    }
    return true;
}

bool stand_is_idle(const struct stand *stand)
{
    return python_is_idle(stand->python);
}

bool stand_holds(struct stand *stand, unsigned count, uint64_t patience_ms)
{
    return python_holds(stand->python, count, patience_ms);
}

void stand_let_go(struct stand *stand)
{
    python_let_go(stand->python);
}

unsigned stand_failures(const struct stand *stand)
{
    return stand->python ? python_failures(stand->python) : 0;
}
