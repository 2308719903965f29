/* ends: uploads, limits, and the ends of transfers and engines, one claim each. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build.h"
#include "engine/engine.h"
#include "faulty.h"

enum { SMALL = 3000, LARGE = 600000, HURRY = 10 };

/* Counters of a coverage build, which a forked child that ends by _exit would lose. */
extern void __gcov_dump(void) __attribute__((weak));

/* ---- uploads ---- */

static void claim_upload_short(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_receive(&build, &play, SMALL, 0);
    build.list[0].count = SMALL + 1;
    build_go(&build, &play, 0, UWO_CLOSE);
    while (play.uploaded < play.upload_size)
        play_turn(&play, 50);
    shutdown(play.far_fd, SHUT_WR);
    play_outcome(&play, UWO_UPLOAD_SHORT, ENODATA, "a client that ends its upload early");
    uwo_engine_destroy(engine);
}

/* Two uploads share the only buffer. */
static void claim_one_buffer(void)
{
    struct uwo_engine *engine = play_engine(
        (struct uwo_engine_options){ .transfers_max = 10, .buffers_max = 1 });
    struct play plays[2];
    bool held = false;

    for (int i = 0; i < 2; i++) {
        struct build build = { 0 };
        struct uwo_transfer wanted;

        play_open(&plays[i], engine, false);
        build_receive(&build, &plays[i], LARGE, 0);
        wanted = build_wanted(&plays[i]);
        wanted.after = UWO_GIVE_BACK;
        if (i == 0)
            faulty_hold(CALL_write_at, plays[i].source_fds[0]);
        build_submit(&build, &plays[i], &wanted);
        if (i == 0)
            play_turn(&plays[i], 100);
        if (i == 0)
            held = faulty_held(1);
    }
    for (int i = 0; i < 5; i++)
        play_turn(&plays[1], 10);
    CLAIM(held && plays[1].done_count == 0, "the second upload waits for the only buffer");
    faulty_let_go();
    for (int i = 0; i < 1000 && (!plays[0].done_count || !plays[1].done_count); i++) {
        play_reap_any(&plays[0], &plays[1]);
        play_turn_only(&plays[0], 5);
        play_turn_only(&plays[1], 5);
    }
    for (int i = 0; i < 2; i++) {
        CLAIM(plays[i].done_count == 1 && plays[i].done.outcome == UWO_FINISHED,
              "upload %d of 2 finishes", i + 1);
        if (plays[i].done_count)
            close(plays[i].done.client_fd);
        play_close(&plays[i]);
    }
    uwo_engine_destroy(engine);
}

/* An upload whose last bytes are there goes on at its rate though the client has gone. */
static void claim_upload_outlives_client(void)
{
    struct uwo_engine *engine;
    struct build build = { 0 };
    struct uwo_transfer wanted;
    struct play play;

    faulty_hurry(HURRY);
    engine = play_engine_small();
    play_open(&play, engine, false);
    build_receive(&build, &play, SMALL, 0);
    wanted = build_wanted(&play);
    wanted.rate_max = 8000;
    wanted.after = UWO_GIVE_BACK;
    build_submit(&build, &play, &wanted);
    play_turn(&play, 0);
    close(play.far_fd);
    play.far_fd = -1;
    play.ended = true;
    play_wait(&play);
    CLAIM(play.done.outcome == UWO_FINISHED && play.done.bytes_received == SMALL,
          "an upload that is there already is taken in at its rate (outcome %s)",
          uwo_outcome_name(play.done.outcome));
    close(play.done.client_fd);
    play_close(&play);
    uwo_engine_destroy(engine);
    faulty_hurry(1);
}

