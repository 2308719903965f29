/* op: the contract between a machine that decides and the driver that acts.
 *
 * A machine wants one operation at a time.  The driver carries it out and answers with
 * exactly one result for every want, also after a cancel.  "Would block" is never an
 * answer: the driver parks the transfer and tries again.  Operations name endpoints, not
 * descriptors, so that a test, a simulator or another driver can serve them. */
#ifndef TASK_OP_H
#define TASK_OP_H

#include <stdbool.h>
#include <stdint.h>

enum op_kind {
    OP_NONE,
    /* moving bytes */
    OP_SEND,      /* MEMORY to CLIENT: data, length */
    OP_SEND_FILE, /* FILE to CLIENT: offset, length */
    OP_PREFETCH,  /* have FILE offset, length in memory, so that sending it blocks on no disk */
    OP_SPLICE,    /* PEER to CLIENT: at most length in; what is held in between comes with the
                   * result as bytes_in - bytes_out */
    OP_RECEIVE,   /* CLIENT to the driver's buffer: at most length */
    OP_WRITE,     /* the driver's buffer to DISK: offset, length */
    /* waiting */
    OP_WAIT, /* until the time until_us */
    OP_MORE, /* until the program has grown or is finished */
    /* ending (task/ending.h) */
    OP_PUSH,     /* let out what a cork or `more` holds back */
    OP_SHUTDOWN, /* end the stream to the client, unless it acknowledged everything */
    OP_SETTLE,   /* until the client has acknowledged everything */
    OP_LINGER,   /* read and drop input, until the client ends or the linger time is over */
    OP_CLOSE,    /* close the client socket */
    OP_ABORT,    /* close the client socket with a reset: a cut that the client can see */
    OP_RETURN,   /* make the client socket as it was, for its new owner */
    OP_COUNT,
};

/* Where bytes come from and go to, and which of them a result speaks of. */
enum endpoint { END_NONE, END_CLIENT, END_PEER, END_FILE, END_DISK, END_MEMORY };

struct op {
    uint8_t kind; /* enum op_kind */
    bool more;    /* more bytes follow at once: the kernel may wait for them */
    union {
        const void *data;  /* OP_SEND; borrowed until the result */
        int64_t offset;    /* files */
        uint64_t until_us; /* OP_WAIT; monotonic */
    };
    uint64_t length;
};

struct op_result {
    uint64_t bytes_in;  /* taken from the source */
    uint64_t bytes_out; /* given to the target */
    uint8_t side;       /* enum endpoint: who ended (error 0) or failed (error set) */
    int error;          /* positive errno; ECANCELED when the want was withdrawn */
};

#endif
