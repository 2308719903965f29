#define _GNU_SOURCE
#include "faulty.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FDS_MAX = 4096, GATE_PATIENCE_S = 10, PAGE = 4096 };

static struct {
    _Atomic(enum call) call; /* the fault */
    _Atomic(uint64_t) number;
    _Atomic(uint64_t) times;
    _Atomic(int) error;
    bool armed;
    _Atomic(uint32_t) hurry;
    _Atomic(uint64_t) calls[CALL_COUNT];
    uint64_t counted[CALL_COUNT]; /* calls, at the last disarming */
    _Atomic(uint64_t) hits;
    _Atomic(uint64_t) bad_closes;
    _Atomic(int64_t) memory;
    _Atomic(int64_t) mappings;
    _Atomic(uint32_t) one_in;
    _Atomic(uint64_t) behind_us;
    atomic_bool cold;
    atomic_bool small_pipes;
    void (*_Atomic before)(enum call call, int fd, void *context);
    void *_Atomic before_context;
} faulty;

/* The gate before one file. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool closed;
    enum call call;
    uint64_t inode;
    unsigned waiting;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* What epoll was told about a descriptor, to arm it again. */
static struct {
    _Atomic(int) epoll_fd;
    _Atomic(uint32_t) events;
    _Atomic(uint64_t) data;
} registered[FDS_MAX];

static _Thread_local bool of_engine;
static _Thread_local int peeked_fd;

static const int no_memory[] = { ENOMEM, 0 };
static const int no_thread[] = { EAGAIN, 0 };
static const int no_descriptor[] = { EMFILE, ENFILE, ENOMEM, 0 };
static const int no_watch[] = { ENOMEM, ENOSPC, 0 };
static const int interrupted[] = { EINTR, 0 };
static const int bad_descriptor[] = { EBADF, EIO, ENOMEM, 0 };
static const int bad_socket[] = { EBADF, ENOTSOCK, ENOBUFS, 0 };
static const int no_duplicate[] = { EMFILE, 0 };
static const int no_mode[] = { EPERM, 0 };
static const int no_send[] = { EINTR,   EAGAIN,       ECONNRESET, EPIPE,    ETIMEDOUT, ENOMEM,
                               ENOBUFS, EHOSTUNREACH, ENETDOWN,   ENOTCONN, SHORT_ONE, SHORT_LESS,
                               0 };
static const int no_receive[] = { EINTR,    EAGAIN,    ECONNRESET, ETIMEDOUT, ENOMEM,
                                  ENOTCONN, SHORT_ONE, SHORT_LESS, 0 };
static const int no_shutdown[] = { ENOTCONN, ENOBUFS, 0 };
static const int no_option[] = { ENOMEM, ENOPROTOOPT, 0 };
static const int no_file[] = { EINTR,   EAGAIN, EIO,       EPIPE,     ECONNRESET, ETIMEDOUT, ENOMEM,
                               ENOBUFS, EINVAL, EOVERFLOW, SHORT_ONE, SHORT_LESS, 0 };
static const int no_splice[] = { EINTR,  EAGAIN,  EIO,    EPIPE,     ECONNRESET, ETIMEDOUT,
                                 ENOMEM, ENOBUFS, EINVAL, SHORT_ONE, SHORT_LESS, 0 };
static const int no_pipe[] = { EMFILE, ENFILE, EPERM, ENOMEM, 0 };
static const int not_cached[] = { EAGAIN, 0 };
static const int no_size[] = { EIO, EOVERFLOW, ESTALE, 0 };
static const int no_read[] = { EINTR, EIO, ENOMEM, ESTALE, SHORT_ONE, SHORT_LESS, SHORT_NONE, 0 };
static const int no_write[] = { EINTR,  ENOSPC,    EDQUOT,     EFBIG,      EIO, EROFS,
                                ESTALE, SHORT_ONE, SHORT_LESS, SHORT_NONE, 0 };
