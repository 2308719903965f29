#define _GNU_SOURCE
#include "play.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BYTES_MAX = 4 << 20, BUFFER = 16 << 10, ADDRESSES = 64 };

_Noreturn void play_give_up(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    abort();
}

static int failed;

void play_claim(bool holds, const char *file, int line, const char *format, ...)
{
    va_list arguments;

    printf("%s ", holds ? "ok" : "FAIL");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    if (!holds)
        printf(" (%s:%d)", file, line);
    printf("\n");
    fflush(stdout);
    failed += !holds;
}

int play_failed(void)
{
    return failed;
}

static int must(int value, const char *what)
{
    if (value < 0)
        play_give_up(what);
    return value;
}

uint64_t play_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint8_t bytes[BYTES_MAX];

static void bytes_make(void)
{
    uint32_t state = 1;

    for (size_t i = 0; i < BYTES_MAX; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

const uint8_t *play_bytes(size_t size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (size > BYTES_MAX)
        play_give_up("play_bytes: that much was not made");
    pthread_once(&once, bytes_make);
    return bytes;
}

int play_file(const uint8_t *content, size_t size)
{
    int fd = must(memfd_create("play", MFD_CLOEXEC), "memfd_create");

    while (size > 0) {
        ssize_t written = write(fd, content, size);

        must((int)written, "write");
        content += written;
        size -= (size_t)written;
    }
    return fd;
}

/* A listener on every local address, with small receive buffers; one for the whole process, for a
 * forked child would accept its parent's connections. */
static int listener(struct sockaddr_in *address)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct sockaddr_in bound;
    static pid_t owner;
    static int fd = -1;
    socklen_t size = sizeof bound;
    int buffer = BUFFER;

    pthread_mutex_lock(&lock);
    if (owner != getpid()) {
        owner = getpid();
        if (fd >= 0)
            close(fd);
        fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        must(bind(fd, (struct sockaddr *)&(struct sockaddr_in){ .sin_family = AF_INET }, size),
             "bind");
        must(listen(fd, 256), "listen");
        must(getsockname(fd, (struct sockaddr *)&bound, &size), "getsockname");
    }
    *address = bound;
    pthread_mutex_unlock(&lock);
    return fd;
}

static void tcp_sockets(int fds[2])
{
    static _Thread_local uint32_t turn; /* many addresses: none runs out of ports */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct sockaddr_in address;
    int one = 1;
    int buffer = BUFFER;

    pthread_mutex_lock(&lock); /* so that accept gives the connection just made */
    int server_fd = listener(&address);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + turn++ % ADDRESSES);
    fds[1] = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    must(connect(fds[1], (struct sockaddr *)&address, sizeof address), "connect");
    fds[0] = must(accept4(server_fd, NULL, NULL, SOCK_CLOEXEC), "accept");
    pthread_mutex_unlock(&lock);
}

static void unix_sockets(int fds[2])
{
    int buffer = BUFFER;

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), "socketpair");
    for (int i = 0; i < 2; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
}

void play_sockets(bool tcp, int fds[2])
{
    if (tcp)
        tcp_sockets(fds);
    else
        unix_sockets(fds);
}

void play_prepare(void)
{
    struct sockaddr_in address;

    signal(SIGPIPE, SIG_IGN);
    listener(&address);
    play_bytes(1);
}

