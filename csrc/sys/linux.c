/* The table on Linux.  Each function is one system call, or the few that belong together. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sys/serving.h"
#include "sys/sys.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

enum { THREAD_STACK_SIZE = 512 << 10 };

static int64_t result(int64_t value)
{
    return value < 0 ? -errno : value;
}

/* ---- memory and time ---- */

static void *linux_alloc_aligned(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void *linux_arena_map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    /* One slot in use must not cost a huge page. */
    madvise(memory, size, MADV_NOHUGEPAGE);
    return memory;
}

static void linux_arena_trim(void *start, size_t size)
{
    madvise(start, size, MADV_DONTNEED);
}

static void linux_arena_unmap(void *start, size_t size)
{
    munmap(start, size);
}

static uint64_t linux_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- threads ---- */

static int linux_thread_start(pthread_t *thread, const char *name, void *(*run)(void *),
                              void *argument)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    int error = pthread_attr_init(&attributes);

    if (error)
        return -error;
    pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread inherits it */
    error = pthread_create(thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error)
        return -error;
    pthread_setname_np(*thread, name);
    return 0;
}

/* ---- waiting ---- */

static int linux_epoll_open(void)
{
    return (int)result(epoll_create1(EPOLL_CLOEXEC));
}

static int linux_epoll_set(int epoll_fd, int action, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = { .events = events, .data.u64 = data };

    return (int)result(epoll_ctl(epoll_fd, action, fd, &event));
}

static int linux_epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout_ms)
{
    return (int)result(epoll_wait(epoll_fd, events, max, timeout_ms));
}

static int linux_event_open(void)
{
    return (int)result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static void linux_event_signal(int fd)
{
    uint64_t one = 1;
    ssize_t written;

    do
        written = write(fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
}

static int linux_event_clear(int fd)
{
    uint64_t count;

    return (int)result(read(fd, &count, sizeof count));
}

static int linux_event_wait(int fd, int timeout_ms)
{
    struct pollfd wanted = { .fd = fd, .events = POLLIN };

    return (int)result(poll(&wanted, 1, timeout_ms));
}

/* ---- descriptors ---- */

static int linux_file_info(int fd, struct sys_file *info)
{
    static const int accesses[O_ACCMODE + 1] = { /* 3 is allowed too: neither */
                                                 [O_RDONLY] = SYS_READ,
                                                 [O_WRONLY] = SYS_WRITE,
                                                 [O_RDWR] = SYS_READ | SYS_WRITE
    };
    struct stat stat;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fstat(fd, &stat) < 0)
        return -errno;
    *info = (struct sys_file){
        .regular = S_ISREG(stat.st_mode),
        .pipe = S_ISFIFO(stat.st_mode),
        .socket = S_ISSOCK(stat.st_mode),
        .size = stat.st_size,
        .device = stat.st_dev,
        .inode = stat.st_ino,
        .access = flags & O_PATH ? 0 : accesses[flags & O_ACCMODE],
        .append = flags & O_APPEND,
    };
    return 0;
}

/* A TCP client that has reset is no longer connected, but it was: it has sent us something. */
static bool linux_was_connected(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_segs_in > 0;
}

static int linux_socket_info(int fd, struct sys_socket *info)
{
    struct sockaddr_storage address = { 0 };
    socklen_t address_size = sizeof address;
    socklen_t size = sizeof info->type;

    if (!info->type && getsockopt(fd, SOL_SOCKET, SO_TYPE, &info->type, &size) < 0)
        return -errno;
    if (getpeername(fd, (struct sockaddr *)&address, &address_size) == 0) {
        info->connected = true;
        info->tcp = address.ss_family == AF_INET || address.ss_family == AF_INET6;
    } else if (errno == EBADF || errno == ENOTSOCK) {
        return -errno;
    } else {
        info->connected = info->tcp = linux_was_connected(fd);
    }
    return 0;
}

static int linux_duplicate(int fd)
{
    return (int)result(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

static int linux_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    bool was_on = flags & O_NONBLOCK;

    if (flags < 0)
        return -errno;
    if (was_on != on && fcntl(fd, F_SETFL, flags ^ O_NONBLOCK) < 0)
        return -errno;
    return was_on;
}

static void linux_close(int fd)
{
    close(fd);
}

/* ---- sockets ---- */

static int64_t linux_send(int fd, const void *data, size_t length, bool more)
{
    return result(send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0)));
}

