#include "proto/accept.h"

#include "proto/bytes.h"

enum { WEIGHT_MAX = 1000, WEIGHT_NONE = UINT16_MAX };

enum { STAR = CODING_COUNT, NAMES };

static uint16_t accept_larger(uint16_t weight, uint16_t other)
{
    return weight == WEIGHT_NONE || other > weight ? other : weight;
}

/* "0", "0.5", "1.000": in thousandths. */
static bool accept_weight(struct span text, uint16_t *weight)
{
    enum { SIZE_MAX_TEXT = 5 };
    unsigned scale = 100, sum;

    if (text.size == 0 || text.size > SIZE_MAX_TEXT || (text.data[0] != '0' && text.data[0] != '1'))
        return false;
    sum = text.data[0] == '1' ? WEIGHT_MAX : 0;
    if (text.size > 1 && text.data[1] != '.')
        return false;
    for (size_t i = 2; i < text.size; i++, scale /= 10) {
        if (!byte_is_digit(text.data[i]))
            return false;
        sum += (unsigned)(text.data[i] - '0') * scale;
    }
    *weight = (uint16_t)sum;
    return sum <= WEIGHT_MAX;
}

/* "gzip", "gzip ; q=0.5": cuts the name out of `member`. */
static bool accept_member(struct span *member, uint16_t *weight)
{
    const char *end = member->data + member->size;
    const char *mark = bytes_skip(member->data, end, BYTE_TOKEN);
    struct span rest;

    *weight = WEIGHT_MAX;
    member->size = (size_t)(mark - member->data);
    mark = bytes_skip_blanks(mark, end);
    if (mark == end)
        return true;
    if (*mark != ';')
        return false;
    mark = bytes_skip_blanks(mark + 1, end);
    rest = (struct span){ mark, (size_t)(end - mark) };
    return rest.size > 2 && span_lower(rest.data[0]) == 'q' && rest.data[1] == '=' &&
           accept_weight((struct span){ mark + 2, rest.size - 2 }, weight);
}

static int accept_name(struct span name)
{
    if (span_is(name, SPAN("*")))
        return STAR;
    if (span_is_nocase(name, SPAN("br")))
        return CODING_BROTLI;
    if (span_is_nocase(name, SPAN("gzip")) || span_is_nocase(name, SPAN("x-gzip")))
        return CODING_GZIP;
    return span_is_nocase(name, SPAN("identity")) ? CODING_IDENTITY : NAMES;
}

/* Whatever is not named, "*" speaks for; without it, no coding at all is always acceptable, but the
 * least of what was asked for. */
static void accept_settle(const uint16_t found[NAMES + 1], uint16_t weight[CODING_COUNT])
{
    for (int coding = 0; coding < CODING_COUNT; coding++) {
        weight[coding] = found[coding] != WEIGHT_NONE ? found[coding] : found[STAR];
        if (weight[coding] == WEIGHT_NONE)
            weight[coding] = coding == CODING_IDENTITY;
    }
}

void accept_encoding(const struct request *request, uint16_t weight[CODING_COUNT])
{
    uint16_t found[NAMES + 1] = { WEIGHT_NONE, WEIGHT_NONE, WEIGHT_NONE, WEIGHT_NONE };
    uint8_t index = request->first[FIELD_ACCEPT_ENCODING];

    if (!index)
        found[CODING_IDENTITY] = WEIGHT_MAX;
    for (; index; index = request->fields[index - 1].next) {
        struct span rest = request->fields[index - 1].value, member;

        while (bytes_next_member(&rest, &member)) {
            uint16_t given;

            if (accept_member(&member, &given)) {
                int name = accept_name(member);

                found[name] = accept_larger(found[name], given);
            }
        }
    }
    accept_settle(found, weight);
}
