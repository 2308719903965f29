/* misuse: every wrong argument is refused, in words that name it, and nothing is taken. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/stats.h"
#include "faulty.h"
#include "play.h"

static struct uwo_engine *engine;
static int client[2]; /* a connection over a UNIX socket */
static int file_fd;   /* regular, for reading and writing */

static const struct uwo_instruction plain = { .size = sizeof plain, .fd = -1, .count = 10 };

/* It says no, names what is wrong, and the descriptors are as before. */
static void refused(int status, const struct uwo_error *error, int fds, const char *named)
{
    CLAIM(status == UWO_E_INVALID && strstr(error->message, named) && play_count_fds() == fds &&
              (!engine || uwo_engine_count(engine) == 0),
          "%s: %d %s", named, status, error->message);
}

/* ---- engines ---- */

static void refuse_options(struct uwo_engine_options options, const char *named)
{
    struct uwo_error error = { .size = sizeof error };
    struct uwo_engine *made = NULL;
    int fds = play_count_fds();
    int status;

    options.size = options.size ? options.size : sizeof options;
    status = uwo_engine_create(&options, &made, &error);
    refused(status, &error, fds, named);
    uwo_engine_destroy(made);
}

static void claim_options(void)
{
    struct uwo_stats *stats;

    refuse_options((struct uwo_engine_options){ .size = 7 }, "options.size is 7");
    refuse_options((struct uwo_engine_options){ .threads = 65 }, "threads is 65");
    refuse_options((struct uwo_engine_options){ .disk_threads = 65 }, "disk_threads is 65");
    refuse_options((struct uwo_engine_options){ .transfers_max = (4 << 20) + 1 },
                   "transfers_max is 4194305");
    refuse_options((struct uwo_engine_options){ .linger_ms = UINT32_MAX }, "linger_ms is");
    refuse_options((struct uwo_engine_options){ .stats_worker = 4096 }, "stats_worker is 4096");
    if (uwo_stats_create(NULL, 2, 1, &stats) < 0)
        play_give_up("uwo_stats_create");
    refuse_options((struct uwo_engine_options){ .stats = stats, .threads = 1, .stats_worker = 2 },
                   "stats_worker is 2");
    refuse_options((struct uwo_engine_options){ .stats = stats, .threads = 2 }, "threads is 2");
    uwo_stats_destroy(stats);
    CLAIM(uwo_engine_create(&(struct uwo_engine_options){ .size = 1 }, &engine, NULL) ==
              UWO_E_INVALID,
          "without a place for it the error is not told");
    uwo_engine_destroy(NULL);
}

/* ---- transfers ---- */

static void refuse_transfer(struct uwo_transfer wanted, const char *named)
{
    struct uwo_error error = { .size = sizeof error };
    struct uwo_program program = { .size = sizeof program };
    uint64_t id;
    int fds = play_count_fds();

    wanted.size = wanted.size ? wanted.size : sizeof wanted;
    refused(uwo_engine_reserve(engine, client[0], &program, &wanted, &id, &error), &error, fds,
            named);
}

static void refuse_client(int fd, const char *named)
{
    struct uwo_error error = { .size = sizeof error };
    struct uwo_program program = { .size = sizeof program };
    uint64_t id;
    int fds = play_count_fds();

    refused(uwo_engine_submit(engine, fd, &program, NULL, &id, &error), &error, fds, named);
}

static void claim_transfers(void)
{
    uint64_t much = UINT64_C(1000000000001);
    int udp[2];
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    refuse_transfer((struct uwo_transfer){ .size = 9 }, "transfer.size is 9");
    refuse_transfer((struct uwo_transfer){ .after = 2 }, "after is 2");
    refuse_transfer((struct uwo_transfer){ .flags = 64 }, "flags is 0x40");
    refuse_transfer((struct uwo_transfer){ .rate_max = much }, "rate_max is 1000000000001");
    refuse_transfer((struct uwo_transfer){ .rate_min = much }, "rate_min is 1000000000001");
    refuse_transfer((struct uwo_transfer){ .rate_min = 11, .rate_max = 10 }, "rate_min is 11");
    refuse_transfer((struct uwo_transfer){ .leftover_size = 1 }, "leftover is NULL");
    refuse_client(-1, "client_fd is -1");
    refuse_client(9999, "not an open descriptor");
    refuse_client(file_fd, "not a socket");
    refuse_client(tcp, "not connected");
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, udp) < 0)
        play_give_up("socketpair");
    refuse_client(udp[0], "not a stream socket");
    close(udp[0]);
    close(udp[1]);
    close(tcp);
}