static int64_t linux_receive(int fd, void *data, size_t length)
{
    return result(recv(fd, data, length, MSG_DONTWAIT));
}

static int64_t linux_peek(int fd, void *data, size_t length)
{
    return result(recv(fd, data, length, MSG_DONTWAIT | MSG_PEEK));
}

static int linux_shutdown(int fd, enum sys_shut how)
{
    return (int)result(shutdown(fd, how == SYS_SHUT_WRITE ? SHUT_WR : SHUT_RDWR));
}

static int linux_unsent(int fd)
{
    int bytes = 0;

    return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

static int linux_unread(int fd)
{
    int bytes = 0;

    return ioctl(fd, FIONREAD, &bytes) < 0 ? -errno : bytes;
}

static int linux_cork(int fd, enum sys_cork how)
{
    int before = 0;
    int value = how != SYS_CORK_OUT;
    socklen_t size = sizeof before;

    if (how == SYS_CORK_IN && getsockopt(fd, IPPROTO_TCP, TCP_CORK, &before, &size) == 0 && before)
        return 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value) < 0 ? -errno : 0;
}

/* Setting TCP_NODELAY pushes what Nagle holds back; the option is left as it was. */
static int linux_push(int fd)
{
    int value = 0;
    int on = 1;
    socklen_t size = sizeof value;

    if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) < 0)
        return errno == EOPNOTSUPP || errno == ENOPROTOOPT ? 0 : -errno;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
        return -errno;
    if (!value && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) < 0)
        return -errno;
    return 0;
}

static int linux_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

/* Connecting a TCP socket to no address disconnects it with a reset, also when a forked child
 * holds a copy, which SO_LINGER and close do not. */
static void linux_reset(int fd)
{
    struct sockaddr nowhere = { .sa_family = AF_UNSPEC };

    if (connect(fd, &nowhere, sizeof nowhere) < 0)
        shutdown(fd, SHUT_RDWR);
}

/* ---- moving ---- */

static int64_t linux_send_file(int fd, int file_fd, int64_t offset, size_t length)
{
    off_t from = offset;

    return result(sendfile(fd, file_fd, &from, length));
}

static int64_t linux_splice(int from_fd, int to_fd, size_t length, bool more)
{
    unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0);

    return result(splice(from_fd, NULL, to_fd, NULL, length, flags));
}

static int linux_pipe_open(int fds[2], int size)
{
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;

    int got = fcntl(fds[0], F_SETPIPE_SZ, size);

    if (got < 0) {
        got = -errno;
        close(fds[0]);
        close(fds[1]);
    }
    return got;
}

/* ---- files ---- */

/* cachestat(2), Linux 6.5: are all pages of a range in memory?  EPERM for a file that is neither
 * ours nor writable (Linux 6.14), ENOSYS before 6.5. */
static int linux_pages_there(int fd, int64_t offset, uint64_t length, uint64_t pages)
{
    struct {
        uint64_t offset, length;
    } range = { (uint64_t)offset, length };
    struct {
        uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } counts = { 0 };

    if (syscall(SYS_cachestat, fd, &range, &counts, 0) < 0)
        return -errno;
    return counts.cached >= pages;
}

/* Ask for a byte in each block that the kernel reads ahead, and the last one, which fails rather
 * than wait for the disk: also for a page that is there but still being read.  1 all are ready, 0
 * one is not; EOPNOTSUPP where the file system cannot be asked. */
static int linux_pages_ready(int fd, int64_t offset, uint64_t length)
{
    enum { STRIDE = 128 << 10 };
    char byte;
    struct iovec to = { .iov_base = &byte, .iov_len = 1 };

    for (uint64_t at = 0; at < length + STRIDE - 1; at += STRIDE) {
        uint64_t probe = at < length ? at : length - 1;

        if (preadv2(fd, &to, 1, offset + (int64_t)probe, RWF_NOWAIT) < 0)
            return errno == EOPNOTSUPP ? -errno : 0;
    }
    return 1;
}

