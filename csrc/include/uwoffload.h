/* uwoffload: hand over a client socket and a program, and be free.
 *
 * This is the one public header.  The Python binding is cut out of it: the text
 * between the two cdef marks is plain C that cffi reads as it stands.
 *
 * Conventions
 * - Every public struct begins with its size: set it to sizeof the struct before
 *   the call.  It tells a later library which version of the struct it is given;
 *   a size that the library does not know is refused.
 * - Functions return UWO_OK (0) or a count >= 0, and on failure a negative value:
 *   one of UWO_E_... or -errno.  uwo_status_text() names both.
 * - Ownership words: "takes" = we close or free it; "borrows" = only during the
 *   call, or until the stated moment; "gives" = the caller must release it.
 * - "Thread: any" = may be called from any thread at any time, also concurrently.
 * - Times are milliseconds (_ms) or microseconds (_us), sizes and counts bytes,
 *   rates bytes per second.
 */
#ifndef UWOFFLOAD_H
#define UWOFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cdef: begin */

/* ---- Status codes ------------------------------------------------------- */

enum uwo_status {
    UWO_OK = 0,
    UWO_E_INVALID = -10001,     /* an argument is wrong; struct uwo_error says which */
    UWO_E_FULL = -10002,        /* a named limit is reached; the caller keeps everything */
    UWO_E_CLOSED = -10003,      /* the engine is draining or stopped */
    UWO_E_FORKED = -10004,      /* the engine belongs to the process that made it */
    UWO_E_GONE = -10005,        /* no such transfer, or it has ended */
    UWO_E_UNSUPPORTED = -10006, /* this kernel lacks something we need */
};

/* What went wrong with an argument, in one line.  Filled only when the call
 * returns a negative value and the pointer was not NULL. */
struct uwo_error {
    size_t size;
    int index;         /* instruction (or element of a batch) at fault, or -1 */
    char message[208]; /* names the argument, its value and what is allowed */
};

/* One line of English for a status code or a negative errno.  Borrowed for ever. */
const char *uwo_status_text(int status);

/* ---- Programs ----------------------------------------------------------- */

enum uwo_kind {
    UWO_SEND = 1,         /* bytes to the client */
    UWO_SEND_FILE = 2,    /* a range of a file to the client */
    UWO_SPLICE = 3,       /* from a pipe or stream socket to the client */
    UWO_RECEIVE_FILE = 4, /* from the client into a file */
};

enum uwo_instruction_flag {
    UWO_KEEP_FD = 1, /* the caller keeps its descriptor: the engine duplicates it */
    UWO_BORROW = 2,  /* UWO_SEND: do not copy; data stays valid until the DONE event is reaped */
};

enum uwo_count { UWO_TO_THE_END = -1 };

/* One instruction.  Which fields count:
 *
 *   UWO_SEND          data, count
 *   UWO_SEND_FILE     fd (regular file, readable), offset, count or UWO_TO_THE_END (its size now)
 *   UWO_SPLICE        fd (pipe or connected stream socket), count or UWO_TO_THE_END
 *   UWO_RECEIVE_FILE  fd (regular file, writable, no O_APPEND), offset, count
 *
 * A descriptor moves to the transfer at commit unless UWO_KEEP_FD is set. */
struct uwo_instruction {
    uint32_t size;
    uint32_t kind;  /* enum uwo_kind */
    uint32_t flags; /* enum uwo_instruction_flag */
    int32_t fd;
    int64_t offset;
    int64_t count;
    const void *data;
};

/* Instructions in order.  Borrowed during the call. */
struct uwo_program {
    size_t size;
    const struct uwo_instruction *instructions;
    size_t count;
};

/* ---- Engine ------------------------------------------------------------- */

/* Zero means the default of every field. */
struct uwo_engine_options {
    size_t size;
    uint32_t threads;       /* event loops, 1 to 64; default 2; UWO_NONE: no thread, see
                             * uwo_engine_turn */
    uint32_t disk_threads;  /* helpers for cold files and uploads, 1 to 64; default 2 */
    uint32_t transfers_max; /* live and un-reaped transfers, 1 to 4194304; default 65536 */
    uint32_t pipes_max;     /* pipes held for splicing, all threads together; default 256,
                             * UWO_NONE for none: the engine then copies instead */
    uint32_t buffers_max;   /* 128 KiB buffers of uploads on their way to disk; default 64 */
    uint32_t linger_ms;     /* longest drain of unread input at close, to a day; default 2000 */
    uint32_t stats_worker;  /* slot of this engine in the statistics block */
    struct uwo_stats
        *stats; /* block to publish in, borrowed until destroy; NULL = one of its own */
};

#define UWO_NONE 4294967295

struct uwo_engine;
struct uwo_stats;

/* Make an engine and start its threads (all signals blocked in them; with threads = UWO_NONE there
 * are only those of the disk helpers).  Gives
 * *engine, to be ended by uwo_engine_destroy.  options may be NULL.
 * Returns UWO_OK, UWO_E_INVALID, UWO_E_UNSUPPORTED, or -errno (EMFILE, ENFILE,
 * ENOMEM, EAGAIN: no thread).  Thread: any. */
int uwo_engine_create(const struct uwo_engine_options *options, struct uwo_engine **engine,
                      struct uwo_error *error);

/* ---- Without threads ----
 *
 * An engine with threads = UWO_NONE has one event loop, which runs inside calls of the thread that
 * made the engine: uwo_engine_turn, uwo_engine_wait and uwo_front_take; a child of a fork makes
 * its own.  Between these calls nothing moves, and no time of clients runs; mail of other threads
 * (submit, cancel, append ...) wakes a call that waits.  All else is as with threads, and ending
 * the engine or a front runs the loop as long as that takes. */

/* One turn of the loop: do what there is to do; wait up to timeout_ms (-1: as long as it takes) for
 * sockets, timers, mail or a signal; serve the sockets.  Returns 1 when there is something for the
 * host (new events to reap, requests to take, a watched descriptor), else 0; -EINTR when a signal
 * handler ran, UWO_E_CLOSED once it was stopped, -EPERM in another thread, UWO_E_INVALID when it
 * has threads, or UWO_E_FORKED.  SIGPIPE is held back meanwhile. */
