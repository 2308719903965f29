/* bytes: what a byte may be in HTTP, by table, and runs of such bytes.  Pure. */
#ifndef PROTO_BYTES_H
#define PROTO_BYTES_H

#include <stdint.h>

#include "base/span.h"

enum {
    BYTE_TOKEN = 1,   /* of methods and field names */
    BYTE_TARGET = 2,  /* of a request target: printable ASCII but '#' */
    BYTE_PATH = 4,    /* the same but '?' */
    BYTE_HOST = 8,    /* of a registered name */
    BYTE_CONTROL = 16 /* must not stand in a value: all controls but tab */
};

extern const uint8_t byte_class[256];

static inline bool byte_is(char byte, unsigned classes)
{
    return byte_class[(uint8_t)byte] & classes;
}

static inline bool byte_is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static inline bool byte_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* The value of a hexadecimal digit, or -1. */
static inline int byte_hex(char byte)
{
    char lower = span_lower(byte);

    if (byte_is_digit(byte))
        return byte - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Where the run of bytes of these classes ends. */
static inline const char *bytes_skip(const char *at, const char *end, unsigned classes)
{
    while (at < end && byte_is(*at, classes))
        at++;
    return at;
}

static inline const char *bytes_skip_blanks(const char *at, const char *end)
{
    while (at < end && byte_is_blank(*at))
        at++;
    return at;
}

/* Of eight bytes: the top bit of the first that is below 0x20 or 0x7f, and perhaps some bits above
 * it; 0 when there is none.  The first byte is the lowest. */
static inline uint64_t bytes_controls(const char *at)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word, deleted;

    memcpy(&word, at, sizeof word);
    if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
        word = __builtin_bswap64(word);
    deleted = word ^ (ones * 0x7f);
    return (((word - ones * 0x20) & ~word) | ((deleted - ones) & ~deleted)) & (ones * 0x80);
}

/* Where the first control byte stands that is not a tab; `end` when there is none. */
static inline const char *bytes_skip_text(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t controls = bytes_controls(at);

        if (!controls) {
            at += 8;
            continue;
        }
        at += __builtin_ctzll(controls) / 8;
        if (*at != '\t')
            return at;
        at++;
    }
    while (at < end && !byte_is(*at, BYTE_CONTROL))
        at++;
    return at;
}

/* All of a span, which may be empty, is made of bytes of these classes; of text. */
bool bytes_are(struct span span, unsigned classes);
bool bytes_are_text(struct span span);

/* Without the blanks at its ends. */
struct span bytes_trim(struct span span);

/* The next member of a comma-separated list, without blanks around it; moves `rest` behind it.
 * False when nothing is left; empty members are given too. */
bool bytes_next_member(struct span *rest, struct span *member);

/* Digits only, at least one, at most 2^63 - 1. */
bool bytes_number(struct span digits, uint64_t *number);

/* A host with perhaps a port, as Host has it; not empty, no user in front. */
bool bytes_host_ok(struct span host);

#endif
