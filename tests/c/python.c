#define _GNU_SOURCE
#include "python.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/front.h"
#include "play.h"
#include "stand.h"

enum { PIECE = 20000, TAKE_MS = 2000 };

struct python {
    struct uwo_engine *engine;
    struct uwo_front *front;
    uint32_t count;
    pthread_t threads[PYTHONS_MAX];
    atomic_bool stopping;
    atomic_uint failures;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned holding;
    bool let_go;
    struct growth *growths; /* [lock] */
};

/* A growing answer at work. */
struct growth {
    struct growth *next;
    struct uwo_request *request;
    pthread_mutex_t lock; /* another thread may be told of room */
    size_t at;
    size_t size;
    bool chunked;
    bool last; /* the last chunk is to go */
    bool over;
};

/* ---- programs ---- */

static struct uwo_instruction send_of(const void *data, size_t size)
{
    return (struct uwo_instruction){
        .size = sizeof(struct uwo_instruction),
        .kind = UWO_SEND,
        .fd = -1,
        .data = data,
        .count = (int64_t)size,
    };
}

static int python_answer(struct uwo_request *request, uint32_t status,
                         const struct uwo_instruction *list, size_t count, uint32_t flags,
                         int64_t length)
{
    static const struct uwo_field fields[] = {
        { sizeof *fields, 12, "Content-Type", "application/octet-stream", 24 },
        { sizeof *fields, 8, "X-Answer", "yes", 3 },
    };
    const struct uwo_program program = { .size = sizeof program,
                                         .instructions = list,
                                         .count = count };
    const struct uwo_answer answer = {
        .size = sizeof answer,
        .status = status,
        .flags = flags,
        .fields = fields,
        .field_count = 2,
        .program = count > 0 ? &program : NULL,
        .length = length,
    };

    return uwo_request_answer(request, &answer, NULL);
}

/* Answered, or dropped. */
static void python_settle(struct python *python, struct uwo_request *request, int status)
{
    if (status >= 0)
        return;
    atomic_fetch_add(&python->failures, 1);
    uwo_request_drop(request);
}

static void answer_bytes(struct python *python, struct uwo_request *request, const void *data,
                         size_t size)
{
    struct uwo_instruction send = send_of(data, size);

    python_settle(python, request, python_answer(request, 200, &send, 1, 0, 0));
}

static void answer_file(struct python *python, struct uwo_request *request, bool keep)
{
    size_t end = HEAD_SIZE + LARGE_SIZE;
    struct uwo_instruction list[] = {
        send_of(play_bytes(end + HEAD_SIZE), HEAD_SIZE),
        { .size = sizeof *list,
          .kind = UWO_SEND_FILE,
          .flags = keep ? UWO_KEEP_FD : 0,
          .offset = HEAD_SIZE,
          .count = LARGE_SIZE },
        send_of(play_bytes(end + HEAD_SIZE) + end, HEAD_SIZE),
    };
    int fd = play_file(play_bytes(end), end);
    int status;

    list[1].fd = fd;
    status = python_answer(request, 200, list, 3, 0, 0);
    if (keep || status < 0)
        close(fd);
    python_settle(python, request, status);
}

static void answer_splice(struct python *python, struct uwo_request *request, bool to_the_end)
{
    struct uwo_instruction splice = {
        .size = sizeof splice,
        .kind = UWO_SPLICE,
        .count = to_the_end ? UWO_TO_THE_END : MIDDLE_SIZE,
    };
    int fds[2];
    int status;

    if (pipe2(fds, O_CLOEXEC) < 0 ||
        write(fds[1], play_bytes(MIDDLE_SIZE), MIDDLE_SIZE) != MIDDLE_SIZE)
        play_give_up("pipe2");
    close(fds[1]);
    splice.fd = fds[0];
    status = python_answer(request, 200, &splice, 1, 0, 0);
    if (status < 0)
        close(fds[0]);
    python_settle(python, request, status);
}

/* ---- growing ---- */

/* The next piece, framed.  False: there is none. */
static bool growth_next(struct growth *growth, struct uwo_instruction list[3], char frame[16],
                        size_t *count)
{
    size_t left = growth->size - growth->at;
    size_t piece = left < PIECE ? left : PIECE;

    *count = 0;
    if (piece == 0) {
        if (!growth->last)
            return false;
        list[(*count)++] = send_of("0\r\n\r\n", 5);
        return true;
    }
    if (growth->chunked)
        list[(*count)++] = send_of(frame, (size_t)sprintf(frame, "%zx\r\n", piece));
    list[(*count)++] = send_of(play_bytes(growth->size) + growth->at, piece);
    if (growth->chunked)
        list[(*count)++] = send_of("\r\n", 2);
    return true;
}

