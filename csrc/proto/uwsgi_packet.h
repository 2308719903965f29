/* uwsgi_packet: the request side of the uwsgi protocol.  Pure.
 *
 *   byte 0 modifier 1 | bytes 1, 2 size of the variables, little-endian | byte 3 modifier 2
 *   then (key size, 2 bytes LE; key; value size, 2 bytes LE; value) ...   then the body
 *
 * Every length is checked against what is left before it is used.  Only what a request needs is
 * looked at: UWSGI_* variables and DOCUMENT_ROOT are kept as fields nowhere and acted upon never.
 * */
#ifndef PROTO_UWSGI_PACKET_H
#define PROTO_UWSGI_PACKET_H

#include "proto/request.h"

enum uwsgi_scan {
    UWSGI_SCAN_MORE,    /* not all of the packet is here */
    UWSGI_SCAN_REQUEST, /* the variables end at *end */
    UWSGI_SCAN_PING,    /* modifier 100: the peer wants UWSGI_PONG */
    UWSGI_SCAN_BAD,     /* another modifier, or larger than size_max */
};

/* The answer to a ping: modifier 100, size 0, modifier2 1. */
extern const char uwsgi_pong[4];

enum uwsgi_scan uwsgi_packet_scan(const char *data, size_t size, uint32_t size_max, size_t *end);

/* Parse data[0..size), header included.  Returns 0, or 400 (lengths that do not fit, an empty key,
 * no REQUEST_METHOD, a bad CONTENT_LENGTH), 431 (too many variables) or 501 (a transfer coding).
 *
 * Fields become names as HTTP has them where they are known ("HTTP_IF_RANGE" is FIELD_IF_RANGE with
 * the name "If-Range"), CONTENT_TYPE and CONTENT_LENGTH as "Content-Type" and "Content-Length";
 * other HTTP_* variables keep the variable's name. */
int uwsgi_packet_parse(const char *data, size_t size, struct request *request);

#endif