static const int no_accept[] = { EINTR, EAGAIN, ECONNABORTED, EPROTO, EMFILE, ENFILE, ENOMEM, 0 };
static const int no_look[] = { EAGAIN, ENOENT, EACCES, EMFILE, ENFILE, ENOMEM, EIO, 0 };
static const int no_root[] = { ENOENT, EACCES, EMFILE, ENFILE, ENOMEM, 0 };
static const int no_stamp[] = { EIO, ESTALE, 0 };
static const int not_now[] = { EINTR, EAGAIN, EIO, SHORT_ONE, SHORT_LESS, SHORT_NONE, 0 };
static const int no_spool[] = { EMFILE, ENFILE, ENOSPC, EROFS, EACCES, 0 };
static const int no_log[] = { EINTR, ENOSPC, EIO, EPIPE, SHORT_ONE, SHORT_LESS, 0 };
static const int not_listening[] = { EBADF, ENOTSOCK, EINVAL, 0 };
static const int no_random[] = { EAGAIN, 0 };
static const int not_sent[] = { EAGAIN, EMSGSIZE, ENOBUFS, ENOMEM, ECONNREFUSED, EPIPE, 0 };
static const int not_received[] = { EINTR, EAGAIN, 0 };
static const int no_open[] = { ENOENT, EACCES, EMFILE, ENFILE, ENOSPC, EROFS, 0 };
static const int no_resize[] = { ENOSPC, EFBIG, EIO, EINTR, 0 };
static const int nothing[] = { 0 };

static const int *const errors_of[CALL_COUNT] = {
    [CALL_alloc] = no_memory,
    [CALL_alloc_aligned] = no_memory,
    [CALL_arena_map] = no_memory,
    [CALL_thread_start] = no_thread,
    [CALL_epoll_open] = no_descriptor,
    [CALL_epoll_set] = no_watch,
    [CALL_epoll_wait] = interrupted,
    [CALL_event_open] = no_descriptor,
    [CALL_event_clear] = interrupted,
    [CALL_event_wait] = interrupted,
    [CALL_file_info] = bad_descriptor,
    [CALL_socket_info] = bad_socket,
    [CALL_duplicate] = no_duplicate,
    [CALL_nonblocking] = no_mode,
    [CALL_send] = no_send,
    [CALL_receive] = no_receive,
    [CALL_peek] = no_receive,
    [CALL_shutdown] = no_shutdown,
    [CALL_cork] = no_option,
    [CALL_push] = no_option,
    [CALL_send_file] = no_file,
    [CALL_splice] = no_splice,
    [CALL_pipe_open] = no_pipe,
    [CALL_file_cached] = not_cached,
    [CALL_file_size] = no_size,
    [CALL_file_name] = no_size,
    [CALL_read_at] = no_read,
    [CALL_write_at] = no_write,
    [CALL_accept] = no_accept,
    [CALL_look] = no_look,
    [CALL_open_root] = no_root,
    [CALL_file_stamp] = no_stamp,
    [CALL_read_now] = not_now,
    [CALL_spool] = no_spool,
    [CALL_write_log] = no_log,
    [CALL_listening] = not_listening,
    [CALL_random] = no_random,
    [CALL_send_message] = not_sent,
    [CALL_receive_message] = not_received,
    [CALL_memory_file] = no_descriptor,
    [CALL_open_file] = no_open,
    [CALL_resize] = no_resize,
    [CALL_map] = no_memory,
};

/* ---- striking ---- */

