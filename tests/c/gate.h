/* gate: holds threads of the engine before one call, so that a test knows where they are. */
#ifndef GATE_H
#define GATE_H

#include "faulty.h"

/* From now on every thread, or those of this name, wait before this call. */
void gate_close(enum call call, const char *thread);

/* Until so many stand there. */
void gate_await(unsigned count);

/* Let them go, and hold nobody any more. */
void gate_open(void);

#endif
