/* guest: who asks a front, and judges every byte of what it is told.
 *
 * A guest has bytes to send and a list of answers that it wants, in order.  What it gets must be
 * such answers, complete and right; an answer that is cut must show that it was.  With `may_fail`
 * an answer may also be one of the engine's own errors, and the connection may end before all. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GUEST_REPLIES = 64, GUEST_TROUBLE = 200 };

struct reply_wanted {
    int status;
    const uint8_t *body;
    size_t size;
    size_t other; /* with may_fail the body may have this size instead; 0: no */
    bool bare;    /* HEAD, 204, 304: no body whatever the head says */
    bool ranges;  /* multipart/byteranges of `body` */
    bool cut;     /* the answer must be cut, after a right beginning */
};

struct guest {
    int fd;
    uint8_t *out;
    size_t out_size;
    size_t sent;
    size_t pause_at; /* send no more than this until as many answers are there */
    size_t pause_replies;
    uint8_t *in;
    size_t in_size;
    size_t in_room;
    struct reply_wanted wanted[GUEST_REPLIES];
    size_t wanted_count;
    size_t done;    /* answers that came */
    size_t at;      /* bytes of `in` that are judged */
    size_t reading; /* no more than so many bytes at once; 0: any */
    size_t writing; /* the same */
    bool tcp;
    bool may_fail;
    bool failed;      /* it did, as it may */
    bool lets_close;  /* the server is to close, not we */
    bool closes_half; /* once all is sent */
    bool half_closed;
    bool closed; /* the front said so: nothing comes behind this answer */
    bool ended;  /* the stream has */
    int end_error;
    bool over; /* nothing more is expected */
    char trouble[GUEST_TROUBLE];
};

/* Takes fd. */
void guest_open(struct guest *guest, int fd, bool tcp, bool may_fail);
void guest_close(struct guest *guest);

/* Close with a reset. */
void guest_vanish(struct guest *guest);

/* Bytes to send. */
void guest_send(struct guest *guest, const void *data, size_t size);
void guest_say(struct guest *guest, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Send nothing behind this point before all answers wanted so far have come. */
void guest_pause(struct guest *guest);

/* An answer that must come. */
struct reply_wanted *guest_want(struct guest *guest, int status, const uint8_t *body, size_t size);

/* Move bytes of all of them, until each is over.  False: somebody waits longer than that. */
bool guests_run(struct guest *guests, size_t count, uint64_t patience_ms);

/* One round of moving; true when something is left to be done. */
bool guests_turn(struct guest *guests, size_t count, int timeout_ms);

#endif
