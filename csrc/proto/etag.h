/* etag: entity tags and the fields that list them (RFC 9110 sections 8.8.3, 13.1).  Pure. */
#ifndef PROTO_ETAG_H
#define PROTO_ETAG_H

#include <stdint.h>

#include "proto/request.h"

enum { ETAG_SIZE_MAX = 64 };

/* The tag of a file, with its quotes: inode, size and modification time in nanoseconds, and a mark
 * of its coding ("" for none).  Gives its length. */
size_t etag_format(uint64_t inode, uint64_t size, int64_t mtime_ns, struct span coding,
                   char out[ETAG_SIZE_MAX]);

/* Does a tag stand in the If-Match or If-None-Match fields of a request (all lines of it), or is
 * there a "*"?  weak: W/ is overlooked on both sides (If-None-Match), else a weak tag never
 * matches. Malformed: no match from there on. */
bool etag_listed(const struct request *request, enum known_field known, struct span tag, bool weak);

#endif