int uwo_engine_turn(struct uwo_engine *engine, int timeout_ms);

/* Have uwo_engine_turn return 1, and uwo_front_take 0, when fd becomes readable (or ends): once
 * each time, so read all there is.  For the host's own pipes and sockets; borrowed until it is
 * switched off.  Returns UWO_OK, -errno (EEXIST, ENOENT, EPERM: no such file, ENOMEM ...),
 * UWO_E_INVALID when the engine has threads, or UWO_E_FORKED.  Thread: any. */
int uwo_engine_watch(struct uwo_engine *engine, int fd, bool on);

/* Accept no further transfer; submit says UWO_E_CLOSED from now on.  Live
 * transfers go on.  Returns UWO_OK or UWO_E_FORKED.  Thread: any. */
int uwo_engine_drain(struct uwo_engine *engine);

/* Cancel what is alive, wait until every transfer has its DONE event, and join
 * the threads.  Events can still be reaped.  A disk helper that a dead disk holds
 * is waited for at most five seconds, then left behind with its memory, and its
 * transfer is reported UWO_CANCELLED.  Returns UWO_OK, UWO_E_FORKED, or
 * -EBUSY when a helper was left behind.  Idempotent.  Thread: any one. */
int uwo_engine_stop(struct uwo_engine *engine);

/* Stop, close sockets given back but never reaped, free everything.  NULL is
 * allowed.  In a forked child it does nothing.  No call may be under way. */
void uwo_engine_destroy(struct uwo_engine *engine);

/* Descriptor that is readable while there are events to reap; for poll, select,
 * epoll.  The engine's own: never close it, read it only through uwo_engine_reap.
 * Thread: any. */
int uwo_engine_fd(const struct uwo_engine *engine);

/* Transfers that are live or not yet reaped.  Thread: any. */
uint64_t uwo_engine_count(const struct uwo_engine *engine);

/* ---- Submit ------------------------------------------------------------- */

enum uwo_after {
    UWO_CLOSE = 0, /* unregister, shutdown, close; DONE when the client acknowledged all of it */
    UWO_GIVE_BACK = 1, /* the socket comes back in the DONE event, whatever the outcome */
};

enum uwo_transfer_flag {
    UWO_GROWING = 1,   /* the program waits for uwo_transfer_append and _finish at its end */
    UWO_TRY_FIRST = 2, /* commit makes the first attempt in the calling thread, without blocking */
    UWO_NO_SETTLE = 4, /* UWO_CLOSE: close when the kernel has all bytes, without waiting for the
                        * client to acknowledge them: cheaper, but nobody learns whether they
                        * arrived, no limit holds for them any more, and a client that sends
                        * something meanwhile makes the kernel reset the connection */
    UWO_STREAM = 8,    /* the caller knows that these are stream sockets: one system call less */
};

#define UWO_NEVER 4294967295

/* What is common to one transfer or a whole batch.  Zero is the default. */
struct uwo_transfer {
    size_t size;
    uint32_t after;             /* enum uwo_after */
    uint32_t flags;             /* enum uwo_transfer_flag */
    uint32_t deadline_ms;       /* for the whole transfer; 0 = none */
    uint32_t no_progress_ms;    /* longest time without a byte acknowledged or received;
                                 * 0 = 60000, UWO_NEVER = no limit.  A UNIX socket shows what its
                                 * peer has read in steps of up to 64 KiB */
    uint32_t rate_min_grace_ms; /* time before rate_min is judged, then judged as often; 0 = 5000 */
    uint32_t high_water;  /* growing: bytes waiting at which append says UWO_E_FULL; 0 = 1 MiB */
    uint64_t rate_min;    /* bytes/s the peer must acknowledge (or send), 128 KiB behind at
                                 * most, for acknowledgements come in lumps; 0 = none */
    uint64_t rate_max;    /* bytes/s at most; 0 = none */
    const void *leftover; /* bytes already read from the client: feed UWO_RECEIVE_FILE first, */
    size_t leftover_size; /* the rest comes back in the DONE event.  Borrowed during the call */
    uint64_t tag;         /* yours; comes back in events */
};

/* Step one of a hand-over: check everything, duplicate what is kept, reserve the
 * slot and the DONE event.  Nothing is taken: on failure, and until commit, the
 * caller owns client_fd and every descriptor.  Exactly one uwo_engine_commit or
 * uwo_engine_abandon must follow.  Returns UWO_OK, UWO_E_INVALID, UWO_E_FULL,
 * UWO_E_CLOSED, UWO_E_FORKED, or -errno (ENOMEM, EMFILE).  Thread: any. */
int uwo_engine_reserve(struct uwo_engine *engine, int client_fd, const struct uwo_program *program,
                       const struct uwo_transfer *wanted, uint64_t *id, struct uwo_error *error);

/* The same for a batch: client_fds[i] gets programs[i] (or programs[0] when
 * same_program: its descriptors then need UWO_KEEP_FD), tags wanted->tag + i.  All
 * or nothing; error->index is the element at fault when the client is. */
int uwo_engine_reserve_batch(struct uwo_engine *engine, const int *client_fds,
                             const struct uwo_program *const *programs, bool same_program,
                             const struct uwo_transfer *wanted, size_t count, uint64_t *ids,
                             struct uwo_error *error);

/* Step two: takes every client socket and descriptor of the reserved transfers and
 * starts them.  Cannot fail.  Thread: any. */
void uwo_engine_commit(struct uwo_engine *engine, const uint64_t *ids, size_t count);

/* Undo a reservation: nothing was taken.  Thread: any. */
void uwo_engine_abandon(struct uwo_engine *engine, const uint64_t *ids, size_t count);

/* Reserve and commit in one call.  Takes client_fd and every descriptor in the
 * program on success; on failure the caller keeps them all.  Thread: any.
 * Returns as uwo_engine_reserve. */
int uwo_engine_submit(struct uwo_engine *engine, int client_fd, const struct uwo_program *program,
                      const struct uwo_transfer *wanted, uint64_t *id, struct uwo_error *error);

