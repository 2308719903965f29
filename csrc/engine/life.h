/* life: an engine from create to destroy. */
#ifndef ENGINE_LIFE_H
#define ENGINE_LIFE_H

#include "engine/engine.h"

/* Make an engine from complete, checked options and start its threads.  Returns 0 or -errno. */
int life_create(const struct sys *sys, const struct uwo_engine_options *options,
                struct uwo_engine **engine);

/* Cancel everything, join the threads.  0, or -EBUSY when a helper was left behind. */
int life_stop(struct uwo_engine *engine);

/* Free it.  What was left behind stays. */
void life_destroy(struct uwo_engine *engine);

#endif
