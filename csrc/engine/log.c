#include "engine/log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "uwoffload.h"

/* ---- the writer ---- */

/* A full disk, or the end: the lines are counted. */
static void log_lost(const struct log *log, const char *data, size_t size)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    stats_add_shared(log->stats, STATS_log_dropped, lines);
}

static void log_write(struct log *log, const char *data, size_t size)
{
    while (size > 0) {
        int64_t written = log->sys->write_log(log->fd, data, size);

        if (written == -EINTR && log->sys->wall_us() < atomic_load(&log->patient_us))
            continue;
        if (written <= 0) {
            log_lost(log, data, size);
            return;
        }
        data += written;
        size -= (size_t)written;
    }
}

static void log_flush(struct log *log, struct log_buffer *buffer)
{
    char *full;
    uint32_t size;

    pthread_mutex_lock(&buffer->lock);
    full = buffer->fill;
    size = buffer->used;
    buffer->fill = buffer->spare;
    buffer->used = 0;
    pthread_mutex_unlock(&buffer->lock);
    buffer->spare = full;
    if (size > 0)
        log_write(log, full, size);
}

static void *log_run(void *argument)
{
    struct log *log = argument;
    bool stopping;

    do {
        int64_t due_us = log->sys->wall_us() + LOG_FLUSH_MS * 1000;
        struct timespec until = { .tv_sec = due_us / 1000000, .tv_nsec = due_us % 1000000 * 1000 };

        pthread_mutex_lock(&log->lock);
        if (!log->stopping)
            pthread_cond_timedwait(&log->wake, &log->lock, &until);
        stopping = log->stopping;
        pthread_mutex_unlock(&log->lock);
        for (uint32_t i = 0; i < log->buffer_count; i++)
            log_flush(log, log->buffers[i]);
    } while (!stopping);
    pthread_mutex_lock(&log->lock);
    log->over = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

int log_start(struct log *log, const struct sys *sys, int fd, struct log_buffer **buffers,
              uint32_t count, stats_value *stats)
{
    int status;

    *log = (struct log){
        .sys = sys,
        .fd = fd,
        .buffers = buffers,
        .buffer_count = count,
        .stats = stats,
        .patient_us = INT64_MAX,
    };
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->wake, NULL);
    if (fd < 0)
        return 0;
    status = sys->thread_start(&log->thread, "uwo-log", log_run, log);
    log->started = status == 0;
    return status;
}

/* Tell the writer, and give it time.  False: somebody does not read the pipe that the log is. */
static bool log_end_writer(struct log *log)
{
    int64_t due_us = log->sys->wall_us() + LOG_PATIENCE_MS * 1000;
    struct timespec until = { .tv_sec = due_us / 1000000, .tv_nsec = due_us % 1000000 * 1000 };
    bool over;

    pthread_mutex_lock(&log->lock);
    atomic_store(&log->patient_us, due_us - LOG_PATIENCE_MS * 500);
    log->stopping = true;
    pthread_cond_broadcast(&log->wake);
    while (!log->over && log->sys->wall_us() < due_us)
        pthread_cond_timedwait(&log->wake, &log->lock, &until);
    over = log->over;
    pthread_mutex_unlock(&log->lock);
    if (over)
        pthread_join(log->thread, NULL);
    else
        pthread_detach(log->thread);
    return over;
}

bool log_stop(struct log *log)
{
    if (!log->sys)
        return true;
    if (log->started && !log_end_writer(log))
        return false;
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    log->sys = NULL;
    return true;
}

int log_buffer_init(struct log_buffer *buffer, const struct sys *sys)
{
    *buffer = (struct log_buffer){ .stamp_seconds = -1 };
    pthread_mutex_init(&buffer->lock, NULL);
    buffer->fill = sys->alloc(LOG_BUFFER_SIZE);
    buffer->spare = sys->alloc(LOG_BUFFER_SIZE);
    return buffer->fill && buffer->spare ? 0 : -ENOMEM;
}

void log_buffer_deinit(struct log_buffer *buffer, const struct sys *sys)
{
    if (!buffer->fill && !buffer->spare)
        return;
    sys->release(buffer->fill);
    sys->release(buffer->spare);
    buffer->fill = buffer->spare = NULL;
    pthread_mutex_destroy(&buffer->lock);
}

/* ---- the lines ---- */

/* The date of a line; formatted anew when it has changed. */
static void log_stamp(struct log_buffer *buffer, const struct sys *sys)
{
    int64_t now = sys->wall_us() / 1000000;

    if (now != buffer->stamp_seconds) {
        time_t seconds = (time_t)now;
        struct tm parts;
        char text[sizeof buffer->stamp + 1];

        gmtime_r(&seconds, &parts);
        strftime(text, sizeof text, "%d/%b/%Y:%H:%M:%S +0000", &parts);
        memcpy(buffer->stamp, text, sizeof buffer->stamp);
        buffer->stamp_seconds = now;
    }
}

