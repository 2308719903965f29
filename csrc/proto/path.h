/* path: a request path as a file name beneath a directory.  Pure. */
#ifndef PROTO_PATH_H
#define PROTO_PATH_H

#include "base/span.h"

enum { PATH_SIZE_MAX = 4096 };

/* Decode percent escapes once (unless `decoded`), and normalise: "//" and "/./" are one slash, ".."
 * takes one segment away.  `out` has room for path.size + 1 bytes; *size is set; the result begins
 * with a slash, has a slash at the end exactly when the path named a directory ("/a/", "/a/.",
 * "/a/b/.."), and is terminated by NUL.  Bytes need not be UTF-8.
 *
 * Returns 0, or 400: no slash at the start, a bad escape, a NUL (plain or encoded), an encoded
 * slash ("%2F": what it means differs between servers), a ".." above the root, or longer than
 * PATH_SIZE_MAX (414). */
int path_normalize(struct span path, bool decoded, char *out, size_t *size);

#endif