/* Add instructions to a growing transfer.  Takes their descriptors on success.
 * Returns UWO_OK, UWO_E_FULL (high-water mark reached, or 1024 instructions
 * waiting: nothing taken, one ROOM event follows when half of it has left),
 * UWO_E_GONE, UWO_E_INVALID, UWO_E_FORKED, or -errno.  Thread: any, one producer
 * at a time per transfer. */
int uwo_transfer_append(struct uwo_engine *engine, uint64_t id, const struct uwo_program *program,
                        struct uwo_error *error);

/* No more instructions will come.  Returns UWO_OK, UWO_E_GONE or UWO_E_FORKED. */
int uwo_transfer_finish(struct uwo_engine *engine, uint64_t id);

/* End it now with UWO_CANCELLED, unless it has ended.  Never fails, safe at any
 * moment, for any id.  Thread: any. */
void uwo_transfer_cancel(struct uwo_engine *engine, uint64_t id);

/* Live figures of a transfer, also between its end and its reaping. */
struct uwo_progress {
    size_t size;
    uint64_t bytes_queued;   /* accepted by the kernel for the client */
    uint64_t bytes_acked;    /* acknowledged by the client (UNIX sockets: read by it) */
    uint64_t bytes_received; /* read from the client by UWO_RECEIVE_FILE, leftover included */
    uint64_t bytes_waiting;  /* appended, not yet queued */
    uint64_t duration_us;    /* since commit */
    bool ended;
};

/* Returns UWO_OK, UWO_E_GONE or UWO_E_FORKED.  Thread: any. */
int uwo_transfer_progress(struct uwo_engine *engine, uint64_t id, struct uwo_progress *progress);

/* ---- Completions -------------------------------------------------------- */

enum uwo_outcome {
    UWO_FINISHED = 0,      /* every instruction carried out */
    UWO_CANCELLED = 1,     /* uwo_transfer_cancel, or the engine was stopped */
    UWO_DEADLINE = 2,      /* deadline_ms is over */
    UWO_NO_PROGRESS = 3,   /* nothing moved for no_progress_ms */
    UWO_TOO_SLOW = 4,      /* less than rate_min */
    UWO_CLIENT_GONE = 5,   /* the client reset or closed; error has the errno */
    UWO_SOURCE_SHORT = 6,  /* a file or splice source ended before its count; error ENODATA */
    UWO_SOURCE_FAILED = 7, /* reading a file or splice source failed; error has the errno */
    UWO_UPLOAD_SHORT = 8,  /* the client closed before the count; error ENODATA */
    UWO_DISK_FAILED = 9,   /* writing the upload failed (ENOSPC, EFBIG, EIO ...) */
    UWO_NO_RESOURCE = 10,  /* memory, descriptors or another resource ran out; error says which */
};
#define UWO_OUTCOME_COUNT 11

enum uwo_event_kind {
    UWO_EVENT_DONE = 1, /* exactly one per committed transfer, its last event */
    UWO_EVENT_ROOM = 2, /* a growing transfer can take more */
};

struct uwo_event {
    uint32_t size;
    uint32_t kind; /* enum uwo_event_kind */
    uint64_t id;
    uint64_t tag;
    uint32_t outcome;  /* enum uwo_outcome */
    int32_t error;     /* errno behind the outcome, or 0 */
    int32_t client_fd; /* UWO_GIVE_BACK: gives the socket, blocking mode restored; else -1 */
    uint32_t thread;   /* event loop that ran it */
    uint64_t bytes_queued;
    uint64_t bytes_acked;
    uint64_t bytes_received;
    uint64_t duration_us; /* from commit to the end */
    void *leftover;       /* gives bytes read from the client and not used: uwo_free; or NULL */
    size_t leftover_size;
};

/* Collect up to max events, oldest first; never waits (and runs no loop).  events[0].size must be
 * set.  Returns the number collected, UWO_E_INVALID or UWO_E_FORKED.  Thread: any. */
int uwo_engine_reap(struct uwo_engine *engine, struct uwo_event *events, size_t max);

/* The same, waiting up to timeout_ms (-1 = for ever) for the first one; an engine without threads
 * makes at least one turn meanwhile.  Returns 0 on time-out; -EINTR when a signal handler ran. */
int uwo_engine_wait(struct uwo_engine *engine, struct uwo_event *events, size_t max,
                    int timeout_ms);

/* Wake one uwo_engine_wait, or make uwo_engine_fd readable once, without an event. */
void uwo_engine_wake(struct uwo_engine *engine);

/* Free event.leftover. */
void uwo_free(void *memory);

/* ---- Statistics --------------------------------------------------------- */

/* A mapped block that another process can read: magic, version, field table, then
 * one slot per worker and thread, each with one writer.  Layout: csrc/engine/stats.h.
 * Counters go on when a worker is started again in the same slot. */

/* Make a block: a file at path, or a memfd when path is NULL.  A file of the same
 * shape is taken over with its counters; any other file is refused.  Gives *stats.
 * threads_max counts the event loops of one worker.  Returns UWO_OK,
 * UWO_E_INVALID or -errno. */
int uwo_stats_create(const char *path, uint32_t workers_max, uint32_t threads_max,
                     struct uwo_stats **stats);
/* Unmap; an engine must not be using it any more.  NULL is allowed. */
void uwo_stats_destroy(struct uwo_stats *stats);
/* Descriptor of the block, for mmap or to pass on; owned by the block. */
int uwo_stats_fd(const struct uwo_stats *stats);
/* The block an engine publishes in.  Borrowed until the engine is destroyed. */
struct uwo_stats *uwo_engine_stats(const struct uwo_engine *engine);

/* Fields of a slot: their number, and the name of one.  Borrowed for ever. */
uint32_t uwo_stats_field_count(void);
const char *uwo_stats_field_name(uint32_t field);
/* One value: slot (worker, thread); thread == threads_max is the slot of the
 * submitting callers.  Out of range reads 0.  Thread: any. */
uint64_t uwo_stats_value(const struct uwo_stats *stats, uint32_t worker, uint32_t thread,
                         uint32_t field);

/* ---- Site --------------------------------------------------------------- */

