#include "proto/uwsgi_packet.h"

#include "proto/bytes.h"

enum { HEADER_SIZE = 4, MODIFIER_REQUEST = 0, MODIFIER_PING = 100 };

const char uwsgi_pong[4] = { MODIFIER_PING, 0, 0, 1 };

/* Variables that are no header fields. */
enum variable {
    VARIABLE_OTHER,
    VARIABLE_METHOD,
    VARIABLE_TARGET,
    VARIABLE_PATH,
    VARIABLE_QUERY,
    VARIABLE_PROTOCOL,
    VARIABLE_REMOTE,
    VARIABLE_HTTPS,
    VARIABLE_LENGTH,
    VARIABLE_TYPE,
};

static size_t uwsgi_packet_number(const char *at)
{
    return (size_t)(uint8_t)at[0] | (size_t)(uint8_t)at[1] << 8;
}

enum uwsgi_scan uwsgi_packet_scan(const char *data, size_t size, uint32_t size_max, size_t *end)
{
    size_t whole;

    if (size && data[0] != MODIFIER_REQUEST && data[0] != MODIFIER_PING)
        return UWSGI_SCAN_BAD;
    if (size < HEADER_SIZE)
        return UWSGI_SCAN_MORE;
    whole = HEADER_SIZE + uwsgi_packet_number(data + 1);
    if (whole > size_max)
        return UWSGI_SCAN_BAD;
    if (size < whole)
        return UWSGI_SCAN_MORE;
    *end = whole;
    return data[0] == MODIFIER_PING ? UWSGI_SCAN_PING : UWSGI_SCAN_REQUEST;
}

/* Two bytes of size and so many bytes; moves `rest` behind them. */
static bool uwsgi_packet_string(struct span *rest, struct span *string)
{
    size_t size;

    if (rest->size < 2)
        return false;
    size = uwsgi_packet_number(rest->data);
    if (size > rest->size - 2)
        return false;
    *string = (struct span){ rest->data + 2, size };
    *rest = (struct span){ rest->data + 2 + size, rest->size - 2 - size };
    return true;
}

static enum variable uwsgi_packet_variable(struct span key)
{
    static const struct {
        struct span key;
        enum variable variable;
    } variables[] = {
        { { "REQUEST_METHOD", 14 }, VARIABLE_METHOD },
        { { "REQUEST_URI", 11 }, VARIABLE_TARGET },
        { { "PATH_INFO", 9 }, VARIABLE_PATH },
        { { "QUERY_STRING", 12 }, VARIABLE_QUERY },
        { { "SERVER_PROTOCOL", 15 }, VARIABLE_PROTOCOL },
        { { "REMOTE_ADDR", 11 }, VARIABLE_REMOTE },
        { { "HTTPS", 5 }, VARIABLE_HTTPS },
        { { "CONTENT_LENGTH", 14 }, VARIABLE_LENGTH },
        { { "CONTENT_TYPE", 12 }, VARIABLE_TYPE },
    };

    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        if (span_is(key, variables[i].key))
            return variables[i].variable;
    }
    return VARIABLE_OTHER;
}

/* The fields that we know, as HTTP names them. */
static struct span uwsgi_packet_field_name(struct span key, enum known_field *known)
{
    static const struct span names[FIELD_KNOWN_COUNT] = {
        [FIELD_ACCEPT_ENCODING] = { "Accept-Encoding", 15 },
        [FIELD_CONNECTION] = { "Connection", 10 },
        [FIELD_EXPECT] = { "Expect", 6 },
        [FIELD_HOST] = { "Host", 4 },
        [FIELD_IF_MATCH] = { "If-Match", 8 },
        [FIELD_IF_MODIFIED_SINCE] = { "If-Modified-Since", 17 },
        [FIELD_IF_NONE_MATCH] = { "If-None-Match", 13 },
        [FIELD_IF_RANGE] = { "If-Range", 8 },
        [FIELD_IF_UNMODIFIED_SINCE] = { "If-Unmodified-Since", 19 },
        [FIELD_RANGE] = { "Range", 5 },
        [FIELD_REFERER] = { "Referer", 7 },
        [FIELD_TRANSFER_ENCODING] = { "Transfer-Encoding", 17 },
        [FIELD_UPGRADE] = { "Upgrade", 7 },
        [FIELD_USER_AGENT] = { "User-Agent", 10 },
    };
    enum { PREFIX_SIZE = 5, NAME_SIZE_MAX = 20 };
    struct span name = { key.data + PREFIX_SIZE, key.size - PREFIX_SIZE };
    char dashed[NAME_SIZE_MAX];