/* One upload holds the only buffer; another waits for it and is ended while it waits. */
static void claim_starved(bool no_memory)
{
    struct uwo_engine *engine = play_engine(
        (struct uwo_engine_options){ .transfers_max = 10, .buffers_max = 1, .disk_threads = 2 });
    struct fault fault = {
        .call = CALL_epoll_set, .number = 1, .times = FAULT_FOR_EVER, .error = ENOMEM
    };
    struct play plays[2];
    bool held = false;

    for (int i = 0; i < 2; i++) {
        struct build build = { 0 };

        play_open(&plays[i], engine, false);
        build_receive(&build, &plays[i], SMALL, 0);
        play_turn_only(&plays[i], 0); /* its bytes are there before it is */
        if (i == 0)
            faulty_hold(CALL_write_at, plays[i].source_fds[0]);
        else if (no_memory)
            faulty_arm(&fault);
        build_go(&build, &plays[i], 0, UWO_CLOSE);
        if (i == 0)
            held = faulty_held(1);
    }
    if (!no_memory) {
        play_reap_any(&plays[0], &plays[1]);
        CLAIM(held && plays[1].done_count == 0, "it waits for the buffer");
        uwo_transfer_cancel(engine, plays[1].id);
    }
    for (int i = 0; i < 100 && plays[1].done_count == 0; i++) {
        play_reap_any(&plays[0], &plays[1]);
        play_turn_only(&plays[1], 20);
    }
    faulty_disarm();
    CLAIM(plays[1].done_count == 1 &&
              plays[1].done.outcome == (no_memory ? UWO_NO_RESOURCE : UWO_CANCELLED),
          "an upload that waits for a buffer can end: %s", uwo_outcome_name(plays[1].done.outcome));
    faulty_let_go();
    play_outcome(&plays[0], UWO_FINISHED, 0, "the one with the buffer");
    play_close(&plays[1]);
    uwo_engine_destroy(engine);
}

/* ---- limits ---- */

/* A peer that does not read at all. */
static void claim_limit(bool tcp, struct uwo_transfer limits, uint32_t outcome, const char *what)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, tcp);
    build_file(&build, &play, LARGE, false);
    limits.size = sizeof limits;
    build_submit(&build, &play, &limits);
    play.ended = true; /* it is not read */
    play_outcome(&play, outcome, 0, what);
    uwo_engine_destroy(engine);
}

static void claim_limits(void)
{
    faulty_hurry(HURRY);
    for (int tcp = 0; tcp < 2; tcp++) {
        claim_limit(tcp, (struct uwo_transfer){ .deadline_ms = 300 }, UWO_DEADLINE,
                    "a peer that does not read, deadline");
        claim_limit(tcp, (struct uwo_transfer){ .no_progress_ms = 300 }, UWO_NO_PROGRESS,
                    "a peer that does not read, no-progress time-out");
        claim_limit(tcp, (struct uwo_transfer){ .rate_min = 1000000, .rate_min_grace_ms = 300 },
                    UWO_TOO_SLOW, "a peer that does not read, minimum rate");
        claim_limit(tcp, (struct uwo_transfer){ .after = UWO_GIVE_BACK, .no_progress_ms = 300 },
                    UWO_NO_PROGRESS, "a peer that does not read, to be given back");
    }
    faulty_hurry(1);
}

/* What fits the socket is queued at once; the peer never takes it: not finished. */
static void claim_settle_limit(bool tcp)
{
    struct uwo_engine *engine;
    struct build build = { 0 };
    struct uwo_transfer wanted;
    struct play play;

    faulty_hurry(HURRY);
    engine = play_engine_small();
    play_open(&play, engine, tcp);
    build_send(&build, 40000);
    wanted = build_wanted(&play);
    wanted.no_progress_ms = 500;
    build_submit(&build, &play, &wanted);
    play.ended = true;
    if (tcp) { /* what the peer's system has taken is acknowledged, read or not */
        play_wait(&play);
        CLAIM(play.done_count == 1, "a peer that never reads: one DONE over TCP");
        play_close(&play);
    } else {
        play_outcome(&play, UWO_NO_PROGRESS, 0, "a peer that never reads what was queued");
    }
    uwo_engine_destroy(engine);
    faulty_hurry(1);
}

/* ---- lingering ---- */

