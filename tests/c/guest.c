#define _GNU_SOURCE
#include "guest.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "play.h"

enum { GUESTS_MAX = 64, PIECE = 64 << 10 };

/* What the head of an answer says. */
struct head {
    int status;
    size_t size;
    bool has_length;
    size_t length;
    bool chunked;
    bool close;
};

void guest_open(struct guest *guest, int fd, bool tcp, bool may_fail)
{
    *guest = (struct guest){ .fd = fd, .tcp = tcp, .may_fail = may_fail };
}

void guest_close(struct guest *guest)
{
    if (guest->fd >= 0)
        close(guest->fd);
    guest->fd = -1;
    free(guest->out);
    free(guest->in);
    guest->out = guest->in = NULL;
}

void guest_vanish(struct guest *guest)
{
    play_reset(&guest->fd);
    guest->over = true;
}

__attribute__((format(printf, 2, 3))) static void guest_blame(struct guest *guest,
                                                              const char *format, ...)
{
    va_list arguments;

    if (guest->trouble[0])
        return;
    va_start(arguments, format);
    vsnprintf(guest->trouble, sizeof guest->trouble, format, arguments);
    va_end(arguments);
    guest->over = true;
}

void guest_send(struct guest *guest, const void *data, size_t size)
{
    guest->out = realloc(guest->out, guest->out_size + size + 1);
    memcpy(guest->out + guest->out_size, data, size);
    guest->out_size += size;
}

void guest_say(struct guest *guest, const char *format, ...)
{
    va_list arguments;
    char *text;
    int size;

    va_start(arguments, format);
    size = vasprintf(&text, format, arguments);
    va_end(arguments);
    guest_send(guest, text, (size_t)size);
    free(text);
}

void guest_pause(struct guest *guest)
{
    guest->pause_at = guest->out_size;
    guest->pause_replies = guest->wanted_count;
}

struct reply_wanted *guest_want(struct guest *guest, int status, const uint8_t *body, size_t size)
{
    struct reply_wanted *wanted = &guest->wanted[guest->wanted_count++];

    *wanted = (struct reply_wanted){ .status = status, .body = body, .size = size };
    return wanted;
}

/* ---- judging ---- */

static bool field_is(const char *line, const char *end, const char *name, const char **value)
{
    size_t size = strlen(name);

    if ((size_t)(end - line) <= size || strncasecmp(line, name, size) != 0 || line[size] != ':')
        return false;
    *value = line + size + 1;
    while (*value < end && **value == ' ')
        ++*value;
    return true;
}

/* The head at the beginning of `data`.  False: it is not complete; status 0: it is none. */
static bool head_parse(const char *data, size_t size, struct head *head)
{
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    const char *line;

    *head = (struct head){ 0 };
    if (!end)
        return false;
    head->size = (size_t)(end - data) + 4;
    if (head->size < 17 || memcmp(data, "HTTP/1.1 ", 9) != 0 || data[12] != ' ')
        return true;
    head->status = atoi(data + 9);
    for (line = memchr(data, '\n', head->size); line + 1 < end;
         line = memchr(line + 1, '\n', (size_t)(end + 4 - line))) {
        const char *value;

        if (field_is(line + 1, end, "Content-Length", &value)) {
            head->has_length = true;
            head->length = strtoull(value, NULL, 10);
        } else if (field_is(line + 1, end, "Transfer-Encoding", &value)) {
            head->chunked = strncmp(value, "chunked\r\n", 9) == 0;
        } else if (field_is(line + 1, end, "Connection", &value)) {
            head->close = strncmp(value, "close\r\n", 7) == 0;
        }
    }
    return true;
}

/* Take chunks apart into `out`.  Returns bytes used, 0 when the end is not there yet, -1 when they
 * are no chunks; *size is what came out so far. */
static long chunks_take(const uint8_t *data, size_t have, uint8_t *out, size_t *size)
{
    size_t at = 0;

    *size = 0;
    for (;;) {
        char *after;
        size_t length;

        if (!memchr(data + at, '\n', have - at))
            return 0;
        length = strtoull((const char *)data + at, &after, 16);
        if (after == (const char *)data + at || after[0] != '\r')
            return -1;
        at = (size_t)(after - (const char *)data) + 2;
        if (length == 0)
            return have - at < 2 ? 0 : (long)at + 2;
        if (have - at < length + 2) {
            size_t part = have - at < length ? have - at : length;

            memcpy(out + *size, data + at, part);
            *size += part;
            return 0;
        }
        memcpy(out + *size, data + at, length);
        *size += length;
        at += length + 2;
    }
}

