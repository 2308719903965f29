/* site: from a path to a file.
 *
 *   path -- malformed ------------------------------> 400, 414
 *        -- mounts that hold it, in order:
 *             "/a/": the index names in it            regular file: that file
 *             "/a":  the name                         regular file: that file
 *                                                     directory: 301 to "/a/"; with an application
 *                                                     only if there is an index in it
 *             missing, or no kind we serve: next mount; forbidden: 403; out of resources: 503
 *        -- no mount left -----------------------------> Python, or 404
 *
 * A look-up costs the caller a system call when it is not cached, so there is one per candidate. */
#include "site/site.h"

#include "proto/path.h"
#include "site/file_answer.h"

enum {
    INDEX_SIZE_MAX = 255, /* of an index name; a longer one is never found */
    SUFFIX_SIZE = 3,      /* ".br", ".gz" */
    SEARCH_ROOM = PATH_SIZE_MAX + 1 + INDEX_SIZE_MAX + SUFFIX_SIZE + 1
};

#define ALLOW SPAN("Allow: GET, HEAD, OPTIONS\r\n")

/* Not initialised as a whole: it is large. */
struct search {
    const struct site *site;
    site_look *look;
    void *look_context;
    const struct site_mount *mount; /* being tried */
    const struct site_file *file;   /* found last */
    char *name;                     /* in path: of that file, beneath the root of the mount */
    size_t name_size;
    size_t path_size; /* of the path asked for; behind it stands an index name, a suffix */
    bool slash;       /* at its end */
    char path[SEARCH_ROOM];
};

/* ---- finding ---- */

static bool site_holds(const struct site_mount *mount, const struct search *search)
{
    size_t size = mount->prefix_size;

    if (search->path_size < size || (size && memcmp(search->path, mount->prefix, size) != 0))
        return false;
    if (mount->file)
        return search->path_size == size || (size == 0 && search->path_size == 1);
    return search->path_size == size || search->path[size] == '/';
}

/* Look up what stands in path[from..to): beneath a root, so not the slash before it. */
static enum site_kind site_look_up(struct search *search, size_t from, size_t to)
{
    search->path[to] = '\0';
    search->name = search->path + from;
    search->name_size = to - from;
    search->file = search->look(search->look_context, search->mount->root, search->name,
                                search->name_size);
    return search->file->kind;
}

/* The slash at path[from] begins what the mount does not name. */
static enum site_kind site_try_indexes(struct search *search, size_t from)
{
    size_t to = search->path_size;

    if (!search->slash)
        search->path[to++] = '/';
    for (uint32_t i = 0; i < search->site->index_count; i++) {
        const struct span *index = &search->site->index_names[i];
        enum site_kind kind;

        if (index->size > INDEX_SIZE_MAX)
            continue;
        memcpy(search->path + to, index->data, index->size);
        kind = site_look_up(search, from + 1, to + index->size);
        if (kind != SITE_MISSING && kind != SITE_DIRECTORY && kind != SITE_OTHER)
            return kind;
    }
    return SITE_MISSING;
}

/* DIRECTORY: one that wants a slash behind its name. */
static enum site_kind site_try(struct search *search)
{
    size_t from = search->mount->keep_prefix ? 0 : search->mount->prefix_size;
    enum site_kind kind;

    if (search->mount->file) {
        kind = site_look_up(search, search->path_size, search->path_size);
        return kind == SITE_DIRECTORY ? SITE_MISSING : kind;
    }
    if (search->slash)
        return site_try_indexes(search, from);
    kind = site_look_up(search, from < search->path_size ? from + 1 : from, search->path_size);
    if (kind != SITE_DIRECTORY || !search->site->application)
        return kind;
    kind = site_try_indexes(search, from);
    return kind == SITE_REGULAR ? SITE_DIRECTORY : kind;
}

static enum site_kind site_find(struct search *search)
{
    for (uint32_t i = 0; i < search->site->mount_count; i++) {
        enum site_kind kind;

        search->mount = &search->site->mounts[i];
        if (!site_holds(search->mount, search))
            continue;
        kind = site_try(search);
        if (kind != SITE_MISSING && kind != SITE_OTHER)
            return kind;
    }
    return SITE_MISSING;
}

/* ---- siblings ---- */

/* Replace what was chosen by its sibling of that coding, if there is one. */
static enum site_kind site_try_sibling(struct search *search, enum coding coding,
                                       struct representation *chosen)
{
    size_t end = (size_t)(search->name - search->path) + search->name_size;
    const struct site_file *file;

    memcpy(search->path + end, coding == CODING_BROTLI ? ".br" : ".gz", SUFFIX_SIZE + 1);
    file = search->look(search->look_context, search->mount->root, search->name,
                        search->name_size + SUFFIX_SIZE);
    if (file->kind == SITE_REGULAR) {
        chosen->file = file;
        chosen->coding = coding;
    }
    return file->kind;
}

/* The sibling that the client likes best, and not less than the file as it is.  A sibling that
 * cannot be had is none: the file itself can be.  Its age does not matter, for tools that copy a
 * tree do not keep times in order.  False: pending. */
static bool site_choose(struct search *search, const struct request *request,
                        struct representation *chosen)
{
    uint16_t weight[CODING_COUNT];
    enum coding order[2] = { CODING_BROTLI, CODING_GZIP };
    uint32_t missing_count = 0;

