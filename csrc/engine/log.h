/* log: the access log, a line per answer, written when the client has all of it or is gone.
 *
 *   peer - - [date] "METHOD target HTTP/1.1" status bytes "referer" "user agent" seconds outcome
 * who
 *
 * bytes: of the body, acknowledged by the client.  seconds: from the request's first byte to the
 * last byte handed to the kernel, or to its acknowledgement when that was seen later than a sweep.
 * who: "engine", or "python" when Python made the answer.
 *
 * A loop collects lines in memory; a thread of the front writes them, so that no loop waits for a
 * disk or a stuck pipe.  When that thread cannot keep up, lines are dropped and counted. */
#ifndef ENGINE_LOG_H
#define ENGINE_LOG_H

#include "base/span.h"
#include "engine/stats.h"
#include "sys/sys.h"

enum {
    LOG_BUFFER_SIZE = 64 << 10, /* two of them per loop */
    LOG_LINE_MAX = 4096,        /* longer targets and fields are cut */
    LOG_TEXT_MAX = 1024,        /* of a target, referer or user agent */
    LOG_FLUSH_MS = 500,
    LOG_PATIENCE_MS = 2000, /* at the end, for a log that takes nothing */
    LOG_RECORDS_MAX = 64    /* answers of one connection that wait for acknowledgement */
};

/* An answer that is not logged yet. */
struct record {
    struct record *next;
    uint64_t start;    /* the connection's byte count at its beginning */
    uint64_t end;      /* and at its end; UINT64_MAX: it still runs */
    uint64_t asked_us; /* monotonic */
    uint64_t over_us;
    uint32_t head_size;
    uint16_t status;
    uint8_t outcome; /* enum uwo_outcome */
    bool python;
    uint16_t size;  /* of text */
    uint16_t split; /* of text: what goes before the status; the rest goes behind the bytes */
    char text[];
};

struct log_buffer {
    pthread_mutex_t lock;
    char *fill;            /* [lock] */
    char *spare;           /* the writer's */
    uint32_t used;         /* [lock] */
    int64_t stamp_seconds; /* the loop's */
    char stamp[26];        /* "22/Nov/2026:08:38:24 +0000" */
};

struct log {
    const struct sys *sys;
    int fd; /* -1: none */
    pthread_t thread;
    bool started;
    _Atomic(int64_t) patient_us; /* wall time; from then on a log that takes nothing loses lines */
    atomic_bool stopping;        /* set under the lock */
    bool over;                   /* [lock] the writer has ended */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct log_buffer **buffers;
    uint32_t buffer_count;
    stats_value *stats; /* with many writers: lines that could not be written */
};

/* Start the writer.  stats: the callers' slot.  0 or -errno. */
int log_start(struct log *log, const struct sys *sys, int fd, struct log_buffer **buffers,
              uint32_t count, stats_value *stats);

/* Write what there is, and end it.  False: the writer cannot end, for nobody takes what it writes;
 * it keeps the buffers for ever. */
bool log_stop(struct log *log);

int log_buffer_init(struct log_buffer *buffer, const struct sys *sys);
void log_buffer_deinit(struct log_buffer *buffer, const struct sys *sys);

/* Remember a request until its answer is out.  buffer: the loop's, or NULL in another thread.
 * NULL: no memory, it goes unlogged. */
struct record *log_record(const struct sys *sys, struct log_buffer *buffer,
                          const struct sys_peer *peer, struct span method, struct span target,
                          int minor, struct span referer, struct span agent);

/* Its line.  acked: bytes of the connection that the client has.  False: dropped. */
bool log_line(struct log *log, struct log_buffer *buffer, const struct record *record,
              uint64_t acked);

#endif