/* ---- instructions ---- */

static void refuse_list(const struct uwo_instruction *list, size_t count, int index,
                        const char *named)
{
    struct uwo_error error = { .size = sizeof error };
    struct uwo_program program = { .size = sizeof program, .instructions = list, .count = count };
    uint64_t id;
    int fds = play_count_fds();

    refused(uwo_engine_reserve(engine, client[0], &program, NULL, &id, &error), &error, fds, named);
    CLAIM(error.index == index, "%s: instruction %d of the program", named, error.index);
}

static void refuse(struct uwo_instruction instruction, const char *named)
{
    struct uwo_instruction list[2] = { plain, instruction };

    list[0].kind = UWO_SEND;
    list[0].data = "0123456789";
    refuse_list(list, 2, 1, named);
}

static struct uwo_instruction with(uint32_t kind, int fd, int64_t offset, int64_t count)
{
    return (struct uwo_instruction){
        .size = sizeof(struct uwo_instruction),
        .kind = kind,
        .fd = fd,
        .offset = offset,
        .count = count,
    };
}

static int open_again(int flags)
{
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/self/fd/%d", file_fd);
    fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        play_give_up(path);
    return fd;
}

static void claim_send_and_kinds(void)
{
    struct uwo_error error = { .size = sizeof error };
    struct uwo_program program = { .size = 3 };
    struct uwo_instruction wrong = with(UWO_SEND, -1, 0, 10);
    uint64_t id;

    refuse(wrong, "data is NULL");
    refuse(with(UWO_SEND, -1, 0, -1), "count is -1");
    refuse(with(0, -1, 0, 0), "kind is 0");
    refuse(with(5, -1, 0, 0), "kind is 5");
    wrong.size = 8;
    refuse(wrong, "size is 8");
    wrong = with(UWO_SEND, -1, 0, 0);
    wrong.flags = 4;
    refuse(wrong, "flags is 0x4");
    refused(uwo_engine_reserve(engine, client[0], &program, NULL, &id, &error), &error,
            play_count_fds(), "program.size is 3");
    refused(uwo_engine_reserve(engine, client[0], NULL, NULL, &id, &error), &error,
            play_count_fds(), "program.size is 0");
    program = (struct uwo_program){ .size = sizeof program, .count = 1025 };
    refused(uwo_engine_reserve(engine, client[0], &program, NULL, &id, &error), &error,
            play_count_fds(), "program.count is 1025");
}

static void claim_files(void)
{
    int folder = open("/", O_RDONLY | O_CLOEXEC);
    int path_only = open("/", O_PATH | O_CLOEXEC);
    int write_only = open_again(O_WRONLY);
    int read_only = open_again(O_RDONLY);
    int appending = open_again(O_WRONLY | O_APPEND);

    refuse(with(UWO_SEND_FILE, -1, 0, 10), "fd is -1");
    refuse(with(UWO_SEND_FILE, folder, 0, 10), "not a regular file");
    refuse(with(UWO_SEND_FILE, path_only, 0, 10), "not a regular file");
    refuse(with(UWO_SEND_FILE, client[0], 0, 10), "not a regular file");
    refuse(with(UWO_SEND_FILE, write_only, 0, 10), "not open for reading");
    refuse(with(UWO_SEND_FILE, file_fd, -1, 10), "offset is -1");
    refuse(with(UWO_SEND_FILE, file_fd, 0, -2), "count is -2");
    refuse(with(UWO_SEND_FILE, file_fd, 100, INT64_MAX - 99), "count is 9223372036854775708");
    refuse(with(UWO_SEND_FILE, file_fd, 10000, UWO_TO_THE_END), "offset is 10000");
    refuse(with(UWO_RECEIVE_FILE, 9999, 0, 10), "fd is 9999");
    refuse(with(UWO_RECEIVE_FILE, read_only, 0, 10), "not open for writing");
    refuse(with(UWO_RECEIVE_FILE, appending, 0, 10), "O_APPEND");
    refuse(with(UWO_RECEIVE_FILE, folder, 0, 10), "not a regular file");
    refuse(with(UWO_RECEIVE_FILE, file_fd, 0, UWO_TO_THE_END), "count is -1");
    refuse(with(UWO_RECEIVE_FILE, file_fd, -5, 1), "offset is -5");
    close(folder);
    close(path_only);
    close(write_only);
    close(read_only);
    close(appending);
}

