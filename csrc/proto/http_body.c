#include "proto/http_body.h"

#include "proto/bytes.h"

/* Where in the framing of a chunked body the next byte stands.  An edge that is not here is BAD.
 *
 *   SIZE ---------- hex digit ------> SIZE           BLANK: before ';' only
 *                -- blank ----------> SIZE_BLANK
 *                -- ';' ------------> NAME_START
 *                -- CR -------------> SIZE_END
 *   SIZE_BLANK --- ';' -------------> NAME_START
 *   NAME_START --- token -----------> NAME
 *   NAME --------- '=' -------------> VALUE_START    also after blanks (NAME_BLANK)
 *                -- ';', CR --------> as SIZE        blanks before CR are none of the grammar
 *   VALUE_START -- token -----------> VALUE
 *                -- '"' ------------> QUOTED
 *   QUOTED ------- '"' -------------> VALUE_OVER     '\' and any one text byte: itself
 *   VALUE, VALUE_OVER --------------> as SIZE
 *   SIZE_END ----- LF --------------> DATA, or LINE_START after size 0
 *   DATA --------- all of it -------> DATA_OVER -- CR --> DATA_END -- LF --> SIZE_START
 *   LINE_START --- token -----------> FIELD -- ':' --> TEXT -- CR --> TEXT_END -- LF --> LINE_START
 *                -- CR -------------> BODY_END -- LF --> the body has ended
 */
enum inside {
    SIZE_START,
    SIZE,
    SIZE_BLANK,
    NAME_START,
    NAME,
    NAME_BLANK,
    VALUE_START,
    VALUE,
    VALUE_OVER,
    QUOTED,
    ESCAPED,
    SIZE_END,
    DATA,
    DATA_OVER,
    DATA_END,
    LINE_START,
    FIELD,
    TEXT,
    TEXT_END,
    BODY_END,
    WRONG,
    DONE,
};

enum { SIZE_DIGITS_MAX = 16 };

void http_body_init(struct http_body *body, bool chunked, uint64_t length)
{
    *body = (struct http_body){ .left = chunked ? 0 : length,
                                .state = chunked  ? BODY_CHUNKED
                                         : length ? BODY_LENGTH
                                                  : BODY_ENDED,
                                .inside = SIZE_START };
}

/* A digit of the size; no size reaches 2^63. */
static uint8_t http_body_digit(struct http_body *body, int digit)
{
    if (body->line > SIZE_DIGITS_MAX || body->left >> 59)
        return WRONG;
    body->left = body->left * 16 + (uint64_t)digit;
    return SIZE;
}

/* What may follow a size, a name or a value: another extension, or the end of the line. */
static uint8_t http_body_over(char byte, uint8_t blank)
{
    if (byte == ';')
        return NAME_START;
    if (byte == '\r')
        return SIZE_END;
    return byte_is_blank(byte) ? blank : WRONG;
}

static uint8_t http_body_quoted(char byte)
{
    if (byte == '"')
        return VALUE_OVER;
    if (byte == '\\')
        return ESCAPED;
    return byte_is(byte, BYTE_CONTROL) ? WRONG : QUOTED;
}

/* The extensions behind a size. */
static uint8_t http_body_extension(uint8_t inside, char byte)
{
    bool token = byte_is(byte, BYTE_TOKEN), blank = byte_is_blank(byte);

    switch (inside) {
    case SIZE_BLANK:
        return blank ? SIZE_BLANK : byte == ';' ? NAME_START : WRONG;
    case NAME_START:
        return blank ? NAME_START : token ? NAME : WRONG;
    case NAME:
        return token ? NAME : byte == '=' ? VALUE_START : http_body_over(byte, NAME_BLANK);
    case NAME_BLANK:
        return blank ? NAME_BLANK : byte == '=' ? VALUE_START : byte == ';' ? NAME_START : WRONG;
    case VALUE_START:
        return blank ? VALUE_START : token ? VALUE : byte == '"' ? QUOTED : WRONG;
    case VALUE:
        return token ? VALUE : http_body_over(byte, SIZE_BLANK);
    case VALUE_OVER:
        return http_body_over(byte, SIZE_BLANK);
    case QUOTED:
        return http_body_quoted(byte);
    default: /* ESCAPED */
        return byte_is(byte, BYTE_CONTROL) ? WRONG : QUOTED;
    }
}

/* The line of a size. */
static uint8_t http_body_size(struct http_body *body, char byte)
{
    int digit = byte_hex(byte);

    if (++body->line > BODY_LINE_MAX)
        return WRONG;
    switch (body->inside) {
    case SIZE_START:
        return digit < 0 ? WRONG : http_body_digit(body, digit);
    case SIZE:
        return digit < 0 ? http_body_over(byte, SIZE_BLANK) : http_body_digit(body, digit);
    case SIZE_END:
        body->line = 0;
        return byte != '\n' ? WRONG : body->left ? DATA : LINE_START;
    default:
        return http_body_extension(body->inside, byte);
    }
}

/* What is behind the last chunk. */
static uint8_t http_body_trailer(struct http_body *body, char byte)
{
    if (++body->line > BODY_TRAILERS_MAX)
        return WRONG;
    switch (body->inside) {
    case LINE_START:
        return byte == '\r' ? BODY_END : byte_is(byte, BYTE_TOKEN) ? FIELD : WRONG;
    case FIELD:
        return byte == ':' ? TEXT : byte_is(byte, BYTE_TOKEN) ? FIELD : WRONG;
    case TEXT:
        return byte == '\r' ? TEXT_END : byte_is(byte, BYTE_CONTROL) ? WRONG : TEXT;
    case TEXT_END:
        return byte == '\n' ? LINE_START : WRONG;
    default: /* BODY_END */
        return byte == '\n' ? DONE : WRONG;
    }
}

static uint8_t http_body_next(struct http_body *body, char byte)
{
    switch (body->inside) {
    case DATA_OVER:
        return byte == '\r' ? DATA_END : WRONG;
    case DATA_END:
        return byte == '\n' ? SIZE_START : WRONG;
    default:
        return body->inside < DATA ? http_body_size(body, byte) : http_body_trailer(body, byte);
    }
}

/* As much content as is there. */
static size_t http_body_content(struct http_body *body, const char *data, size_t size,
                                struct span *content)
{
    content->data = data;
    content->size = size < body->left ? size : (size_t)body->left;
    body->left -= content->size;
    body->passed += content->size;
    return content->size;
}

static size_t http_body_chunked(struct http_body *body, const char *data, size_t size,
                                struct span *content)
{
    size_t used = 0;

    while (used < size && body->state == BODY_CHUNKED) {
        if (body->inside == DATA) {
            used += http_body_content(body, data + used, size - used, content);
            if (body->left == 0)
                body->inside = DATA_OVER;
            return used;
        }
        body->inside = http_body_next(body, data[used++]);
        if (body->inside == WRONG)
            body->state = BODY_BAD;
        else if (body->inside == DONE)
            body->state = BODY_ENDED;
    }
    return used;
}

size_t http_body_take(struct http_body *body, const char *data, size_t size, struct span *content)
{
    size_t used;

    *content = (struct span){ data, 0 };
    if (body->state == BODY_CHUNKED)
        return http_body_chunked(body, data, size, content);
    if (body->state != BODY_LENGTH)
        return 0;
    used = http_body_content(body, data, size, content);
    if (body->left == 0)
        body->state = BODY_ENDED;
    return used;
}
