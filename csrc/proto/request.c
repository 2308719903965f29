#include "proto/request.h"

void request_reset(struct request *request)
{
    const struct span none = { NULL, 0 };

    request->method_name = request->target = request->path = request->query = none;
    request->host = request->remote = none;
    request->method = METHOD_OTHER;
    request->minor = 1;
    request->decoded = request->has_query = request->keep_alive = false;
    request->chunked = request->expect_continue = request->secure = false;
    request->content_length = REQUEST_NO_LENGTH;
    memset(request->first, 0, sizeof request->first);
    request->field_count = 0;
}

struct request_name {
    struct span name;
    uint8_t known;
};

enum { NAME_SIZE_MAX = 20 };

#define NAME(text, known) { { text, sizeof(text) - 1 }, known }

/* At most two names have the same length: request_names[length]. */
static const struct request_name request_names[NAME_SIZE_MAX][2] = {
    [4] = { NAME("host", FIELD_HOST) },
    [5] = { NAME("range", FIELD_RANGE) },
    [6] = { NAME("expect", FIELD_EXPECT) },
    [7] = { NAME("referer", FIELD_REFERER), NAME("upgrade", FIELD_UPGRADE) },
    [8] = { NAME("if-match", FIELD_IF_MATCH), NAME("if-range", FIELD_IF_RANGE) },
    [10] = { NAME("connection", FIELD_CONNECTION), NAME("user-agent", FIELD_USER_AGENT) },
    [13] = { NAME("if-none-match", FIELD_IF_NONE_MATCH) },
    [14] = { NAME("content-length", FIELD_CONTENT_LENGTH) },
    [15] = { NAME("accept-encoding", FIELD_ACCEPT_ENCODING) },
    [17] = { NAME("if-modified-since", FIELD_IF_MODIFIED_SINCE),
             NAME("transfer-encoding", FIELD_TRANSFER_ENCODING) },
    [19] = { NAME("if-unmodified-since", FIELD_IF_UNMODIFIED_SINCE) },
};

enum known_field request_known(struct span name)
{
    if (name.size < NAME_SIZE_MAX) {
        for (int i = 0; i < 2; i++) {
            const struct request_name *candidate = &request_names[name.size][i];

            if (candidate->known && span_is_nocase(name, candidate->name))
                return candidate->known;
        }
    }
    return FIELD_UNKNOWN;
}

enum request_method request_method(struct span name)
{
    static const struct request_name methods[] = {
        NAME("GET", METHOD_GET),       NAME("HEAD", METHOD_HEAD),
        NAME("POST", METHOD_POST),     NAME("PUT", METHOD_PUT),
        NAME("DELETE", METHOD_DELETE), NAME("OPTIONS", METHOD_OPTIONS),
        NAME("PATCH", METHOD_PATCH),   NAME("CONNECT", METHOD_CONNECT),
        NAME("TRACE", METHOD_TRACE),
    };

    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (span_is(name, methods[i].name))
            return methods[i].known;
    }
    return METHOD_OTHER;
}

bool request_add(struct request *request, struct span name, struct span value,
                 enum known_field known)
{
    uint8_t *link = &request->first[known];

    if (request->field_count == REQUEST_FIELDS_MAX)
        return false;
    request->fields[request->field_count++] = (struct field){ name, value, (uint8_t)known, 0 };
    if (known == FIELD_UNKNOWN)
        return true;
    while (*link)
        link = &request->fields[*link - 1].next;
    *link = (uint8_t)request->field_count;
    return true;
}
