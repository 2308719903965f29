/* scenes: what the sweep plays again and again, each time with another fault. */
#ifndef SCENES_H
#define SCENES_H

#include "play.h"

struct scene {
    const char *name;
    void (*stage)(struct play *play); /* builds the program and submits it */
    bool any_end;                     /* it may end otherwise than finished, without a fault too */
    bool cold;                        /* no file is in memory */
    uint32_t pipes_max;               /* as in struct uwo_engine_options */
    /* Instead of stage: all of it.  Returns what was wrong, or NULL; *harmed: the fault showed. */
    const char *(*run)(bool tcp, bool *harmed);
};

extern const struct scene scenes[];
extern const size_t scene_count;

/* The same with a front (front_scenes.c); all of them have `run`. */
extern const struct scene front_scenes[];
extern const size_t front_scene_count;

/* The engine all scenes use. */
int scenes_engine(const struct scene *scene, struct uwo_engine **engine);

/* A small transfer that must succeed.  NULL, or what was wrong. */
const char *scenes_clean_transfer(struct uwo_engine *engine);

#endif
