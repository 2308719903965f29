/* front: connections that the engine itself accepts and serves.
 *
 * A connection is a transfer with a *session*: between its programs it reads requests (serve.c).
 * Each loop has its own listeners' registrations, open files, buffers and idle list (struct
 * serving); what is shared between loops, or with Python's threads, is marked.
 *
 * While Python has a request (wait WAIT_PYTHON), the transfer, its session and its call belong to
 * the Python thread; the loop touches nothing but `noticed`, until the ANSWERED mail. */
#ifndef ENGINE_FRONT_H
#define ENGINE_FRONT_H

#include "conn/conn.h"
#include "engine/engine.h"
#include "engine/files.h"
#include "engine/log.h"
#include "engine/queue.h"
#include "engine/sites.h"
#include "site/site.h"

struct call;

/* Epoll data from here on belong to the front: listeners by number, and the overflow queue. */
#define FRONT_DATA (UINT64_MAX - 256)

enum {
    FRONT_TICK_MS = 250,      /* mail that wakes nobody is looked at as often */
    FILES_TICK_MS = 5000,     /* open files are looked over as often */
    NOTICED_CANCEL = 1 << 30, /* beside the bits of epoll */
    OVERFLOW_EVENT = 128,     /* there is room in it */
    GIVEN_EVENT = 129,        /* there is something in it */
    INPUT_SIZE = 128 << 10,   /* per loop: what is read at once */
    SMALL_MAX = 8 << 10,      /* bodies up to here travel with their head in one send */
    LISTENERS_MAX = 64,
    MESSAGE_MAX = 192 << 10, /* of the overflow queue */
    LOOKS_MAX = 8,           /* look-ups of one request that go to a disk helper */
};

/* What a connection needs beside its transfer. */
struct session {
    struct conn conn;
    struct list link; /* in serving->idle, or alone */
    struct transfer *transfer;
    struct call *call;
    struct open_file *file; /* pinned while it is sent */
    struct record *records; /* of answers not yet logged, oldest first */
    char *stash;            /* bytes read and not used, while it waits */
    uint64_t answer_start;  /* bytes queued on the connection before the present answer */
    uint64_t asked_us;      /* when the present request's first byte was there */
    uint64_t tail_offset;   /* of the byte of the file that is kept back */
    uint32_t stash_size;
    uint32_t head_size; /* of the present answer */
    uint16_t status;    /* of the present answer */
    char tail_byte;
    struct sys_peer peer;
    uint8_t tries;             /* look-ups of the present request that went to a disk */
    bool tail : 1;             /* a last byte is kept back until the file was found unchanged */
    bool tail_out : 1;         /* it is on its way */
    bool tail_text : 1;        /* it is tail_byte, no longer in the file */
    bool by_program : 1;       /* the present answer did not go at once */
    bool drained : 1;          /* the last read came short: an edge will tell of more */
    bool ending : 1;           /* so it will, epoll said: no edge tells of that again */
    bool ended : 1;            /* the client has ended its stream */
    bool answered_python : 1;  /* the present answer is Python's */
    bool looking : 1;          /* WAIT_DISK is for a look-up; else for a spooled body */
    bool adopted : 1;          /* came by the overflow queue: its loop has not seen it yet */
    bool given : 1;            /* Python's thread gave it to another worker */
    bool read_by_python : 1;   /* a body was streamed */
    bool closed : 1;           /* by Python's thread; no longer counted in front->connections */
    _Atomic(uint32_t) noticed; /* epoll events while Python has it; NOTICED_CANCEL */
};

struct listener {
    int fd;
    uint8_t protocol;
    bool tcp;
};

/* What a loop needs to serve. */
struct serving {
    struct front *front;
    struct site_made *site; /* a reference */
    struct list idle;       /* sessions between requests, longest first */
    struct files files;
    struct log_buffer log;
    char *input;           /* INPUT_SIZE */
    char *output;          /* a head and a small body */
    uint32_t window_start; /* of the bytes in `input` that are not used yet */
    uint32_t window_end;
    size_t gathered; /* of `output`: a whole answer; or 0 */
    uint32_t turn;
    uint32_t accept_turn;  /* the last one with connections to accept */
    uint32_t accept_burst; /* such turns in a row */
    uint32_t accept_most;  /* how many to take in one */
    uint32_t accepted;     /* since the listeners were moved to the end of their wait queues */
    uint32_t seen;         /* front->changes, as acted upon */
    int reserve_fd;        /* given up to turn a connection away when descriptors run out */
    bool listening;
    bool deaf;                 /* it has heard of the drain, and accepts no more */
    uint32_t left;             /* connections, when the loop wants to leave */
    struct timer listen_again; /* after a pause */
    int64_t date_seconds;
    char date[DATE_SIZE];
    struct request request;
    struct answer answer;
};

