/* file_answer: conditions first, then the ranges, then the whole.
 *
 *   conditions -- failed -------------> 412
 *              -- not modified -------> 304
 *   Range      -- unsatisfiable ------> 416
 *              -- one range ----------> 206, one part
 *              -- several ------------> 206, for each range a text and a part; the closing text
 *              -- none, or ignored ---> 200
 */
#include "site/file_answer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/ensure.h"
#include "proto/etag.h"
#include "site/conditions.h"

enum {
    BOUNDARY_SIZE = 16,
    NANOSECONDS = 1000000000,
    CONTENT_RANGE_SIZE =
        sizeof "bytes 18446744073709551615-18446744073709551615/18446744073709551615"
};

struct file_work {
    const struct representation *chosen;
    const struct request *request;
    const struct answer_context *context;
    struct answer *answer;
    struct validators validators;
    char tag[ETAG_SIZE_MAX];
};

static void file_answer_validators(struct file_work *work)
{
    static const struct span marks[CODING_COUNT] = {
        [CODING_IDENTITY] = { "", 0 },
        [CODING_GZIP] = { "gz", 2 },
        [CODING_BROTLI] = { "br", 2 },
    };
    const struct site_file *file = work->chosen->file;
    int64_t seconds = file->mtime_ns / NANOSECONDS;

    work->validators.tag.data = work->tag;
    work->validators.tag.size = etag_format(file->inode, file->size, file->mtime_ns,
                                            marks[work->chosen->coding], work->tag);
    work->validators.modified = file->mtime_ns % NANOSECONDS < 0 ? seconds - 1 : seconds;
}

/* Everything but what depends on the range: type, length, Content-Range. */
static void file_answer_begin(struct file_work *work, int status)
{
    static const struct span codings[CODING_COUNT] = {
        [CODING_GZIP] = { "Content-Encoding: gzip\r\n", sizeof "Content-Encoding: gzip\r\n" - 1 },
        [CODING_BROTLI] = { "Content-Encoding: br\r\n", sizeof "Content-Encoding: br\r\n" - 1 },
    };
    struct response *head = &work->answer->head;

    answer_open(work->answer, status, work->context, work->request->minor);
    response_field(head, SPAN("ETag"), work->validators.tag);
    if (work->chosen->varies)
        response_bytes(head, SPAN("Vary: Accept-Encoding\r\n"));
    if (status == 304)
        return;
    response_bytes(head, SPAN("Accept-Ranges: bytes\r\n"));
    if (work->chosen->coding != CODING_IDENTITY)
        response_bytes(head, codings[work->chosen->coding]);
    int64_t modified = work->validators.modified;
    char date[DATE_SIZE];
    date_format(modified < work->context->now_seconds ? modified : work->context->now_seconds,
                date);
    response_field(head, SPAN("Last-Modified"), (struct span){ date, DATE_SIZE });
}

/* The length is that of the body, which a HEAD is told and not given. */
static void file_answer_end(struct file_work *work)
{
    struct answer *answer = work->answer;

    response_number(&answer->head, SPAN("Content-Length"), answer->body_size);
    response_end(&answer->head);
    if (answer->head.failed) { /* a media type of unusual length */
        answer_status(answer, 500, work->context, work->request->method == METHOD_HEAD,
                      work->request->minor);
        return;
    }
    if (work->request->method == METHOD_HEAD) {
        answer->part_count = 0;
        answer->body_size = 0;
    }
    if (answer->part_count > 0)
        answer->file = work->chosen->file;
}

static void file_answer_range(struct answer *answer, const struct range *range)
{
    answer_add(answer,
               (struct answer_part){ .file = true, .offset = range->first, .count = range->count });
}

static void file_answer_whole(struct file_work *work)
{
    uint64_t size = work->chosen->file->size;

    file_answer_begin(work, 200);
    response_field(&work->answer->head, SPAN("Content-Type"), work->chosen->type);
    if (size > 0)
        file_answer_range(work->answer, &(struct range){ .first = 0, .count = size });
    file_answer_end(work);
}

static struct span file_answer_content_range(const struct range *range, uint64_t size,
                                             char out[CONTENT_RANGE_SIZE])
{
    int used = snprintf(out, CONTENT_RANGE_SIZE, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                        range->first, range->first + (range->count - 1), size);

    ensure(used > 0 && used < CONTENT_RANGE_SIZE);
    return (struct span){ out, (size_t)used };
}

