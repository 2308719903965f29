/* cheaper: a whole check, around any algorithm.
 *
 *   readings -- not sound -----------------------> fault, state untouched
 *            -- not yet time --------------------> fired 0
 *            -- time --> memory limits --> by hand, or the algorithm --> clamp --> which workers
 *
 * What is between differs by profile: clamp_uwsgi.c, clamp_fixed.c.  The state is one block of
 * words, the caller's: a head (below), the algorithm's words, its words per worker. */
#ifndef CHEAPER_CHEAPER_H
#define CHEAPER_CHEAPER_H

#include "cheaper/algo.h"

/* The head of a state. */
enum {
    HEAD_MARK,    /* whose state it is; 0: new */
    HEAD_LAST,    /* time of the last check: mono_us, or whole wall seconds; uWSGI: 0 is none */
    HEAD_SEEN,    /* fixed: mono_us of the last readings */
    HEAD_CHECKED, /* fixed: there has been a check */
    HEAD_PENDING, /* changes by hand not yet made; uWSGI: stops carried over, too */
    HEAD_WORDS
};

/* Why readings are not sound. */
enum scale_fault {
    SCALE_SOUND = 0,
    SCALE_WRONG_COUNT,  /* of workers */
    SCALE_WRONG_NUMBER, /* of the worker at `index`: repeated, missing or out of order */
    SCALE_WRONG_STATE,  /* of the worker at `index` */
    SCALE_BACKWARDS,    /* mono_us */
    SCALE_FOREIGN_STATE /* the state is of another rule */
};

enum scale_ask { SCALE_ASK_NOT = 0, SCALE_ASK_MAY_SPAWN = 1, SCALE_ASK_MAY_NOT = 2 };

/* What the algorithm of a rule is; NULL for a foreign one. */
const struct scale_algo *scale_algo_of(const struct uwo_scale_rule *rule);
const struct scale_algo *scale_algo_at(uint32_t number);
uint32_t scale_algo_count(void);

size_t scale_state_words(const struct uwo_scale_rule *rule);

/* Count the readings, and see whether they are sound.  *index: the worker at fault. */
enum scale_fault scale_input_init(struct scale_input *input, const struct uwo_scale_rule *rule,
                                  const struct uwo_readings *readings, const uint64_t *state,
                                  uint32_t *index);

/* The rest takes sound input. */
void scale_begin(uint64_t *state, const struct scale_input *input);
struct uwo_scale_verdict scale_decide(uint64_t *state, const struct scale_input *input);

/* Up to the algorithm, and from it on; verdict->delta and reason are the algorithm's between. */
enum scale_ask scale_open(uint64_t *state, struct scale_input *input,
                          struct uwo_scale_verdict *verdict);
void scale_close(uint64_t *state, const struct scale_input *input,
                 struct uwo_scale_verdict *verdict, uint32_t *start, uint32_t *stop);
/* All of it. */
void scale_tick(uint64_t *state, struct scale_input *input, struct uwo_scale_verdict *verdict,
                uint32_t *start, uint32_t *stop);

/* ---- of the profiles ---- */

enum scale_ask clamp_uwsgi_open(uint64_t *state, struct scale_input *input,
                                struct uwo_scale_verdict *verdict);
void clamp_uwsgi_close(uint64_t *state, const struct scale_input *input,
                       struct uwo_scale_verdict *verdict, uint32_t *start, uint32_t *stop);
enum scale_ask clamp_fixed_open(uint64_t *state, struct scale_input *input,
                                struct uwo_scale_verdict *verdict);
void clamp_fixed_close(uint64_t *state, const struct scale_input *input,
                       struct uwo_scale_verdict *verdict, uint32_t *start, uint32_t *stop);

/* The `most` lowest slots that can be started, ascending.  Returns how many there were. */
uint32_t choose_start(const struct scale_input *input, uint32_t most, uint32_t *start);
/* The `most` idle workers that started first (ties: the lower number), in that order; `most` is not
 * 0.  Returns how many there were. */
uint32_t choose_stop(const struct scale_input *input, uint32_t most, uint32_t *stop);

#endif