/* Which directory answers which paths.  A path prefix "" or "/x" (no slash at its end) holds what
 * lies below it: "/x" holds "/x" and "/x/a", not "/xy". */
struct uwo_mount {
    uint32_t size;
    const char *prefix;
    const char *target; /* a directory, or one file (then only the very prefix is answered) */
    bool keep_prefix;   /* the prefix is part of the file name below target too */
};

/* "html" (lower case, no dot): "text/html; charset=utf-8". */
struct uwo_type {
    uint32_t size;
    const char *ending;
    const char *type;
};

/* Everything is copied. */
struct uwo_site_options {
    size_t size;
    const struct uwo_mount *mounts; /* asked in this order */
    size_t mount_count;
    const char *const *index_names; /* for directories, in this order */
    size_t index_count;
    const struct uwo_type *types; /* in any order; of equal endings the last counts */
    size_t type_count;
    bool application; /* what no mount answers goes to Python; else it is a 404 */
    bool siblings;    /* offer name.br and name.gz to clients that take them */
};

struct uwo_site;

/* Make an immutable site.  Opens every target (a descriptor each).  Gives *site.
 * Returns UWO_OK, UWO_E_INVALID (a target that is missing: error->index says which mount), or
 * -errno.  Thread: any. */
int uwo_site_create(const struct uwo_site_options *options, struct uwo_site **site,
                    struct uwo_error *error);

/* Drop the caller's reference; a front that uses it has its own.  NULL is allowed. */
void uwo_site_destroy(struct uwo_site *site);

/* ---- Front -------------------------------------------------------------- */

enum uwo_protocol { UWO_HTTP = 1, UWO_UWSGI = 2 };

/* A listening stream socket, borrowed until the front is destroyed.  It is made non-blocking. */
struct uwo_listener {
    uint32_t size;
    int32_t fd;
    uint32_t protocol; /* enum uwo_protocol */
};

/* Zero means the default of every field. */
struct uwo_front_options {
    size_t size;
    const struct uwo_listener *listeners;
    size_t listener_count;
    struct uwo_site *site;         /* NULL: everything goes to Python */
    bool application;              /* somebody calls uwo_front_take */
    bool body_streamed;            /* hand requests over before their bodies have arrived */
    uint32_t connections_max;      /* of this front; default 10000.  At the limit idle ones are
                                     * closed first, then nothing is accepted */
    uint32_t requests_max;         /* of one connection; default 10000 */
    uint32_t head_size_max;        /* bytes of a request head (uwsgi: a packet); default 16384 */
    uint32_t target_size_max;      /* bytes; default 8192 */
    uint32_t fields_max;           /* at most 128; default 100 */
    uint64_t body_size_max;        /* bytes; more: 413; default 1 GiB */
    uint32_t body_memory_max;      /* bytes kept in memory; larger bodies go to a file in
                                     * spool_directory; default 65536, at most 131072 */
    const char *spool_directory;   /* default "/tmp" */
    uint32_t head_timeout_ms;      /* from its first byte to its last; default 10000 */
    uint32_t keepalive_timeout_ms; /* idle between requests; default 15000; UWO_NONE: no
                                     * keep-alive at all */
    uint32_t no_progress_ms;       /* no byte moved of a body, either way; default 30000 */
    uint32_t queue_max;            /* requests that wait for Python in this worker; at the bound
                                     * nothing is accepted; default 1024 */
    uint32_t files_max;            /* entries of the open-file cache per thread; default 1024;
                                     * UWO_NONE: none */
    uint32_t files_valid_ms;       /* how long one is believed; default 1000 */
    int32_t overflow_send_fd;      /* a SEQPACKET pair that all workers share: requests no */
    int32_t overflow_receive_fd;   /* thread here is free for; both 0: none.  Borrowed */
    int32_t log_fd;                /* access log, a line per request; 0: none.  Borrowed */
    uint32_t balance_count;        /* workers that share the listeners; default 1 */
};

struct uwo_front;

/* Start to serve on the engine's threads.  Gives *front; the engine must outlive it.  options is
 * copied.  Returns UWO_OK, UWO_E_INVALID, UWO_E_CLOSED, UWO_E_FORKED or -errno.  Thread: any. */
int uwo_front_create(struct uwo_engine *engine, const struct uwo_front_options *options,
                     struct uwo_front **front, struct uwo_error *error);

/* Another site from now on; requests being answered keep theirs.  Thread: any. */
int uwo_front_swap_site(struct uwo_front *front, struct uwo_site *site);

/* Accept nothing more; close idle connections; every request under way is answered, with
 * "Connection: close".  Idempotent.  Thread: any. */
int uwo_front_drain(struct uwo_front *front);

/* The same, and who waits for the body of a request waits no more: uwo_request_read fails with
 * -ECONNRESET, now and from now on, where the client has sent nothing.  For who wants all threads
 * back, to destroy it.  Idempotent.  Thread: any. */
int uwo_front_hasten(struct uwo_front *front);

/* Connections alive (once drained, 0 means that none will come), and requests that wait for Python
 * or are with it.  Thread: any. */
uint64_t uwo_front_connections(const struct uwo_front *front);
uint64_t uwo_front_waiting(const struct uwo_front *front);

/* Cut what is left, and free.  Requests taken and not answered die with it: no thread may still
 * use one.  NULL is allowed. */
void uwo_front_destroy(struct uwo_front *front);

struct uwo_field {
    uint32_t size;
    uint32_t name_size;
    const char *name;
    const char *value;
    uint32_t value_size;
};

enum uwo_request_kind {
    UWO_REQUEST = 1,
    UWO_REQUEST_ROOM = 2, /* a growing answer can take more (or its client has gone) */
};

