/* ending: what becomes of the client socket after the program, as a pure machine.
 *
 *   close, all is well:
 *     SHUTTING -- shut -------------> SETTLING, or LINGERING when it need not settle
 *              -- errno ------------> ABORTING   lost
 *              -- shut, plain ------> CLOSING
 *     SETTLING -- acknowledged -----> LINGERING, or CLOSING when plain
 *              -- errno ------------> ABORTING   lost
 *     LINGERING -- input is drained-> CLOSING
 *     CLOSING -- closed ------------> ENDED
 *   close, the program failed: a reset, so that the cut shows in every framing
 *     ABORTING -- closed -----------> ENDED
 *   give back, whatever the outcome:
 *     PUSHING -- let out -----------> RETURNING
 *     RETURNING -- as it was -------> ENDED
 */
#ifndef TASK_ENDING_H
#define TASK_ENDING_H

#include "task/op.h"

struct ending {
    uint8_t state : 4;
    bool settle : 1; /* wait until the client has acknowledged everything */
    bool plain : 1;  /* nothing unread can come: no lingering */
    bool lost : 1;   /* the client did not acknowledge everything; see error */
    int16_t error;   /* positive errno behind it: ECANCELED when the want was withdrawn */
};

/* give_back: the socket returns to its submitter; settle: wait for the last acknowledgement;
 * failed: the program did not finish. */
void ending_init(struct ending *ending, bool give_back, bool settle, bool failed);

/* Close, and say nothing: somebody else has the connection. */
void ending_leave(struct ending *ending);

/* The operation wanted now; false when all is done. */
bool ending_next(const struct ending *ending, struct op *op);

/* The one result for it. */
void ending_step(struct ending *ending, const struct op_result *result);

#endif