/* The client goes on sending: the drain has an end. */
static void claim_linger_ends(bool flood)
{
    struct uwo_engine *engine;
    struct build build = { 0 };
    struct play play;
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;

    faulty_hurry(HURRY);
    engine = play_engine((struct uwo_engine_options){ .transfers_max = 10, .linger_ms = 500 });
    play_open(&play, engine, true);
    play.upload = play_bytes(LARGE);
    play.upload_size = flood ? LARGE : 100;
    play_turn(&play, 0);
    build_send(&build, SMALL);
    build_go(&build, &play, 0, UWO_CLOSE);
    while (play.done_count == 0 && play_now_ms() < until_ms) {
        play_turn(&play, 20);
        if (flood && play.uploaded == play.upload_size)
            play.uploaded = 0; /* for ever */
    }
    CLAIM(play.done.outcome == UWO_FINISHED && play.got_size == SMALL,
          "lingering ends though the client %s", flood ? "goes on sending" : "never ends");
    play_close(&play);
    uwo_engine_destroy(engine);
    faulty_hurry(1);
}

/* ---- cancelled at every stage of the end ---- */

static void claim_cancel_while_settling(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct uwo_progress progress = { .size = sizeof progress };
    struct play play;

    play_open(&play, engine, false);
    build_send(&build, SMALL);
    build_go(&build, &play, 0, UWO_CLOSE);
    play.ended = true; /* it is not read */
    while (progress.bytes_queued < SMALL && play.done_count == 0) {
        play_turn(&play, 10);
        uwo_transfer_progress(engine, play.id, &progress);
    }
    uwo_transfer_cancel(engine, play.id);
    uwo_transfer_cancel(engine, play.id);
    play_outcome(&play, UWO_CANCELLED, 0, "cancelled before the client has read");
    uwo_engine_destroy(engine);
}

static void claim_cancel_while_lingering(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    play.upload = play_bytes(100);
    play.upload_size = 100;
    play_turn(&play, 0);
    build_send(&build, SMALL);
    build_go(&build, &play, 0, UWO_CLOSE);
    while (!play.ended) /* our end is shut; it waits for the client's */
        play_turn(&play, 50);
    uwo_transfer_cancel(engine, play.id);
    play_outcome(&play, UWO_FINISHED, 0, "cancelled while it lingers: nothing is lost");
    uwo_engine_destroy(engine);
}

/* ---- limits that are far away, or not there ---- */

static void claim_far_limits(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct uwo_transfer far = { .size = sizeof far,
                                .deadline_ms = UINT32_MAX - 1,
                                .no_progress_ms = UWO_NEVER,
                                .flags = UWO_GROWING };
    struct uwo_transfer none = { .size = sizeof none,
                                 .no_progress_ms = UWO_NEVER,
                                 .flags = UWO_GROWING,
                                 .after = UWO_GIVE_BACK };

    for (int i = 0; i < 2; i++) {
        struct build build = { 0 };
        struct play play;

        play_open(&play, engine, true);
        build_send(&build, SMALL);
        build_submit(&build, &play, i ? &none : &far);
        while (play.got_size < SMALL)
            play_turn(&play, 50);
        play_turn(&play, 20);
        CLAIM(play.done_count == 0, i ? "without limits it waits" : "49 days are a long time");
        uwo_transfer_cancel(engine, play.id);
        play_outcome(&play, UWO_CANCELLED, 0, "until it is cancelled");
    }
    uwo_engine_destroy(engine);
}

/* ---- life ---- */

/* Thousands of reservations at once, each of a duplicate of one socket. */
struct burst {
    struct uwo_engine *engine;
    struct play play;
    int fds[5000];
    uint64_t ids[5000];
    int count; /* fewer where that many descriptors are not allowed */
};

static void burst_begin(struct burst *burst)
{
    struct uwo_program program = { .size = sizeof program };
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    burst->engine = play_engine((struct uwo_engine_options){ .threads = 3 });
    play_open(&burst->play, burst->engine, false);
    for (burst->count = 0; burst->count < 5000; burst->count++) {
        int *fd = &burst->fds[burst->count];

        *fd = fcntl(burst->play.near_fd, F_DUPFD_CLOEXEC, 3);
        if (*fd < 0)
            break;
        if (uwo_engine_reserve(burst->engine, *fd, &program, NULL, &burst->ids[burst->count],
                               NULL) != UWO_OK)
            play_give_up("uwo_engine_reserve");
    }
}

static void burst_end(struct burst *burst)
{
    for (int i = 0; i < burst->count; i++)
        close(burst->fds[i]);
    play_close(&burst->play);
    uwo_engine_destroy(burst->engine);
}

