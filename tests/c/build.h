/* build: programs under construction.
 *
 * The parts of a program stand one after another in play_bytes, so that the peer must get the
 * first so many of them, however they are cut.  Descriptors are noted in the play. */
#ifndef BUILD_H
#define BUILD_H

#include "play.h"

struct build {
    struct uwo_instruction list[8];
    size_t count;
    size_t at; /* bytes the peer gets */
};

enum source { PIPE_SOURCE, TCP_SOURCE, UNIX_SOURCE };

void build_send(struct build *build, size_t size);

/* keep: the engine duplicates the descriptor. */
void build_file(struct build *build, struct play *play, size_t size, bool keep);

/* A source that the play feeds, then closes. */
void build_splice(struct build *build, struct play *play, enum source source, size_t size,
                  bool to_the_end);

/* An upload of these bytes, of which `leftover` have been read before. */
void build_receive(struct build *build, struct play *play, size_t size, size_t leftover);

/* A transfer with a deadline and the leftover bytes of the play. */
struct uwo_transfer build_wanted(const struct play *play);

void build_submit(const struct build *build, struct play *play, const struct uwo_transfer *wanted);

/* The same with flags and after alone. */
void build_go(const struct build *build, struct play *play, uint32_t flags, uint32_t after);

#endif
