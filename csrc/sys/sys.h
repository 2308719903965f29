/* sys: the system-call table.
 *
 * Everything the engine asks of the system goes through one table, reached by a pointer
 * (about a nanosecond), so that a test can make the Nth call fail.  This folder alone
 * includes OS headers and knows the variable errno.
 *
 * Every int function returns >= 0, or -errno with what may come listed beside it.  Nothing
 * here blocks, except what is marked "disk" and epoll_wait.  EINTR may come from any of
 * them (a tracer, a stopped process) and means "ask again"; engine threads block signals. */
#ifndef SYS_SYS_H
#define SYS_SYS_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* What a descriptor is. */
struct sys_file {
    bool regular;
    bool pipe;
    bool socket;
    int64_t size;    /* regular files */
    uint64_t device; /* device and inode name the file itself */
    uint64_t inode;
    int access; /* SYS_READ, SYS_WRITE or both */
    bool append;
};

enum sys_access { SYS_READ = 1, SYS_WRITE = 2 };

struct sys_socket {
    int type;       /* SYS_STREAM, or another number; 0: to be asked for */
    bool connected; /* now, or until the peer reset */
    bool tcp;
};

enum { SYS_STREAM = 1 };

/* What openat2 found beneath a directory. */
struct sys_found {
    int fd;         /* regular files: open for reading; else -1 */
    int error;      /* 0, or a positive errno: nothing was found, or not looked */
    bool directory; /* neither: a FIFO, device or socket, which is never opened */
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    int64_t mtime_ns;
};

/* Who connected: "127.0.0.1:4711", "[::1]:4711", "" for UNIX sockets; terminated. */
enum { SYS_PEER_SIZE = 56 };

struct sys_peer {
    uint8_t family; /* 4, 6, or 0 */
    uint16_t port;
    uint8_t address[16];
};

/* Its address: "127.0.0.1", "::1", "" for UNIX sockets.  out has room for SYS_PEER_SIZE.  Gives its
 * length; terminated. */
size_t sys_peer_text(const struct sys_peer *peer, char *out);

/* A message with descriptors beside it. */
struct sys_part {
    const void *data;
    size_t size;
};
enum { SYS_MESSAGE_PARTS = 6, SYS_MESSAGE_FDS = 2 };

enum sys_shut { SYS_SHUT_WRITE, SYS_SHUT_BOTH };

/* OURS: nobody can have put one in before, so there is no need to look. */
enum sys_cork { SYS_CORK_OUT, SYS_CORK_IN, SYS_CORK_OURS };

struct sys {
    /* memory and time */
    void *(*alloc)(size_t size); /* not zeroed; NULL when there is none */
    void *(*alloc_aligned)(size_t alignment, size_t size);
    void (*release)(void *memory);
    void *(*arena_map)(size_t size); /* address space, zero pages on first touch; NULL */
    void (*arena_trim)(void *start, size_t size); /* back to zero pages */
    void (*arena_unmap)(void *start, size_t size);
    uint64_t (*now_us)(void); /* monotonic */

    /* threads: EAGAIN.  All signals are blocked in it. */
    int (*thread_start)(pthread_t *thread, const char *name, void *(*run)(void *), void *argument);

    /* waiting: EMFILE ENFILE ENOMEM; set: ENOMEM ENOSPC EBADF EPERM EEXIST */
    int (*epoll_open)(void);
    int (*epoll_set)(int epoll_fd, int action, int fd, uint32_t events, uint64_t data);
    int (*epoll_wait)(int epoll_fd, struct epoll_event *events, int max, int timeout_ms);
    int (*event_open)(void);
    void (*event_signal)(int fd);
    int (*event_clear)(int fd);
    int (*event_wait)(int fd, int timeout_ms); /* 1 readable, 0 time-out, EINTR */

    /* descriptors: EBADF EMFILE ENFILE */
    int (*file_info)(int fd, struct sys_file *info);
    int (*socket_info)(int fd, struct sys_socket *info); /* ENOTSOCK EBADF */
    int (*duplicate)(int fd);
    int (*nonblocking)(int fd, bool on); /* 1 when it was on before */
    void (*close)(int fd);

