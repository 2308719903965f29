/* site: what a request asks for -- an immutable dispatch table, and the answers made from files.
 * Pure: files are looked up through a function that the caller gives.
 *
 *   request --> mounts in order --> candidates of each --> first hit decides
 *                                                       --> none: to Python, or 404
 *
 * A mount answers GET, HEAD and OPTIONS.  Other methods pass on to Python; when there is none, they
 * get 405 with Allow for what exists and 404 for what does not.  Mount prefixes end at a component
 * boundary: "/images" holds "/images" and "/images/a", not "/imagesfoo". */
#ifndef SITE_SITE_H
#define SITE_SITE_H

#include "proto/range.h"
#include "proto/request.h"
#include "proto/response.h"
#include "site/types.h"

/* ---- the table ---- */

struct site_mount {
    const char *prefix; /* "" or "/x" or "/x/y": no slash at the end */
    size_t prefix_size;
    uint32_t root;    /* number of the directory (or file) the opener knows */
    bool keep_prefix; /* the prefix is part of the file name too */
    bool file;        /* the target is one file: only the very prefix matches */
};

struct site {
    const struct site_mount *mounts;
    uint32_t mount_count;
    const struct span *index_names;
    uint32_t index_count;
    const struct types *types;
    bool application; /* misses go to Python */
    bool siblings;    /* look for .br and .gz beside a file */
};

/* ---- looking up ---- */

enum site_kind {
    SITE_MISSING,
    SITE_REGULAR,
    SITE_DIRECTORY,
    SITE_OTHER,     /* a FIFO, device, socket: never served */
    SITE_FORBIDDEN, /* there, but no permission: 403 */
    SITE_FAILED,    /* no descriptor, no memory, an I/O error: 503 */
    SITE_PENDING,   /* not known yet: ask again later, from the start */
};

struct site_file {
    uint8_t kind; /* enum site_kind */
    uint64_t inode;
    uint64_t size;
    int64_t mtime_ns;
};

/* Look a name up beneath a root: `path` begins with no slash, is terminated, and may be empty (the
 * root itself).  Never NULL; the result stays valid until the answer has been carried out.  Links
 * that leave the root, and names that are too long, are SITE_MISSING. */
typedef const struct site_file *site_look(void *context, uint32_t root, const char *path,
                                          size_t size);

/* ---- answering ---- */

enum {
    ANSWER_HEAD_MAX = 2048,
    ANSWER_PARTS_MAX = 2 * RANGES_MAX + 1,
    ANSWER_TEXT_MAX = 4096 /* boundaries of a multi-part answer */
};

/* A piece of the body: bytes, or a range of the file. */
struct answer_part {
    bool file;
    const char *data; /* bytes: in answer->text, or constant */
    uint64_t offset;  /* file */
    uint64_t count;
};

enum answer_kind {
    ANSWER_READY,   /* head, parts */
    ANSWER_PYTHON,  /* the application's */
    ANSWER_PENDING, /* a look-up is pending: ask again from the start */
};

struct answer {
    uint8_t kind; /* enum answer_kind */
    int status;
    const struct site_file *file; /* behind file parts; or NULL */
    uint64_t body_size;           /* of all parts */
    uint32_t part_count;
    struct answer_part parts[ANSWER_PARTS_MAX];
    struct response head;
    char head_data[ANSWER_HEAD_MAX];
    size_t text_used;
    char text[ANSWER_TEXT_MAX];
};

/* What an answer must know beside the request. */
struct answer_context {
    int64_t now_seconds; /* wall clock: dates */
    const char *date;    /* now, DATE_SIZE characters: the caller formats it once a second */
    bool keep_alive;     /* what the connection will do afterwards */
    uint64_t boundary;   /* random: for multi-part answers */
};

/* Answer a request from the table.  A target that is malformed gets 400 here.  `answer` need not be
 * initialised. */
void site_answer(const struct site *site, const struct request *request,
                 const struct answer_context *context, site_look *look, void *look_context,
                 struct answer *answer);

/* A short answer in text/plain for a status: "404 Not Found\n".  No body with head_only, 204, 304.
 * minor: the request's version, for the Connection field. */
void answer_status(struct answer *answer, int status, const struct answer_context *context,
                   bool head_only, int minor);

/* The fields every answer has: Date, and Connection when it must be said ("close"; "keep-alive" to
 * HTTP/1.0). */
void answer_common(struct response *head, const struct answer_context *context, int minor);

#endif
