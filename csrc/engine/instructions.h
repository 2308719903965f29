/* instructions: from the caller's form into ours, and who owns what in them. */
#ifndef ENGINE_INSTRUCTIONS_H
#define ENGINE_INSTRUCTIONS_H

#include "engine/submit.h"

/* Fill `list`: data is copied, what is kept is duplicated; what moves stays the caller's until
 * instructions_take.  0, -ENOMEM or -EMFILE, and then nothing is held. */
int instructions_copy(const struct sys *sys, const struct uwo_program *program,
                      const struct checked *checked, struct instruction *list);

/* Release copies and duplicates, and what was taken. */
void instructions_release(const struct sys *sys, const struct instruction *list, size_t count);

/* From now on the descriptors that move are ours. */
void instructions_take(struct instruction *list, uint32_t count);

/* Bytes that are known beforehand: they count against the high-water mark. */
uint64_t instructions_bytes(const struct instruction *list, uint32_t count);

#endif