/* A request for Python.  Not terminated unless it says so. */
struct uwo_request {
    size_t size;
    uint64_t id;   /* of its transfer: for uwo_transfer_append, _finish, _cancel, _progress */
    uint32_t kind; /* enum uwo_request_kind */
    uint32_t protocol;
    uint32_t minor; /* HTTP/1.minor */
    uint32_t field_count;
    const struct uwo_field *fields;
    const char *method;
    const char *target; /* as sent */
    const char *path;   /* decoded once, normalised; terminated; NULL when that is not possible */
    const char *query;
    const char *peer; /* "127.0.0.1:4711", "[::1]:4711", "" for UNIX sockets; terminated */
    uint32_t method_size;
    uint32_t target_size;
    uint32_t path_size;
    uint32_t query_size;
    uint64_t body_size; /* bytes of the body; UINT64_MAX when it is streamed and chunked */
    const void *body;   /* all of it, when in memory */
    int32_t body_fd;    /* all of it, when in a file, else -1; the request's own: duplicate it */
    bool body_streamed; /* read it by uwo_request_read */
    bool chunked;       /* set by a growing answer of unknown length: what is appended must be
                         * framed as chunks, and the last one sent before uwo_transfer_finish */
    void *user;         /* yours */
};

/* The next request for this thread: taken until uwo_request_answer (or _drop).  Waits up to
 * timeout_ms (-1: for ever).  Returns 1 with *request, 0 on time-out or after uwo_front_wake,
 * -EINTR when a signal handler ran.  Thread: any number of them.
 *
 * Where the engine has no threads, this runs its loop, at least one turn, and is for the thread
 * that made it (else -EPERM).  It then also returns 0 when there is something else for the host
 * (see uwo_engine_turn), and UWO_E_CLOSED once the engine was stopped. */
int uwo_front_take(struct uwo_front *front, int timeout_ms, struct uwo_request **request);

/* Make one uwo_front_take return 0. */
void uwo_front_wake(struct uwo_front *front);

/* The next bytes of a streamed body, waiting for the client up to no_progress_ms.  Returns their
 * number, 0 at its end, -EINVAL (it is being answered already), -ETIMEDOUT, -ECONNRESET, -EPROTO
 * (bad framing), -EFBIG, or -EINTR. */
int64_t uwo_request_read(struct uwo_request *request, void *data, size_t size);

/* What to answer. */
struct uwo_answer {
    size_t size;
    uint32_t status;                /* 200 to 599 */
    uint32_t flags;                 /* UWO_GROWING: uwo_transfer_append and _finish follow */
    const struct uwo_field *fields; /* Content-Length, Connection, Date and Transfer-Encoding are
                                     * ours: refused here */
    size_t field_count;
    const struct uwo_program *program; /* the body; borrowed; its descriptors move unless kept */
    int64_t length; /* growing: of the whole body, or -1: chunked, or until the close (HTTP/1.0) */
};

/* Answer.  The first attempt is made here, without waiting; the rest is done by a thread of the
 * engine.  On success the request is gone, unless the answer grows: then it stays, as the receiver
 * of UWO_REQUEST_ROOM, until uwo_request_drop.  (Nothing grows behind HEAD, 204 and 304: gone.)  On
 * failure (UWO_E_INVALID, UWO_E_GONE: the client
 * went; -errno) it stays, nothing is taken, and another answer may be tried.  Thread: who took it.
 * */
int uwo_request_answer(struct uwo_request *request, const struct uwo_answer *answer,
                       struct uwo_error *error);

/* Done with a request.  One that was not answered gets a 500; a growing answer that was not
 * finished is cut. */
void uwo_request_drop(struct uwo_request *request);

/* ---- Scaling ------------------------------------------------------------ */

/* How many workers should there be?  A rule is asked at each check of the master: it is given
 * what was measured (readings) and its own memory (state), and answers with a verdict.  Nothing
 * here reads a clock, allocates or remembers: the state is the caller's, a block of
 * uwo_scale_state_size() bytes that may be copied, compared, saved and replayed.  A call takes up
 * to 40 KiB of stack.
 * Thread: any, one at a time per state. */

/* Whose decisions.  FIXED keeps the intent of the algorithms and mends what is broken in them;
 * the two others decide bit for bit as those releases of uWSGI do. */
enum uwo_profile { UWO_PROFILE_FIXED = 0, UWO_PROFILE_UWSGI_2_0 = 1, UWO_PROFILE_UWSGI_2_1 = 2 };

enum uwo_worker_state {
    UWO_WORKER_CHEAPED = 0,  /* not running, may be started */
    UWO_WORKER_IDLE = 1,     /* waits for a request */
    UWO_WORKER_BUSY = 2,     /* has one */
    UWO_WORKER_STARTING = 3, /* runs, but cannot take requests yet */
    UWO_WORKER_DRAINING = 4, /* told to stop, still there */
    UWO_WORKER_DEAD = 5,     /* died, or its fork failed; awaits being started again */
};

/* One worker, as measured.  Fields that a caller cannot measure stay 0. */
struct uwo_worker_reading {
    uint32_t number;          /* 1 to workers_max, in this order, each once */
    uint32_t state;           /* enum uwo_worker_state */
    uint64_t busy_us;         /* time with a request since it exists, the unfinished one included */
    uint64_t running_time_us; /* the same of finished requests only; never reset; may wrap */
    uint32_t in_request;      /* requests it is in now */
    uint32_t reserved;
    int64_t started_s;       /* wall clock of its last start */
    uint64_t ready_since_us; /* monotonic time at which it became able to take requests */
    uint64_t rss;            /* bytes */
    uint64_t pss;            /* bytes, shared pages divided by their users; 0: not measured */
};

struct uwo_readings {
    uint32_t size;
    uint32_t worker_count;       /* = workers_max of the rule */
    int64_t wall_s;              /* wall clock, whole seconds: the uWSGI profiles' clock */
    uint64_t wall_us;            /* wall clock: theirs too */
    uint64_t mono_us;            /* monotonic clock: of profile fixed */
    uint32_t listen_queue;       /* connections not yet accepted, the longest of all sockets */
    uint32_t listen_queue_limit; /* its limit; 0: not known */
    uint32_t waiting;            /* requests accepted that wait for a worker */
    int32_t manual;              /* workers asked for by hand (+) or given up (-), not yet told */
    uint64_t oldest_wait_us;     /* how long the oldest of `waiting` has waited; 0: nobody */
    uint64_t arrivals;           /* requests accepted or queued since the last reading; rejected
                                  * ones are not seen */
    uint64_t completions;        /* requests answered since then */
    uint64_t memory_total;       /* bytes of all workers together, of a cgroup for instance; 0: the
                                  * sum over the workers counts */
    const struct uwo_worker_reading *workers; /* borrowed */
};