static void file_answer_single(struct file_work *work, const struct range *range)
{
    struct response *head = &work->answer->head;
    char text[CONTENT_RANGE_SIZE];

    file_answer_begin(work, 206);
    response_field(head, SPAN("Content-Type"), work->chosen->type);
    response_field(head, SPAN("Content-Range"),
                   file_answer_content_range(range, work->chosen->file->size, text));
    file_answer_range(work->answer, range);
    file_answer_end(work);
}

/* The texts between the ranges go to answer->text, one behind the other.  False: no room. */
static bool file_answer_texts(struct file_work *work, const struct ranges *ranges,
                              struct span boundary)
{
    struct answer *answer = work->answer;
    struct response text = { answer->text, sizeof answer->text, 0, false };
    char range[CONTENT_RANGE_SIZE];
    size_t from;

    for (uint32_t i = 0; i < ranges->count; i++) {
        from = text.used;
        response_bytes(&text, i == 0 ? SPAN("--") : SPAN("\r\n--"));
        response_bytes(&text, boundary);
        response_bytes(&text, SPAN("\r\n"));
        response_field(&text, SPAN("Content-Type"), work->chosen->type);
        response_field(
            &text, SPAN("Content-Range"),
            file_answer_content_range(&ranges->range[i], work->chosen->file->size, range));
        response_end(&text);
        answer_add(answer,
                   (struct answer_part){ .data = answer->text + from, .count = text.used - from });
        file_answer_range(answer, &ranges->range[i]);
    }
    from = text.used;
    response_bytes(&text, SPAN("\r\n--"));
    response_bytes(&text, boundary);
    response_bytes(&text, SPAN("--\r\n"));
    answer_add(answer,
               (struct answer_part){ .data = answer->text + from, .count = text.used - from });
    answer->text_used = text.used;
    return !text.failed;
}

static void file_answer_several(struct file_work *work, const struct ranges *ranges)
{
    struct response *head = &work->answer->head;
    char boundary[BOUNDARY_SIZE + 1];

    snprintf(boundary, sizeof boundary, "%016" PRIx64, work->context->boundary);
    file_answer_begin(work, 206);
    if (!file_answer_texts(work, ranges, (struct span){ boundary, BOUNDARY_SIZE })) {
        file_answer_whole(work); /* a server may overlook a Range */
        return;
    }
    response_bytes(head, SPAN("Content-Type: multipart/byteranges; boundary="));
    response_bytes(head, (struct span){ boundary, BOUNDARY_SIZE });
    response_bytes(head, SPAN("\r\n"));
    file_answer_end(work);
}

/* A status without the file. */
static void file_answer_refuse(struct file_work *work, int status)
{
    struct response *head = &work->answer->head;
    char text[CONTENT_RANGE_SIZE];

    answer_open(work->answer, status, work->context, work->request->minor);
    if (status == 416) {
        int used = snprintf(text, sizeof text, "bytes */%" PRIu64, work->chosen->file->size);
        response_field(head, SPAN("Content-Range"), (struct span){ text, (size_t)used });
    }
    answer_explain(work->answer, work->request->method == METHOD_HEAD);
}

static void file_answer_ranges(struct file_work *work, struct span value)
{
    struct ranges ranges;

    switch (range_parse(value, work->chosen->file->size, &ranges)) {
    case RANGE_IGNORE:
        file_answer_whole(work);
        return;
    case RANGE_UNSATISFIABLE:
        file_answer_refuse(work, 416);
        return;
    case RANGE_GIVEN:
        if (ranges.count == 1)
            file_answer_single(work, &ranges.range[0]);
        else
            file_answer_several(work, &ranges);
        return;
    }
}

void file_answer(const struct representation *chosen, const struct request *request,
                 const struct answer_context *context, struct answer *answer)
{
    struct file_work work;
    struct span range;

    work.chosen = chosen;
    work.request = request;
    work.context = context;
    work.answer = answer;
    file_answer_validators(&work);
    switch (conditions_judge(request, &work.validators, context->now_seconds)) {
    case CONDITIONS_FAILED:
        file_answer_refuse(&work, 412);
        return;
    case CONDITIONS_NOT_MODIFIED:
        file_answer_begin(&work, 304);
        response_end(&answer->head);
        return;
    case CONDITIONS_MET:
        break;
    }
    range = conditions_range(request, &work.validators, context->now_seconds);
    if (range.data)
        file_answer_ranges(&work, range);
    else
        file_answer_whole(&work);
}
