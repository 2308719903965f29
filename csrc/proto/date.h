/* date: HTTP dates (RFC 9110 section 5.6.7).  Pure. */
#ifndef PROTO_DATE_H
#define PROTO_DATE_H

#include <stdint.h>

#include "base/span.h"

enum { DATE_SIZE = 29 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Write a date; seconds since 1970, years 1 to 9999 (others are clamped).  Not terminated. */
void date_format(int64_t seconds, char out[DATE_SIZE]);

/* Read one of the three forms, strictly, with blanks nowhere else.  now_seconds places the
 * two-digit years of RFC 850.  False when it is none. */
bool date_parse(struct span text, int64_t now_seconds, int64_t *seconds);

#endif