enum uwo_scale_size { UWO_SCALE_KNOBS_MAX = 16 };

/* The algorithm is the caller's own: see uwo_scale_open. */
#define UWO_SCALE_FOREIGN 4294967295

/* What is fixed for a pool: the algorithm, its knobs, and the limits around it. */
struct uwo_scale_rule {
    uint32_t size;
    uint32_t profile;         /* enum uwo_profile */
    uint32_t algorithm;       /* from uwo_scale_find */
    uint32_t workers_max;     /* 1 to 65535 */
    uint32_t workers_min;     /* 1 to workers_max (uWSGI: to workers_max - 1) */
    uint32_t workers_startup; /* at the start; 0: workers_min */
    uint32_t workers_step;    /* most started per check; 0: one (uWSGI: spare2 then starts none) */
    uint32_t check_interval_ms; /* between two checks; uWSGI: whole seconds; 0: one second */
    uint64_t rss_soft;          /* bytes from which none is started; 0: no limit */
    uint64_t rss_hard;          /* bytes from which one is stopped per check; above rss_soft */
    int64_t knob[UWO_SCALE_KNOBS_MAX]; /* as uwo_scale_knob lists them */
};

/* What stood between the decision and what is done. */
enum uwo_scale_limit {
    UWO_LIMIT_NONE = 0,
    UWO_LIMIT_WORKERS_MIN,
    UWO_LIMIT_WORKERS_MAX,
    UWO_LIMIT_WORKERS_STEP,
    UWO_LIMIT_RSS_SOFT,
    UWO_LIMIT_RSS_HARD,
    UWO_LIMIT_NO_IDLE,      /* a worker should stop and none was idle */
    UWO_LIMIT_NO_STARTABLE, /* workers should start and no slot was free */
};

struct uwo_scale_verdict {
    uint32_t size;
    int32_t delta;        /* of an algorithm: what it wants.  Of a tick: what is done; in the uWSGI
                           * profiles, what was decided, whether or not slots allow it */
    int32_t pending;      /* uWSGI profiles: stops carried over to the next check, <= 0 */
    uint32_t limited_by;  /* enum uwo_scale_limit */
    uint32_t fired;       /* 1: this was a check; 0: it is not yet time for one */
    uint32_t start_count; /* of numbers in `start` */
    uint32_t stop_count;
    uint32_t memory;    /* the limit that is exceeded, UWO_LIMIT_RSS_SOFT or _HARD; else 0 */
    const char *reason; /* one line; borrowed for ever */
};

/* Algorithms are numbered 0 to count - 1, by name. */
uint32_t uwo_scale_count(void);
/* Number of the algorithm of that name, or -1. */
int uwo_scale_find(const char *name);

struct uwo_scale_knob {
    const char *name;   /* as Python's parameter */
    const char *option; /* as the ini file's; "" where uWSGI has none */
    const char *unit;
    const char *help;
    int64_t value;       /* the default */
    int64_t min, max;    /* what is allowed in profile fixed */
    uint32_t is_int;     /* the uWSGI profiles take 0 to INT32_MAX; of others, any 64 bits */
    uint32_t is_divisor; /* they refuse 0, by which uWSGI divides */
};

struct uwo_scale_algorithm {
    const char *name;
    const char *summary;
    uint32_t knob_count;
    uint32_t profiles; /* bit 1 << enum uwo_profile: where it exists */
    uint32_t step;     /* workers_step when nobody says: 1, or UWO_NONE for workers_max */
    const struct uwo_scale_knob *knobs;
};

/* What is known of an algorithm; NULL for a number that is none.  Borrowed for ever. */
const struct uwo_scale_algorithm *uwo_scale_algorithm(uint32_t number);

/* Is this rule sound?  Returns UWO_OK or UWO_E_INVALID; the error names the knob, its value and
 * what is allowed. */
int uwo_scale_check(const struct uwo_scale_rule *rule, struct uwo_error *error);

/* Workers to begin with: workers_startup, or the minimum; uWSGI moves it into the limits. */
uint32_t uwo_scale_startup(const struct uwo_scale_rule *rule);

/* Bytes of a state, a multiple of 8; 0 for a rule that is not sound. */
size_t uwo_scale_state_size(const struct uwo_scale_rule *rule);

/* A new state: what the rule remembers at the moment of these readings, before its first check.
 * For the uWSGI profiles this is where the plugin is loaded; a state that is all zero does it by
 * itself at its first tick.  Returns UWO_OK or UWO_E_INVALID. */
int uwo_scale_begin(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                    uint64_t *state, struct uwo_error *error);

/* The algorithm alone: what it wants, and its new state (the same block that a tick uses).
 * may_spawn: 0 while a memory limit is exceeded.  Returns UWO_OK, or UWO_E_INVALID for readings
 * that are not sound (a worker repeated or missing, a clock of profile fixed going back): then the
 * state is as it was. */
int uwo_scale_decide(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                     int may_spawn, uint64_t *state, struct uwo_scale_verdict *verdict,
                     struct uwo_error *error);

/* A whole check: interval, memory limits, changes by hand, the algorithm, minimum, maximum and
 * step, and which workers.  start and stop have room for workers_max numbers each.
 * Returns as uwo_scale_decide. */
int uwo_scale_tick(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                   uint64_t *state, struct uwo_scale_verdict *verdict, uint32_t *start,
                   uint32_t *stop, struct uwo_error *error);

/* The two halves of a tick, for an algorithm that is not in here: _open tells in *ask whether the
 * algorithm is to be asked (1: it may spawn, 2: it may not) or not at all (0); its answer goes into
 * verdict->delta and reason; _close, with the same readings, *ask and verdict, does the rest.
 * Return as uwo_scale_decide. */
int uwo_scale_open(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                   uint64_t *state, struct uwo_scale_verdict *verdict, int *ask,
                   struct uwo_error *error);
int uwo_scale_close(const struct uwo_scale_rule *rule, const struct uwo_readings *readings,
                    uint64_t *state, struct uwo_scale_verdict *verdict, int ask, uint32_t *start,
                    uint32_t *stop, struct uwo_error *error);