/* Parts of a multi-part answer: each is the range it says. */
static bool ranges_right(const struct reply_wanted *wanted, const uint8_t *body, size_t size)
{
    const uint8_t *end = body + size;
    int parts = 0;

    while (body < end) {
        unsigned long first, last;
        const uint8_t *field = memmem(body, (size_t)(end - body), "Content-Range: bytes ", 21);
        const uint8_t *data = field ? memmem(field, (size_t)(end - field), "\r\n\r\n", 4) : NULL;

        if (!data)
            return parts > 1 && size > 4 && memcmp(end - 4, "--\r\n", 4) == 0;
        if (sscanf((const char *)field + 21, "%lu-%lu/", &first, &last) != 2 || last < first ||
            last >= wanted->size || (size_t)(end - data) < 4 + last - first + 1 ||
            memcmp(data + 4, wanted->body + first, last - first + 1) != 0)
            return false;
        body = data + 4 + (last - first + 1);
        parts++;
    }
    return false;
}

/* "404 Not Found\n": what the engine says by itself. */
static bool is_own_error(int status, const uint8_t *body, size_t size)
{
    if (status == 503 && size == 0) /* said to who is turned away at the door */
        return true;
    return size > 5 && size < 60 && atoi((const char *)body) == status && body[3] == ' ' &&
           body[size - 1] == '\n';
}

static bool body_begins_right(const struct guest *guest, const struct reply_wanted *wanted,
                              int status, const uint8_t *body, size_t size)
{
    if (status != wanted->status)
        return guest->may_fail && status >= 400 && size < 60;
    if (wanted->ranges || !wanted->body)
        return true;
    return (size <= wanted->size || (guest->may_fail && size <= wanted->other)) &&
           memcmp(body, wanted->body, size) == 0;
}

static bool body_right(struct guest *guest, const struct reply_wanted *wanted, int status,
                       const uint8_t *body, size_t size)
{
    if (status != wanted->status) {
        guest->failed = true;
        return guest->may_fail && status >= 400 && is_own_error(status, body, size);
    }
    if (wanted->ranges)
        return ranges_right(wanted, body, size);
    if (!wanted->body)
        return wanted->status < 400 || is_own_error(status, body, size);
    if (guest->may_fail && size == wanted->other && size > 0)
        guest->failed = true;
    else if (size != wanted->size)
        return false;
    return memcmp(body, wanted->body, size) == 0;
}

static void guest_answered(struct guest *guest, const struct head *head, size_t used)
{
    guest->at += used;
    guest->done++;
    guest->closed = head->close;
    if (guest->done == guest->wanted_count &&
        (!guest->lets_close || (guest->failed && !guest->closed)))
        guest->over = true;
    if (guest->closed && guest->done < guest->wanted_count) {
        if (!guest->may_fail)
            guest_blame(guest, "the front closes after answer %zu of %zu", guest->done,
                        guest->wanted_count);
        guest->failed = true;
    }
}

/* The stream has ended within an answer. */
static void guest_cut(struct guest *guest, const struct reply_wanted *wanted,
                      const struct head *head, const uint8_t *body, size_t size, bool framed)
{
    if (!body_begins_right(guest, wanted, head->status, body, size))
        guest_blame(guest, "answer %zu begins wrong and is cut", guest->done + 1);
    else if (!wanted->cut && !guest->may_fail)
        guest_blame(guest, "answer %zu (%d) is cut after %zu bytes of %zu: %s", guest->done + 1,
                    head->status, size, wanted->size, strerror(guest->end_error));
    else if (!framed && guest->tcp && guest->end_error == 0)
        guest_blame(guest, "answer %zu is cut after %zu bytes of %zu, and nobody can see it",
                    guest->done + 1, size, wanted->size);
    guest->failed |= !wanted->cut;
    guest->over = true;
}

/* One answer out of what is there.  False: there is not all of it. */
static bool guest_judge_one(struct guest *guest)
{
    const struct reply_wanted *wanted = &guest->wanted[guest->done];
    const uint8_t *data = guest->in + guest->at;
    size_t have = guest->in_size - guest->at;
    struct head head;
    const uint8_t *body;
    uint8_t *joined = NULL;
    size_t size;
    long used;

    if (!head_parse((const char *)data, have, &head))
        return false;
    if (head.status == 100) {
        guest->at += head.size;
        return true;
    }
    if (head.status == 0) {
        guest_blame(guest, "answer %zu is none: \"%.40s\"", guest->done + 1, (const char *)data);
        return false;
    }
    if (head.status != wanted->status && !guest->may_fail) {
        guest_blame(guest, "answer %zu is %d, not %d", guest->done + 1, head.status,
                    wanted->status);
        return false;
    }
    body = data + head.size;
    size = have - head.size;
    if (wanted->bare && (head.status == wanted->status || wanted->status == 200)) {
        guest_answered(guest, &head, head.size);
        return true;
    }
    if (head.chunked) {
        joined = malloc(size + 1);
        used = chunks_take(body, size, joined, &size);
        body = joined;
    } else if (head.has_length) {
        used = size >= head.length ? (long)head.length : 0;
        size = size < head.length ? size : head.length;
        if (used == 0 && head.length == 0)
            used = -2;
    } else {
        used = guest->ended && size == wanted->size && guest->end_error == 0 ? (long)size : 0;
    }
    if (used == -1) {
        guest_blame(guest, "answer %zu: bad chunks", guest->done + 1);
    } else if (used == 0) {
        if (guest->ended)
            guest_cut(guest, wanted, &head, body, size, head.chunked || head.has_length);
        else if (!body_begins_right(guest, wanted, head.status, body, size))
            guest_blame(guest, "answer %zu begins wrong, within %zu bytes", guest->done + 1, size);
    } else if (wanted->cut && head.status == wanted->status) {
        guest_blame(guest, "answer %zu should have been cut", guest->done + 1);
    } else if (!body_right(guest, wanted, head.status, body, size)) {
        guest_blame(guest, "answer %zu (%d) is wrong: %zu bytes, not %zu", guest->done + 1,
                    head.status, size, wanted->size);
    } else {
        guest_answered(guest, &head, head.size + (used > 0 ? (size_t)used : 0));
    }
    free(joined);
    return used != 0 && !guest->trouble[0];
}