struct front {
    struct uwo_engine *engine;
    const struct sys *sys;
    struct uwo_front_options options;
    struct conn_limits limits;
    char *spool_directory;
    struct listener listeners[LISTENERS_MAX];
    uint32_t listener_count;
    struct serving *servings; /* one per loop */
    pthread_mutex_t lock;
    struct site_made *site; /* [lock] a reference */
    uint64_t boundary;
    unsigned forks; /* sys_forks() at the beginning */
    struct queue queue;
    pthread_mutex_t overflow_lock;
    char *overflow; /* [overflow_lock] MESSAGE_MAX: one message */
    struct log log;
    struct log_buffer **log_buffers; /* one per loop */
    _Atomic(uint32_t) deaf;          /* loops that accept no more */
    atomic_bool draining;
    atomic_bool impatient; /* nobody waits for the body of a request */
    atomic_bool stopping;
    _Atomic(uint32_t) changes; /* counts up when a loop must look at the front */
    uint32_t away;             /* [lock] loops that have left it */
    pthread_cond_t left;       /* [lock] one has */
    _Alignas(64) _Atomic(uint32_t) connections;
};

/* 0, or -errno with nothing started. */
int front_create(struct uwo_engine *engine, const struct uwo_front_options *options,
                 struct front **front);

void front_swap_site(struct front *front, struct site_made *site);
void front_drain(struct front *front);
void front_hasten(struct front *front);
void front_destroy(struct front *front);

/* Connections alive; while it drains, 0 means that none will come. */
uint64_t front_connections(struct front *front);

/* How long the loop may sleep, though nobody wakes it; -1: for ever. */
static inline int front_sleep_ms(const struct loop *loop)
{
    const struct serving *serving = loop->serving;

    if (!serving)
        return -1;
    if (serving->front->options.application && loop->stats[STATS_connections] > 0)
        return FRONT_TICK_MS;
    return serving->files.count > 0 ? FILES_TICK_MS : -1;
}

/* A request waits here for room in the overflow queue.  Thread: any. */
void front_watch_overflow(struct front *front);

/* epoll reported one of FRONT_DATA. */
void front_event(struct loop *loop, uint32_t number);

/* In a loop, each turn: act upon what has changed. */
void front_turn(struct loop *loop);

/* ---- listen.c ---- */

/* A listener has connections. */
void listen_event(struct loop *loop, uint32_t number);

/* Have epoll watch the listeners, or no longer; for a while. */
void listen_start(struct loop *loop);
void listen_stop(struct loop *loop);
void listen_pause(struct loop *loop);

/* ---- reply.c: answers made by the engine ---- */

/* The answer is made: gather it, if it is small.  False: its file has changed since it was looked
 * up; look again. */
bool reply_ready(struct loop *loop);

/* Send what `serving->answer` says, which is ready; the connection is ANSWERING.  What does not go
 * at once becomes the transfer's program. */
void reply(struct loop *loop, struct transfer *transfer);

/* A short answer for a status. */
void reply_status(struct loop *loop, struct transfer *transfer, int status);

/* Start the program of an answer: `list` is allocated, or transfer->first. */
void reply_start(struct front *front, struct transfer *transfer, struct instruction *list,
                 uint32_t count, uint64_t now_us);

/* The answer must wait for the first time: keep its last byte back. */
void reply_hold_back(const struct sys *sys, struct transfer *transfer);

/* Is the file still what it was?  If not, that is the program's outcome. */
bool reply_checked(struct front *front, struct transfer *transfer);

/* A program for the byte that was kept back. */
void reply_tail(struct front *front, struct transfer *transfer, uint64_t now_us);

/* Today's date for answers of this loop. */
void reply_context(struct loop *loop, const struct session *session,
                   struct answer_context *context);

/* Remember the present answer for the log; its lines, when they can be written. */
void reply_note(struct front *front, struct log_buffer *buffer, struct session *session,
                const struct request *request);
void reply_log(struct loop *loop, struct transfer *transfer, bool last);

/* ---- serve.c ---- */

/* A new connection on this loop, or one adopted.  Takes client_fd. */
struct transfer *serve_open(struct front *front, int client_fd, uint8_t thread, uint8_t protocol,
                            bool tcp, bool adopted, const struct sys_peer *peer, uint64_t now_us);

void serve_accepted(struct loop *loop, struct transfer *transfer);

/* Go on with a connection that reads requests.  True when there is a program or an ending to be
 * driven now; false when it waits. */
bool serve(struct loop *loop, struct transfer *transfer);

/* Its program is over; afterwards it serves, runs or ends. */
void serve_answered(struct loop *loop, struct transfer *transfer);

/* Its time is up, perhaps. */
void serve_timer(struct loop *loop, struct transfer *transfer);

/* A disk helper has done its job for it. */
void serve_disk(struct loop *loop, struct transfer *transfer);

/* Mail for a connection. */
void serve_mail(struct loop *loop, struct transfer *transfer, uint32_t flags);

/* End it at once. */
void serve_stop(struct loop *loop, struct transfer *transfer);

/* It is closed: release what the session holds, and the slot. */
void serve_left(struct loop *loop, struct transfer *transfer);

/* It cannot end well: a reset. */
void serve_cut(struct transfer *transfer);

/* Back to its loop: the Python thread is done with it. */
void serve_return(struct uwo_engine *engine, struct transfer *transfer);

/* Close the connection of this loop that has been idle the longest.  False when none is idle. */
bool serve_close_idle(struct loop *loop);

/* Close the idle ones that have had an answer; those without one may have asked just now. */
void serve_drain(struct loop *loop);

#endif