    *known = FIELD_UNKNOWN;
    if (name.size > NAME_SIZE_MAX)
        return key;
    for (size_t i = 0; i < name.size; i++)
        dashed[i] = name.data[i] == '_' ? '-' : name.data[i];
    *known = request_known((struct span){ dashed, name.size });
    return *known == FIELD_UNKNOWN ? key : names[*known];
}

/* "HTTP_…".  The two that also come without that prefix are taken from there alone. */
static int uwsgi_packet_field(struct request *request, struct span key, struct span value)
{
    enum known_field known;
    struct span name;

    name = uwsgi_packet_field_name(key, &known);
    if (known == FIELD_CONTENT_LENGTH || span_is(key, SPAN("HTTP_CONTENT_TYPE")))
        return 0;
    if (known == FIELD_HOST) {
        if (value.size && !bytes_host_ok(value))
            return 400;
        request->host = value;
    }
    return request_add(request, name, value, known) ? 0 : 431;
}

static int uwsgi_packet_length(struct request *request, struct span value)
{
    if (value.size == 0)
        return 0;
    if (request->content_length != REQUEST_NO_LENGTH ||
        !bytes_number(value, &request->content_length))
        return 400;
    return request_add(request, SPAN("Content-Length"), value, FIELD_CONTENT_LENGTH) ? 0 : 431;
}

static int uwsgi_packet_set(struct request *request, struct span key, struct span value)
{
    switch (uwsgi_packet_variable(key)) {
    case VARIABLE_METHOD:
        request->method_name = value;
        return 0;
    case VARIABLE_TARGET:
        request->target = value;
        return 0;
    case VARIABLE_PATH:
        request->path = value;
        return 0;
    case VARIABLE_QUERY:
        request->query = value;
        return 0;
    case VARIABLE_PROTOCOL:
        request->minor = span_is(value, SPAN("HTTP/1.1"));
        return 0;
    case VARIABLE_REMOTE:
        request->remote = value;
        return 0;
    case VARIABLE_HTTPS:
        request->secure = span_is_nocase(value, SPAN("on")) || span_is(value, SPAN("1"));
        return 0;
    case VARIABLE_LENGTH:
        return uwsgi_packet_length(request, value);
    case VARIABLE_TYPE:
        return !value.size || request_add(request, SPAN("Content-Type"), value, FIELD_UNKNOWN)
                   ? 0
                   : 431;
    default:
        if (key.size > 5 && !memcmp(key.data, "HTTP_", 5))
            return uwsgi_packet_field(request, key, value);
        return 0;
    }
}

/* The peer has taken a chunked body apart and says its length: then that is its framing. */
static int uwsgi_packet_coding(const struct request *request)
{
    struct span coding = request_field(request, FIELD_TRANSFER_ENCODING);

    if (!coding.data ||
        (request->content_length != REQUEST_NO_LENGTH && span_is_nocase(coding, SPAN("chunked"))))
        return 0;
    return 501;
}

/* A peer that sends no PATH_INFO leaves the path in the target, still encoded. */
static int uwsgi_packet_meaning(struct request *request)
{
    const char *mark;

    if (request->method_name.size == 0 || !bytes_are(request->method_name, BYTE_TOKEN))
        return 400;
    request->method = (uint8_t)request_method(request->method_name);
    request->decoded = request->path.size > 0;
    mark = request->target.size ? memchr(request->target.data, '?', request->target.size) : NULL;
    request->has_query = mark || request->query.size;
    if (!request->decoded && request->target.size)
        request->path = (struct span){ request->target.data,
                                       mark ? (size_t)(mark - request->target.data)
                                            : request->target.size };
    if (request->target.size == 0)
        request->target = request->path;
    return uwsgi_packet_coding(request);
}

int uwsgi_packet_parse(const char *data, size_t size, struct request *request)
{
    struct span rest = { data, size }, key, value;
    int status;

    request_reset(request);
    request->minor = 0;
    if (size < HEADER_SIZE || uwsgi_packet_number(data + 1) != size - HEADER_SIZE)
        return 400;
    rest = (struct span){ data + HEADER_SIZE, size - HEADER_SIZE };
    while (rest.size) {
        if (!uwsgi_packet_string(&rest, &key) || key.size == 0 ||
            !uwsgi_packet_string(&rest, &value))
            return 400;
        status = uwsgi_packet_set(request, key, value);
        if (status)
            return status;
    }
    return uwsgi_packet_meaning(request);
}