/* Append as long as there is room.  True: it is over, one way or the other. */
static bool growth_pump(struct python *python, struct growth *growth)
{
    struct uwo_instruction list[3];
    char frame[16];
    size_t count;

    while (growth_next(growth, list, frame, &count)) {
        struct uwo_program program = { .size = sizeof program,
                                       .instructions = list,
                                       .count = count };
        int status = uwo_transfer_append(python->engine, growth->request->id, &program, NULL);

        if (status == UWO_E_FULL)
            return false;
        if (status < 0) {
            atomic_fetch_add(&python->failures, status != UWO_E_GONE);
            return true; /* the drop cuts it */
        }
        if (growth->at == growth->size)
            growth->last = false;
        else
            growth->at += growth->size - growth->at < PIECE ? growth->size - growth->at : PIECE;
    }
    uwo_transfer_finish(python->engine, growth->request->id);
    return true;
}

static void growth_go_on(struct python *python, struct growth *growth)
{
    struct uwo_request *request = growth->request;
    bool over;

    pthread_mutex_lock(&growth->lock);
    over = !growth->over && growth_pump(python, growth);
    growth->over |= over;
    pthread_mutex_unlock(&growth->lock);
    if (!over)
        return;
    pthread_mutex_lock(&python->lock);
    for (struct growth **at = &python->growths; *at; at = &(*at)->next) {
        if (*at == growth) {
            *at = growth->next;
            break;
        }
    }
    pthread_mutex_unlock(&python->lock);
    pthread_mutex_destroy(&growth->lock);
    free(growth);
    uwo_request_drop(request);
}

static void answer_growing(struct python *python, struct uwo_request *request, size_t size,
                           bool known)
{
    struct growth *growth = calloc(1, sizeof *growth);
    struct uwo_instruction none = send_of("", 0);
    int status;

    *growth = (struct growth){ .request = request, .size = size };
    pthread_mutex_init(&growth->lock, NULL);
    request->user = growth;
    pthread_mutex_lock(&python->lock);
    growth->next = python->growths;
    python->growths = growth;
    pthread_mutex_unlock(&python->lock);
    status = python_answer(request, 200, &none, known ? 1 : 0, UWO_GROWING,
                           known ? (int64_t)size : -1);
    if (status < 0) {
        growth->size = 0; /* nothing is appended to what does not grow */
        atomic_fetch_add(&python->failures, 1);
        growth_go_on(python, growth);
        return;
    }
    growth->chunked = growth->last = request->chunked;
    growth_go_on(python, growth);
}

/* A piece, and no more. */
static void answer_cut(struct python *python, struct uwo_request *request)
{
    struct uwo_instruction send = send_of(play_bytes(SMALL_SIZE), SMALL_SIZE);
    int status = python_answer(request, 200, &send, 1, UWO_GROWING, LARGE_SIZE);

    if (status < 0)
        atomic_fetch_add(&python->failures, 1);
    uwo_request_drop(request);
}

/* ---- bodies ---- */

static void answer_echo(struct python *python, struct uwo_request *request)
{
    struct uwo_instruction file = {
        .size = sizeof file,
        .kind = UWO_SEND_FILE,
        .flags = UWO_KEEP_FD,
        .fd = request->body_fd,
        .count = (int64_t)request->body_size,
    };

    if (request->body_fd >= 0)
        python_settle(python, request, python_answer(request, 200, &file, 1, 0, 0));
    else
        answer_bytes(python, request, request->body ? request->body : "", request->body_size);
}

static void answer_read(struct python *python, struct uwo_request *request)
{
    uint8_t *body = malloc(LARGE_SIZE + 1);
    size_t size = 0;
    int64_t got = 1;

    while (got > 0 && size < LARGE_SIZE) {
        size_t left = LARGE_SIZE - size;

        do
            got = uwo_request_read(request, body + size, left < 7000 ? left : 7000);
        while (got == -EINTR);
        size += got > 0 ? (size_t)got : 0;
    }
    if (got < 0) {
        struct uwo_instruction send = send_of("400 Bad Request\n", 16);

        atomic_fetch_add(&python->failures, 1);
        python_settle(python, request, python_answer(request, 400, &send, 1, 0, 0));
    } else {
        answer_bytes(python, request, body, size);
    }
    free(body);
}

/* The connection goes; after that there is nobody to answer. */
static void python_cancel(struct python *python, struct uwo_request *request)
{
    struct uwo_progress progress = { .size = sizeof progress };
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;

    uwo_transfer_cancel(python->engine, request->id);
    while (uwo_transfer_progress(python->engine, request->id, &progress) == UWO_OK &&
           play_now_ms() < until_ms)
        sched_yield();
    answer_bytes(python, request, "too late", 8);
    atomic_fetch_sub(&python->failures, 1); /* for it had to fail */
}

/* ---- the threads ---- */

static void python_hold(struct python *python)
{
    pthread_mutex_lock(&python->lock);
    python->holding++;
    pthread_cond_broadcast(&python->changed);
    while (!python->let_go)
        pthread_cond_wait(&python->changed, &python->lock);
    pthread_mutex_unlock(&python->lock);
}