static void claim_splices(void)
{
    int pipe_fds[2];
    int unconnected = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int copy = fcntl(client[0], F_DUPFD_CLOEXEC, 3);

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        play_give_up("pipe2");
    refuse(with(UWO_SPLICE, 9999, 0, 10), "fd is 9999");
    refuse(with(UWO_SPLICE, file_fd, 0, 10), "neither a pipe nor a socket");
    refuse(with(UWO_SPLICE, pipe_fds[1], 0, 10), "the write end of a pipe");
    refuse(with(UWO_SPLICE, unconnected, 0, 10), "not a connected stream socket");
    refuse(with(UWO_SPLICE, client[0], 0, 10), "the client itself");
    refuse(with(UWO_SPLICE, copy, 0, 10), "the client itself");
    refuse(with(UWO_SPLICE, pipe_fds[0], 0, -7), "count is -7");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(unconnected);
    close(copy);
}

/* What moves can move once. */
static void claim_owners(void)
{
    struct uwo_instruction list[2] = { with(UWO_SEND_FILE, file_fd, 0, 10),
                                       with(UWO_SEND_FILE, file_fd, 10, 10) };
    struct uwo_program program = { .size = sizeof program, .instructions = list, .count = 1 };
    const struct uwo_program *programs[2] = { &program, &program };
    struct uwo_error error = { .size = sizeof error };
    int copy = fcntl(client[0], F_DUPFD_CLOEXEC, 3);
    int fds[2] = { client[0], copy };
    uint64_t ids[2];

    refuse_list(list, 2, 1, "it is used more than once");
    refused(uwo_engine_reserve_batch(engine, fds, programs, true, NULL, 2, ids, &error), &error,
            play_count_fds(), "it is used more than once");
    list[0].flags = list[1].flags = UWO_KEEP_FD;
    program.count = 2;
    CLAIM(uwo_engine_reserve_batch(engine, fds, programs, true, NULL, 2, ids, &error) == UWO_OK,
          "what is kept may be used by many");
    uwo_engine_abandon(engine, ids, 2);
    list[1] = with(UWO_SPLICE, client[1], 0, 10);
    list[1].flags = UWO_KEEP_FD;
    CLAIM(uwo_engine_reserve_batch(engine, fds, programs, true, NULL, 2, ids, &error) == UWO_OK,
          "also a splice source");
    uwo_engine_abandon(engine, ids, 2);
    fds[1] = client[0];
    refused(uwo_engine_reserve_batch(engine, fds, programs, true, NULL, 2, ids, &error), &error,
            play_count_fds(), "it was handed over already");
    fds[1] = client[1];
    refused(uwo_engine_reserve_batch(engine, fds, programs, true, NULL, 2, ids, &error), &error,
            play_count_fds(), "the client itself");
    program.count = 1;
    fds[1] = -1;
    refused(uwo_engine_reserve_batch(engine, fds, programs, true, NULL, 2, ids, &error), &error,
            play_count_fds(), "client_fd is -1");
    CLAIM(error.index == 1, "element %d of the batch", error.index);
    close(copy);
}

/* ---- by id, and events ---- */

