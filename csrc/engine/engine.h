/* engine: what the threads of this folder share.
 *
 * Who may touch what:
 *   - a transfer's fields belong to the loop that runs it, from its SUBMIT mail to its DONE event;
 *     those marked [lock] are read or written under engine->lock, those that are _Atomic by anyone;
 *   - a loop's fields belong to its thread, but for the mailbox and `load`; without threads, to
 *     whoever holds engine->turn;
 *   - a disk job belongs to the helper from disk_submit to the DISK mail.
 *
 * Nothing blocks while engine->lock is held; only the lock of a front's queue is taken inside it.
 * */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/slots.h"
#include "base/timers.h"
#include "engine/disk.h"
#include "engine/mailbox.h"
#include "engine/pipes.h"
#include "engine/resident.h"
#include "engine/stats.h"
#include "sys/sys.h"
#include "task/ending.h"
#include "task/limits.h"
#include "task/program.h"
#include "uwoffload.h"

enum {
    INLINE_INSTRUCTIONS = 2,
    INBOX_MAX = 1024,         /* instructions appended and not yet taken over */
    SCRATCH_SIZE = 128 << 10, /* per loop, for copying and draining */
    BUFFER_SIZE = 128 << 10,  /* per upload write under way */
    THREADS_MAX = 64,
    OWNED_MAX = 1 << 20, /* descriptors from here on are not watched for being submitted twice */
};

/* An id is a sequence number above a slot number, so a reused slot never answers to an old id;
 * epoll data is the id with a tag below. */
enum { ID_SLOT_BITS = 22, EVENT_TAG_BITS = 1 };

/* Instruction flags of the engine. */
enum { OWNS_FD = 1, OWNS_DATA = 2, FROM_PIPE = 4 };

enum mail_flag {
    MAIL_SUBMIT = 1,
    MAIL_CANCEL = 2,
    MAIL_GROWN = 4,
    MAIL_DISK = 8,    /* the disk helper is done */
    MAIL_BACK = 32,   /* serves: Python is done with it */
    MAIL_REAPED = 16, /* the DONE event was collected: whoever takes the mail frees the slot */
};

enum event_flag { EVENT_ROOM = 1, EVENT_DONE = 2 };

enum transfer_phase {
    PHASE_RUNNING,   /* the program */
    PHASE_ANSWERED,  /* serves: the program of an answer is over */
    PHASE_SERVING,   /* serves: between programs */
    PHASE_ENDING,    /* what becomes of the socket */
    PHASE_RELEASING, /* the files of uploads are being closed */
    PHASE_ENDED,     /* the DONE event is out */
};

/* Why a transfer does not run at this moment. */
enum transfer_wait {
    WAIT_NOTHING, /* on the ready list, or being driven */
    WAIT_SOCKET,  /* for the client or the peer */
    WAIT_TIME,    /* for its timer */
    WAIT_MORE,    /* for its producer */
    WAIT_BUFFER,  /* for an upload buffer */
    WAIT_DISK,    /* for a helper */
    WAIT_INPUT,   /* serves: for bytes of the client */
    WAIT_PYTHON,  /* serves: for an answer; all is the Python thread's meanwhile */
};

#define UNPROMISED UINT64_MAX

/* What only some transfers need. */
struct extra {
    stats_value bytes_received; /* as the program counts, for everybody */
    struct pace pace;           /* rate 0: none */
    struct rate_floor floor;    /* rate 0: none */
    uint8_t *leftover;          /* owned; bytes read from the client before the hand-over */
    size_t leftover_size;
    size_t leftover_used;
    struct instruction *inbox; /* [lock] appended, not yet taken over by the loop */
    uint32_t inbox_count;      /* [lock] */
    uint32_t inbox_capacity;   /* [lock] */
    bool inbox_finished;       /* [lock] */
    bool room_wanted;          /* [lock] append was refused: a ROOM event is due */
    uint32_t high_water;
    uint64_t waiting;  /* [lock] bytes appended, not yet queued */
    uint64_t promised; /* [lock] bytes that must still be appended; UNPROMISED: no matter */
    struct pipe pipe;  /* held while bytes are in it */
    uint32_t pipe_held;
    int32_t peer_fd;      /* the splice source at work, or -1 */
    bool peer_registered; /* with epoll */
    uint8_t *buffer;      /* an upload's, while bytes are in it */
    struct list starved;  /* in loop->starved, or alone */
    uint32_t buffer_start;
    struct disk_job job;
};

struct session;
struct front;
struct serving;

