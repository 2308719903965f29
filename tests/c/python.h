/* python: threads that take requests from a front and answer them, as Python would.  See stand.h
 * for what they answer. */
#ifndef PYTHON_H
#define PYTHON_H

#include <stdbool.h>
#include <stdint.h>

#include "uwoffload.h"

struct python;

struct python *python_start(struct uwo_engine *engine, struct uwo_front *front, uint32_t threads);

/* Take one request, or room, and see to it; as uwo_front_take. */
int python_turn(struct python *python, int timeout_ms);

/* Ends the threads, after their present requests; drops what grows still. */
void python_stop(struct python *python);

/* All threads wait for a request. */
bool python_is_idle(const struct python *python);

/* Wait until that many handlers are in /py/hold. */
bool python_holds(struct python *python, unsigned count, uint64_t patience_ms);
void python_let_go(struct python *python);

/* Answers that could not be made as wanted. */
unsigned python_failures(const struct python *python);

#endif
