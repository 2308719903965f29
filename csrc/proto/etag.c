#include "proto/etag.h"

#include "proto/bytes.h"

static char *etag_hex(char *out, uint64_t number)
{
    int digits = 1;

    while (digits < 16 && number >> (4 * digits))
        digits++;
    for (int i = digits; i-- > 0; number >>= 4)
        out[i] = "0123456789abcdef"[number & 15];
    return out + digits;
}

size_t etag_format(uint64_t inode, uint64_t size, int64_t mtime_ns, struct span coding,
                   char out[ETAG_SIZE_MAX])
{
    enum { CODING_SIZE_MAX = ETAG_SIZE_MAX - 2 - 3 * 16 - 3 };
    size_t coding_size = coding.size < CODING_SIZE_MAX ? coding.size : CODING_SIZE_MAX;
    char *at = out;

    *at++ = '"';
    at = etag_hex(at, inode);
    *at++ = '-';
    at = etag_hex(at, size);
    *at++ = '-';
    at = etag_hex(at, (uint64_t)mtime_ns);
    if (coding_size) {
        *at++ = '-';
        memcpy(at, coding.data, coding_size);
        at += coding_size;
    }
    *at++ = '"';
    return (size_t)(at - out);
}

/* Take W/ off. */
static bool etag_is_weak(struct span *tag)
{
    if (tag->size < 2 || memcmp(tag->data, "W/", 2) != 0)
        return false;
    tag->data += 2;
    tag->size -= 2;
    return true;
}

/* The quoted tag at the start of `rest`, moving behind it and the comma after it. */
static bool etag_next(struct span *rest, struct span *tag, bool *weak)
{
    const char *end = rest->data + rest->size, *at, *close;

    *weak = etag_is_weak(rest);
    at = rest->data;
    if (at == end || *at != '"')
        return false;
    for (close = at + 1; close < end && *close != '"'; close++) {
        if (byte_is(*close, BYTE_CONTROL) || byte_is_blank(*close))
            return false;
    }
    if (close == end)
        return false;
    *tag = (struct span){ at, (size_t)(close + 1 - at) };
    at = bytes_skip_blanks(close + 1, end);
    if (at < end && *at != ',')
        return false;
    *rest = (struct span){ at, (size_t)(end - at) };
    return true;
}

static void etag_skip_commas(struct span *rest)
{
    while (rest->size && (*rest->data == ',' || byte_is_blank(*rest->data))) {
        rest->data++;
        rest->size--;
    }
}

bool etag_listed(const struct request *request, enum known_field known, struct span tag, bool weak)
{
    bool tag_weak = etag_is_weak(&tag);

    for (uint8_t index = request->first[known]; index; index = request->fields[index - 1].next) {
        struct span rest = request->fields[index - 1].value, listed;
        bool listed_weak;

        if (span_is(rest, SPAN("*")))
            return true;
        for (etag_skip_commas(&rest); rest.size; etag_skip_commas(&rest)) {
            if (!etag_next(&rest, &listed, &listed_weak))
                return false;
            if (span_is(listed, tag) && (weak || (!tag_weak && !listed_weak)))
                return true;
        }
    }
    return false;
}
