/* ticks: what is counted from tick to tick; the readings. */
#ifndef LAB_TICKS_H
#define LAB_TICKS_H

#include "lab/lab.h"

/* A request arrived that would, served on arrival, end then: it counts into the demand. */
void ticks_demand(struct lab *lab, int64_t arrival_us, int64_t end_us);

void ticks_begin(struct lab *lab);

/* A tick (or the end) is here: close what is counted per tick, and go on to the next. */
void ticks_close(struct lab *lab, int64_t now_us);

/* The rule has spoken: write the row of this tick. */
void ticks_row(struct lab *lab, int64_t now_us, int32_t delta);

/* Fill in the readings. */
void ticks_read(struct lab *lab, int64_t now_us);

#endif
