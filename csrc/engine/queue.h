/* queue: requests that wait for a Python thread of this worker.
 *
 * Whoever puts counts those who wait: a request stays here only when a thread here is free for it
 * (or nowhere else is room), so none waits while another worker is idle. */
#ifndef ENGINE_QUEUE_H
#define ENGINE_QUEUE_H

#include "base/list.h"
#include "sys/sys.h"

struct call;

struct queue {
    const struct sys *sys;
    pthread_mutex_t lock;
    struct list items; /* [lock] calls: requests, and room for growing answers */
    uint32_t count;    /* [lock] requests among them */
    uint32_t idle;     /* [lock] threads that wait */
    uint32_t busy;     /* [lock] requests taken and not answered */
    uint32_t wakes;    /* [lock] */
    bool hosted;       /* who waits runs the loop meanwhile, and looks by itself */
    int event_fd;      /* signalled when somebody waits; hosted: the loop's */
    int epoll_fd;      /* event_fd and the overflow queue: what waiting threads look at; or -1 */
    int overflow_fd;   /* or -1 */
};

/* loop_wake_fd: of the loop that the taking thread runs itself; or -1. */
int queue_init(struct queue *queue, const struct sys *sys, int overflow_fd, int loop_wake_fd);
void queue_deinit(struct queue *queue);

/* Put a call here if a thread is free for it, or if `always`. */
bool queue_put(struct queue *queue, struct call *call, bool always);

void queue_put_room(struct queue *queue, struct call *call);

/* It is no longer to be told of room. */
void queue_forget(struct queue *queue, struct call *call);

/* The newest request that no thread here is free for, taken out again; or NULL. */
struct call *queue_surplus(struct queue *queue);

/* The next item without waiting, or NULL. */
struct call *queue_next(struct queue *queue);

/* Wait for a signal, the overflow queue, or the time.  1, 0 on time-out or wake, -EINTR. */
int queue_wait(struct queue *queue, int timeout_ms);

/* The same in parts, for a thread that runs the loop while it waits: it is free from now on, or no
 * longer.  Is there an item, or a wake?  Take a wake; false when there is none. */
void queue_set_free(struct queue *queue, bool is_free);
bool queue_calls(struct queue *queue);
bool queue_take_wake(struct queue *queue);

void queue_wake(struct queue *queue);
void queue_answered(struct queue *queue);

/* A call came by the overflow queue: this thread is taken. */
void queue_adopted(struct queue *queue);

uint32_t queue_waiting(struct queue *queue);
uint32_t queue_busy(struct queue *queue);

#endif