static void guest_judge(struct guest *guest)
{
    while (!guest->over && guest->done < guest->wanted_count && guest_judge_one(guest))
        ;
    if (guest->over && guest->done == guest->wanted_count && guest->at < guest->in_size &&
        !guest->may_fail)
        guest_blame(guest, "%zu bytes too many", guest->in_size - guest->at);
    if (!guest->ended || guest->over)
        return;
    if (guest->done < guest->wanted_count) {
        const struct reply_wanted *wanted = &guest->wanted[guest->done];

        if (!guest->may_fail && !wanted->cut)
            guest_blame(guest, "the stream ended (%s) before answer %zu of %zu",
                        strerror(guest->end_error), guest->done + 1, guest->wanted_count);
        guest->failed |= !wanted->cut;
    } else if (guest->at < guest->in_size) {
        guest_blame(guest, "%zu bytes too many", guest->in_size - guest->at);
    }
    guest->over = true;
}

/* ---- moving ---- */

static size_t guest_may_send(const struct guest *guest)
{
    size_t end = guest->out_size;

    if (guest->pause_at > 0 && guest->done < guest->pause_replies)
        end = guest->pause_at;
    return guest->half_closed ? 0 : end - guest->sent;
}

static void guest_write(struct guest *guest)
{
    size_t size = guest_may_send(guest);
    size_t most = guest->writing && guest->writing < size ? guest->writing : size;
    ssize_t put = send(guest->fd, guest->out + guest->sent, most, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (put > 0)
        guest->sent += (size_t)put;
    else if (put < 0 && errno != EAGAIN)
        guest->sent = guest->out_size; /* nobody reads; there may be an answer all the same */
    if (guest->sent == guest->out_size && guest->closes_half && !guest->half_closed) {
        shutdown(guest->fd, SHUT_WR);
        guest->half_closed = true;
    }
}

static void guest_read(struct guest *guest)
{
    size_t most = guest->reading ? guest->reading : PIECE;
    ssize_t got;

    if (guest->in_room - guest->in_size < most + 1) {
        guest->in_room = 2 * guest->in_room + most + 1;
        guest->in = realloc(guest->in, guest->in_room);
    }
    got = recv(guest->fd, guest->in + guest->in_size, most, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        guest->ended = true;
        guest->end_error = got < 0 ? errno : 0;
    } else {
        guest->in_size += (size_t)got;
        guest->in[guest->in_size] = 0;
    }
    guest_judge(guest);
}

bool guests_turn(struct guest *guests, size_t count, int timeout_ms)
{
    struct pollfd waits[GUESTS_MAX];
    bool left = false;

    for (size_t i = 0; i < count; i++) {
        struct guest *guest = &guests[i];

        waits[i] = (struct pollfd){ .fd = guest->over ? -1 : guest->fd, .events = POLLIN };
        if (guest_may_send(guest) > 0)
            waits[i].events |= POLLOUT;
        left = left || !guest->over;
    }
    if (!left || poll(waits, count, timeout_ms) <= 0)
        return left;
    for (size_t i = 0; i < count; i++) {
        if (waits[i].fd < 0)
            continue;
        if (waits[i].revents & POLLOUT)
            guest_write(&guests[i]);
        if (waits[i].revents & (POLLIN | POLLHUP | POLLERR))
            guest_read(&guests[i]);
    }
    return true;
}

bool guests_run(struct guest *guests, size_t count, uint64_t patience_ms)
{
    uint64_t until_ms = play_now_ms() + patience_ms;

    while (guests_turn(guests, count, 20)) {
        if (play_now_ms() >= until_ms)
            return false;
    }
    return true;
}
