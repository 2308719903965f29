/* serving: what the files that serve a connection share (serve.c, ask.c, hand.c, connection.c).
 *
 * The *window* is the loop's input buffer with the bytes of the connection at hand that are not
 * used yet; when the connection has to wait, they move to its stash. */
#ifndef ENGINE_SERVING_H
#define ENGINE_SERVING_H

#include "base/ensure.h"
#include "engine/call.h"

enum step {
    STEP_ON,    /* look at the state again */
    STEP_READ,  /* more bytes are needed */
    STEP_DRIVE, /* a program or an ending is to be driven */
    STEP_WAIT,  /* parked: for a helper, or for Python */
};

/* How soon to ask whether an answer was acknowledged. */
enum { LOG_SWEEP_MS = 50 };

static inline const char *window_data(const struct serving *serving)
{
    return serving->input + serving->window_start;
}

static inline size_t window_size(const struct serving *serving)
{
    return serving->window_end - serving->window_start;
}

static inline void window_use(struct serving *serving, size_t size)
{
    serving->window_start += (uint32_t)size;
}

static inline void window_clear(struct serving *serving)
{
    serving->window_start = serving->window_end = 0;
}

/* From the stash, and into it; false: no memory. */
void window_open(struct loop *loop, struct session *session);
bool window_stash(struct loop *loop, struct session *session);

/* ask.c: a whole head is at the start of the window. */
enum step ask(struct loop *loop, struct transfer *transfer, size_t size);

/* Answer a status instead; `size` bytes of the window are done with. */
enum step ask_refuse(struct loop *loop, struct transfer *transfer, int status, size_t size);

/* A helper has looked a file up. */
void ask_looked(struct loop *loop, struct look *look);

/* hand.c: a request for Python; its head is at the start of the window. */
enum step hand_over(struct loop *loop, struct transfer *transfer, const struct request *request,
                    size_t size);

/* Its body comes. */
enum step hand_body(struct loop *loop, struct transfer *transfer);

/* A helper has written a part of it, or failed. */
void hand_spooled(struct loop *loop, struct transfer *transfer);

/* It was given to another worker: let go of the connection. */
void hand_leave(struct loop *loop, struct transfer *transfer);

/* connection.c: close it well. */
void connection_end(struct loop *loop, struct transfer *transfer);

#endif
