#include "api/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int check_fail(struct uwo_error *error, int index, int status, const char *format, ...)
{
    va_list arguments;

    if (error) {
        error->index = index;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

/* ---- options ---- */

enum { LINGER_MS_MAX = 24 * 3600 * 1000 };

static int check_range(struct uwo_error *error, const char *name, uint32_t value, uint32_t most)
{
    if (value >= 1 && value <= most)
        return 0;
    return check_fail(error, -1, UWO_E_INVALID, "%s is %" PRIu32 ": 1 to %" PRIu32 " is allowed",
                      name, value, most);
}

static void check_default(uint32_t *value, uint32_t normal)
{
    if (*value == 0)
        *value = normal;
}

int check_options(const struct uwo_engine_options *given, struct uwo_engine_options *complete,
                  struct uwo_error *error)
{
    int status;

    *complete = (struct uwo_engine_options){ .size = sizeof *complete };
    if (given && given->size != sizeof *given)
        return check_fail(error, -1, UWO_E_INVALID,
                          "options.size is %zu: set it to sizeof(struct uwo_engine_options), %zu",
                          given->size, sizeof *given);
    if (given)
        *complete = *given;
    check_default(&complete->threads, 2);
    check_default(&complete->disk_threads, 2);
    check_default(&complete->transfers_max, 65536);
    check_default(&complete->pipes_max, 256);
    check_default(&complete->buffers_max, 64);
    check_default(&complete->linger_ms, 2000);
    if (complete->pipes_max == UWO_NONE)
        complete->pipes_max = 0;
    if ((complete->threads != UWO_NONE &&
         (status = check_range(error, "threads", complete->threads, THREADS_MAX)) < 0) ||
        (status = check_range(error, "disk_threads", complete->disk_threads, DISK_THREADS_MAX)) <
            0 ||
        (status = check_range(error, "transfers_max", complete->transfers_max,
                              SLOTS_CAPACITY_MAX)) < 0 ||
        (status = check_range(error, "linger_ms", complete->linger_ms, LINGER_MS_MAX)) < 0)
        return status;
    if (complete->stats && complete->stats_worker >= complete->stats->header->workers_max)
        return check_fail(error, -1, UWO_E_INVALID,
                          "stats_worker is %" PRIu32 ": the block has slots 0 to %" PRIu32,
                          complete->stats_worker, complete->stats->header->workers_max - 1);
    if (complete->stats && complete->threads != UWO_NONE &&
        complete->threads > complete->stats->header->threads_max)
        return check_fail(error, -1, UWO_E_INVALID,
                          "threads is %" PRIu32 ": the statistics block has room for %" PRIu32,
                          complete->threads, complete->stats->header->threads_max);
    if (!complete->stats && complete->stats_worker >= STATS_WORKERS_MAX)
        return check_fail(error, -1, UWO_E_INVALID,
                          "stats_worker is %" PRIu32 ": 0 to %d is allowed", complete->stats_worker,
                          STATS_WORKERS_MAX - 1);
    return 0;
}

/* ---- transfers ---- */

int check_transfer(const struct uwo_transfer *given, struct uwo_transfer *complete,
                   struct uwo_error *error)
{
    *complete = (struct uwo_transfer){ .size = sizeof *complete };
    if (given && given->size != sizeof *given)
        return check_fail(error, -1, UWO_E_INVALID,
                          "transfer.size is %zu: set it to sizeof(struct uwo_transfer), %zu",
                          given->size, sizeof *given);
    if (given)
        *complete = *given;
    if (complete->after > UWO_GIVE_BACK)
        return check_fail(error, -1, UWO_E_INVALID,
                          "after is %" PRIu32 ": UWO_CLOSE (0) or UWO_GIVE_BACK (1) is allowed",
                          complete->after);
    if (complete->flags & ~(uint32_t)(UWO_GROWING | UWO_TRY_FIRST | UWO_NO_SETTLE | UWO_STREAM))
        return check_fail(error, -1, UWO_E_INVALID,
                          "flags is %#" PRIx32
                          ": UWO_GROWING, UWO_TRY_FIRST, UWO_NO_SETTLE, UWO_STREAM "
                          "are allowed",
                          complete->flags);
    if (complete->rate_max > PACE_RATE_MAX || complete->rate_min > PACE_RATE_MAX)
        return check_fail(error, -1, UWO_E_INVALID,
                          "%s is %" PRIu64 " bytes/s: 1 to %" PRIu64 " is allowed, 0 for none",
                          complete->rate_max > PACE_RATE_MAX ? "rate_max" : "rate_min",
                          complete->rate_max > PACE_RATE_MAX ? complete->rate_max
                                                             : complete->rate_min,
                          PACE_RATE_MAX);
    if (complete->rate_max && complete->rate_min > complete->rate_max)
        return check_fail(error, -1, UWO_E_INVALID,
                          "rate_min is %" PRIu64 " bytes/s: it must not exceed rate_max, %" PRIu64,
                          complete->rate_min, complete->rate_max);
    if (complete->leftover_size && !complete->leftover)
        return check_fail(error, -1, UWO_E_INVALID,
                          "leftover is NULL: %zu bytes were announced by leftover_size",
                          complete->leftover_size);
    check_default(&complete->no_progress_ms, 60000);
    check_default(&complete->rate_min_grace_ms, 5000);
    check_default(&complete->high_water, 1 << 20);
    return 0;
}

int check_client(const struct sys *sys, int client_fd, bool stream, bool *tcp,
                 struct uwo_error *error)
{
    struct sys_socket info = { .type = stream ? SYS_STREAM : 0 };
    int status = sys->socket_info(client_fd, &info);

    if (status < 0)
        return check_fail(error, -1, UWO_E_INVALID,
                          "client_fd is %d: %s; a connected stream socket is needed", client_fd,
                          sys_error_text(-status));
    if (info.type != SYS_STREAM)
        return check_fail(error, -1, UWO_E_INVALID,
                          "client_fd is %d: not a stream socket (TCP or UNIX SOCK_STREAM)",
                          client_fd);
    if (!info.connected)
        return check_fail(error, -1, UWO_E_INVALID, "client_fd is %d: the socket is not connected",
                          client_fd);
    *tcp = info.tcp;
    return 0;
}

/* ---- instructions ---- */

/* What one check needs to know. */
struct check {
    const struct sys *sys;
    const struct uwo_instruction *instruction;
    struct checked *checked;
    struct uwo_error *error;
    struct sys_file file;
    int client_fd;
    int index;
};

#define CHECK_FAIL(check, ...) \
    check_fail((check)->error, (check)->index, UWO_E_INVALID, __VA_ARGS__)

static int check_file_fd(struct check *check, const char *wanted)
{
    int fd = check->instruction->fd;
    int status = check->sys->file_info(fd, &check->file);

    if (status < 0)
        return CHECK_FAIL(check, "fd is %d: %s; %s is needed", fd, sys_error_text(-status), wanted);
    return 0;
}

static int check_extent(struct check *check)
{
    const struct uwo_instruction *instruction = check->instruction;

    if (instruction->offset < 0)
        return CHECK_FAIL(check, "offset is %" PRId64 ": 0 or more is allowed",
                          instruction->offset);
    if (instruction->count > INT64_MAX - instruction->offset)
        return CHECK_FAIL(check,
                          "count is %" PRId64 ": offset and count together exceed the largest "
                          "file offset, %" PRId64,
                          instruction->count, INT64_MAX);
    return 0;
}

static int check_count(struct check *check, bool to_the_end)
{
    int64_t count = check->instruction->count;

    if (count >= 0 || (to_the_end && count == UWO_TO_THE_END))
        return 0;
    return CHECK_FAIL(check, "count is %" PRId64 ": 0 or more is allowed%s", count,
                      to_the_end ? ", or UWO_TO_THE_END (-1)" : "");
}

static int check_send(struct check *check)
{
    const struct uwo_instruction *instruction = check->instruction;

    if (check_count(check, false) < 0)
        return UWO_E_INVALID;
    if (instruction->count > 0 && !instruction->data)
        return CHECK_FAIL(check, "data is NULL: %" PRId64 " bytes were announced by count",
                          instruction->count);
    return 0;
}

static int check_send_file(struct check *check)
{
    const struct uwo_instruction *instruction = check->instruction;

    if (check_file_fd(check, "a regular file open for reading") < 0 ||
        check_count(check, true) < 0 || check_extent(check) < 0)
        return UWO_E_INVALID;
    if (!check->file.regular || !(check->file.access & SYS_READ))
        return CHECK_FAIL(check, "fd is %d: %s; a regular file open for reading is needed",
                          instruction->fd,
                          check->file.regular ? "not open for reading" : "not a regular file");
    if (instruction->count != UWO_TO_THE_END)
        return 0;
    if (instruction->offset > check->file.size)
        return CHECK_FAIL(check,
                          "offset is %" PRId64 ": the file has %" PRId64 " bytes, 0 to %" PRId64
                          " is allowed",
                          instruction->offset, check->file.size, check->file.size);
    check->checked->count = (uint64_t)(check->file.size - instruction->offset);
    return 0;
}

static bool check_is_client(const struct check *check)
{
    struct sys_file client;

    return check->client_fd >= 0 && check->sys->file_info(check->client_fd, &client) == 0 &&
           client.device == check->file.device && client.inode == check->file.inode;
}

static int check_splice(struct check *check)
{
    static const char needed[] = "the read end of a pipe or a connected stream socket";
    const struct sys_file *file = &check->file;
    int fd = check->instruction->fd;
    bool tcp;

    if (check_file_fd(check, needed) < 0 || check_count(check, true) < 0)
        return UWO_E_INVALID;
    if (!file->pipe && !file->socket)
        return CHECK_FAIL(check, "fd is %d: neither a pipe nor a socket; %s is needed", fd, needed);
    if (file->pipe && !(file->access & SYS_READ))
        return CHECK_FAIL(check, "fd is %d: the write end of a pipe; %s is needed", fd, needed);
    if (file->socket && check_client(check->sys, fd, false, &tcp, NULL) < 0)
        return CHECK_FAIL(check, "fd is %d: not a connected stream socket; %s is needed", fd,
                          needed);
    if (check_is_client(check))
        return CHECK_FAIL(check, "fd is %d: the client itself; it cannot be spliced into itself",
                          fd);
    check->checked->from_pipe = file->pipe;
    if (check->instruction->count == UWO_TO_THE_END)
        check->checked->count = TASK_TO_THE_END;
    return 0;
}

static int check_receive_file(struct check *check)
{
    static const char needed[] = "a regular file open for writing, without O_APPEND";
    const struct sys_file *file = &check->file;
    int fd = check->instruction->fd;

    if (check_file_fd(check, needed) < 0 || check_count(check, false) < 0 ||
        check_extent(check) < 0)
        return UWO_E_INVALID;
    if (!file->regular || !(file->access & SYS_WRITE) || file->append)
        return CHECK_FAIL(check, "fd is %d: %s; %s is needed", fd,
                          !file->regular                ? "not a regular file"
                          : !(file->access & SYS_WRITE) ? "not open for writing"
                                                        : "opened with O_APPEND, which would "
                                                          "ignore the offset",
                          needed);
    return 0;
}

static int check_instruction(struct check *check)
{
    static int (*const checks[])(struct check *) = {
        [UWO_SEND] = check_send,
        [UWO_SEND_FILE] = check_send_file,
        [UWO_SPLICE] = check_splice,
        [UWO_RECEIVE_FILE] = check_receive_file,
    };
    const struct uwo_instruction *instruction = check->instruction;

    if (instruction->size != sizeof *instruction)
        return CHECK_FAIL(check,
                          "size is %" PRIu32 ": set it to sizeof(struct uwo_instruction), %zu",
                          instruction->size, sizeof *instruction);
    if (!task_type_of(instruction->kind))
        return CHECK_FAIL(check, "kind is %" PRIu32 ": no such instruction", instruction->kind);
    if (instruction->flags & ~(uint32_t)(UWO_KEEP_FD | UWO_BORROW))
        return CHECK_FAIL(check, "flags is %#" PRIx32 ": UWO_KEEP_FD and UWO_BORROW are allowed",
                          instruction->flags);
    *check->checked = (struct checked){ .count = (uint64_t)instruction->count };
    return checks[instruction->kind](check);
}

/* A descriptor that moves has one new owner: it may stand there once. */
static int check_moves_once(const struct uwo_program *program, size_t at, bool shared,
                            struct uwo_error *error)
{
    const struct uwo_instruction *list = program->instructions;

    if (list[at].kind == UWO_SEND || list[at].flags & UWO_KEEP_FD)
        return 0;
    for (size_t i = 0; i < at; i++) {
        if (list[i].kind != UWO_SEND && list[i].fd == list[at].fd)
            shared = true;
    }
    if (shared)
        return check_fail(error, (int)at, UWO_E_INVALID,
                          "fd is %d: it is used more than once and can move only once; set "
                          "UWO_KEEP_FD (Python: give the file object)",
                          list[at].fd);
    return 0;
}

int check_program(const struct sys *sys, const struct uwo_program *program, int client_fd,
                  bool shared, struct checked *checked, struct uwo_error *error)
{
    if (!program || program->size != sizeof *program)
        return check_fail(error, -1, UWO_E_INVALID,
                          "program.size is %zu: set it to sizeof(struct uwo_program), %zu",
                          program ? program->size : 0, sizeof *program);
    if (program->count > CHECK_INSTRUCTIONS_MAX)
        return check_fail(error, -1, UWO_E_INVALID,
                          "program.count is %zu: 0 to %d instructions are allowed; a growing "
                          "program takes more",
                          program->count, CHECK_INSTRUCTIONS_MAX);
    for (size_t i = 0; i < program->count; i++) {
        struct check check = {
            .sys = sys,
            .instruction = &program->instructions[i],
            .checked = &checked[i],
            .error = error,
            .client_fd = client_fd,
            .index = (int)i,
        };
        int status = check_instruction(&check);

        if (status == 0)
            status = check_moves_once(program, i, shared, error);
        if (status < 0)
            return status;
    }
    return 0;
}