struct transfer {
    _Atomic(uint64_t) id; /* first; 0: the slot is free */
    struct mail mail;
    struct transfer *event_next;
    struct transfer *ready_next;
    _Atomic(uint32_t) mail_flags;
    _Atomic(uint32_t) event_flags;
    struct timer timer;
    struct program program;
    struct instruction first[INLINE_INSTRUCTIONS]; /* the list, when it is short */
    struct limits limits;     /* once ended, progress_us is the time of the end */
    stats_value bytes_queued; /* as the program counts, for everybody */
    stats_value bytes_acked;  /* as last seen */
    union {
        uint64_t tag;
        struct session *session; /* when it serves */
    };
    struct extra *extra;
    int client_fd;     /* [lock] -1 once closed or returned */
    uint32_t released; /* instructions before this one are released */
    struct ending ending;
    bool shared : 1; /* it grows or receives: others look into extra, under the lock */
    bool tcp : 1;    /* these five and the thread are fixed from commit on */
    bool give_back : 1;
    bool growing : 1;
    bool try_first : 1;
    bool serves; /* a connection of the front; fixed from its beginning, for every thread */
    uint8_t thread;
    bool taken : 1; /* [lock], as are the next two: commit or abandon has begun */
    bool committed : 1;
    bool cancel_early : 1;
    atomic_bool done;
    _Atomic(uint8_t) lost; /* errno with which a UNIX client went, leaving bytes unread; or 0 */
    atomic_bool shut;      /* our FIN is on its way: it counts in the unsent bytes */
    uint8_t phase;
    uint8_t wait;
    uint8_t stop;   /* enum uwo_outcome: withdraw the outstanding want; or 0 */
    bool begun : 1; /* the socket has been made ready */
    bool was_nonblocking : 1;
    bool corked : 1;
    bool registered : 1;     /* client_fd is in the epoll set */
    bool watches_output : 1; /* and reported when it has room */
    bool hung : 1;           /* epoll said error or hang-up */
    bool closing : 1;        /* WAIT_DISK is for DISK_CLOSE */
    bool lingering : 1;      /* the deadline in limits is that of the lingering */
    bool waited : 1;         /* it did not finish at the first try */
    bool unsure : 1;         /* parked after a short count: no edge may come, ask once more */
    bool sized : 1;          /* in this window the file has been asked for its size */
    bool more_comes : 1;     /* at the end, linger although nothing is unread yet */
    bool no_settle : 1;      /* at the end, do not wait for acknowledgements */
};

struct loop {
    struct uwo_engine *engine;
    const struct sys *sys;
    stats_value *stats;
    uint64_t now_us;
    int epoll_fd;
    int wake_fd;
    uint32_t index;
    uint32_t live;
    uint64_t stop_by_us; /* 0 until stopping */
    struct transfer *ready_first;
    struct transfer *ready_last;
    struct transfer *ended_first; /* DONE at the end of the turn, oldest first */
    struct transfer *ended_last;
    struct transfer *events_first; /* to be published at the end of the turn */
    struct transfer *events_last;
    struct list starved; /* uploads that wait for a buffer, longest first */
    struct pipes pipes;
    uint8_t *scratch;
    pthread_t thread;
    bool started;
    bool watched;     /* hosted: a descriptor of the host is readable, and it was not told yet */
    bool published;   /* hosted: the same of events */
    bool given;       /* hosted: the overflow queue may have a request */
    uint64_t left_us; /* hosted: when the host was last in the loop */
    struct timers timers;
    struct serving *serving; /* the front's, or NULL */
    uint32_t front_left;     /* number of the front that it has left */
    struct mailbox mailbox;
    _Alignas(64) _Atomic(uint32_t) load; /* transfers assigned and not ended */
};

struct uwo_engine {
    const struct sys *sys;
    unsigned generation; /* sys_generation() of its process */
    struct uwo_engine_options options;
    bool hosted;          /* one loop, which the host runs (hosted.c) */
    pthread_t host;       /* the thread that made the engine */
    pthread_mutex_t turn; /* hosted: held by whoever is in the loop */
    struct uwo_stats *own_stats;
    struct uwo_stats *stats;
    stats_value *callers_stats;
    struct loop *loops;
    struct disk disk;
    _Atomic(struct front *) front;  /* or NULL */
    _Atomic(uint32_t) front_number; /* fronts there have been, this one included */

