/* answer: the beginning and the end of every answer, and those that only say their status. */
#include "site/answer.h"

#include "base/ensure.h"

void answer_common(struct response *head, const struct answer_context *context, int minor)
{
    response_field(head, SPAN("Date"), (struct span){ context->date, DATE_SIZE });
    if (!context->keep_alive)
        response_bytes(head, SPAN("Connection: close\r\n"));
    else if (minor == 0)
        response_bytes(head, SPAN("Connection: keep-alive\r\n"));
}

void answer_open(struct answer *answer, int status, const struct answer_context *context, int minor)
{
    answer->kind = ANSWER_READY;
    answer->status = status;
    answer->file = NULL;
    answer->body_size = 0;
    answer->part_count = 0;
    answer->text_used = 0;
    answer->head = (struct response){ answer->head_data, sizeof answer->head_data, 0, false };
    response_begin(&answer->head, status);
    answer_common(&answer->head, context, minor);
}

void answer_add(struct answer *answer, struct answer_part part)
{
    ensure(answer->part_count < ANSWER_PARTS_MAX);
    answer->parts[answer->part_count++] = part;
    answer->body_size += part.count;
}

void answer_explain(struct answer *answer, bool head_only)
{
    struct span text = response_status_text(answer->status);
    bool bodiless = answer->status == 204 || answer->status == 304;

    ensure(text.size < sizeof answer->text);
    if (!bodiless) {
        response_field(&answer->head, SPAN("Content-Type"), SPAN("text/plain"));
        response_number(&answer->head, SPAN("Content-Length"), text.size + 1);
    }
    response_end(&answer->head);
    if (bodiless || head_only)
        return;
    memcpy(answer->text, text.data, text.size);
    answer->text[text.size] = '\n';
    answer->text_used = text.size + 1;
    answer_add(answer, (struct answer_part){ .data = answer->text, .count = text.size + 1 });
}

void answer_status(struct answer *answer, int status, const struct answer_context *context,
                   bool head_only, int minor)
{
    answer_open(answer, status, context, minor);
    answer_explain(answer, head_only);
}
