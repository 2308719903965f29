/* call: a request on its way to Python, with it, and back.
 *
 * Made by the loop when the head has come; its body is collected here.  From queue_put on it is the
 * queue's, from uwo_front_take on the Python thread's.  The connection and the call know each other
 * by the transfer's id and session->call; both ends are cut under engine->lock. */
#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H

#include "base/list.h"
#include "engine/front.h"

struct call {
    struct uwo_request request; /* first: what Python sees */
    struct front *front;
    struct list link; /* in the queue */
    uint8_t *body;    /* in memory, or what is on its way to the file */
    size_t body_used;
    size_t body_room;
    uint64_t spooled; /* bytes in the file */
    bool gone;        /* [engine->lock] the connection has ended */
    bool answering;   /* [engine->lock] an answer is being made: the connection waits for it */
    bool answered;    /* the answer grows */
    bool stays;       /* [queue.lock] it cannot be given to another worker */
    bool in_queue;    /* [queue.lock] as UWO_REQUEST_ROOM */
    bool dropped;     /* [engine->lock] Python is done with it; the connection frees it */
    char peer[SYS_PEER_SIZE];
    size_t head_size; /* of the bytes of the head, the first in `text` */
    char *text;       /* owned: the head as it came, then the path */
};

/* Copy what Python needs of a request whose head is data[0..size).  NULL: no memory. */
struct call *call_make(struct front *front, struct session *session, uint64_t id,
                       const struct request *request, const char *head, size_t size);

/* Take content of the body.  1: it is in; 0: the buffer is full, write it to the file first;
 * -ENOMEM. */
int call_body(struct call *call, struct span content);

/* Fill in what Python sees of a body that is complete. */
void call_complete(struct call *call);

void call_free(struct call *call);

/* The connection has ended, or its answer has: Python's call is on its own from now on. */
void call_detach(struct front *front, struct transfer *transfer);

/* The loop wants to end a connection that Python has.  False: an answer is being made just now. */
bool call_take_back(struct front *front, struct session *session);

/* Into the queue, or to another worker.  True: it was given away, and the connection with it. */
bool call_put(struct front *front, struct transfer *transfer);

/* A growing answer can take more. */
void call_room(struct front *front, struct call *call);

/* A Python thread wants the connection: from now on its loop waits for us.  NULL: it has ended. */
struct transfer *call_begin(struct call *call);

/* It was not answered after all. */
void call_release(struct call *call);

/* ---- overflow.c ---- */

/* Give a call and its connection to whichever worker is idle.  FULL: when the queue can be written
 * to again.  NEVER: it is too large, or the kernel refuses it with no sign of when it would not. */
enum overflow { OVERFLOW_GIVEN, OVERFLOW_FULL, OVERFLOW_NEVER };
enum overflow overflow_send(struct front *front, struct transfer *transfer);

/* Take one that somebody gave away.  NULL: there is none. */
struct call *overflow_take(struct front *front);

#endif
