#include "proto/http_head.h"

#include "proto/bytes.h"

enum {
    METHOD_SIZE_MAX = 32,
    BLANK_LINES_MAX = 4,                      /* before the request line */
    LINE_FRAME = METHOD_SIZE_MAX + 2 + 8 + 2, /* of a request line without its target */
    CUT = -1                                  /* the bytes end before the head does */
};

/* What is left to parse. */
struct head {
    const char *at;
    const char *end;
};

/* ---- where it ends ---- */

/* Walk over whole lines until the empty one. */
static enum http_scan http_head_walk(const char *data, size_t start, size_t size, size_t *scanned)
{
    const char *at = data + *scanned, *end = data + size;
    enum http_scan found = HTTP_SCAN_MORE;

    while (found == HTTP_SCAN_MORE) {
        at = bytes_skip_text(at, end);
        if (at == end || (*at == '\r' && at + 1 == end))
            break;
        if (at[0] != '\r' || at[1] != '\n') {
            found = HTTP_SCAN_BAD;
            break;
        }
        at += 2;
        if ((size_t)(at - data) > start + 2 && at[-3] == '\n')
            found = HTTP_SCAN_HEAD;
    }
    *scanned = (size_t)(at - data);
    return found;
}

enum http_scan http_head_scan(const char *data, size_t size, const struct http_limits *limits,
                              size_t *scanned, size_t *end)
{
    size_t visible = size < limits->head_size ? size : limits->head_size;
    size_t before = *scanned, start = 0, line_end;
    enum http_scan found;

    while (visible - start >= 2 && data[start] == '\r' && data[start + 1] == '\n')
        start += 2;
    if (start > 2 * BLANK_LINES_MAX)
        return HTTP_SCAN_BAD;
    if (*scanned < start)
        *scanned = start;
    found = http_head_walk(data, start, visible, scanned);
    line_end = start + limits->target_size + LINE_FRAME;
    if (before < line_end && *scanned >= line_end && !memchr(data + start, '\n', line_end - start))
        return HTTP_SCAN_BAD;
    if (found == HTTP_SCAN_HEAD)
        *end = *scanned;
    return found == HTTP_SCAN_MORE && size > limits->head_size ? HTTP_SCAN_BAD : found;
}

/* ---- the request line ---- */

static int http_head_line_end(struct head *head)
{
    if (head->at == head->end)
        return CUT;
    if (*head->at != '\r')
        return 400;
    if (head->at + 1 == head->end)
        return CUT;
    if (head->at[1] != '\n')
        return 400;
    head->at += 2;
    return 0;
}

static int http_head_method(struct head *head, struct request *request)
{
    const char *start = head->at;

    head->at = bytes_skip(start, head->end, BYTE_TOKEN);
    request->method_name = (struct span){ start, (size_t)(head->at - start) };
    if (request->method_name.size > METHOD_SIZE_MAX)
        return 400;
    if (head->at == head->end)
        return CUT;
    if (request->method_name.size == 0 || *head->at++ != ' ')
        return 400;
    request->method = (uint8_t)request_method(request->method_name);
    return 0;
}

static int http_head_target(struct head *head, uint32_t size_max, struct request *request)
{
    const char *start = head->at;

    head->at = bytes_skip(start, head->end, BYTE_TARGET);
    request->target = (struct span){ start, (size_t)(head->at - start) };
    if (request->target.size > size_max)
        return 414;
    if (head->at == head->end)
        return CUT;
    return request->target.size == 0 || *head->at++ != ' ' ? 400 : 0;
}

/* Byte by byte, so that a wrong one is found before the end of the bytes is. */
static int http_head_version(struct head *head, struct request *request)
{
    static const char form[] = "HTTP/0.0"; /* 0: any digit */
    const char *start = head->at;
    int status;

    for (const char *want = form; *want; want++, head->at++) {
        if (head->at == head->end)
            return CUT;
        if (*want == '0' ? !byte_is_digit(*head->at) : *head->at != *want)
            return 400;
    }
    status = http_head_line_end(head);
    if (status)
        return status;
    if (start[5] != '1')
        return 505;
    request->minor = start[7] != '0';
    return 0;
}

/* From `at` on: path, and query behind a '?'. */
static void http_head_split(struct request *request, const char *at)
{
    const char *end = request->target.data + request->target.size;
    const char *mark = bytes_skip(at, end, BYTE_PATH);

    request->path = (struct span){ at, (size_t)(mark - at) };
    request->has_query = mark < end;
    mark += request->has_query;
    request->query = (struct span){ mark, (size_t)(end - mark) };
}

/* "http://host/path?query" */
static int http_head_absolute(struct request *request)
{
    const struct span schemes[] = { SPAN("http://"), SPAN("https://") };
    const char *at = request->target.data, *end = at + request->target.size;

    for (size_t i = 0; i < 2; i++) {
        const char *host = at + schemes[i].size;

        if (request->target.size < schemes[i].size ||
            !span_is_nocase((struct span){ at, schemes[i].size }, schemes[i]))
            continue;
        for (at = host; at < end && *at != '/' && *at != '?'; at++) {}
        request->host = (struct span){ host, (size_t)(at - host) };
        http_head_split(request, at);
        if (request->path.size == 0)
            request->path = (struct span){ host - 1, 1 }; /* the slash of "//" */
        return bytes_host_ok(request->host) ? 0 : 400;
    }
    return 400;
}

