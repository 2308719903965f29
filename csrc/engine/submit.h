/* submit: the hand-over, and what else the outside may do to a transfer by its id.
 *
 * Arguments are complete and checked (api/).  Thread: any, for all of them. */
#ifndef ENGINE_SUBMIT_H
#define ENGINE_SUBMIT_H

#include "engine/engine.h"

/* What the check of an instruction has found out. */
struct checked {
    uint64_t count; /* bytes, or TASK_TO_THE_END */
    bool from_pipe; /* splice: the source is a pipe */
};

/* What one transfer is to be. */
struct submission {
    int client_fd;
    bool tcp;
    const struct uwo_program *program;
    const struct uwo_transfer *wanted; /* no defaults left */
    const struct checked *checked;     /* one for each instruction */
    uint64_t tag;
};

/* Reserve a slot and fill it; nothing is taken but duplicates.  0, UWO_E_INVALID (the client is
 * another transfer's), UWO_E_FULL, UWO_E_CLOSED, -ENOMEM or -EMFILE. */
int submit_reserve(struct uwo_engine *engine, const struct submission *submission, uint64_t *id);

/* The loop with the least to do; `first` decides between equals. */
uint8_t submit_least_loaded(const struct uwo_engine *engine, uint32_t first);

/* Take over what was reserved and start it. */
void submit_commit(struct uwo_engine *engine, const uint64_t *ids, size_t count);

/* Give the reservation up. */
void submit_abandon(struct uwo_engine *engine, const uint64_t *ids, size_t count);

/* A growing transfer's next instructions.  0, UWO_E_FULL, UWO_E_GONE, UWO_E_INVALID (it does not
 * grow), -ENOMEM, -EMFILE. */
int submit_append(struct uwo_engine *engine, uint64_t id, const struct submission *submission);

/* 0 or UWO_E_GONE. */
int submit_finish(struct uwo_engine *engine, uint64_t id);
int submit_progress(struct uwo_engine *engine, uint64_t id, struct uwo_progress *progress);

void submit_cancel(struct uwo_engine *engine, uint64_t id);

#endif