static void claim_ids(void)
{
    struct uwo_progress progress = { .size = sizeof progress };
    struct uwo_program program = { .size = sizeof program };
    struct uwo_event event = { .size = 3 };
    struct uwo_error error = { .size = sizeof error };
    uint64_t nobody[] = { 0, 1, 5, UINT64_C(1) << 30, UINT64_MAX };
    uint64_t id;

    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        id = nobody[i];
        uwo_transfer_cancel(engine, id);
        uwo_engine_commit(engine, &id, 1);
        uwo_engine_abandon(engine, &id, 1);
        CLAIM(uwo_transfer_progress(engine, id, &progress) == UWO_E_GONE &&
                  uwo_transfer_finish(engine, id) == UWO_E_GONE &&
                  uwo_transfer_append(engine, id, &program, &error) == UWO_E_GONE,
              "id %#llx is nobody", (unsigned long long)id);
    }
    CLAIM(uwo_engine_reap(engine, &event, 1) == UWO_E_INVALID &&
              uwo_engine_wait(engine, &event, 1, 0) == UWO_E_INVALID,
          "event.size is 3");
    event.size = sizeof event;
    CLAIM(uwo_engine_reap(engine, &event, 0) == UWO_E_INVALID &&
              uwo_engine_wait(engine, &event, 0, 0) == UWO_E_INVALID,
          "no room for events");
    CLAIM(uwo_engine_reap(engine, &event, (size_t)INT32_MAX + 1) == UWO_E_INVALID &&
              uwo_engine_wait(engine, &event, (size_t)INT32_MAX + 1, 0) == UWO_E_INVALID,
          "more events than can be counted");
    progress.size = 1;
    CLAIM(uwo_transfer_progress(engine, 1, &progress) == UWO_E_INVALID, "progress.size is 1");

    int status = uwo_engine_reserve(engine, client[0], &program, NULL, &id, NULL);

    progress.size = sizeof progress;
    CLAIM(status == UWO_OK && uwo_transfer_progress(engine, id, &progress) == UWO_E_GONE &&
              uwo_transfer_finish(engine, id) == UWO_E_GONE,
          "what is only reserved has not begun");
    program.size = 1;
    CLAIM(uwo_transfer_append(engine, id, &program, &error) == UWO_E_INVALID,
          "append checks its program");
    uwo_engine_abandon(engine, &id, 1);
}

/* ---- statistics and names ---- */

static void claim_stats(void)
{
    char path[] = "/tmp/uwoffload-misuse-XXXXXX";
    struct uwo_stats *stats;
    struct uwo_stats *same;
    int fd = mkstemp(path);

    close(fd);
    CLAIM(uwo_stats_create(path, 2, 3, &stats) == UWO_OK, "a block in a file");
    CLAIM(uwo_stats_create(path, 2, 3, &same) == UWO_OK, "is taken over");
    CLAIM(uwo_stats_fd(stats) >= 0 && uwo_stats_fd(same) != uwo_stats_fd(stats),
          "each has its own");
    atomic_store(stats_slot(stats, 1, 3), 77);
    CLAIM(uwo_stats_value(same, 1, 3, 0) == 77, "and both see the same");
    CLAIM(uwo_stats_value(same, 2, 0, 0) == 0 && uwo_stats_value(same, 0, 4, 0) == 0 &&
              uwo_stats_value(same, 0, 0, uwo_stats_field_count()) == 0,
          "what is not there reads 0");
    uwo_stats_destroy(same);
    CLAIM(uwo_stats_create(path, 2, 4, &same) == UWO_E_INVALID, "another shape is refused");
    stats->header->magic[0] = 'X';
    CLAIM(uwo_stats_create(path, 2, 3, &same) == UWO_E_INVALID, "so is something else");
    uwo_stats_destroy(stats);
    uwo_stats_destroy(NULL);
    CLAIM(uwo_stats_create(NULL, 0, 1, &stats) == UWO_E_INVALID &&
              uwo_stats_create(NULL, 4097, 1, &stats) == UWO_E_INVALID &&
              uwo_stats_create(NULL, 1, 0, &stats) == UWO_E_INVALID &&
              uwo_stats_create(NULL, 1, 65, &stats) == UWO_E_INVALID,
          "so are numbers out of range");
    CLAIM(uwo_stats_create("/nowhere/at/all", 1, 1, &stats) == -ENOENT, "and a path to nowhere");
    unlink(path);
}

