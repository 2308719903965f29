#define _GNU_SOURCE
#include "scenes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "build.h"
#include "faulty.h"

enum { SMALL = 1000, LARGE = 150000, HEAD = 300 };

/* ---- downloads ---- */

static void stage_send_small(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, SMALL);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_send_large(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, LARGE);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_send_file(struct play *play)
{
    struct build build = { 0 };

    build_file(&build, play, LARGE, false);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_bulk(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, HEAD);
    build_file(&build, play, 2 * LARGE, false);
    build_send(&build, HEAD);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_no_settle(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, HEAD);
    build_file(&build, play, LARGE, false);
    build_go(&build, play, UWO_NO_SETTLE, UWO_CLOSE);
}

static void stage_no_settle_first(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, SMALL);
    build_go(&build, play, UWO_NO_SETTLE | UWO_TRY_FIRST | UWO_STREAM, UWO_CLOSE);
}

static void stage_kept_file(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, HEAD);
    build_file(&build, play, SMALL, true);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_two_files(struct play *play)
{
    struct build build = { 0 };

    build_file(&build, play, SMALL, false);
    build_file(&build, play, LARGE, false);
    build_file(&build, play, SMALL, true);
    build_go(&build, play, 0, UWO_GIVE_BACK);
}

static void stage_give_back(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, SMALL);
    build_go(&build, play, 0, UWO_GIVE_BACK);
}

static void stage_try_first(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, HEAD);
    build_file(&build, play, SMALL, false);
    build_go(&build, play, UWO_TRY_FIRST, UWO_CLOSE);
}

static void stage_try_first_large(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, LARGE);
    build_go(&build, play, UWO_TRY_FIRST, UWO_CLOSE);
}

static void stage_try_first_back(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, SMALL);
    build_go(&build, play, UWO_TRY_FIRST, UWO_GIVE_BACK);
}

static void stage_rate(struct play *play)
{
    struct build build = { 0 };
    struct uwo_transfer wanted = build_wanted(play);

    build_send(&build, SMALL);
    build_file(&build, play, 2 * SMALL, false);
    wanted.rate_max = 24 * SMALL;
    wanted.rate_min = 1;
    build_submit(&build, play, &wanted);
}

