/* drive: runs transfers.  Asks the machines what they want, has it carried out, hands the result
 * back, and parks a transfer that has to wait.  Thread: the transfer's loop. */
#ifndef ENGINE_DRIVE_H
#define ENGINE_DRIVE_H

#include "engine/engine.h"

/* Run it: until it has to wait, has ended, or others must have their turn. */
void drive(struct loop *loop, struct transfer *transfer);

/* So many transfers are alive on this loop. */
void drive_set_live(struct loop *loop, uint32_t live);

/* A transfer has been handed over to this loop. */
void drive_start(struct loop *loop, struct transfer *transfer);

/* epoll reported `events` for its client or peer. */
void drive_event(struct loop *loop, struct transfer *transfer, bool peer, uint32_t events);

/* Its timer has fired. */
void drive_timer(struct loop *loop, struct transfer *transfer);

/* Its disk job is done. */
void drive_disk(struct loop *loop, struct transfer *transfer);

/* Its producer has appended or finished. */
void drive_grown(struct loop *loop, struct transfer *transfer);

/* End it with an outcome, unless it has ended. */
void drive_stop(struct loop *loop, struct transfer *transfer, uint8_t outcome);

/* A disk helper never came back: report it all the same, and leave what it uses alone. */
void drive_leave_behind(struct loop *loop, struct transfer *transfer);

/* Run what is on the ready list now, each once. */
void drive_ready(struct loop *loop);

#endif