static uint32_t random_word(void)
{
    static _Atomic(uint32_t) seeds = 1;
    static _Thread_local uint32_t state;

    if (!state)
        state = atomic_fetch_add(&seeds, 1) * 2654435761U | 1;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* One of the faults that change nothing, if this call has any and luck will have it. */
static int strike_at_random(enum call call)
{
    uint32_t one_in = atomic_load_explicit(&faulty.one_in, memory_order_relaxed);
    const int *errors = faulty_errors(call);
    int found = 0;
    uint32_t seen = 0;

    if (one_in == 0 || random_word() % one_in != 0)
        return 0;
    for (; *errors; errors++) {
        struct fault fault = { .call = call, .error = *errors };

        if (faulty_is_harmless(&fault) && random_word() % ++seen == 0)
            found = *errors;
    }
    return found;
}

/* Count this call.  Returns the errno to fail with, or 0; shortens *length. */
static int strike(enum call call, int fd, size_t *length)
{
    uint64_t number = atomic_fetch_add(&faulty.calls[call], 1) + 1;
    uint64_t first = atomic_load(&faulty.number);
    void (*before)(enum call call, int fd, void *context) = atomic_load(&faulty.before);
    int error = 0;

    if (before)
        before(call, fd, atomic_load(&faulty.before_context));
    if (call == atomic_load(&faulty.call) && number >= first &&
        number - first < atomic_load(&faulty.times))
        error = atomic_load(&faulty.error);
    else
        error = strike_at_random(call);
    if (error == 0 || (error < 0 && *length <= 1))
        return 0;
    atomic_fetch_add(&faulty.hits, 1);
    if (error > 0)
        return error;
    *length = error == SHORT_NONE ? 0 : error == SHORT_ONE ? 1 : *length - 1;
    return 0;
}

/* Before EAGAIN: make sure that epoll reports this descriptor once more. */
static void rearm(int fd)
{
    if (fd < 0 || fd >= FDS_MAX || registered[fd].epoll_fd <= 0)
        return;

    struct epoll_event event = { .events = registered[fd].events, .data.u64 = registered[fd].data };

    epoll_ctl(registered[fd].epoll_fd, EPOLL_CTL_MOD, fd, &event);
}

static int failed(int error, int fd, int other_fd)
{
    if (error == EAGAIN) {
        rearm(fd);
        rearm(other_fd);
    }
    return -error;
}

/* ---- the gate ---- */

static bool is_slow(int fd)
{
    struct stat stat;

    return atomic_load(&gate.closed) && fstat(fd, &stat) == 0 && stat.st_ino == gate.inode;
}

static void pass(enum call call, int fd)
{
    if (!is_slow(fd) || call != gate.call)
        return;
    pthread_mutex_lock(&gate.lock);
    gate.waiting++;
    pthread_cond_broadcast(&gate.changed);
    while (atomic_load(&gate.closed))
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.waiting--;
    pthread_mutex_unlock(&gate.lock);
}

void faulty_hold(enum call call, int fd)
{
    struct stat stat = { 0 };

    fstat(fd, &stat);
    pthread_mutex_lock(&gate.lock);
    gate.call = call;
    gate.inode = stat.st_ino;
    atomic_store(&gate.closed, true);
    pthread_mutex_unlock(&gate.lock);
}

bool faulty_held(unsigned count)
{
    struct timespec until;
    bool held;
    int status = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += GATE_PATIENCE_S;
    pthread_mutex_lock(&gate.lock);
    while (gate.waiting < count && status == 0)
        status = pthread_cond_timedwait(&gate.changed, &gate.lock, &until);
    held = gate.waiting >= count;
    pthread_mutex_unlock(&gate.lock);
    return held;
}

void faulty_let_go(void)
{
    pthread_mutex_lock(&gate.lock);
    atomic_store(&gate.closed, false);
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

/* ---- the table: what only fails ---- */

#define FAILING(type, name, parameters, fd, arguments)    \
    static type faulty_##name parameters                  \
    {                                                     \
        int error = strike(CALL_##name, fd, NULL);        \
                                                          \
        return error ? -error : sys_linux.name arguments; \
    }

FAILING(int, epoll_open, (void), -1, ())
FAILING(int, event_open, (void), -1, ())
FAILING(int, event_clear, (int fd), fd, (fd))
FAILING(int, event_wait, (int fd, int timeout_ms), fd, (fd, timeout_ms))
FAILING(int, file_info, (int fd, struct sys_file *info), fd, (fd, info))
FAILING(int, socket_info, (int fd, struct sys_socket *info), fd, (fd, info))
FAILING(int, duplicate, (int fd), fd, (fd))
FAILING(int, shutdown, (int fd, enum sys_shut how), fd, (fd, how))
FAILING(int, unsent, (int fd), fd, (fd))
FAILING(int, unread, (int fd), fd, (fd))
FAILING(int, cork, (int fd, enum sys_cork how), fd, (fd, how))
FAILING(int, push, (int fd), fd, (fd))
FAILING(int, error, (int fd), fd, (fd))
FAILING(int, pipe_open, (int fds[2], int size), -1,
        (fds, atomic_load(&faulty.small_pipes) ? PAGE : size))
FAILING(int64_t, file_size, (int fd), fd, (fd))
FAILING(int, file_name, (int fd, uint64_t *device, uint64_t *inode), fd, (fd, device, inode))
FAILING(int, accept, (int fd, struct sys_peer *peer), fd, (fd, peer))
FAILING(int, open_root, (const char *path, bool *directory), -1, (path, directory))
FAILING(int, file_stamp, (int fd, uint64_t *size, int64_t *mtime_ns), fd, (fd, size, mtime_ns))
FAILING(int, spool, (const char *directory), -1, (directory))
FAILING(int, listening, (int fd, bool *tcp), fd, (fd, tcp))
FAILING(int, random, (uint64_t *number), -1, (number))
FAILING(int64_t, send_message,
        (int fd, const struct sys_part *parts, int count, const int *fds, int fd_count), fd,
        (fd, parts, count, fds, fd_count))
FAILING(int64_t, receive_message, (int fd, void *data, size_t size, int *fds, int *fd_count), fd,
        (fd, data, size, fds, fd_count))
FAILING(int, memory_file, (const char *name), -1, (name))
FAILING(int, open_file, (const char *path), -1, (path))
FAILING(int, resize, (int fd, int64_t size), fd, (fd, size))

/* ---- memory ---- */

static void *counted(void *memory, _Atomic(int64_t) *count)
{
    if (memory)
        atomic_fetch_add(count, 1);
    return memory;
}

static void *faulty_alloc(size_t size)
{
    return strike(CALL_alloc, -1, NULL) ? NULL : counted(sys_linux.alloc(size), &faulty.memory);
}

static void *faulty_alloc_aligned(size_t alignment, size_t size)
{
    if (strike(CALL_alloc_aligned, -1, NULL))
        return NULL;
    return counted(sys_linux.alloc_aligned(alignment, size), &faulty.memory);
}

static void faulty_release(void *memory)
{
    strike(CALL_release, -1, NULL);
    if (memory)
        atomic_fetch_sub(&faulty.memory, 1);
    sys_linux.release(memory);
}

static void *faulty_arena_map(size_t size)
{
    if (strike(CALL_arena_map, -1, NULL))
        return NULL;
    return counted(sys_linux.arena_map(size), &faulty.mappings);
}

static void *faulty_map(int fd, size_t size)
{
    if (strike(CALL_map, fd, NULL))
        return NULL;
    return counted(sys_linux.map(fd, size), &faulty.mappings);
}

static void faulty_arena_trim(void *start, size_t size)
{
    strike(CALL_arena_trim, -1, NULL);
    sys_linux.arena_trim(start, size);
}

static void faulty_arena_unmap(void *start, size_t size)
{
    strike(CALL_arena_unmap, -1, NULL);
    atomic_fetch_sub(&faulty.mappings, 1);
    sys_linux.arena_unmap(start, size);
}

/* ---- time and threads ---- */

static uint64_t faulty_now_us(void)
{
    uint64_t behind_us = of_engine ? atomic_load(&faulty.behind_us) : 0;

    strike(CALL_now_us, -1, NULL);
    return sys_linux.now_us() * faulty.hurry - behind_us;
}

static int faulty_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
    int error = strike(CALL_epoll_wait, epoll_fd, NULL);
    int hurry = (int)faulty.hurry;

    if (timeout_ms > 0)
        timeout_ms = timeout_ms / hurry + (timeout_ms % hurry != 0);
    return error ? -error : sys_linux.epoll_wait(epoll_fd, events, max, timeout_ms);
}

struct start {
    void *(*run)(void *);
    void *argument;
};

static void *run_of_engine(void *argument)
{
    struct start start = *(struct start *)argument;

    free(argument);
    of_engine = true;
    return start.run(start.argument);
}

static int faulty_thread_start(pthread_t *thread, const char *name, void *(*run)(void *),
                               void *argument)
{
    int error = strike(CALL_thread_start, -1, NULL);
    struct start *start = malloc(sizeof *start);

    *start = (struct start){ run, argument };
    int status = error ? -error : sys_linux.thread_start(thread, name, run_of_engine, start);

    if (status < 0)
        free(start);
    return status;
}

/* ---- descriptors ---- */

static int faulty_epoll_set(int epoll_fd, int action, int fd, uint32_t events, uint64_t data)
{
    /* Taking something out needs no memory. */
    int error = action == EPOLL_CTL_DEL ? 0 : strike(CALL_epoll_set, fd, NULL);
    int status = error ? -error : sys_linux.epoll_set(epoll_fd, action, fd, events, data);

    if (fd < FDS_MAX) {
        registered[fd].epoll_fd = status == 0 && action != EPOLL_CTL_DEL ? epoll_fd : 0;
        registered[fd].events = events;
        registered[fd].data = data;
    }
    return status;
}

static void close_checked(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        registered[fd].epoll_fd = 0;
    if (close(fd) < 0 && errno == EBADF)
        atomic_fetch_add(&faulty.bad_closes, 1);
}

static void faulty_close(int fd)
{
    strike(CALL_close, fd, NULL);
    close_checked(fd);
}

static void faulty_close_file(int fd)
{
    strike(CALL_close_file, fd, NULL);
    pass(CALL_close_file, fd);
    close_checked(fd);
}

/* Putting back what was there before cannot fail. */
static int faulty_nonblocking(int fd, bool on)
{
    int error = on ? strike(CALL_nonblocking, fd, NULL) : 0;

    return error ? -error : sys_linux.nonblocking(fd, on);
}

static void faulty_event_signal(int fd)
{
    strike(CALL_event_signal, fd, NULL);
    sys_linux.event_signal(fd);
}

static void faulty_reset(int fd)
{
    strike(CALL_reset, fd, NULL);
    sys_linux.reset(fd);
}

/* ---- moving bytes ---- */

static int64_t faulty_send(int fd, const void *data, size_t length, bool more)
{
    int error = strike(CALL_send, fd, &length);

    return error ? failed(error, fd, -1) : sys_linux.send(fd, data, length, more);
}

/* After fewer bytes than there were, an edge tells of the rest: so it is when they come later. */
static int64_t faulty_receive(int fd, void *data, size_t length)
{
    size_t wanted = length;
    int error = strike(CALL_receive, fd, &length);
    int64_t got;

    if (error == EAGAIN && fd == peeked_fd) { /* the bytes are there, and nobody else's */
        atomic_fetch_sub(&faulty.hits, 1);
        error = 0;
    }
    if (error)
        return failed(error, fd, -1);
    got = sys_linux.receive(fd, data, length);
    if (length < wanted)
        rearm(fd);
    return got;
}

static int64_t faulty_peek(int fd, void *data, size_t length)
{
    int error = strike(CALL_peek, fd, &length);

    peeked_fd = fd;
    return error ? failed(error, fd, -1) : sys_linux.peek(fd, data, length);
}

static int64_t faulty_send_file(int fd, int file_fd, int64_t offset, size_t length)
{
    int error = strike(CALL_send_file, fd, &length);

    return error ? failed(error, fd, -1) : sys_linux.send_file(fd, file_fd, offset, length);
}

static int64_t faulty_splice(int from_fd, int to_fd, size_t length, bool more)
{
    int error = strike(CALL_splice, from_fd, &length);

    return error ? failed(error, from_fd, to_fd) : sys_linux.splice(from_fd, to_fd, length, more);
}

static int faulty_file_cached(int fd, int64_t offset, uint64_t length)
{
    if (strike(CALL_file_cached, fd, NULL) || atomic_load(&faulty.cold) || is_slow(fd))
        return 0;
    return sys_linux.file_cached(fd, offset, length);
}

static int64_t faulty_read_at(int fd, void *data, size_t length, int64_t offset)
{
    int error = strike(CALL_read_at, fd, &length);

    pass(CALL_read_at, fd);
    return error ? -error : sys_linux.read_at(fd, data, length, offset);
}

static int64_t faulty_write_at(int fd, const void *data, size_t length, int64_t offset)
{
    int error = strike(CALL_write_at, fd, &length);

    pass(CALL_write_at, fd);
    return error ? -error : sys_linux.write_at(fd, data, length, offset);
}

/* ---- serving ---- */

/* Only a look-up that must not wait may say EAGAIN. */
static void faulty_look(int root_fd, const char *path, bool cached, struct sys_found *found)
{
    int error = strike(CALL_look, root_fd, NULL);

    if (error == EAGAIN && !cached) {
        atomic_fetch_sub(&faulty.hits, 1);
        error = 0;
    }
    if (!error && cached && atomic_load(&faulty.cold))
        error = EAGAIN;
    *found = (struct sys_found){ .fd = -1, .error = error };
    if (!error)
        sys_linux.look(root_fd, path, cached, found);
}

static int64_t faulty_read_now(int fd, void *data, size_t length, int64_t offset)
{
    int error = strike(CALL_read_now, fd, &length);

    if (!error && atomic_load(&faulty.cold))
        error = EAGAIN;
    return error ? -error : sys_linux.read_now(fd, data, length, offset);
}

static int64_t faulty_wall_us(void)
{
    strike(CALL_wall_us, -1, NULL);
    return sys_linux.wall_us();
}

static int64_t faulty_write_log(int fd, const void *data, size_t length)
{
    int error = strike(CALL_write_log, fd, &length);

    return error ? -error : sys_linux.write_log(fd, data, length);
}

static struct sys table;

_Static_assert(sizeof table == CALL_COUNT * sizeof(void (*)(void)),
               "FAULTY_CALLS lists every function of the table");

/* ---- for the tests ---- */

void faulty_install(void)
{
    table = (struct sys){
#define CALL(name) .name = faulty_##name,
        FAULTY_CALLS(CALL)
#undef CALL
    };
    sys_default = &table;
    atomic_store(&faulty.call, CALL_COUNT);
    faulty_hurry(1);
    faulty_arm(NULL);
}

void faulty_arm(const struct fault *fault)
{
    faulty.armed = true;
    atomic_store(&faulty.hits, 0);
    for (int i = 0; i < CALL_COUNT; i++)
        atomic_store(&faulty.calls[i], 0);
    if (!fault)
        return;
    atomic_store(&faulty.number, fault->number);
    atomic_store(&faulty.times, fault->times);
    atomic_store(&faulty.error, fault->error);
    atomic_store(&faulty.call, fault->call);
}

uint64_t faulty_disarm(void)
{
    atomic_store(&faulty.call, CALL_COUNT);
    for (int i = 0; faulty.armed && i < CALL_COUNT; i++)
        faulty.counted[i] = atomic_load(&faulty.calls[i]);
    faulty.armed = false;
    return atomic_load(&faulty.hits);
}

uint64_t faulty_hits(void)
{
    return atomic_load(&faulty.hits);
}

uint64_t faulty_calls(enum call call)
{
    return faulty.counted[call];
}

struct faulty_trouble faulty_trouble(void)
{
    return (struct faulty_trouble){
        .bad_closes = atomic_load(&faulty.bad_closes),
        .memory = atomic_load(&faulty.memory),
        .mappings = atomic_load(&faulty.mappings),
    };
}

const char *faulty_call_name(enum call call)
{
    static const char *const names[] = {
#define CALL(name) #name,
        FAULTY_CALLS(CALL)
#undef CALL
    };

    return names[call];
}

const int *faulty_errors(enum call call)
{
    return errors_of[call] ? errors_of[call] : nothing;
}

bool faulty_is_harmless(const struct fault *fault)
{
    switch (fault->call) {
    case CALL_cork:
    case CALL_push:
    case CALL_pipe_open:
    case CALL_random:
    case CALL_read_now:     /* the file goes another way */
    case CALL_send_message: /* the request stays */
    case CALL_write_log:
        return true;
    case CALL_accept: /* who was not accepted waits */
        return fault->error == EINTR || fault->error == EAGAIN ||
               (fault->times == 1 && (fault->error == ECONNABORTED || fault->error == EPROTO));
    case CALL_thread_start: /* EAGAIN: there is no thread to be had */
        return false;
    case CALL_resize: /* EINTR is passed up: nothing has been taken yet */
        return false;
    case CALL_write_at: /* a disk that takes nothing has failed */
        return fault->error == EINTR || fault->error == SHORT_ONE || fault->error == SHORT_LESS;
    default:
        return fault->error < 0 || fault->error == EINTR || fault->error == EAGAIN;
    }
}

bool faulty_is_armed(void)
{
    return atomic_load(&faulty.call) != CALL_COUNT;
}

bool faulty_may_harm(void)
{
    struct fault fault = { .call = atomic_load(&faulty.call),
                           .times = atomic_load(&faulty.times),
                           .error = atomic_load(&faulty.error) };

    return fault.call != CALL_COUNT && !faulty_is_harmless(&fault);
}

void faulty_at_random(uint32_t one_in)
{
    atomic_store(&faulty.one_in, one_in);
}

void faulty_cold(bool cold)
{
    atomic_store(&faulty.cold, cold);
}

void faulty_small_pipes(bool small)
{
    atomic_store(&faulty.small_pipes, small);
}

void faulty_lag(uint64_t behind_us)
{
    atomic_store(&faulty.behind_us, behind_us);
}

void faulty_hurry(uint32_t times)
{
    faulty.hurry = times;
}

void faulty_before(void (*before)(enum call call, int fd, void *context), void *context)
{
    atomic_store(&faulty.before_context, context);
    atomic_store(&faulty.before, before);
}
