/* answer: how an answer is begun and ended, whatever it says.  Pure; inside site/ only. */
#ifndef SITE_ANSWER_H
#define SITE_ANSWER_H

#include "site/site.h"

/* Ready, without a body, with the status line and the fields every answer has. */
void answer_open(struct answer *answer, int status, const struct answer_context *context,
                 int minor);

/* End the head, and let the status text be the body: the last thing to do to an answer that serves
 * no file. */
void answer_explain(struct answer *answer, bool head_only);

/* Append a part of the body. */
void answer_add(struct answer *answer, struct answer_part part);

#endif
