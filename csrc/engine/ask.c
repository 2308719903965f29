/* ask: what a request wants: an answer from the site, or Python. */
#include <string.h>

#include "engine/look.h"
#include "engine/serving.h"

/* Descriptors the cache gives up when they have run out. */
enum { STARVED_CLOSE = 16 };

struct look *look_make(const struct sys *sys, struct site_made *site, uint32_t root,
                       const char *path, size_t size)
{
    struct look *look = sys->alloc(sizeof *look + size + 1);

    if (!look)
        return NULL;
    *look = (struct look){ .site = sites_hold(site), .root = root, .path_size = (uint32_t)size };
    memcpy(look->path, path, size);
    look->path[size] = '\0';
    return look;
}

void look_free(const struct sys *sys, struct look *look)
{
    sites_drop(look->site);
    sys->release(look);
}

struct looking {
    struct loop *loop;
    struct session *session;
    struct look *look; /* to be carried out by a helper */
    bool starved;      /* descriptors have run out */
};

static const struct site_file *ask_find(void *context, uint32_t root, const char *path, size_t size)
{
    static const struct site_file pending = { .kind = SITE_PENDING };
    static const struct site_file failed = { .kind = SITE_FAILED };
    struct looking *looking = context;
    struct loop *loop = looking->loop;
    struct serving *serving = loop->serving;
    struct site_made *site = serving->site;
    struct open_file *file;
    struct sys_found found;

    if (site->names[root]) {
        path = site->names[root];
        size = strlen(path);
    }
    file = files_find(&serving->files, site->number, root, path, size, loop->now_us);
    if (file)
        return &file->info;
    loop->sys->look(site->roots[root], path, looking->session->tries < LOOKS_MAX, &found);
    if (found.error == EAGAIN) {
        looking->look = look_make(loop->sys, site, root, path, size);
        return looking->look ? &pending : &failed;
    }
    if (found.error == EMFILE || found.error == ENFILE) {
        looking->starved = true; /* the cache gives some up, once this search holds none of it */
        return &failed;
    }
    file = files_learn(&serving->files, site->number, root, path, size, &found, loop->now_us);
    return file ? &file->info : &failed;
}

/* The request stays in the window until a helper has looked. */
static enum step ask_look(struct loop *loop, struct transfer *transfer, struct look *look)
{
    struct session *session = transfer->session;

    if (!window_stash(loop, session) || !transfer_extra(loop->sys, transfer)) {
        look_free(loop->sys, look);
        serve_cut(transfer);
        return STEP_DRIVE;
    }
    session->tries++;
    session->looking = true;
    transfer->wait = WAIT_DISK;
    transfer->extra->job = (struct disk_job){ .owner = transfer, .kind = DISK_LOOK, .look = look };
    stats_add(loop->stats, STATS_disk_reads, 1);
    disk_submit(&loop->engine->disk, &transfer->extra->job);
    return STEP_WAIT;
}

enum step ask_refuse(struct loop *loop, struct transfer *transfer, int status, size_t size)
{
    window_use(loop->serving, size);
    reply_status(loop, transfer, status);
    return STEP_DRIVE;
}

/* Answer from the site.  0, or a status; *looking.look: it waits for a helper.  What it found out
 * of date, or could not open for want of descriptors, is looked up once more. */
static int ask_site(struct loop *loop, struct looking *looking)
{
    struct serving *serving = loop->serving;
    struct session *session = looking->session;
    struct answer *answer = &serving->answer;
    struct answer_context context;

    reply_context(loop, session, &context);
    for (;;) {
        looking->starved = false;
        site_answer(&serving->site->site, &serving->request, &context, ask_find, looking, answer);
        if (answer->kind == ANSWER_PENDING)
            return looking->look ? 0 : 503;
        if (answer->kind != ANSWER_READY)
            return 0;
        if (looking->starved && serving->files.count == 0)
            looking->starved = false; /* nothing to give up: the answer is a 503 */
        if (!looking->starved && reply_ready(loop))
            return 0;
        if (session->tries >= LOOKS_MAX)
            return 503;
        session->tries++;
        if (looking->starved)
            files_shrink(&serving->files, STARVED_CLOSE);
        else
            files_forget(&serving->files, (struct open_file *)(uintptr_t)answer->file);
    }
}

/* A whole head is at the start of the window. */
enum step ask(struct loop *loop, struct transfer *transfer, size_t size)
{
    struct serving *serving = loop->serving;
    struct front *front = serving->front;
    struct session *session = transfer->session;
    struct looking looking = { .loop = loop, .session = session };
    struct conn before = session->conn;
    int status;

    status = conn_parse(&session->conn, &front->limits, window_data(serving), size,
                        &serving->request);
    if (status != 0) {
        reply_note(front, &serving->log, session, NULL);
        return ask_refuse(loop, transfer, status, size);
    }
    status = conn_ask(&session->conn, &front->limits, &serving->request,
                      atomic_load_explicit(&front->draining, memory_order_relaxed));
    if (status == 0 && serving->site)
        status = ask_site(loop, &looking);
    if (looking.look) {
        session->conn = before;
        session->conn.state = CONN_HEAD;
        return ask_look(loop, transfer, looking.look);
    }
    session->tries = 0;
    reply_note(front, &serving->log, session, &serving->request);
    if (status != 0)
        return ask_refuse(loop, transfer, status, size);
    if (!serving->site || serving->answer.kind == ANSWER_PYTHON) {
        if (front->options.application)
            return hand_over(loop, transfer, &serving->request, size);
        return ask_refuse(loop, transfer, 404, size);
    }
    if (serving->answer.status == 400 || serving->answer.status == 414) /* a malformed path */
        stats_add(loop->stats, STATS_requests_refused, 1);
    conn_answer(&session->conn, loop->now_us);
    window_use(serving, size);
    reply(loop, transfer);
    return STEP_DRIVE;
}

void ask_looked(struct loop *loop, struct look *look)
{
    struct serving *serving = loop->serving;

    bool starved = look->found.error == EMFILE || look->found.error == ENFILE;

    if (starved)
        files_shrink(&serving->files, STARVED_CLOSE); /* and look again */
    else if (look->site == serving->site)
        files_learn(&serving->files, look->site->number, look->root, look->path, look->path_size,
                    &look->found, loop->now_us);
    else if (look->found.fd >= 0)
        loop->sys->close(look->found.fd);
    look_free(loop->sys, look);
}