int play_count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = -3; /* ".", ".." and the folder itself */

    if (!folder)
        play_give_up("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

void play_open(struct play *play, struct uwo_engine *engine, bool tcp)
{
    int fds[2];

    *play = (struct play){ .engine = engine, .tcp = tcp, .feed_fd = -1, .file_fd = -1 };
    play_sockets(tcp, fds);
    play->near_fd = fds[0];
    play->far_fd = fds[1];
    play->was_blocking = true;
}

void play_blame(struct play *play, const char *format, ...)
{
    va_list arguments;

    if (play->trouble[0])
        return;
    va_start(arguments, format);
    vsnprintf(play->trouble, sizeof play->trouble, format, arguments);
    va_end(arguments);
}

void play_submit(struct play *play, const struct uwo_program *program,
                 const struct uwo_transfer *wanted)
{
    struct uwo_error error = { .size = sizeof error };

    play->gives_back = wanted->after == UWO_GIVE_BACK;
    play->settles = !play->gives_back && !(wanted->flags & UWO_NO_SETTLE);
    play->status = uwo_engine_submit(play->engine, play->near_fd, program, wanted, &play->id,
                                     &error);
    play->taken = play->status == UWO_OK;
    if (!play->taken && !error.message[0])
        play_blame(play, "submit said %d and gave no message", play->status);
}

static void play_leftover(struct play *play, struct uwo_event *event)
{
    bool right = event->leftover_size <= play->leftover_size &&
                 (event->leftover_size == 0 ||
                  memcmp(event->leftover,
                         play->leftover + play->leftover_size - event->leftover_size,
                         event->leftover_size) == 0);

    if (!right)
        play_blame(play, "the leftover bytes that came back are wrong");
    if (event->outcome == UWO_FINISHED && event->leftover_size != play->leftover_back)
        play_blame(play, "%zu leftover bytes came back, not %zu", event->leftover_size,
                   play->leftover_back);
    uwo_free(event->leftover);
    event->leftover = NULL;
}

static void play_note(struct play *play, struct uwo_event *event)
{
    if (event->kind == UWO_EVENT_ROOM) {
        play->room_count++;
        return;
    }
    play->done = *event;
    play->done_count++;
    play_leftover(play, event);
}

void play_reap_any(struct play *play, struct play *other)
{
    struct uwo_event events[4] = { { .size = sizeof events[0] } };
    int count = uwo_engine_reap(play->engine, events, 4);

    if (count < 0)
        play_blame(play, "reap said %d", count);
    for (int i = 0; i < count; i++) {
        if (events[i].id == play->id)
            play_note(play, &events[i]);
        else if (other && events[i].id == other->id)
            play_note(other, &events[i]);
        else
            play_blame(play, "an event of a stranger: id %#llx", (unsigned long long)events[i].id);
    }
}

void play_reap(struct play *play)
{
    play_reap_any(play, NULL);
}

static void close_if(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- moving ---- */

static void play_read(struct play *play)
{
    uint8_t piece[8192];
    ssize_t got = recv(play->far_fd, piece, sizeof piece, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        play->ended = true;
        if (got < 0)
            play->end_error = errno;
        return;
    }
    if (play->got_size + (size_t)got > play->wanted_size ||
        memcmp(play->wanted + play->got_size, piece, (size_t)got) != 0)
        play->got_wrong = true;
    play->got_size += (size_t)got;
}

/* Write some more.  Returns the errno when nobody reads any more. */
static int play_write(int fd, const uint8_t *data, size_t size, size_t *done)
{
    size_t left = size - *done;
    ssize_t put = write(fd, data + *done, left < 5000 ? left : 5000);

    if (put > 0)
        *done += (size_t)put;
    return put < 0 && errno != EAGAIN && errno != EINTR ? errno : 0;
}

static void play_upload(struct play *play)
{
    int error = play_write(play->far_fd, play->upload, play->upload_size, &play->uploaded);

    if (!error)
        return;
    play->upload_size = play->uploaded;
    if (error == ECONNRESET) /* told once: the next read will only see the end */
        play->end_error = error;
}

static void play_feed(struct play *play)
{
    if (!play_write(play->feed_fd, play->feed, play->feed_size, &play->fed) &&
        play->fed < play->feed_size)
        return;
    close(play->feed_fd);
    play->feed_fd = -1;
}

static void play_move(struct play *play, int event_fd, int timeout_ms)
{
    bool uploads = play->uploaded < play->upload_size;
    struct pollfd waits[] = {
        { .fd = play->ended ? -1 : play->far_fd, .events = POLLIN | (uploads ? POLLOUT : 0) },
        { .fd = play->feed_fd, .events = POLLOUT },
        { .fd = event_fd, .events = POLLIN },
    };

    poll(waits, 3, timeout_ms);
    if (waits[0].revents & (POLLIN | POLLHUP | POLLERR))
        play_read(play);
    if (uploads && waits[0].revents & POLLOUT)
        play_upload(play);
    if (waits[1].revents)
        play_feed(play);
    if (waits[2].revents)
        play_reap(play);
    if (play->cancels && play->got_size > 0) {
        uwo_transfer_cancel(play->engine, play->id);
        play->cancels = false;
    }
}

void play_turn(struct play *play, int timeout_ms)
{
    play_move(play, uwo_engine_fd(play->engine), timeout_ms);
}

void play_turn_only(struct play *play, int timeout_ms)
{
    play_move(play, -1, timeout_ms);
}

/* ---- judging ---- */

static void judge_refused(struct play *play)
{
    if (fcntl(play->near_fd, F_GETFD) < 0)
        play_blame(play, "submit failed (%d) and closed the socket all the same", play->status);
    for (int i = 0; i < play->source_count; i++) {
        if (fcntl(play->source_fds[i], F_GETFD) < 0)
            play_blame(play, "submit failed (%d) and closed a descriptor of the program",
                       play->status);
    }
}

static void judge_bytes(struct play *play, bool finished)
{
    if (play->got_wrong)
        play_blame(play, "the peer got wrong bytes, within the first %zu", play->got_size);
    if (finished && play->got_size != play->wanted_size)
        play_blame(play, "finished, but the peer got %zu bytes of %zu", play->got_size,
                   play->wanted_size);
    if (finished && play->end_error && !play->cut_is_fine)
        play_blame(play, "finished, but the peer's end was: %s", strerror(play->end_error));
    if (!finished && play->tcp && !play->gives_back && play->end_error == 0)
        play_blame(play, "outcome %s, but the peer saw a clean end after %zu bytes of %zu",
                   uwo_outcome_name(play->done.outcome), play->got_size, play->wanted_size);
}

static void judge_file(struct play *play, bool finished)
{
    uint8_t *content;
    ssize_t size;

    if (play->file_fd < 0)
        return;
    content = malloc(play->file_size + 1);
    size = pread(play->file_fd, content, play->file_size + 1, 0);
    if (size < 0 || (size_t)size > play->file_size ||
        memcmp(content, play->file, (size_t)size) != 0)
        play_blame(play, "the upload is wrong in the file");
    if (finished && (size_t)size != play->file_size)
        play_blame(play, "finished, but the file has %zd bytes of %zu", size, play->file_size);
    free(content);
}

static void judge_outcome(struct play *play, bool any_end)
{
    const struct uwo_event *done = &play->done;
    bool finished = done->outcome == UWO_FINISHED;
    bool names_error = done->outcome == UWO_NO_RESOURCE || done->outcome == UWO_CLIENT_GONE ||
                       done->outcome == UWO_SOURCE_FAILED || done->outcome == UWO_DISK_FAILED;

    if (done->outcome == UWO_DEADLINE || done->outcome == UWO_NO_PROGRESS)
        play_blame(
            play, "it hung (%s): received %llu of %zu uploaded, queued %llu, got %zu, fed %zu",
            uwo_outcome_name(done->outcome), (unsigned long long)done->bytes_received,
            play->uploaded, (unsigned long long)done->bytes_queued, play->got_size, play->fed);
    if (!any_end && !finished)
        play_blame(play, "outcome %s (%s): it should have finished",
                   uwo_outcome_name(done->outcome), strerror(done->error));
    if (names_error && done->error == 0)
        play_blame(play, "outcome %s without an errno", uwo_outcome_name(done->outcome));
    if (finished && done->error)
        play_blame(play, "finished with errno %d", done->error);
    if (finished && play->settles && done->bytes_acked != done->bytes_queued)
        play_blame(play, "finished: %llu queued, %llu acknowledged",
                   (unsigned long long)done->bytes_queued, (unsigned long long)done->bytes_acked);
    if (done->bytes_queued < play->got_size)
        play_blame(play, "the peer got %zu bytes, %llu were counted", play->got_size,
                   (unsigned long long)done->bytes_queued);
    judge_bytes(play, finished);
    judge_file(play, finished);
}

/* The socket is ours again: it must work, and be as it was. */
static void judge_returned(struct play *play)
{
    static const char tail[] = "and on";
    char piece[sizeof tail];
    int fd = play->done.client_fd;
    bool finished = play->done.outcome == UWO_FINISHED;
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;

    if (fd != play->near_fd) {
        play_blame(play, "gave back descriptor %d for %d", fd, play->near_fd);
        return;
    }
    if (finished && play->was_blocking == !!(fcntl(fd, F_GETFL) & O_NONBLOCK))
        play_blame(play, "the socket came back in another blocking mode");
    while (finished && play->got_size < play->wanted_size && play_now_ms() < until_ms)
        play_turn(play, 10);
    if (finished && play->got_size < play->wanted_size)
        play_blame(play, "finished, but the peer got %zu bytes of %zu", play->got_size,
                   play->wanted_size);
    if (finished && (send(fd, tail, sizeof tail, MSG_NOSIGNAL) != sizeof tail ||
                     recv(play->far_fd, piece, sizeof piece, MSG_WAITALL) != sizeof piece ||
                     memcmp(piece, tail, sizeof tail) != 0))
        play_blame(play, "the socket that came back does not work");
    close(fd);
}

void play_feed_ends(struct play *play)
{
    close_if(&play->feed_fd);
    play->wanted_size -= play->feed_size - play->fed;
    play->feed_size = play->fed;
}

void play_run(struct play *play, bool any_end)
{
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;

    if (!play->taken) {
        judge_refused(play);
        if (!any_end)
            play_blame(play, "submit said %d", play->status);
        return;
    }
    while ((play->done_count == 0 || (!play->ended && !play->gives_back)) &&
           play_now_ms() < until_ms)
        play_turn(play, 100);
    if (play->done_count == 0) {
        play_blame(play, "no DONE event: it hangs past its deadline");
        return;
    }
    if (!play->gives_back && !play->ended)
        play_blame(play, "the socket was never closed");
    play_reap(play);
    if (play->done_count != 1)
        play_blame(play, "%u DONE events", play->done_count);
    if (play->gives_back)
        judge_returned(play);
    judge_outcome(play, any_end);
}

void play_close(struct play *play)
{
    if (!play->taken)
        close_if(&play->near_fd);
    for (int i = 0; i < play->source_count && !play->taken; i++)
        close_if(&play->source_fds[i]);
    for (int i = 0; i < play->kept_count; i++)
        close_if(&play->kept_fds[i]);
    close_if(&play->far_fd);
    close_if(&play->feed_fd);
    close_if(&play->file_fd);
}

struct uwo_engine *play_engine(struct uwo_engine_options options)
{
    struct uwo_engine *engine;

    options.size = sizeof options;
    options.threads = options.threads ? options.threads : 1;
    options.disk_threads = options.disk_threads ? options.disk_threads : 1;
    if (uwo_engine_create(&options, &engine, NULL) < 0)
        play_give_up("uwo_engine_create");
    return engine;
}

struct uwo_engine *play_engine_small(void)
{
    return play_engine((struct uwo_engine_options){ .transfers_max = 100 });
}

void play_wait(struct play *play)
{
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;

    while (play->done_count == 0 && play_now_ms() < until_ms)
        play_turn(play, 50);
}

void play_reset(int *fd)
{
    struct linger linger = { .l_onoff = 1 };

    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close_if(fd);
}

void play_outcome(struct play *play, uint32_t outcome, int error, const char *what)
{
    play_wait(play);
    CLAIM(play->done_count == 1 && play->done.outcome == outcome && play->done.error == error,
          "%s: outcome %s, errno %d", what, uwo_outcome_name(play->done.outcome), play->done.error);
    if (play->done_count && play->done.client_fd >= 0)
        close(play->done.client_fd);
    play_close(play);
}