/* "fixed", "uwsgi-2.0", "uwsgi-2.1"; and a limit: "workers_min".  "unknown" otherwise. */
const char *uwo_scale_profile_name(uint32_t profile);
const char *uwo_scale_limit_name(uint32_t limit);

/* ---- Lab ---------------------------------------------------------------- */

/* A simulated pool of workers: requests (when each arrives, how long it takes) go in, what they
 * waited and what the workers cost comes out.  Times are whole microseconds since the start of the
 * run; nothing reads a clock, and the same input gives the same result to the last digit.
 *
 * What falls on one instant happens in this order, and whatever becomes due meanwhile takes its
 * place in it: requests finish (in the order of workers and threads; who finishes takes the next
 * that waits), workers that drained are gone and those that started are ready (in the order of
 * workers), what is scripted happens, requests arrive (in the order given), the rule is asked.
 * Thread: any, one at a time per lab; several labs run side by side. */

enum uwo_lab_queues {
    UWO_LAB_SHARED = 0,     /* one queue: who is free takes the oldest request */
    UWO_LAB_PER_WORKER = 1, /* each worker listens for itself, as with SO_REUSEPORT: a hash of the
                             * seed and the request's number says to which worker it goes */
};

/* UWO_LAB_SHARED: which of several free threads takes a request. */
enum uwo_lab_idle_order {
    UWO_LAB_LAST_IDLE_FIRST = 0,    /* who became free last, as with epoll */
    UWO_LAB_LONGEST_IDLE_FIRST = 1, /* who has been free the longest, as with a blocking accept */
};

enum uwo_lab_event_kind {
    UWO_LAB_DEATH = 1,      /* worker `number` dies, with what it serves */
    UWO_LAB_FORKS_FAIL = 2, /* the next `value` starts fail */
    UWO_LAB_MANUAL = 3,     /* `value` workers more (or less) are asked for by hand */
    UWO_LAB_CLOCK_STEP = 4, /* the wall clock is set `value` us forward (or back) */
    UWO_LAB_START = 5,      /* worker `number` is started, whatever a rule says */
    UWO_LAB_STOP = 6, /* worker `number` is stopped: it finishes what it serves, then drains */
};

/* Something that happens at a time, whatever the rule does.  Either value or number counts. */
struct uwo_lab_event {
    int64_t at_us;
    int64_t value;
    uint32_t kind; /* enum uwo_lab_event_kind */
    uint32_t number;
};

enum uwo_lab_flag {
    UWO_LAB_ASK = 1,        /* without a rule of ours: the caller is asked at each tick */
    UWO_LAB_NO_RESPAWN = 2, /* a worker that died stays dead until a rule starts it; else the
                             * master starts it at once, as uWSGI's does */
    UWO_LAB_COLD = 4,       /* those of the start have to start up, too */
};

/* One line per tick, as things stand when the rule has spoken. */
struct uwo_lab_row {
    int64_t at_us;
    int64_t oldest_us; /* how long the oldest request in a queue has waited */
    int64_t demand_us; /* since the row before: time that requests would have been in service, had
                        * each been served on arrival; divided by the tick, it is the number of
                        * threads that the load needed.  A request counts for the first
                        * UWO_LAB_DEMAND_TICKS ticks of its service, not beyond */
    uint32_t active;   /* idle, busy and starting */
    uint32_t ready;    /* idle and busy */
    uint32_t busy;     /* of them, with a request */
    uint32_t starting;
    uint32_t draining;
    uint32_t queue; /* requests that wait */
    int32_t delta;  /* what the rule said */
    uint32_t reserved;
};

#define UWO_LAB_TIME_MAX     8796093022207 /* us; 101 days */
#define UWO_LAB_SERVICE_MAX  4398046511103 /* us; half of that */
#define UWO_LAB_CORES_MAX    1048576  /* workers_max times threads, the latter rounded up to 2^n */
#define UWO_LAB_WAITING_MAX  16777216 /* requests that wait */
#define UWO_LAB_TICKS_MAX    1073741824 /* in one run */
#define UWO_LAB_DEMAND_TICKS 4096       /* that one request counts into as demand, at most */

struct uwo_lab_options {
    size_t size;
    uint32_t workers_max;        /* 1 to 65535 */
    uint32_t workers_startup;    /* ready at the start; 0: those of the rule; without one, all */
    uint32_t threads;            /* per worker, 1 to 64; 0: 1 */
    uint32_t queues;             /* enum uwo_lab_queues */
    uint32_t idle_order;         /* enum uwo_lab_idle_order */
    uint32_t listen_queue_limit; /* per queue: beyond it arrivals are rejected; 0: only at
                                  * UWO_LAB_WAITING_MAX the run fails */
    uint32_t accept_ahead; /* of those that wait, so many (per queue, the oldest) were taken out
                               * of the listen queue by a front of ours; read as `waiting` */
    uint32_t flags;        /* enum uwo_lab_flag */
    int64_t horizon_us;    /* end of the run; arrivals are before it */
    int64_t tick_us;       /* between two ticks; 0: one second */
    int64_t startup_us;    /* from its start until a worker can take requests */
    int64_t drain_us;      /* from a worker's last request, once it is stopped, until it is gone */
    int64_t first_request_us; /* what the first request of a started worker takes longer */
    int64_t wait_target_us;   /* a request should not wait longer */
    int64_t flap_us;          /* a start so soon behind a stop is a flap, and a stop so soon behind
                               * a start; 0: one minute */
    int64_t wall_us;          /* wall clock at the start; 0: some day in 2023 */
    uint64_t mono_us;         /* monotonic clock at the start; 0: 1000 s */
    uint64_t idle_rss;        /* bytes of a worker without a request */
    uint64_t busy_rss;        /* with one; not less */
    uint64_t seed;            /* UWO_LAB_PER_WORKER */
    const struct uwo_lab_event *events; /* by at_us; borrowed until destroy */
    size_t event_count;
    const struct uwo_scale_rule *rule; /* copied; NULL: none, a pool that is static */
    int64_t *waits;   /* NULL, or room for a wait per request, or one of UWO_LAB_WAIT_...; */
    size_t waits_max; /* borrowed until destroy */
    struct uwo_lab_row *rows; /* NULL, or room for a row per tick; borrowed until destroy */
    size_t rows_max;
};