    /* client and peer sockets, never blocking: EAGAIN EINTR EPIPE ECONNRESET ENOTCONN ETIMEDOUT
     * ENOMEM ENOBUFS, and what a route may say (EHOSTUNREACH ENETDOWN ...).  No signal. */
    int64_t (*send)(int fd, const void *data, size_t length, bool more);
    int64_t (*receive)(int fd, void *data, size_t length); /* 0 at the end */
    int64_t (*peek)(int fd, void *data, size_t length);    /* leaves it there */
    int (*shutdown)(int fd, enum sys_shut how);
    int (*unsent)(int fd);                  /* bytes not acknowledged by the peer */
    int (*unread)(int fd);                  /* bytes received, not read */
    int (*cork)(int fd, enum sys_cork how); /* TCP; out pushes; 1: it was in before, and is */
    int (*push)(int fd);                    /* let a last small segment go; not TCP: 0 */
    int (*error)(int fd);  /* the pending error of the socket, positive; 0 when none */
    void (*reset)(int fd); /* cut the connection, whoever else holds a copy: a reset on TCP */

    /* moving: as sockets, plus EIO EINVAL of the source.  Short at the file's end. */
    int64_t (*send_file)(int fd, int file_fd, int64_t offset, size_t length);
    int64_t (*splice)(int from_fd, int to_fd, size_t length, bool more);
    int (*pipe_open)(int fds[2], int size); /* its real size; EMFILE ENFILE, EPERM: budget spent */

    /* files: 1 all of it is in memory, 0 not, or unknown */
    int (*file_cached)(int fd, int64_t offset, uint64_t length);
    int64_t (*file_size)(int fd);
    int (*file_name)(int fd, uint64_t *device, uint64_t *inode);
    int64_t (*read_at)(int fd, void *data, size_t length, int64_t offset);        /* disk */
    int64_t (*write_at)(int fd, const void *data, size_t length, int64_t offset); /* disk */
    void (*close_file)(int fd);                                                   /* disk */

    /* serving.  accept: EAGAIN EMFILE ENFILE ENOMEM ECONNABORTED and what a network may say; the
     * socket is non-blocking.  look: `cached` answers EAGAIN when it would wait for a disk. */
    int (*accept)(int listen_fd, struct sys_peer *peer);
    void (*look)(int root_fd, const char *path, bool cached, struct sys_found *found);
    int (*open_root)(const char *path, bool *directory); /* ENOENT EACCES ... */
    int (*file_stamp)(int fd, uint64_t *size, int64_t *mtime_ns);
    int64_t (*read_now)(int fd, void *data, size_t length, int64_t offset); /* EAGAIN: disk */
    int (*spool)(const char *directory);                           /* disk; a file without a name */
    int64_t (*wall_us)(void);                                      /* since 1970 */
    int64_t (*write_log)(int fd, const void *data, size_t length); /* may wait */
    int (*listening)(int fd, bool *tcp); /* EINVAL: it does not listen; ENOTSOCK EBADF */
    int (*random)(uint64_t *number);

    /* datagrams with descriptors between workers: EAGAIN EMSGSIZE ENOBUFS ECONNREFUSED EPIPE */
    int64_t (*send_message)(int fd, const struct sys_part *parts, int count, const int *fds,
                            int fd_count);
    int64_t (*receive_message)(int fd, void *data, size_t size, int *fds, int *fd_count);

    /* shared memory for the statistics block */
    int (*memory_file)(const char *name); /* EMFILE ENFILE ENOMEM */
    int (*open_file)(const char *path);   /* made when missing; ENOENT EACCES ... */
    int (*resize)(int fd, int64_t size);  /* ENOSPC EFBIG */
    void *(*map)(int fd, size_t size);    /* shared, read and write; NULL */
};

/* Linux. */
extern const struct sys sys_linux;

/* The table new engines use; tests put another one here. */
extern const struct sys *sys_default;

/* Number of forks this process is away from the one that loaded the library. */
unsigned sys_generation(void);

/* Number of forks this process has made: while it stays the same, nobody else holds a copy of a
 * descriptor that was made meanwhile (but those that were sent, or a child before its exec). */
unsigned sys_forks(void);

/* Install the fork counter; allowed again and again.  ENOMEM. */
int sys_watch_forks(void);

/* Block a signal that a system call may raise, in this thread, for a while; `before` keeps what to
 * restore.  One that was raised meanwhile is swallowed. */
struct sys_signal {
    int number; /* 0: nothing was to be done, it is ignored */
    bool was_pending;
    bool was_blocked;
};
void sys_signal_block(struct sys_signal *before, int number);
void sys_signal_restore(const struct sys_signal *before);

/* NULL when this kernel has what we need, else a line that says what is missing. */
const char *sys_kernel_lacks(void);

/* One line of English for an errno.  Borrowed for ever. */
const char *sys_error_text(int error);

#endif