static bool asks_for(const struct uwo_request *request, const char *what)
{
    size_t size = strlen(what);

    return request->path && request->path_size == 4 + size &&
           memcmp(request->path, "/py/", 4) == 0 && memcmp(request->path + 4, what, size) == 0;
}

static void python_handle(struct python *python, struct uwo_request *request)
{
    if (asks_for(request, "bytes") || asks_for(request, "unread")) {
        answer_bytes(python, request, play_bytes(SMALL_SIZE), SMALL_SIZE);
    } else if (asks_for(request, "hold")) {
        python_hold(python);
        answer_bytes(python, request, play_bytes(SMALL_SIZE), SMALL_SIZE);
    } else if (asks_for(request, "large")) {
        answer_bytes(python, request, play_bytes(LARGE_SIZE), LARGE_SIZE);
    } else if (asks_for(request, "file")) {
        answer_file(python, request, false);
    } else if (asks_for(request, "kept")) {
        answer_file(python, request, true);
    } else if (asks_for(request, "splice")) {
        answer_splice(python, request, false);
    } else if (asks_for(request, "splice-end")) {
        answer_splice(python, request, true);
    } else if (asks_for(request, "growing")) {
        answer_growing(python, request, LARGE_SIZE, true);
    } else if (asks_for(request, "chunked")) {
        answer_growing(python, request, LARGE_SIZE, false);
    } else if (asks_for(request, "room")) {
        answer_growing(python, request, ROOM_SIZE, false);
    } else if (asks_for(request, "cut")) {
        answer_cut(python, request);
    } else if (asks_for(request, "echo")) {
        answer_echo(python, request);
    } else if (asks_for(request, "read")) {
        answer_read(python, request);
    } else if (asks_for(request, "empty")) {
        python_settle(python, request, python_answer(request, 204, NULL, 0, 0, 0));
    } else if (asks_for(request, "bare")) {
        python_settle(python, request, python_answer(request, 200, NULL, 0, UWO_GROWING, -1));
    } else if (asks_for(request, "cancel")) {
        python_cancel(python, request);
    } else {
        uwo_request_drop(request);
    }
}

int python_turn(struct python *python, int timeout_ms)
{
    struct uwo_request *request;
    int status = uwo_front_take(python->front, timeout_ms, &request);

    if (status > 0 && request->kind == UWO_REQUEST_ROOM)
        growth_go_on(python, request->user);
    else if (status > 0)
        python_handle(python, request);
    return status;
}

static void *python_run(void *argument)
{
    struct python *python = argument;

    while (!atomic_load(&python->stopping))
        python_turn(python, TAKE_MS);
    return NULL;
}

struct python *python_start(struct uwo_engine *engine, struct uwo_front *front, uint32_t threads)
{
    struct python *python = calloc(1, sizeof *python);

    python->engine = engine;
    python->front = front;
    python->count = threads;
    pthread_mutex_init(&python->lock, NULL);
    pthread_cond_init(&python->changed, NULL);
    for (uint32_t i = 0; i < threads; i++)
        pthread_create(&python->threads[i], NULL, python_run, python);
    return python;
}

void python_stop(struct python *python)
{
    python_let_go(python);
    atomic_store(&python->stopping, true);
    for (uint32_t i = 0; i < python->count; i++)
        uwo_front_wake(python->front);
    for (uint32_t i = 0; i < python->count; i++)
        pthread_join(python->threads[i], NULL);
    while (python->growths) { /* whose client is slow */
        struct growth *growth = python->growths;

        python->growths = growth->next;
        uwo_request_drop(growth->request);
        pthread_mutex_destroy(&growth->lock);
        free(growth);
    }
    pthread_cond_destroy(&python->changed);
    pthread_mutex_destroy(&python->lock);
    free(python);
}

bool python_is_idle(const struct python *python)
{
    struct queue *queue = &((struct front *)python->front)->queue;
    bool idle;

    pthread_mutex_lock(&queue->lock);
    idle = queue->idle == python->count;
    pthread_mutex_unlock(&queue->lock);
    return idle;
}

bool python_holds(struct python *python, unsigned count, uint64_t patience_ms)
{
    struct timespec until;
    bool holds;
    int status = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
    until.tv_sec += (time_t)(patience_ms / 1000) + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&python->lock);
    while (python->holding < count && status == 0)
        status = pthread_cond_timedwait(&python->changed, &python->lock, &until);
    holds = python->holding >= count;
    pthread_mutex_unlock(&python->lock);
    return holds;
}

void python_let_go(struct python *python)
{
    pthread_mutex_lock(&python->lock);
    python->let_go = true;
    pthread_cond_broadcast(&python->changed);
    pthread_mutex_unlock(&python->lock);
}

unsigned python_failures(const struct python *python)
{
    return atomic_load(&python->failures);
}