static void stage_linger(struct play *play)
{
    struct build build = { 0 };

    play->upload = play_bytes(SMALL);
    play->upload_size = SMALL;
    play_turn(play, 0);
    build_send(&build, SMALL);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_cancel(struct play *play)
{
    struct build build = { 0 };

    play->cancels = true;
    build_send(&build, HEAD);
    build_file(&build, play, 4 * LARGE, false);
    build_go(&build, play, 0, UWO_CLOSE);
}

/* ---- splices ---- */

static void stage_splice_pipe(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, HEAD);
    build_splice(&build, play, PIPE_SOURCE, LARGE, true);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_splice_pipe_count(struct play *play)
{
    struct build build = { 0 };

    build_splice(&build, play, PIPE_SOURCE, LARGE, false);
    build_send(&build, HEAD);
    build_go(&build, play, 0, UWO_GIVE_BACK);
}

static void stage_splice_tcp(struct play *play)
{
    struct build build = { 0 };

    build_send(&build, HEAD);
    build_splice(&build, play, TCP_SOURCE, LARGE, true);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_splice_unix(struct play *play)
{
    struct build build = { 0 };

    build_splice(&build, play, UNIX_SOURCE, LARGE, false);
    build_send(&build, HEAD);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_splice_rate(struct play *play)
{
    struct build build = { 0 };
    struct uwo_transfer wanted = build_wanted(play);

    build_splice(&build, play, UNIX_SOURCE, 3 * SMALL, true);
    wanted.rate_max = 24 * SMALL;
    build_submit(&build, play, &wanted);
}

/* ---- uploads ---- */

static void stage_upload(struct play *play)
{
    struct build build = { 0 };

    build_receive(&build, play, LARGE, 0);
    build_send(&build, HEAD);
    build_go(&build, play, 0, UWO_CLOSE);
}

static void stage_upload_leftover(struct play *play)
{
    struct build build = { 0 };

    build_receive(&build, play, SMALL, HEAD);
    build_send(&build, HEAD);
    build_go(&build, play, 0, UWO_GIVE_BACK);
}

static void stage_upload_in_leftover(struct play *play)
{
    struct build build = { 0 };

    build_receive(&build, play, HEAD, SMALL);
    build_send(&build, HEAD);
    build_go(&build, play, UWO_TRY_FIRST, UWO_GIVE_BACK);
}

/* ---- growing ---- */

/* Append, waiting for room.  False when it cannot be done. */
static bool grow(struct play *play, struct build *build)
{
    struct uwo_program program = { .size = sizeof program,
                                   .instructions = build->list,
                                   .count = build->count };
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;
    int status;

    play->wanted_size = build->at;
    build->count = 0;
    while ((status = uwo_transfer_append(play->engine, play->id, &program, NULL)) == UWO_E_FULL) {
        unsigned rooms = play->room_count;

        while (play->room_count == rooms && play->done_count == 0 && play_now_ms() < until_ms)
            play_turn(play, 100);
        if (play->room_count == rooms && play->done_count == 0) {
            play_blame(play, "no ROOM event came");
            return false;
        }
    }
    return status == UWO_OK;
}

static void stage_growing(struct play *play)
{
    struct build build = { 0 };
    struct uwo_transfer wanted = build_wanted(play);
    bool good;

    build_send(&build, HEAD);
    wanted.flags = UWO_GROWING;
    wanted.high_water = 20000;
    build_submit(&build, play, &wanted);
    if (!play->taken)
        return;
    play->wanted = play_bytes(LARGE);
    build.count = 0;
    build_send(&build, SMALL);
    good = grow(play, &build);
    for (int i = 0; good && i < 3; i++) {
        build_send(&build, 3 * SMALL);
        build_file(&build, play, 20 * SMALL, true);
        build_send(&build, SMALL);
        good = grow(play, &build);
    }
    if (good)
        uwo_transfer_finish(play->engine, play->id);
    else
        uwo_transfer_cancel(play->engine, play->id);
}

/* A splice source is appended. */
static void stage_growing_splice(struct play *play)
{
    struct build build = { 0 };
    bool good;

    build_send(&build, HEAD);
    build_go(&build, play, UWO_GROWING, UWO_CLOSE);
    if (!play->taken)
        return;
    play->wanted = play_bytes(LARGE);
    play->source_count = 0;
    build.count = 0;
    build_splice(&build, play, PIPE_SOURCE, SMALL, true);
    good = grow(play, &build);
    if (!good) /* it stays ours */
        play->kept_fds[play->kept_count++] = play->source_fds[0];
    if (good)
        uwo_transfer_finish(play->engine, play->id);
    else
        uwo_transfer_cancel(play->engine, play->id);
}

/* Nothing to begin with: it waits for its producer at once. */
static void stage_growing_empty(struct play *play)
{
    struct build build = { 0 };

    build_go(&build, play, UWO_GROWING, UWO_CLOSE);
    if (!play->taken)
        return;
    play->wanted = play_bytes(LARGE);
    build_send(&build, SMALL);
    if (grow(play, &build))
        uwo_transfer_finish(play->engine, play->id);
    else
        uwo_transfer_cancel(play->engine, play->id);
}

/* Everything is appended before the loop has a chance, and then cut off. */
static void stage_growing_cancel(struct play *play)
{
    struct build build = { 0 };
    struct uwo_transfer wanted = build_wanted(play);

    build_send(&build, HEAD);
    wanted.flags = UWO_GROWING;
    wanted.after = UWO_GIVE_BACK;
    build_submit(&build, play, &wanted);
    if (!play->taken)
        return;
    play->wanted = play_bytes(LARGE);
    build.count = 0;
    build_send(&build, SMALL);
    if (grow(play, &build)) {
        build_file(&build, play, SMALL, true);
        build_send(&build, SMALL);
        grow(play, &build);
    }
    uwo_transfer_cancel(play->engine, play->id);
}

/* ---- engines ---- */

const char *scenes_clean_transfer(struct uwo_engine *engine)
{
    static char trouble[300];
    struct play play;
    struct build build = { 0 };

    play_open(&play, engine, false);
    build_send(&build, HEAD);
    build_file(&build, &play, SMALL, false);
    build_go(&build, &play, 0, UWO_CLOSE);
    play_run(&play, false);
    play_close(&play);
    snprintf(trouble, sizeof trouble, "a clean transfer afterwards: %s", play.trouble);
    return play.trouble[0] ? trouble : NULL;
}

int scenes_engine(const struct scene *scene, struct uwo_engine **engine)
{
    struct uwo_engine_options options = {
        .size = sizeof options,
        .threads = 1,
        .disk_threads = 1,
        .transfers_max = 16,
        .pipes_max = scene->pipes_max,
        .linger_ms = 1000,
    };

    *engine = NULL;
    return uwo_engine_create(&options, engine, NULL);
}

static const char *run_engine(bool tcp, bool *harmed)
{
    struct uwo_engine *engine = NULL;
    struct uwo_error error = { .size = sizeof error };
    struct uwo_engine_options options = {
        .size = sizeof options, .threads = 2, .disk_threads = 2, .transfers_max = tcp ? 100 : 5000
    };
    int status = uwo_engine_create(&options, &engine, &error);
    const char *trouble = NULL;

    faulty_disarm();
    *harmed = status < 0;
    if (status < 0 && !error.message[0])
        return "create failed without a message";
    if (status < 0 && engine)
        return "create failed and gave an engine";
    if (engine)
        trouble = scenes_clean_transfer(engine);
    uwo_engine_destroy(engine);
    return trouble;
}

static const char *run_stats_file(bool tcp, bool *harmed)
{
    char path[] = "/tmp/uwoffload-sweep-XXXXXX";
    struct uwo_stats *stats = NULL;
    struct uwo_engine *engine = NULL;
    struct uwo_engine_options options = { .size = sizeof options, .threads = 1, .disk_threads = 1 };
    int fd = mkstemp(path);
    const char *trouble = NULL;
    int status;

    close(fd);
    status = uwo_stats_create(path, 2, tcp ? 1 : 3, &stats);
    if (status == UWO_OK) {
        options.stats = stats;
        status = uwo_engine_create(&options, &engine, NULL);
    }
    faulty_disarm();
    *harmed = status < 0;
    if (engine)
        trouble = scenes_clean_transfer(engine);
    uwo_engine_destroy(engine);
    uwo_stats_destroy(stats);
    unlink(path);
    return trouble;
}

/* Collect DONE events of three transfers with uwo_engine_wait; the peers have gone already. */
static const char *wait_for(struct uwo_engine *engine, unsigned expected, uint64_t tag,
                            bool *harmed)
{
    unsigned seen[3] = { 0 };
    unsigned count = 0;
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;

    while (count < expected && play_now_ms() < until_ms) {
        struct uwo_event events[2] = { { .size = sizeof events[0] } };
        int got = uwo_engine_wait(engine, events, 2, 1000);

        if (got < 0 && got != -EINTR)
            return "uwo_engine_wait failed";
        for (int i = 0; i < got; i++, count++) {
            if (events[i].tag - tag >= 3 || seen[events[i].tag - tag]++)
                return "an event came twice";
            if (events[i].outcome != UWO_FINISHED)
                *harmed = true;
            if (events[i].client_fd >= 0)
                close(events[i].client_fd);
        }
    }
    return count < expected ? "a DONE event is missing" : NULL;
}

static const char *run_batch(bool tcp, bool *harmed)
{
    struct scene scene = { 0 };
    struct uwo_engine *engine;
    struct build build = { 0 };
    struct play plays[3];
    struct uwo_program program = { .size = sizeof program, .instructions = build.list };
    const struct uwo_program *programs[3] = { &program, &program, &program };
    struct uwo_transfer wanted = {
        .size = sizeof wanted, .after = UWO_GIVE_BACK, .tag = 7, .deadline_ms = PLAY_DEADLINE_MS
    };
    const char *trouble = NULL;
    uint64_t ids[3];
    int fds[3];

    *harmed = scenes_engine(&scene, &engine) < 0;
    if (*harmed)
        return NULL;
    for (int i = 0; i < 3; i++) {
        play_open(&plays[i], engine, tcp);
        fds[i] = plays[i].near_fd;
    }
    build_send(&build, HEAD);
    build_file(&build, &plays[0], SMALL, true);
    build_file(&build, &plays[0], SMALL, true);
    program.count = build.count;
    for (int round = 0; round < 2 && !trouble && !*harmed; round++) {
        int status = uwo_engine_reserve_batch(engine, fds, programs, round == 0, &wanted, 3, ids,
                                              NULL);

        *harmed = status < 0;
        if (round == 0 && status == UWO_OK) {
            uwo_engine_abandon(engine, ids, 3);
        } else if (status == UWO_OK) {
            uwo_engine_commit(engine, ids, 3);
            for (int i = 0; i < 3; i++)
                plays[i].taken = true;
            trouble = wait_for(engine, 3, 7, harmed);
        }
        if (!trouble && uwo_engine_count(engine) != 0)
            trouble = "a slot was not freed";
    }
    uwo_engine_destroy(engine);
    for (int i = 0; i < 3; i++)
        play_close(&plays[i]);
    return trouble;
}

/* The engine is stopped under two parked transfers and a reserved one. */
static const char *run_stop(bool tcp, bool *harmed)
{
    struct scene scene = { 0 };
    struct uwo_engine *engine;
    struct build build = { 0 };
    struct play plays[3];
    struct uwo_program program = { .size = sizeof program, .instructions = build.list };
    const char *trouble = NULL;
    unsigned taken = 0;
    bool cancelled;

    *harmed = scenes_engine(&scene, &engine) < 0;
    if (*harmed)
        return NULL;
    for (int i = 0; i < 3; i++)
        play_open(&plays[i], engine, tcp);
    build_send(&build, 6 * LARGE);
    program.count = build.count;
    for (unsigned i = 0; i < 3; i++) {
        struct uwo_transfer wanted = { .size = sizeof wanted, .tag = taken, .after = i % 2 };

        plays[i].status = uwo_engine_reserve(engine, plays[i].near_fd, &program, &wanted,
                                             &plays[i].id, NULL);
        if (plays[i].status < 0)
            continue;
        plays[i].taken = true;
        taken++;
        if (i < 2)
            uwo_engine_commit(engine, &plays[i].id, 1);
    }
    *harmed = taken < 3;
    if (uwo_engine_stop(engine) != UWO_OK)
        trouble = "stop failed";
    if (plays[2].taken)
        uwo_engine_commit(engine, &plays[2].id, 1); /* too late: refused, with an event */
    if (!trouble)
        trouble = wait_for(engine, taken, 0, &cancelled);
    uwo_engine_destroy(engine);
    for (int i = 0; i < 3; i++)
        play_close(&plays[i]);
    return trouble;
}

const struct scene scenes[] = {
    { .name = "send-small", .stage = stage_send_small },
    { .name = "send-large", .stage = stage_send_large },
    { .name = "send-file", .stage = stage_send_file },
    { .name = "bulk", .stage = stage_bulk },
    { .name = "bulk-cold", .stage = stage_bulk, .cold = true },
    { .name = "no-settle", .stage = stage_no_settle },
    { .name = "no-settle-first", .stage = stage_no_settle_first },
    { .name = "kept-file", .stage = stage_kept_file },
    { .name = "two-files", .stage = stage_two_files },
    { .name = "give-back", .stage = stage_give_back },
    { .name = "try-first", .stage = stage_try_first },
    { .name = "try-first-cold", .stage = stage_try_first, .cold = true },
    { .name = "try-first-large", .stage = stage_try_first_large },
    { .name = "try-first-back", .stage = stage_try_first_back },
    { .name = "rate", .stage = stage_rate },
    { .name = "linger", .stage = stage_linger },
    { .name = "cancel", .stage = stage_cancel, .any_end = true },
    { .name = "splice-pipe", .stage = stage_splice_pipe },
    { .name = "splice-pipe-count", .stage = stage_splice_pipe_count },
    { .name = "splice-tcp", .stage = stage_splice_tcp },
    { .name = "splice-unix", .stage = stage_splice_unix },
    { .name = "copy-tcp", .stage = stage_splice_tcp, .pipes_max = UWO_NONE },
    { .name = "copy-unix", .stage = stage_splice_unix, .pipes_max = UWO_NONE },
    { .name = "splice-rate", .stage = stage_splice_rate },
    { .name = "upload", .stage = stage_upload },
    { .name = "upload-leftover", .stage = stage_upload_leftover },
    { .name = "upload-in-leftover", .stage = stage_upload_in_leftover },
    { .name = "growing", .stage = stage_growing },
    { .name = "growing-empty", .stage = stage_growing_empty },
    { .name = "growing-splice", .stage = stage_growing_splice },
    { .name = "growing-cancel", .stage = stage_growing_cancel, .any_end = true },
    { .name = "engine", .run = run_engine },
    { .name = "stats-file", .run = run_stats_file },
    { .name = "batch", .run = run_batch },
    { .name = "stop", .run = run_stop },
};

const size_t scene_count = sizeof scenes / sizeof *scenes;
