/* answer: what Python's threads do with a request.  Thread: the one that took it. */
#ifndef ENGINE_ANSWER_H
#define ENGINE_ANSWER_H

#include "engine/call.h"
#include "engine/submit.h"

/* Arguments are complete and checked.  0; UWO_E_GONE, -ENOMEM, -EMFILE: nothing was taken. */
int answer_make(struct call *call, const struct uwo_answer *answer, const struct checked *checked);

/* Done with it, answered or not. */
void answer_drop(struct call *call);

/* The next bytes of a streamed body; as uwo_request_read. */
int64_t answer_read(struct call *call, void *data, size_t size);

/* A request of another worker, or NULL; ours that are left over go on their way instead. */
struct call *answer_adopt(struct front *front);

/* The next request, or room; as uwo_front_take. */
int answer_take(struct front *front, int timeout_ms, struct call **call);

/* Requests that wait here though no thread is free go to others, when there is room again. */
void answer_spill(struct front *front);

#endif