static void claim_names(void)
{
    static const int codes[] = { UWO_E_INVALID, UWO_E_FULL, UWO_E_CLOSED,
                                 UWO_E_FORKED,  UWO_E_GONE, UWO_E_UNSUPPORTED,
                                 -ENOMEM,       -EPIPE,     -99999 };
    bool all = true;

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        for (size_t j = 0; j < i; j++)
            all = all && strcmp(uwo_status_text(codes[i]), uwo_status_text(codes[j])) != 0;
    }
    CLAIM(all && strcmp(uwo_status_text(0), uwo_status_text(1)) == 0, "every status has its text");
    for (uint32_t i = 0; i < UWO_OUTCOME_COUNT; i++)
        all = all && strcmp(uwo_outcome_name(i), "unknown") != 0;
    CLAIM(all && strcmp(uwo_outcome_name(UWO_OUTCOME_COUNT), "unknown") == 0,
          "every outcome has its name");
    CLAIM(strcmp(uwo_kind_name(UWO_SPLICE), "splice") == 0 &&
              strcmp(uwo_kind_name(99), "unknown") == 0,
          "every kind has its name");
    for (uint32_t i = 0; i < uwo_stats_field_count(); i++)
        all = all && strcmp(uwo_stats_field_name(i), "unknown") != 0;
    CLAIM(all && strcmp(uwo_stats_field_name(uwo_stats_field_count()), "unknown") == 0,
          "every field has its name");
    CLAIM(strlen(uwo_version()) >= 5, "version %s", uwo_version());
}

/* ---- full ---- */

static void claim_full(void)
{
    struct uwo_engine_options options = { .size = sizeof options,
                                          .transfers_max = 2,
                                          .pipes_max = UWO_NONE };
    struct uwo_engine *small;
    struct uwo_error error = { .size = sizeof error };
    struct uwo_program program = { .size = sizeof program };
    uint64_t ids[3];
    int fds[3] = { client[0], client[1], fcntl(client[0], F_DUPFD_CLOEXEC, 3) };
    const struct uwo_program *programs[3] = { &program, &program, &program };

    if (uwo_engine_create(&options, &small, NULL) < 0)
        play_give_up("uwo_engine_create");
    CLAIM(uwo_engine_reserve_batch(small, fds, programs, false, NULL, 3, ids, &error) ==
                  UWO_E_FULL &&
              strstr(error.message, "transfers_max is reached") && uwo_engine_count(small) == 0,
          "a batch that does not fit is refused whole: %s", error.message);
    CLAIM(uwo_engine_reserve_batch(small, fds, programs, false, NULL, 2, ids, &error) == UWO_OK,
          "one that fits is taken");
    CLAIM(uwo_engine_reserve_batch(small, fds, programs, false, NULL, 0, ids, &error) == UWO_OK,
          "an empty one too");
    uwo_engine_abandon(small, ids, 2);
    close(fds[2]);
    uwo_engine_destroy(small);
}

int main(void)
{
    play_prepare();
    faulty_install();
    claim_options();
    play_sockets(false, client);
    file_fd = play_file(play_bytes(1000), 1000);
    if (uwo_engine_create(NULL, &engine, NULL) < 0)
        play_give_up("uwo_engine_create");
    claim_transfers();
    claim_send_and_kinds();
    claim_files();
    claim_splices();
    claim_owners();
    claim_ids();
    claim_stats();
    claim_names();
    claim_full();
    uwo_engine_destroy(engine);
    close(file_fd);
    close(client[0]);
    close(client[1]);
    CLAIM(faulty_trouble().memory == 0 && faulty_trouble().mappings == 0, "no memory is left");
    CLAIM(faulty_trouble().bad_closes == 0, "nothing was closed twice");
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
