/* rule: a scaling rule of ours, asked by the lab itself. */
#ifndef LAB_RULE_H
#define LAB_RULE_H

#include "lab/lab.h"

/* The rule remembers nothing but the moment, which is the start. */
void rule_begin(struct lab *lab);

/* Ask it about the readings of this tick, and do what it says. */
void rule_answer(struct lab *lab);

#endif
