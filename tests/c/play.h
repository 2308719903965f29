/* play: both ends of one transfer, driven by one thread.
 *
 * A play has a socket for the engine (near), its peer (far), perhaps the writing end of a splice
 * source (feed), and what the peer must see.  play_run moves everything until the DONE event is
 * there and the peer has come to its end, then judges. */
#ifndef PLAY_H
#define PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "uwoffload.h"

enum { PLAY_FDS = 8, PLAY_PATIENCE_MS = 8000, PLAY_DEADLINE_MS = 20000 };

struct play {
    struct uwo_engine *engine;
    bool tcp;
    int near_fd; /* the engine's, once taken */
    int far_fd;
    int feed_fd;              /* -1 for none */
    int source_fds[PLAY_FDS]; /* in the program: the engine's, once taken */
    int source_count;
    int kept_fds[PLAY_FDS]; /* in the program, kept by us */
    int kept_count;

    const uint8_t *wanted; /* what the peer must get */
    size_t wanted_size;
    const uint8_t *upload; /* what the peer sends */
    size_t upload_size;
    size_t uploaded;
    const uint8_t *feed;
    size_t feed_size;
    size_t fed;
    const uint8_t *leftover; /* read before the hand-over */
    size_t leftover_size;
    size_t leftover_back; /* of which so many come back */
    int file_fd;          /* -1, or where the upload must arrive: `file` */
    const uint8_t *file;
    size_t file_size;

    bool gives_back;
    bool settles;      /* the engine waits for acknowledgements */
    bool was_blocking; /* the near socket, before */
    bool cancels;      /* once something has arrived */
    bool cut_is_fine;  /* the peer may see a reset though it got everything */
    uint64_t id;
    bool taken; /* submit said yes */
    int status; /* of submit */

    size_t got_size;
    bool got_wrong;
    bool ended;    /* the peer saw the end */
    int end_error; /* with this errno, or 0 */
    unsigned done_count;
    unsigned room_count;
    struct uwo_event done;
    char trouble[256]; /* the first thing that was wrong, or empty */
};

/* A connection; closes nothing on failure: a play without sockets is the end of the program. */
void play_open(struct play *play, struct uwo_engine *engine, bool tcp);

/* Note what was wrong; the first note stays. */
void play_blame(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Submit, or note that nothing was taken. */
void play_submit(struct play *play, const struct uwo_program *program,
                 const struct uwo_transfer *wanted);

/* Collect what there is; the DONE event of this transfer is noted. */
void play_reap(struct play *play);

/* The same for two plays of one engine. */
void play_reap_any(struct play *play, struct play *other);

/* One round of moving: at most timeout_ms.  The second form does not reap. */
void play_turn(struct play *play, int timeout_ms);
void play_turn_only(struct play *play, int timeout_ms);

/* Feed the splice source no more: what it was given is all. */
void play_feed_ends(struct play *play);

/* Move until the end, then judge.  any_end: a failure outcome is fine. */
void play_run(struct play *play, bool any_end);

/* Close what is ours. */
void play_close(struct play *play);

/* Move until the DONE event. */
void play_wait(struct play *play);

/* Claim that it ends like this, whatever the peer saw; closes everything. */
void play_outcome(struct play *play, uint32_t outcome, int error, const char *what);

/* ---- odds and ends ---- */

/* An engine with these options, but one thread and one helper unless told otherwise. */
struct uwo_engine *play_engine(struct uwo_engine_options options);
struct uwo_engine *play_engine_small(void);

/* Close a TCP socket with a reset. */
void play_reset(int *fd);

/* `size` bytes that differ everywhere; the same on every call. */
const uint8_t *play_bytes(size_t size);

/* A new unlinked file with these bytes, open for reading and writing. */
int play_file(const uint8_t *bytes, size_t size);

/* Connected sockets with small buffers, blocking. */
void play_sockets(bool tcp, int fds[2]);

/* Open what stays open, so that it is not taken for a leak; ignore SIGPIPE. */
void play_prepare(void);

/* Open descriptors of this process. */
int play_count_fds(void);

uint64_t play_now_ms(void);

_Noreturn void play_give_up(const char *what);

/* ---- claims: one line each ---- */

/* Print whether it holds. */
#define CLAIM(holds, ...) play_claim(holds, __FILE__, __LINE__, __VA_ARGS__)
void play_claim(bool holds, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Claims that did not hold. */
int play_failed(void);

#endif
