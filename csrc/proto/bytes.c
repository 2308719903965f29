#include "proto/bytes.h"

/* By kind of byte: which classes it is in. */
#define C_ BYTE_CONTROL
#define A_ (BYTE_TOKEN | BYTE_TARGET | BYTE_PATH | BYTE_HOST) /* letters, digits, most marks */
#define H_ (BYTE_TARGET | BYTE_PATH | BYTE_HOST)              /* ( ) , ; = */
#define K_ (BYTE_TARGET | BYTE_PATH | BYTE_TOKEN)             /* ^ ` | */
#define P_ (BYTE_TARGET | BYTE_PATH)                          /* the other marks */

const uint8_t byte_class[256] = {
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    0,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_, /* tab is text */
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    C_,
    /*      !   "   #           $   %   &   '   (   )   *   +   ,   -   .   / */
    0,
    A_,
    P_,
    BYTE_TOKEN,
    A_,
    A_,
    A_,
    A_,
    H_,
    H_,
    A_,
    A_,
    H_,
    A_,
    A_,
    P_,
    /* 0 to 9                               :   ;   <   =   >   ? */
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    P_,
    H_,
    P_,
    H_,
    P_,
    BYTE_TARGET,
    /* @, A to Z */
    P_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    /*                                          [   \   ]   ^   _ */
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    P_,
    P_,
    P_,
    K_,
    A_,
    /* `, a to z */
    K_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    /*                                          {   |   }   ~ */
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    A_,
    P_,
    K_,
    P_,
    A_,
    C_,
};

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
    const char *at = host.data, *end = host.data + host.size;

    if (host.size == 0)
        return false;
    at = *at == '[' ? bytes_skip_literal(at, end) : bytes_skip_name(at, end);
    return at && bytes_port_ok(at, end);
}
