#include "proto/bytes.h"

/* By kind of byte: which classes it is in. */
#define ALL     (BYTE_TOKEN | BYTE_TARGET | BYTE_PATH | BYTE_HOST)
#define NO_HOST (BYTE_TOKEN | BYTE_TARGET | BYTE_PATH)
#define NO_NAME (BYTE_TARGET | BYTE_PATH | BYTE_HOST)
#define MARK    (BYTE_TARGET | BYTE_PATH)

const uint8_t byte_class[256] = {
    [0 ... 8] = BYTE_CONTROL,
    [10 ... 31] = BYTE_CONTROL, /* 9, the tab, is text */
    [127] = BYTE_CONTROL,
    ['0' ... '9'] = ALL,
    ['A' ... 'Z'] = ALL,
    ['a' ... 'z'] = ALL,
    ['!'] = ALL,
    ['"'] = MARK,
    ['#'] = BYTE_TOKEN,
    ['$' ... '\''] = ALL, /* $ % & ' */
    ['(' ... ')'] = NO_NAME,
    ['*' ... '+'] = ALL,
    [','] = NO_NAME,
    ['-' ... '.'] = ALL,
    ['/'] = MARK,
    [':'] = MARK,
    [';'] = NO_NAME,
    ['<'] = MARK,
    ['='] = NO_NAME,
    ['>'] = MARK,
    ['?'] = BYTE_TARGET,
    ['@'] = MARK,
    ['[' ... ']'] = MARK, /* [ \ ] */
    ['^'] = NO_HOST,
    ['_'] = ALL,
    ['`'] = NO_HOST,
    ['{'] = MARK,
    ['|'] = NO_HOST,
    ['}'] = MARK,
    ['~'] = ALL,
};

bool bytes_are(struct span span, unsigned classes)
{
    for (size_t i = 0; i < span.size; i++) {
        if (!byte_is(span.data[i], classes))
            return false;
    }
    return true;
}

bool bytes_are_text(struct span span)
{
    return span.size == 0 ||
           bytes_skip_text(span.data, span.data + span.size) == span.data + span.size;
}

struct span bytes_trim(struct span span)
{
    while (span.size && byte_is_blank(*span.data)) {
        span.data++;
        span.size--;
    }
    while (span.size && byte_is_blank(span.data[span.size - 1]))
        span.size--;
    return span;
}

bool bytes_next_member(struct span *rest, struct span *member)
{
    const char *comma;
    size_t size;

    if (rest->size == 0)
        return false;
    comma = memchr(rest->data, ',', rest->size);
    size = comma ? (size_t)(comma - rest->data) : rest->size;
    *member = bytes_trim((struct span){ rest->data, size });
    size += comma != NULL;
    *rest = (struct span){ rest->data + size, rest->size - size };
    return true;
}

bool bytes_number(struct span digits, uint64_t *number)
{
    enum { DIGITS_MAX = 19 }; /* so many cannot overflow 64 bits */

    if (digits.size == 0 || digits.size > DIGITS_MAX)
        return false;
    *number = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (!byte_is_digit(digits.data[i]))
            return false;
        *number = *number * 10 + (uint64_t)(digits.data[i] - '0');
    }
    return *number <= INT64_MAX;
}

/* Empty, or ":" and perhaps a port. */
static bool bytes_port_ok(const char *at, const char *end)
{
    enum { PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };
    unsigned port = 0;

    if (at == end)
        return true;
    if (*at++ != ':' || end - at > PORT_DIGITS_MAX)
        return false;
    for (; at < end && byte_is_digit(*at); at++)
        port = port * 10 + (unsigned)(*at - '0');
    return at == end && port <= PORT_MAX;
}

/* "[", an IPv6 address as far as its letters tell, "]". */
static const char *bytes_skip_literal(const char *at, const char *end)
{
    const char *start = ++at;
    int colons = 0;

    for (; at < end && (byte_hex(*at) >= 0 || *at == ':' || *at == '.'); at++)
        colons += *at == ':';
    return at < end && *at == ']' && colons >= 2 && at - start <= 45 ? at + 1 : NULL;
}

/* A registered name or an IPv4 address; its escapes are two hexadecimal digits. */
static const char *bytes_skip_name(const char *at, const char *end)
{
    const char *start = at;

    for (; at < end && byte_is(*at, BYTE_HOST); at++) {
        if (*at == '%' && (end - at < 3 || byte_hex(at[1]) < 0 || byte_hex(at[2]) < 0))
            return NULL;
    }
    return at > start ? at : NULL;
}

bool bytes_host_ok(struct span host)
{
    const char *at, *end;

    if (host.size == 0)
        return false;
    at = host.data;
    end = at + host.size;
    at = *at == '[' ? bytes_skip_literal(at, end) : bytes_skip_name(at, end);
    return at && bytes_port_ok(at, end);
}
