/* reap: hands events to the host and frees what they speak of. */
#ifndef ENGINE_REAP_H
#define ENGINE_REAP_H

#include "engine/engine.h"

/* Up to max events, oldest first; never waits.  Thread: any. */
int reap_events(struct uwo_engine *engine, struct uwo_event *events, size_t max);

#endif
