/* stand: a front with all that belongs to it -- an engine, a site of real files, listeners, and a
 * few threads that stand for Python.
 *
 * What Python answers is chosen by the target:
 *
 *   /py/bytes      small bytes                      /py/echo      the body that was sent
 *   /py/large      more than the socket takes       /py/read      the same, read as a stream
 *   /py/file       a head, a file that moves, tail  /py/unread    an answer, the body left alone
 *   /py/kept       a file that is kept              /py/drop      nothing: the request is dropped
 *   /py/splice     a pipe, counted                  /py/cut       a growing answer, dropped
 *   half-way /py/splice-end a pipe, to its end               /py/cancel    cancelled by its own
 *   handler /py/growing    pieces, of known length          /py/empty     204
 *   /py/chunked    pieces, of unknown length        /py/hold      small bytes, when let go
 *   /py/room       pieces, more than fit: waits to be told of room
 *   /py/bare       growing, where nothing can grow
 */
#ifndef STAND_H
#define STAND_H

#include "guest.h"
#include "uwoffload.h"

enum {
    SMALL_SIZE = 1000,
    MIDDLE_SIZE = 6000,
    LARGE_SIZE = 150000,
    HEAD_SIZE = 300,
    ROOM_SIZE = 2500000,
    PYTHONS_MAX = 8,
    STAND_PATIENCE_MS = 8000,
};

struct python;

struct stand {
    struct uwo_engine *engine;
    struct uwo_site *site;
    struct uwo_front *front;
    struct python *python;
    bool tcp;
    bool unix_too;
    bool uwsgi;
    int overflow_fds[2];
    int log_fd; /* a file, or -1 */
    unsigned connected;
};

/* What is not as usual. */
struct stand_options {
    uint32_t pythons; /* threads; default 1 */
    uint32_t threads; /* loops; default 1; UWO_NONE: whoever opens it calls stand_turn */
    bool no_site;
    bool no_application;
    bool log;
    int log_fd;         /* another log than a file of the stand's own; borrowed */
    uint32_t transfers; /* default 64 */
    bool overflows;     /* to `overflow_fds`, which somebody else made */
    int overflow_fds[2];
    struct uwo_front_options front; /* sizes and times */
};

/* The files and listeners that all stands use; once, before any.  Once more in a forked child. */
void stand_prepare(void);

/* Done at exit; for who leaves by _exit. */
void stand_remove_files(void);

/* False: it could not be made, and nothing is left. */
bool stand_open(struct stand *stand, bool tcp, bool uwsgi, const struct stand_options *options);

/* Ends Python's threads, the front, the engine.  NULL, or what was wrong. */
const char *stand_close(struct stand *stand);

/* Take a request and answer it, in this thread; as uwo_front_take. */
int stand_turn(struct stand *stand, int timeout_ms);

/* Without Python from now on: somebody else takes its requests. */
void stand_dismiss(struct stand *stand);

/* A connection to it. */
int stand_connect(struct stand *stand);

/* Were all who connected accepted? */
bool stand_accepted_all(const struct stand *stand);

uint64_t stand_count(const struct stand *stand, const char *field);

/* Until no connection is left; false: some stay. */
bool stand_quiet(struct stand *stand);

/* Do all its Python threads wait for a request? */
bool stand_is_idle(const struct stand *stand);

/* Until a handler of this stand is in /py/hold, and from then on.  False: nobody comes. */
bool stand_holds(struct stand *stand, unsigned count, uint64_t patience_ms);
void stand_let_go(struct stand *stand);

/* Answers that handlers could not make. */
unsigned stand_failures(const struct stand *stand);

/* The path of the directory that is served, and of another with nothing in it. */
const char *stand_docroot(void);

#endif