    pthread_mutex_t lock;
    struct slots slots; /* [lock] */
    void *slots_memory;
    struct transfer *arena;   /* transfers_max of them; pages appear on first use */
    uint32_t arena_top;       /* [lock] slots below may have pages */
    uint32_t freed;           /* [lock] slots, since the arena was last looked over */
    uint64_t sequence;        /* [lock] */
    struct resident resident; /* [lock] */
    uint64_t *owned;          /* [lock] a bit per descriptor: the client sockets that are ours */
    bool draining;            /* [lock] */
    bool stopped;             /* [lock] no loop takes mail any more */
    atomic_bool left_behind;  /* a helper or transfer never came back */
    atomic_bool stopping;
    _Atomic(uint32_t) wakes;   /* uwo_engine_wake calls for which no uwo_engine_wait has returned */
    _Atomic(uint32_t) waiters; /* in uwo_engine_wait */
    _Atomic(uint32_t) pipes_held;
    _Atomic(uint32_t) buffers_held;

    pthread_mutex_t reap_lock;
    int event_fd;
    struct transfer *reap_first; /* taken from `events`, oldest first [reap_lock] */
    struct transfer *reap_last;
    _Alignas(64) _Atomic(struct transfer *) events;
};

/* ---- transfer.c ---- */

/* The transfer of an id, or NULL.  Under engine->lock. */
struct transfer *transfer_find(struct uwo_engine *engine, uint64_t id);

/* Reserve a slot under engine->lock; NULL when full.  Its id is set, all else is zero. */
struct transfer *transfer_reserve(struct uwo_engine *engine);

/* Free a slot under engine->lock; the transfer owns nothing any more. */
void transfer_free(struct uwo_engine *engine, struct transfer *transfer);

/* Under engine->lock: the client socket is ours from now on, or no longer.  False when it is ours
 * already: two transfers must never hold, and close, the same number. */
bool transfer_own(struct uwo_engine *engine, int client_fd);
void transfer_disown(struct uwo_engine *engine, int client_fd);

/* Its extra part, made when missing; NULL when there is no memory. */
struct extra *transfer_extra(const struct sys *sys, struct transfer *transfer);

/* Release instructions before `end`: memory, and descriptors but those of uploads that have been
 * written to, whose closing may wait for a disk. */
void transfer_release(const struct sys *sys, struct transfer *transfer, uint32_t end);

/* Release the rest of what it holds, but for leftover bytes that go with the DONE event. */
void transfer_forget(const struct sys *sys, struct transfer *transfer);

/* The errno with which a UNIX client went without reading everything, or 0.  Asking the socket
 * clears it there, so it is kept. */
int transfer_lost(const struct sys *sys, struct transfer *transfer);

/* Bytes the kernel still holds for the client (UNIX sockets: memory of them); or -errno. */
int transfer_unsent(const struct sys *sys, const struct transfer *transfer);

/* Bytes the client has acknowledged by now. */
uint64_t transfer_acked(const struct sys *sys, struct transfer *transfer);

/* Under engine->lock, or from a helper: put a flag into the transfer's mail.  True when its loop
 * must be signalled. */
bool transfer_post(struct uwo_engine *engine, struct transfer *transfer, uint32_t flag);

static inline struct session *transfer_session(const struct transfer *transfer)
{
    return transfer->serves ? transfer->session : NULL;
}

static inline struct pace *transfer_pace(const struct transfer *transfer)
{
    return transfer->extra && transfer->extra->pace.rate ? &transfer->extra->pace : NULL;
}

static inline struct rate_floor *transfer_floor(const struct transfer *transfer)
{
    bool judged = transfer->extra && transfer->extra->floor.rate && !transfer->lingering;

    return judged ? &transfer->extra->floor : NULL;
}

/* ---- loop.c ---- */

int loop_init(struct loop *loop, struct uwo_engine *engine, uint32_t index);
int loop_start(struct loop *loop);
void loop_deinit(struct loop *loop);

/* A turn is one of each.  Work: mail, those who wait for their turn, timers; false: it has ended.
 * Wait: for events at most so long (-1: until its own timers), and drive them; -EINTR when a signal
 * handler ran. */
bool loop_work(struct loop *loop);
int loop_wait(struct loop *loop, int most_ms);

/* Have epoll tell the host of a descriptor of its own, or no longer. */
int loop_watch(struct loop *loop, int fd, bool on);

/* Have `visit` called for every transfer of this loop that has not ended. */
void loop_visit_all(struct loop *loop, void (*visit)(struct loop *, struct transfer *));

/* ---- events.c ---- */

/* So many of the bytes that a growing transfer had waiting have left, or its inbox was taken over:
 * tell its producer, if it waits and there is room enough. */
void events_make_room(struct loop *loop, struct transfer *transfer, uint64_t bytes);

/* It has ended.  Nobody sees that before the end of the turn: until then it can be looked at. */
void events_done(struct loop *loop, struct transfer *transfer);

/* The end of the turn: publish what there is. */
void events_publish(struct loop *loop);

/* The same at once, from a thread that is no loop. */
void events_done_now(struct uwo_engine *engine, struct transfer *transfer);

#endif
