/* relay: OP_SPLICE, from a pipe or socket to the client.
 *
 *   source is a pipe      spliced straight to the client
 *   source is a socket    spliced into a pipe of the engine and on; the transfer holds the pipe
 *                         only while bytes are in it
 *   no pipe to be had     peeked into the loop's scratch memory, sent, and what the client took is
 *                         taken from the source: nothing is held */
#ifndef ENGINE_RELAY_H
#define ENGINE_RELAY_H

#include "engine/operated.h"

enum operated relay_splice(struct loop *loop, struct transfer *transfer, const struct op *op,
                           struct op_result *result);

/* Give the pipe and the source back to where they came from. */
void relay_release(struct loop *loop, struct extra *extra);

#endif
