/* upload: OP_RECEIVE, from the client into a buffer on its way to the disk.
 *
 * Buffers are bounded by the engine's buffers_max, and held only while a disk helper writes them,
 * never while a client is waited for.  Who gets none waits in line. */
#ifndef ENGINE_UPLOAD_H
#define ENGINE_UPLOAD_H

#include "engine/operated.h"

/* How soon a loop looks for buffers that another loop has given back. */
enum { UPLOAD_RETRY_MS = 5 };

enum operated upload_receive(struct loop *loop, struct transfer *transfer, const struct op *op,
                             struct op_result *result);

/* Give the buffer back, and leave the line. */
void upload_release(struct loop *loop, struct extra *extra);

/* Let as many go on as there are buffers, in the order in which they came. */
void upload_serve(struct loop *loop);

#endif