static bool trimmed(const struct burst *burst)
{
    faulty_disarm();
    return faulty_calls(CALL_arena_trim) > 0 || burst->count < 4500;
}

/* A big burst gives its memory back. */
static void claim_burst(void)
{
    static struct burst burst;
    struct uwo_program program = { .size = sizeof program };

    burst_begin(&burst);
    faulty_arm(NULL);
    uwo_engine_abandon(burst.engine, burst.ids, (size_t)burst.count);
    CLAIM(uwo_engine_count(burst.engine) == 0, "%d reservations, all abandoned", burst.count);
    for (int i = 0; i < 1000; i++) { /* it looks now and then */
        uwo_engine_reserve(burst.engine, burst.fds[0], &program, NULL, &burst.ids[0], NULL);
        uwo_engine_abandon(burst.engine, burst.ids, 1);
    }
    CLAIM(trimmed(&burst), "the pages go back to the system");
    uwo_engine_abandon(burst.engine, burst.ids, (size_t)burst.count);
    uwo_engine_commit(burst.engine, burst.ids, (size_t)burst.count);
    CLAIM(uwo_engine_count(burst.engine) == 0, "ids that are gone are passed over");
    burst_end(&burst);
}

/* The topmost slot is still in use: only what lies above the middle can go. */
static void claim_burst_with_one_left(void)
{
    static struct burst burst;

    burst_begin(&burst);
    faulty_arm(NULL);
    uwo_engine_abandon(burst.engine, burst.ids, (size_t)burst.count - 1);
    CLAIM(!trimmed(&burst) || burst.count < 4500, "below a slot in use nothing is given back");
    uwo_engine_abandon(burst.engine, burst.ids, (size_t)burst.count);
    CLAIM(uwo_engine_count(burst.engine) == 0, "all abandoned, one late");
    burst_end(&burst);
}

