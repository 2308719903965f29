/* Chunked bodies, and bodies by length.
 *
 * Input: a byte that says in how large pieces the rest arrives (0: it is by length, and whole). */
#include "fuzz.h"
#include "proto/http_body.h"

struct taken {
    char *content;
    size_t size;
    size_t used;
    struct http_body body;
};

static bool going(const struct http_body *body)
{
    return body->state == BODY_LENGTH || body->state == BODY_CHUNKED;
}

static struct taken take(const uint8_t *data, size_t size, size_t step, bool chunked)
{
    struct taken taken = { .content = fuzz_copy(data, size) };

    http_body_init(&taken.body, chunked, step);
    for (size_t arrived = 0; arrived < size;) {
        size_t used = 1;

        arrived = step < size - arrived ? arrived + step : size;
        while (used) {
            char *copy = fuzz_copy(data + taken.used, arrived - taken.used);
            bool went = going(&taken.body);
            struct span content;

            used = http_body_take(&taken.body, copy, arrived - taken.used, &content);
            ensure(used <= arrived - taken.used && (went || used == 0));
            ensure(content.size <= used && fuzz_inside(content, copy, used));
            if (content.size)
                memcpy(taken.content + taken.size, content.data, content.size);
            taken.size += content.size;
            taken.used += used;
            free(copy);
        }
        ensure(!going(&taken.body) || taken.used == arrived);
    }
    ensure(taken.body.passed == taken.size);
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taken whole, pieces;
    bool chunked;

    if (size < 1)
        return 0;
    chunked = data[0] != 0;
    whole = take(data + 1, size - 1, chunked ? size : 5, chunked);
    pieces = take(data + 1, size - 1, chunked ? data[0] : 5, chunked);
    ensure(whole.body.state == pieces.body.state && whole.used == pieces.used);
    ensure(whole.size == pieces.size && !memcmp(whole.content, pieces.content, whole.size));
    free(whole.content);
    free(pieces.content);
    return 0;
}
