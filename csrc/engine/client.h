/* client: the operations on the client socket, none of which waits. */
#ifndef ENGINE_CLIENT_H
#define ENGINE_CLIENT_H

#include "engine/operated.h"

enum operated client_send(const struct sys *sys, struct transfer *transfer, const struct op *op,
                          struct op_result *result);
enum operated client_send_file(const struct sys *sys, struct transfer *transfer,
                               const struct op *op, struct op_result *result);
enum operated client_shutdown(const struct sys *sys, struct transfer *transfer,
                              struct op_result *result);
enum operated client_settle(const struct sys *sys, struct transfer *transfer,
                            struct op_result *result);
/* Bytes that can be taken from a stream socket at once: > 0, 0 at its end, or -errno. */
int64_t client_there(const struct sys *sys, int fd);

void client_close(struct uwo_engine *engine, struct transfer *transfer, bool abort);
/* Full segments only, from now until client_push or the end; not where somebody else has seen to
 * it. */
void client_cork(const struct sys *sys, struct transfer *transfer);
void client_push(const struct sys *sys, struct transfer *transfer);
void client_return(struct uwo_engine *engine, struct transfer *transfer);

/* A client of the front may send its body: 100. */
void client_continue(const struct sys *sys, struct transfer *transfer);

#endif