/* What could end a line or a quotation is written as \xHH. */
static size_t log_quote(char *out, struct span text)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;
    size_t size = text.size < LOG_TEXT_MAX ? text.size : LOG_TEXT_MAX;

    if (size == 0) {
        out[0] = '-';
        return 1;
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)text.data[i];

        if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
            if (used < LOG_TEXT_MAX)
                out[used++] = (char)byte;
        } else if (used + 4 <= LOG_TEXT_MAX) {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex[byte >> 4];
            out[used++] = hex[byte & 15];
        }
    }
    return used;
}

static size_t log_number(char *out, uint64_t number)
{
    char digits[20];
    size_t count = 0;

    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

static size_t log_peer(char *out, const struct sys_peer *peer)
{
    size_t used = sys_peer_text(peer, out);

    if (used == 0)
        out[used++] = '-';
    return used;
}

static size_t log_put(char *out, const char *text, size_t size)
{
    memcpy(out, text, size);
    return size;
}

struct record *log_record(const struct sys *sys, struct log_buffer *buffer,
                          const struct sys_peer *peer, struct span method, struct span target,
                          int minor, struct span referer, struct span agent)
{
    char text[LOG_LINE_MAX + 256];
    struct log_buffer own = { .stamp_seconds = -1 };
    struct record *record;
    size_t used = log_peer(text, peer);
    size_t split;

    if (!buffer)
        buffer = &own;
    log_stamp(buffer, sys);
    used += log_put(text + used, " - - [", 6);
    used += log_put(text + used, buffer->stamp, sizeof buffer->stamp);
    used += log_put(text + used, "] \"", 3);
    if (method.size > 0) {
        used += log_quote(text + used, method);
        text[used++] = ' ';
        used += log_quote(text + used, target);
        used += log_put(text + used, minor ? " HTTP/1.1" : " HTTP/1.0", 9);
    } else {
        text[used++] = '-';
    }
    used += log_put(text + used, "\" ", 2);
    split = used;
    used += log_put(text + used, " \"", 2);
    used += log_quote(text + used, referer);
    used += log_put(text + used, "\" \"", 3);
    used += log_quote(text + used, agent);
    used += log_put(text + used, "\" ", 2);
    record = sys->alloc(sizeof *record + used);
    if (!record)
        return NULL;
    *record = (struct record){ .end = UINT64_MAX,
                               .size = (uint16_t)used,
                               .split = (uint16_t)split };
    memcpy(record->text, text, used);
    return record;
}

static size_t log_seconds(char *out, uint64_t us)
{
    size_t used = log_number(out, us / 1000000);
    uint64_t rest = us % 1000000;

    out[used++] = '.';
    for (uint64_t unit = 100000; unit > 0; unit /= 10)
        out[used++] = (char)('0' + rest / unit % 10);
    return used;
}

static const char *const outcome_words[] = {
    [UWO_FINISHED] = " finished",         [UWO_CANCELLED] = " cancelled",
    [UWO_DEADLINE] = " deadline",         [UWO_NO_PROGRESS] = " no-progress",
    [UWO_TOO_SLOW] = " too-slow",         [UWO_CLIENT_GONE] = " client-gone",
    [UWO_SOURCE_SHORT] = " source-short", [UWO_SOURCE_FAILED] = " source-changed",
    [UWO_UPLOAD_SHORT] = " upload-short", [UWO_DISK_FAILED] = " disk-failed",
    [UWO_NO_RESOURCE] = " no-resource",
};

bool log_line(struct log *log, struct log_buffer *buffer, const struct record *record,
              uint64_t acked)
{
    uint64_t end = record->end < acked ? record->end : acked;
    uint64_t body = end > record->start + record->head_size
                        ? end - record->start - record->head_size
                        : 0;
    const char *word = outcome_words[record->outcome];
    bool half;
    char *out;

    pthread_mutex_lock(&buffer->lock);
    if (buffer->used + record->size + 128 > LOG_BUFFER_SIZE) {
        pthread_mutex_unlock(&buffer->lock);
        pthread_cond_signal(&log->wake);
        return false;
    }
    half = buffer->used < LOG_BUFFER_SIZE / 2;
    out = buffer->fill + buffer->used;
    out += log_put(out, record->text, record->split);
    out += log_number(out, record->status);
    *out++ = ' ';
    out += log_number(out, body);
    out += log_put(out, record->text + record->split, (size_t)(record->size - record->split));
    out += log_seconds(out, record->over_us - record->asked_us);
    out += log_put(out, word, strlen(word));
    out += record->python ? log_put(out, " python\n", 8) : log_put(out, " engine\n", 8);
    buffer->used = (uint32_t)(out - buffer->fill);
    half = half && buffer->used >= LOG_BUFFER_SIZE / 2;
    pthread_mutex_unlock(&buffer->lock);
    if (half)
        pthread_cond_signal(&log->wake);
    return true;
}
