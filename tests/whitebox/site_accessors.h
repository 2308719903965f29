/* What tests/site/ asks: a request in a plain shape, made into one of proto/request.h. */
#include <time.h>

#include "base/ensure.h"
#include "site/site.h"

struct wb_text {
    const char *data;
    size_t size;
};

struct wb_mount {
    struct wb_text prefix;
    uint32_t root;
    bool keep_prefix;
    bool file;
};

struct wb_site {
    uint32_t mount_count;
    uint32_t index_count;
    uint32_t type_count;
    bool application;
    bool siblings;
    struct wb_mount mounts[8];
    struct wb_text indexes[8];
    const struct type *types;
};

struct wb_request {
    struct wb_text method;
    struct wb_text target;
    struct wb_text path;
    struct wb_text query;
    bool has_query;
    bool decoded;
    int minor;
    uint32_t field_count;
    struct wb_text names[32];
    struct wb_text values[32];
};

struct wb_context {
    int64_t now_seconds;
    bool keep_alive;
    uint64_t boundary;
};

typedef site_look wb_look;

static struct span wb_span(struct wb_text text)
{
    return (struct span){ text.data, text.size };
}

static struct wb_text wb_types_of(const struct type *types, uint32_t count, struct wb_text name)
{
    const struct types table = { types, count };
    struct span type = types_of(&table, wb_span(name));

    return (struct wb_text){ type.data, type.size };
}

static void wb_request_make(const struct wb_request *from, struct request *request)
{
    memset(request, 0, sizeof *request);
    request->method_name = wb_span(from->method);
    request->method = (uint8_t)request_method(request->method_name);
    request->target = wb_span(from->target);
    request->path = wb_span(from->path);
    request->query = wb_span(from->query);
    request->has_query = from->has_query;
    request->decoded = from->decoded;
    request->minor = (uint8_t)from->minor;
    request->content_length = REQUEST_NO_LENGTH;
    for (uint32_t i = 0; i < from->field_count; i++) {
        struct span name = wb_span(from->names[i]);

        ensure(request_add(request, name, wb_span(from->values[i]), request_known(name)));
    }
}

struct wb_world {
    struct site_mount mounts[8];
    struct span indexes[8];
    struct types types;
    struct site site;
    char date[DATE_SIZE];
    struct answer_context context;
};

static void wb_world_make(const struct wb_site *from, const struct wb_context *context,
                          struct wb_world *world)
{
    for (uint32_t i = 0; i < from->mount_count; i++) {
        const struct wb_mount *mount = &from->mounts[i];

        world->mounts[i] = (struct site_mount){ mount->prefix.data, mount->prefix.size, mount->root,
                                                mount->keep_prefix, mount->file };
    }
    for (uint32_t i = 0; i < from->index_count; i++)
        world->indexes[i] = wb_span(from->indexes[i]);
    world->types = (struct types){ from->types, from->type_count };
    world->site = (struct site){ .mounts = world->mounts,
                                 .mount_count = from->mount_count,
                                 .index_names = world->indexes,
                                 .index_count = from->index_count,
                                 .types = &world->types,
                                 .application = from->application,
                                 .siblings = from->siblings };
    date_format(context->now_seconds, world->date);
    world->context = (struct answer_context){ context->now_seconds, world->date,
                                              context->keep_alive, context->boundary };
}

/* The answer is filled with rubbish before: it need not be initialised. */
static void wb_site_answer(const struct wb_site *site, const struct wb_request *from,
                           const struct wb_context *context, wb_look *look, void *look_context,
                           struct answer *answer)
{
    struct wb_world world;
    struct request request;

    wb_world_make(site, context, &world);
    wb_request_make(from, &request);
    memset(answer, 0xA5, sizeof *answer);
    site_answer(&world.site, &request, &world.context, look, look_context, answer);
}

static void wb_answer_status(struct answer *answer, int status, const struct wb_context *context,
                             bool head_only, int minor)
{
    static const struct wb_site none;
    struct wb_world world;

    wb_world_make(&none, context, &world);
    memset(answer, 0xA5, sizeof *answer);
    answer_status(answer, status, &world.context, head_only, minor);
}

static struct wb_text wb_answer_head(const struct answer *answer)
{
    return (struct wb_text){ answer->head.data, answer->head.used };
}

static const struct answer_part *wb_answer_parts(const struct answer *answer)
{
    return answer->parts;
}

static const struct site_file *wb_look_same(void *context, uint32_t root, const char *path,
                                            size_t size)
{
    (void)root;
    (void)path;
    (void)size;
    return context;
}

/* What an answer costs when every name is the same file: for a look by hand, no test judges it. */
static int64_t wb_site_cost_ns(const struct wb_site *site, const struct wb_request *from,
                               const struct wb_context *context, const struct site_file *file,
                               struct answer *answer, uint32_t rounds)
{
    struct timespec before;
    struct timespec after;
    struct wb_world world;
    struct request request;

    wb_world_make(site, context, &world);
    wb_request_make(from, &request);
    clock_gettime(CLOCK_MONOTONIC, &before);
    for (uint32_t i = 0; i < rounds; i++)
        site_answer(&world.site, &request, &world.context, wb_look_same, (void *)file, answer);
    clock_gettime(CLOCK_MONOTONIC, &after);
    return ((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec) / rounds;
}
