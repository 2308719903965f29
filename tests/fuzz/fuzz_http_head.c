/* Request heads, and what is read out of their fields.
 *
 * Input: a byte that says which limits are small, a byte that says in how large pieces the rest
 * arrives. */
#include "fuzz.h"
#include "proto/accept.h"
#include "proto/date.h"
#include "proto/etag.h"
#include "proto/http_head.h"
#include "proto/path.h"

enum { SMALL_HEAD = 1, SMALL_TARGET = 2, FEW_FIELDS = 4 };

struct verdict {
    enum http_scan scan;
    size_t end; /* of what is parsed */
};

static struct verdict scan_in_pieces(const uint8_t *data, size_t size, size_t step,
                                     const struct http_limits *limits)
{
    struct verdict verdict = { HTTP_SCAN_MORE, 0 };
    size_t scanned = 0;

    for (size_t arrived = 0; verdict.scan == HTTP_SCAN_MORE && arrived < size;) {
        char *copy;

        arrived = step < size - arrived ? arrived + step : size;
        copy = fuzz_copy(data, arrived);
        verdict.end = arrived;
        verdict.scan = http_head_scan(copy, arrived, limits, &scanned, &verdict.end);
        ensure(scanned <= arrived && verdict.end <= arrived);
        free(copy);
    }
    return verdict;
}

static void check_fields(const struct request *request, const struct http_limits *limits,
                         const char *head, size_t size)
{
    ensure(request->field_count <= limits->field_count);
    ensure(request->field_count <= REQUEST_FIELDS_MAX);
    for (uint32_t i = 0; i < request->field_count; i++) {
        const struct field *field = &request->fields[i];

        ensure(field->name.size && fuzz_inside(field->name, head, size));
        ensure(fuzz_inside(field->value, head, size));
        ensure(field->known == request_known(field->name));
        ensure(field->next == 0 || field->next > i + 1);
        for (size_t j = 0; j < field->value.size; j++)
            ensure((uint8_t)field->value.data[j] >= 0x20 || field->value.data[j] == '\t');
    }
}

/* A head that is accepted: what it says fits together. */
static void check_request(const struct request *request, const char *head, size_t size)
{
    const struct span spans[] = { request->method_name, request->target, request->path,
                                  request->query, request->host };

    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        ensure(fuzz_inside(spans[i], head, size));
    ensure(request->method_name.size && request->target.size);
    ensure(request->minor <= 1 && request->remote.size == 0);
    ensure(!request->chunked || request->content_length == REQUEST_NO_LENGTH);
    ensure(!request->chunked || request->minor == 1);
    ensure(request->content_length == REQUEST_NO_LENGTH || request->content_length <= INT64_MAX);
    ensure(!request->expect_continue || request->chunked || request->content_length);
    ensure(request->minor == 0 || request->first[FIELD_HOST]);
    ensure(request->has_query || request->query.size == 0);
}

/* Who reads the fields later bears anything that a head may hold. */
static void use_request(const struct request *request)
{
    uint16_t weight[CODING_COUNT];
    char *path = malloc(request->path.size + 1);
    size_t path_size;
    int64_t seconds;

    ensure(path);
    accept_encoding(request, weight);
    for (int i = 0; i < CODING_COUNT; i++)
        ensure(weight[i] <= 1000);
    etag_listed(request, FIELD_IF_MATCH, SPAN("\"a\""), false);
    etag_listed(request, FIELD_IF_NONE_MATCH, SPAN("W/\"a\""), true);
    date_parse(request_field(request, FIELD_IF_MODIFIED_SINCE), 0, &seconds);
    if (path_normalize(request->path, false, path, &path_size) == 0) {
        ensure(path[0] == '/' && path_size <= request->path.size && !path[path_size]);
        ensure(strlen(path) == path_size && !strstr(path, "//") && !strstr(path, "/../"));
    }
    free(path);
}

static int parse(const uint8_t *data, size_t size, const struct http_limits *limits, bool whole)
{
    static struct request request;
    char *head = fuzz_copy(data, size);
    int status;

    memset(&request, 0xa5, sizeof request);
    status = http_head_parse(head, size, limits, &request);
    ensure(status == 0 || status == 400 || status == 414 || status == 417 || status == 431 ||
           status == 501 || status == 505);
    ensure(status == 0 || (!request.keep_alive && !request.chunked && !request.expect_continue &&
                           request.content_length == REQUEST_NO_LENGTH && request.minor <= 1));
    ensure(whole || status);
    check_fields(&request, limits, head, size);
    if (status == 0) {
        ensure(request.target.size <= limits->target_size && size <= limits->head_size);
        check_request(&request, head, size);
        use_request(&request);
    }
    free(head);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_limits limits = { 16384, 8192, 100 };
    struct verdict whole, pieces;

    if (size < 2)
        return 0;
    if (data[0] & SMALL_HEAD)
        limits.head_size = 64;
    if (data[0] & SMALL_TARGET)
        limits.target_size = 8;
    if (data[0] & FEW_FIELDS)
        limits.field_count = 2;
    whole = scan_in_pieces(data + 2, size - 2, size, &limits);
    pieces = scan_in_pieces(data + 2, size - 2, data[1] ? data[1] : 1, &limits);
    ensure(whole.scan == pieces.scan);
    ensure(whole.scan != HTTP_SCAN_HEAD || whole.end == pieces.end);
    if (whole.scan == HTTP_SCAN_MORE)
        parse(data + 2, size - 2, &limits, false);
    else
        ensure(parse(data + 2, whole.end, &limits, whole.scan == HTTP_SCAN_HEAD) ==
               parse(data + 2, pieces.end, &limits, whole.scan == HTTP_SCAN_HEAD));
    return 0;
}