static int linux_file_cached(int fd, int64_t offset, uint64_t length)
{
    enum { PAGE = 4096 };
    uint64_t pages = ((uint64_t)offset + length - 1) / PAGE - (uint64_t)offset / PAGE + 1;
    int ready = linux_pages_ready(fd, offset, length);
    int there;

    if (ready == 0 || (ready > 0 && pages <= 2))
        return ready;
    there = linux_pages_there(fd, offset, length, pages);
    return there >= 0 ? there : ready > 0; /* where pages cannot be counted, the probes decide */
}

static int64_t linux_file_size(int fd)
{
    struct stat stat;

    return fstat(fd, &stat) < 0 ? -errno : stat.st_size;
}

static int linux_file_name(int fd, uint64_t *device, uint64_t *inode)
{
    struct stat stat;

    if (fstat(fd, &stat) < 0)
        return -errno;
    *device = stat.st_dev;
    *inode = stat.st_ino;
    return 0;
}

static int64_t linux_read_at(int fd, void *data, size_t length, int64_t offset)
{
    return result(pread(fd, data, length, offset));
}

static int64_t linux_write_at(int fd, const void *data, size_t length, int64_t offset)
{
    return result(pwrite(fd, data, length, offset));
}

/* ---- shared memory ---- */

static int linux_memory_file(const char *name)
{
    return (int)result(memfd_create(name, MFD_CLOEXEC));
}

static int linux_open_file(const char *path)
{
    return (int)result(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
}

/* Beyond RLIMIT_FSIZE this raises SIGXFSZ, also for a memfd. */
static int linux_resize(int fd, int64_t size)
{
    struct sys_signal before;

    sys_signal_block(&before, SIGXFSZ);

    int status = (int)result(ftruncate(fd, size));

    sys_signal_restore(&before);
    return status;
}

static void *linux_map(int fd, size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

const struct sys sys_linux = {
    .alloc = malloc,
    .alloc_aligned = linux_alloc_aligned,
    .release = free,
    .arena_map = linux_arena_map,
    .arena_trim = linux_arena_trim,
    .arena_unmap = linux_arena_unmap,
    .now_us = linux_now_us,
    .thread_start = linux_thread_start,
    .epoll_open = linux_epoll_open,
    .epoll_set = linux_epoll_set,
    .epoll_wait = linux_epoll_wait,
    .event_open = linux_event_open,
    .event_signal = linux_event_signal,
    .event_clear = linux_event_clear,
    .event_wait = linux_event_wait,
    .file_info = linux_file_info,
    .socket_info = linux_socket_info,
    .duplicate = linux_duplicate,
    .nonblocking = linux_nonblocking,
    .close = linux_close,
    .send = linux_send,
    .receive = linux_receive,
    .peek = linux_peek,
    .shutdown = linux_shutdown,
    .unsent = linux_unsent,
    .unread = linux_unread,
    .cork = linux_cork,
    .push = linux_push,
    .error = linux_error,
    .reset = linux_reset,
    .send_file = linux_send_file,
    .splice = linux_splice,
    .pipe_open = linux_pipe_open,
    .file_cached = linux_file_cached,
    .file_size = linux_file_size,
    .file_name = linux_file_name,
    .read_at = linux_read_at,
    .write_at = linux_write_at,
    .close_file = linux_close,
    .memory_file = linux_memory_file,
    .open_file = linux_open_file,
    .resize = linux_resize,
    .map = linux_map,
    .accept = serving_accept,
    .look = serving_look,
    .open_root = serving_open_root,
    .file_stamp = serving_file_stamp,
    .read_now = serving_read_now,
    .spool = serving_spool,
    .wall_us = serving_wall_us,
    .write_log = serving_write_log,
    .listening = serving_listening,
    .random = serving_random,
    .send_message = serving_send_message,
    .receive_message = serving_receive_message,
};

const struct sys *sys_default = &sys_linux;