/* After 2^40 transfers the sequence begins anew; no id is 0. */
static void claim_sequence(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct uwo_program program = { .size = sizeof program };
    struct play play;
    uint64_t ids[3];
    int fds[3];

    play_open(&play, engine, false);
    engine->sequence = (UINT64_C(1) << (63 - ID_SLOT_BITS - EVENT_TAG_BITS)) - 2;
    for (int i = 0; i < 3; i++) {
        fds[i] = fcntl(play.near_fd, F_DUPFD_CLOEXEC, 3);
        uwo_engine_reserve(engine, fds[i], &program, NULL, &ids[i], NULL);
    }
    CLAIM(ids[0] >> ID_SLOT_BITS > ids[1] >> ID_SLOT_BITS && ids[1] >> ID_SLOT_BITS == 1 &&
              ids[2] >> ID_SLOT_BITS == 2,
          "the sequence goes round");
    uwo_engine_abandon(engine, ids, 3);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* What nobody reaps is closed with the engine, and what runs is cut. */
static void claim_destroy(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct play plays[3];

    for (int i = 0; i < 3; i++) {
        struct build build = { 0 };

        play_open(&plays[i], engine, false);
        if (i == 1)
            build_receive(&build, &plays[i], HURRY, SMALL); /* most of it is left over */
        build_send(&build, i == 2 ? LARGE : SMALL);
        build_go(&build, &plays[i], 0, i == 2 ? UWO_CLOSE : UWO_GIVE_BACK);
    }
    for (int i = 0; i < 2; i++) {
        while (plays[i].got_size < SMALL)
            play_turn_only(&plays[i], 50);
    }
    uwo_engine_destroy(engine);
    for (int i = 0; i < 3; i++) {
        while (!plays[i].ended)
            play_turn_only(&plays[i], 100);
        CLAIM(plays[i].ended && !plays[i].got_wrong, "destroyed: client %d sees an end", i);
        play_close(&plays[i]);
    }
}

/* A stopped engine still answers. */
static void claim_after_stop(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct uwo_progress progress = { .size = sizeof progress };
    struct play play;

    play_open(&play, engine, false);
    build_send(&build, LARGE);
    build_go(&build, &play, UWO_GROWING, UWO_CLOSE);
    CLAIM(uwo_engine_stop(engine) == UWO_OK && uwo_engine_stop(engine) == UWO_OK,
          "stop, and stop again");
    uwo_transfer_cancel(engine, play.id);
    CLAIM(uwo_transfer_progress(engine, play.id, &progress) == UWO_OK && progress.ended,
          "progress until it is reaped");
    CLAIM(uwo_transfer_finish(engine, play.id) == UWO_E_GONE, "finish says that it is gone");
    uwo_engine_wake(engine);
    play_outcome(&play, UWO_CANCELLED, 0, "stopped under way");
    CLAIM(uwo_engine_count(engine) == 0, "and all is reaped");
    uwo_engine_destroy(engine);
}

static void claim_drain(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct build more = { 0 };
    struct play play;
    struct play late;

    play_open(&play, engine, false);
    build_send(&build, LARGE);
    build_go(&build, &play, 0, UWO_CLOSE);
    CLAIM(uwo_engine_drain(engine) == UWO_OK, "drain");
    play_open(&late, engine, false);
    build_send(&more, SMALL);
    build_go(&more, &late, 0, UWO_CLOSE);
    CLAIM(late.status == UWO_E_CLOSED, "a draining engine takes no more");
    play_run(&play, false);
    CLAIM(!play.trouble[0], "and finishes what it has %s", play.trouble);
    play_close(&late);
    play_close(&play);
    uwo_engine_destroy(engine);
}

static void in_child(struct play *play, const struct uwo_program *program)
{
    struct uwo_engine *engine = play->engine;
    struct uwo_event event = { .size = sizeof event };
    struct uwo_progress progress = { .size = sizeof progress };
    uint64_t id = play->id;
    bool refused = uwo_engine_submit(engine, play->near_fd, program, NULL, &id, NULL) ==
                       UWO_E_FORKED &&
                   uwo_engine_drain(engine) == UWO_E_FORKED &&
                   uwo_engine_stop(engine) == UWO_E_FORKED &&
                   uwo_engine_reap(engine, &event, 1) == UWO_E_FORKED &&
                   uwo_engine_wait(engine, &event, 1, 0) == UWO_E_FORKED &&
                   uwo_transfer_append(engine, id, program, NULL) == UWO_E_FORKED &&
                   uwo_transfer_finish(engine, id) == UWO_E_FORKED &&
                   uwo_transfer_progress(engine, id, &progress) == UWO_E_FORKED &&
                   uwo_engine_count(engine) == 0;

    uwo_engine_commit(engine, &id, 1);
    uwo_engine_abandon(engine, &id, 1);
    uwo_transfer_cancel(engine, id);
    uwo_engine_wake(engine);
    uwo_engine_destroy(engine);
    if (__gcov_dump)
        __gcov_dump();
    _exit(refused ? 0 : 1);
}

static void claim_fork(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct uwo_program program = { .size = sizeof program, .instructions = build.list };
    struct play play;
    int status = -1;
    pid_t child;

    play_open(&play, engine, true);
    build_send(&build, LARGE);
    program.count = 1;
    build_go(&build, &play, 0, UWO_CLOSE);
    play_turn(&play, 50);
    child = fork();
    if (child == 0)
        in_child(&play, &program);
    waitpid(child, &status, 0);
    CLAIM(status == 0, "in a forked child every call is refused");
    play_run(&play, false);
    CLAIM(!play.trouble[0], "and the parent's transfer does not feel it %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

int main(void)
{
    int fds;

    play_prepare();
    faulty_install();
    fds = play_count_fds();
    claim_upload_short();
    claim_one_buffer();
    claim_upload_outlives_client();
    claim_starved(false);
    claim_starved(true);
    claim_limits();
    claim_settle_limit(false);
    claim_settle_limit(true);
    claim_linger_ends(false);
    claim_linger_ends(true);
    claim_cancel_while_settling();
    claim_cancel_while_lingering();
    claim_far_limits();
    claim_burst();
    claim_burst_with_one_left();
    claim_sequence();
    claim_destroy();
    claim_after_stop();
    claim_drain();
    claim_fork();
    CLAIM(play_count_fds() == fds, "no descriptor is left");
    CLAIM(faulty_trouble().memory == 0 && faulty_trouble().mappings == 0, "no memory is left");
    CLAIM(faulty_trouble().bad_closes == 0, "nothing was closed twice");
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
