/* file_answer: the answer made from a file that was found.  Pure; inside site/ only. */
#ifndef SITE_FILE_ANSWER_H
#define SITE_FILE_ANSWER_H

#include "proto/accept.h"
#include "site/answer.h"

/* What was chosen for a request. */
struct representation {
    const struct site_file *file;
    struct span type;
    enum coding coding;
    bool varies; /* another Accept-Encoding might have been given something else */
};

/* Answer GET or HEAD. */
void file_answer(const struct representation *chosen, const struct request *request,
                 const struct answer_context *context, struct answer *answer);

#endif