/* In `waits`, what is not a wait. */
enum uwo_lab_wait {
    UWO_LAB_WAIT_REJECTED = -1, /* its queue was full, or nobody listened */
    UWO_LAB_WAIT_LEFT = -2,     /* it still waited at the end */
    UWO_LAB_WAIT_LOST = -3,     /* it waited at a worker that died */
};

struct uwo_lab_result {
    size_t size;
    /* requests = rejected + lost + killed + finished + left_waiting + left_serving */
    uint64_t requests;
    uint64_t rejected;     /* queue full */
    uint64_t lost;         /* waited at a worker that died */
    uint64_t killed;       /* in service at a worker that died */
    uint64_t finished;     /* served to the end */
    uint64_t left_waiting; /* at the end of the run; their wait so far counts as a wait */
    uint64_t left_serving;
    uint64_t penalised;   /* first requests of workers that were started */
    uint64_t over_target; /* waited longer than wait_target_us */
    uint64_t missed;      /* waited longer, rejected, lost or killed: each counts once */
    uint64_t excess_us;   /* by so much, all together */
    uint64_t wait_total_us;
    int64_t wait_max_us;
    int64_t wait_p50_us; /* quantiles: at most 0.4 % off */
    int64_t wait_p90_us;
    int64_t wait_p99_us;
    int64_t wait_p999_us;
    uint64_t work_us;   /* of all requests, as given */
    uint64_t served_us; /* time in which requests were served, threads added up */
    /* Time of workers: worker_us = busy_us + idle_us + starting_us + draining_us. */
    uint64_t worker_us;
    uint64_t busy_us; /* with at least one request */
    uint64_t idle_us;
    uint64_t starting_us;
    uint64_t draining_us; /* without a request, on the way out */
    uint64_t at_max_us;   /* time with workers_max active */
    uint64_t under_us;    /* per tick, by how much the load needed more threads than were ready;
                            * in us of a thread; see demand_us */
    uint64_t queue_max;
    uint64_t workers_peak; /* most that existed at once */
    uint64_t memory_peak;  /* bytes */
    uint64_t ticks;
    uint64_t spawns; /* by the rule, failed ones not counted */
    uint64_t stops;
    uint64_t flaps;
    uint64_t variation; /* of the number of active workers, from tick to tick */
    uint64_t forks_failed;
    uint64_t deaths;
    uint64_t respawns; /* of dead workers, by the master */
    uint64_t rows;     /* written */
};

struct uwo_lab;

/* Make a pool.  Gives *lab, to be ended by uwo_lab_destroy.  Returns UWO_OK, UWO_E_INVALID or
 * -ENOMEM. */
int uwo_lab_create(const struct uwo_lab_options *options, struct uwo_lab **lab,
                   struct uwo_error *error);

/* Let requests arrive: arrivals (not decreasing, 0 to below the horizon) and how long each takes
 * (>= 0), both in us.  May be called again and again; how the requests are cut into calls makes no
 * difference.  Borrows the arrays during the call.  *taken: how many have arrived.
 * Returns UWO_OK when all have; 1 (UWO_LAB_ASK) when the caller is to answer a tick first, see
 * uwo_lab_answer, and then to call again with the rest; UWO_E_INVALID (error->index is the request
 * at fault); UWO_E_FULL: UWO_LAB_WAITING_MAX requests wait; or -ENOMEM.  Behind a failure the lab
 * is of no use. */
int uwo_lab_feed(struct uwo_lab *lab, const int64_t *arrivals, const int64_t *services,
                 size_t count, size_t *taken, struct uwo_error *error);

/* No more arrivals: go on to the horizon.  Returns UWO_OK, 1 (as uwo_lab_feed: answer, and call
 * again), or a failure. */
int uwo_lab_finish(struct uwo_lab *lab, struct uwo_error *error);

/* UWO_LAB_ASK: what is measured at this tick, or, before the first request, at the start.
 * Borrowed until the next call. */
const struct uwo_readings *uwo_lab_readings(const struct uwo_lab *lab);

/* UWO_LAB_ASK: what to do at this tick: numbers of workers to start and to stop; delta is for
 * rows.  Returns UWO_OK or UWO_E_INVALID (no such worker, or it cannot be started or stopped: then
 * nothing is done). */
int uwo_lab_answer(struct uwo_lab *lab, int32_t delta, const uint32_t *start, uint32_t start_count,
                   const uint32_t *stop, uint32_t stop_count, struct uwo_error *error);

/* After uwo_lab_finish.  result->size must be set.  Returns UWO_OK or UWO_E_INVALID. */
int uwo_lab_result(const struct uwo_lab *lab, struct uwo_lab_result *result);

/* So many millionths of the waits are not longer than this, 0.4 % more or less; 0 when there are
 * none. */
int64_t uwo_lab_quantile(const struct uwo_lab *lab, uint32_t millionths);

/* NULL is allowed. */
void uwo_lab_destroy(struct uwo_lab *lab);

/* A whole run over arrays made beforehand.  Everything is borrowed during the call. */
struct uwo_lab_job {
    size_t size;
    struct uwo_lab_options options; /* UWO_LAB_ASK is not allowed here */
    const int64_t *arrivals;
    const int64_t *services;
    size_t count;
    struct uwo_lab_result result; /* filled */
    int status;                   /* filled: UWO_OK or a failure */
};

/* Run one after the other.  Returns UWO_OK, or the first failure: that of the first job whose
 * status is negative; those behind it are not run. */
int uwo_lab_run(struct uwo_lab_job *jobs, size_t count, struct uwo_error *error);

/* ---- Information -------------------------------------------------------- */

const char *uwo_version(void);
/* Names as they stand in the enums, lower case with spaces; "unknown" otherwise. */
const char *uwo_outcome_name(uint32_t outcome);
const char *uwo_kind_name(uint32_t kind);

/* cdef: end */

#ifdef __cplusplus
}
#endif

#endif