    accept_encoding(request, weight);
    if (weight[CODING_GZIP] > weight[CODING_BROTLI]) {
        order[0] = CODING_GZIP;
        order[1] = CODING_BROTLI;
    }
    for (uint32_t i = 0; i < 2 && chosen->coding == CODING_IDENTITY; i++) {
        enum site_kind kind;

        if (weight[order[i]] == 0 || weight[order[i]] < weight[CODING_IDENTITY])
            break;
        kind = site_try_sibling(search, order[i], chosen);
        if (kind == SITE_PENDING)
            return false;
        missing_count += kind == SITE_MISSING;
    }
    chosen->varies = missing_count < 2;
    return true;
}

/* ---- answering ---- */

static void site_answer_file(struct search *search, const struct request *request,
                             const struct answer_context *context, struct answer *answer)
{
    struct representation chosen = { .file = search->file, .coding = CODING_IDENTITY };
    struct span name = { search->name, search->name_size };

    if (search->mount->file) /* all that is known of its name */
        name = (struct span){ search->path, search->path_size };
    chosen.type = types_of(search->site->types, name);
    if (search->site->siblings && !search->mount->file && !site_choose(search, request, &chosen))
        answer->kind = ANSWER_PENDING;
    else
        file_answer(&chosen, request, context, answer);
}

/* May a byte stand in the path of a Location?  In a query, escapes and '?' may too. */
static bool site_is_plain(char byte, bool query)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9'))
        return true;
    return byte != '\0' && strchr(query ? "-._~!$&'()*+,;=:@/%?" : "-._~!$&'()*+,;=:@/", byte);
}

static void site_write_escaped(struct response *head, struct span bytes, bool query)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        char escape[3] = { '%', digits[byte >> 4], digits[byte & 15] };

        if (site_is_plain((char)byte, query))
            response_bytes(head, (struct span){ bytes.data + i, 1 });
        else
            response_bytes(head, (struct span){ escape, sizeof escape });
    }
}

/* The path is written anew from its normal form, so it cannot begin with two slashes (which would
 * name another host) nor hold a line end or a backslash, whatever was sent. */
static void site_redirect(const struct search *search, const struct request *request,
                          const struct answer_context *context, struct answer *answer)
{
    struct response *head = &answer->head;
    bool head_only = request->method == METHOD_HEAD;

    answer_open(answer, 301, context, request->minor);
    response_bytes(head, SPAN("Location: "));
    site_write_escaped(head, (struct span){ search->path, search->path_size }, false);
    response_bytes(head, SPAN("/"));
    if (request->has_query) {
        response_bytes(head, SPAN("?"));
        site_write_escaped(head, request->query, true);
    }
    response_bytes(head, SPAN("\r\n"));
    answer_explain(answer, head_only);
    if (head->failed)
        answer_status(answer, 414, context, head_only, request->minor);
}

static void site_allow(int status, const struct request *request,
                       const struct answer_context *context, struct answer *answer)
{
    answer_open(answer, status, context, request->minor);
    response_bytes(&answer->head, ALLOW);
    answer_explain(answer, false);
}

/* What was found decides, then the method. */
static void site_answer_found(struct search *search, enum site_kind kind,
                              const struct request *request, const struct answer_context *context,
                              struct answer *answer)
{
    bool read = request->method == METHOD_GET || request->method == METHOD_HEAD;
    bool head_only = request->method == METHOD_HEAD;

    if (kind == SITE_PENDING)
        answer->kind = ANSWER_PENDING;
    else if (kind == SITE_FORBIDDEN)
        answer_status(answer, 403, context, head_only, request->minor);
    else if (kind == SITE_FAILED)
        answer_status(answer, 503, context, head_only, request->minor);
    else if (kind == SITE_REGULAR && read)
        site_answer_file(search, request, context, answer);
    else if (kind == SITE_DIRECTORY && read)
        site_redirect(search, request, context, answer);
    else if (kind == SITE_REGULAR || kind == SITE_DIRECTORY)
        site_allow(request->method == METHOD_OPTIONS ? 204 : 405, request, context, answer);
    else if (search->site->application)
        answer->kind = ANSWER_PYTHON;
    else
        answer_status(answer, 404, context, head_only, request->minor);
}

/* Methods that no file takes: true when that is the answer. */
static bool site_answer_method(const struct site *site, const struct request *request,
                               const struct answer_context *context, struct answer *answer)
{
    bool star = request->method == METHOD_OPTIONS && span_is(request->target, SPAN("*"));
    bool never = request->method == METHOD_CONNECT || request->method == METHOD_TRACE;

    if (star)
        site_allow(204, request, context, answer);
    else if (request->method == METHOD_CONNECT && site->application)
        answer->kind = ANSWER_PYTHON; /* its target is no path */
    else if (never && !site->application)
        site_allow(405, request, context, answer);
    else
        return false;
    return true;
}

void site_answer(const struct site *site, const struct request *request,
                 const struct answer_context *context, site_look *look, void *look_context,
                 struct answer *answer)
{
    struct search search;
    int refusal = 414;

    if (request->method > METHOD_HEAD && site_answer_method(site, request, context, answer))
        return;
    if (request->path.size <= PATH_SIZE_MAX)
        refusal = path_normalize(request->path, request->decoded, search.path, &search.path_size);
    if (refusal) {
        answer_status(answer, refusal, context, request->method == METHOD_HEAD, request->minor);
        return;
    }
    if (site->application && request->method != METHOD_GET && request->method != METHOD_HEAD &&
        request->method != METHOD_OPTIONS) {
        answer->kind = ANSWER_PYTHON;
        return;
    }
    search.site = site;
    search.look = look;
    search.look_context = look_context;
    search.slash = search.path[search.path_size - 1] == '/';
    site_answer_found(&search, site_find(&search), request, context, answer);
}
