/* attempt: what finishes at once never pays for a hop: the first attempt of a program in the thread
 * that hands it over, or that answers. */
#ifndef ENGINE_ATTEMPT_H
#define ENGINE_ATTEMPT_H

#include "engine/engine.h"

/* Before it is handed over: as far as it goes without waiting.  True when it has ended and its
 * DONE event is out.  Thread: the submitter, which alone knows the transfer. */
bool attempt_transfer(struct uwo_engine *engine, struct transfer *transfer);

/* The same for an answer: as far as it goes.  True when the program is over. */
bool attempt_answer(struct uwo_engine *engine, struct transfer *transfer);

/* The engine was stopped before the hand-over: end it as cancelled.  Thread: the submitter. */
void attempt_refuse(struct uwo_engine *engine, struct transfer *transfer);

#endif