/* "host:port" */
static int http_head_authority(struct request *request)
{
    const char *end = request->target.data + request->target.size;

    request->path = request->query = (struct span){ end, 0 };
    return bytes_host_ok(request->target) && byte_is_digit(end[-1]) &&
                   memchr(request->target.data, ':', request->target.size)
               ? 0
               : 400;
}

static int http_head_form(struct request *request)
{
    if (request->method == METHOD_CONNECT)
        return http_head_authority(request);
    if (*request->target.data != '/' && !span_is(request->target, SPAN("*")))
        return http_head_absolute(request);
    http_head_split(request, request->target.data);
    return *request->target.data == '/' || request->method == METHOD_OPTIONS ? 0 : 400;
}

static int http_head_request_line(struct head *head, const struct http_limits *limits,
                                  struct request *request)
{
    int status;

    for (int lines = 0; lines < BLANK_LINES_MAX && head->end > head->at && *head->at == '\r';
         lines++) {
        status = http_head_line_end(head);
        if (status)
            return status;
    }
    status = http_head_method(head, request);
    if (!status)
        status = http_head_target(head, limits->target_size, request);
    if (!status)
        status = http_head_version(head, request);
    return status ? status : http_head_form(request);
}

/* ---- fields ---- */

static int http_head_field(struct head *head, struct span *name, struct span *value)
{
    const char *start = head->at, *end;

    head->at = bytes_skip(start, head->end, BYTE_TOKEN);
    *name = (struct span){ start, (size_t)(head->at - start) };
    if (head->at == head->end)
        return CUT;
    if (name->size == 0 || *head->at != ':')
        return 400;
    start = bytes_skip_blanks(head->at + 1, head->end);
    end = head->at = bytes_skip_text(start, head->end);
    while (end > start && byte_is_blank(end[-1]))
        end--;
    *value = (struct span){ start, (size_t)(end - start) };
    return http_head_line_end(head);
}

static int http_head_fields(struct head *head, const struct http_limits *limits,
                            struct request *request)
{
    while (head->at < head->end && *head->at != '\r') {
        struct span name, value;
        int status = http_head_field(head, &name, &value);

        if (status)
            return status;
        if (request->field_count >= limits->field_count ||
            !request_add(request, name, value, request_known(name)))
            return 431;
    }
    return http_head_line_end(head);
}

/* ---- what they say ---- */

static bool http_head_has_two(const struct request *request, enum known_field known)
{
    uint8_t first = request->first[known];

    return first && request->fields[first - 1].next;
}

static int http_head_host(struct request *request)
{
    struct span host = request_field(request, FIELD_HOST);

    if (http_head_has_two(request, FIELD_HOST) || (!host.data && request->minor))
        return 400;
    if (host.size && !bytes_host_ok(host))
        return 400;
    if (request->host.size == 0 && host.data)
        request->host = host;
    return 0;
}

static int http_head_framing(struct request *request)
{
    struct span coding = request_field(request, FIELD_TRANSFER_ENCODING);
    struct span length = request_field(request, FIELD_CONTENT_LENGTH);

    if (length.data && (http_head_has_two(request, FIELD_CONTENT_LENGTH) ||
                        !bytes_number(length, &request->content_length)))
        return 400;
    if (!coding.data)
        return 0;
    if (length.data || request->minor == 0)
        return 400;
    if (http_head_has_two(request, FIELD_TRANSFER_ENCODING) ||
        !span_is_nocase(coding, SPAN("chunked")))
        return 501;
    request->chunked = true;
    return 0;
}

/* Of HTTP/1.0 clients expectations are to be ignored. */
static int http_head_expect(struct request *request)
{
    uint8_t index = request->minor ? request->first[FIELD_EXPECT] : 0;
    bool body = request->chunked ||
                (request->content_length && request->content_length != REQUEST_NO_LENGTH);

    for (; index; index = request->fields[index - 1].next) {
        if (!span_is_nocase(request->fields[index - 1].value, SPAN("100-continue")))
            return 417;
        request->expect_continue = body;
    }
    return 0;
}

static void http_head_connection(struct request *request)
{
    bool close = false, keep = request->minor > 0;

    for (uint8_t index = request->first[FIELD_CONNECTION]; index;
         index = request->fields[index - 1].next) {
        struct span rest = request->fields[index - 1].value, member;

        while (bytes_next_member(&rest, &member)) {
            close = close || span_is_nocase(member, SPAN("close"));
            keep = keep || span_is_nocase(member, SPAN("keep-alive"));
        }
    }
    request->keep_alive = keep && !close;
}

static int http_head_meaning(struct request *request)
{
    int status = http_head_host(request);

    if (!status)
        status = http_head_framing(request);
    if (!status)
        status = http_head_expect(request);
    if (!status)
        http_head_connection(request);
    return status;
}

int http_head_parse(const char *data, size_t size, const struct http_limits *limits,
                    struct request *request)
{
    bool large = size > limits->head_size;
    struct head head = { data, data + (large ? limits->head_size : size) };
    int status;

    request_reset(request);
    status = http_head_request_line(&head, limits, request);
    if (!status)
        status = http_head_fields(&head, limits, request);
    if (!status)
        status = head.at == data + size ? http_head_meaning(request) : 400;
    if (!status)
        return 0;
    request->chunked = request->expect_continue = false;
    request->content_length = REQUEST_NO_LENGTH;
    if (status == CUT)
        status = large ? 431 : 400;
    return status;
}
