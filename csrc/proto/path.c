#include "proto/path.h"

#include "proto/bytes.h"

/* What has been written; the present segment begins at `segment`, behind a slash. */
struct path_output {
    char *data;
    size_t size;
    size_t segment;
};

/* End the present segment: 1 when it stays, 0 when it was a dot or nothing and is gone, or ".." and
 * took the one before it along; -1 when there was none before it. */
static int path_close(struct path_output *out)
{
    struct span segment = { out->data + out->segment, out->size - out->segment };

    if (segment.size && !span_is(segment, SPAN(".")) && !span_is(segment, SPAN("..")))
        return 1;
    out->size = out->segment;
    if (segment.size < 2)
        return 0;
    if (out->segment == 1)
        return -1;
    do {
        out->size--;
    } while (out->data[out->size - 1] != '/');
    out->segment = out->size;
    return 0;
}

/* One byte of the name at path[*at]; false when it may not stand there. */
static bool path_byte(struct span path, bool decoded, size_t *at, char *byte)
{
    *byte = path.data[(*at)++];
    if (*byte == '%' && !decoded) {
        int high = *at < path.size ? byte_hex(path.data[*at]) : -1;
        int low = *at + 1 < path.size ? byte_hex(path.data[*at + 1]) : -1;

        if (high < 0 || low < 0)
            return false;
        *at += 2;
        *byte = (char)(high * 16 + low);
        if (*byte == '/')
            return false;
    }
    return *byte != '\0';
}

int path_normalize(struct span path, bool decoded, char *out, size_t *size)
{
    struct path_output output = { out, 1, 1 };

    *size = 0;
    if (path.size > PATH_SIZE_MAX)
        return 414;
    if (path.size == 0 || path.data[0] != '/')
        return 400;
    out[0] = '/';
    for (size_t at = 1; at < path.size;) {
        char byte;
        int closed;

        if (!path_byte(path, decoded, &at, &byte))
            return 400;
        closed = byte == '/' ? path_close(&output) : 1;
        if (closed < 0)
            return 400;
        if (closed)
            out[output.size++] = byte;
        if (byte == '/')
            output.segment = output.size;
    }
    if (path_close(&output) < 0)
        return 400;
    out[output.size] = '\0';
    *size = output.size;
    return 0;
}
