/* cases: what the sweep and the stress reach only by luck, one claim each.  Most were bugs once. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "build.h"
#include "faulty.h"

enum { SMALL = 3000, LARGE = 600000, HURRY = 10 };

static struct uwo_engine *engine_with(struct uwo_engine_options options)
{
    struct uwo_engine *engine;

    options.size = sizeof options;
    options.threads = options.threads ? options.threads : 1;
    options.disk_threads = 1;
    if (uwo_engine_create(&options, &engine, NULL) < 0)
        play_give_up("uwo_engine_create");
    return engine;
}

static struct uwo_engine *engine_new(void)
{
    return engine_with((struct uwo_engine_options){ .transfers_max = 100 });
}

static void wait_done(struct play *play)
{
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;

    while (play->done_count == 0 && play_now_ms() < until_ms)
        play_turn(play, 50);
}

static void reset_connection(int *fd)
{
    struct linger linger = { .l_onoff = 1 };

    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(*fd);
    *fd = -1;
}

/* The outcome of a play whose peer need not be judged; then all is closed. */
static void claim_outcome(struct play *play, uint32_t outcome, int error, const char *what)
{
    wait_done(play);
    CLAIM(play->done_count == 1 && play->done.outcome == outcome && play->done.error == error,
          "%s: outcome %s, errno %d", what, uwo_outcome_name(play->done.outcome),
          play->done.error);
    if (play->done.client_fd >= 0 && play->done_count)
        close(play->done.client_fd);
    play_close(play);
}

/* ---- waking and waiting ---- */

static void *wake_later(void *engine)
{
    poll(NULL, 0, 20);
    uwo_engine_wake(engine);
    return NULL;
}

static void nothing(int signal)
{
    (void)signal;
}

static void claim_wake(void)
{
    struct uwo_engine *engine = engine_new();
    struct uwo_event event = { .size = sizeof event };
    struct sigaction action = { .sa_handler = nothing };
    pthread_t waker;

    uwo_engine_wake(engine);
    CLAIM(uwo_engine_wait(engine, &event, 1, -1) == 0, "a wake before the wait is not lost");
    pthread_create(&waker, NULL, wake_later, engine);
    CLAIM(uwo_engine_wait(engine, &event, 1, -1) == 0, "a wake ends the wait");
    pthread_join(waker, NULL);
    uwo_engine_wake(engine);
    CLAIM(uwo_engine_reap(engine, &event, 1) == 0 && uwo_engine_wait(engine, &event, 1, 10) == 0,
          "a wake that nobody waits for ends with the reaping");
    CLAIM(uwo_engine_wait(engine, &event, 1, 0) == 0, "a wait of no time returns at once");
    sigaction(SIGALRM, &action, NULL); /* without SA_RESTART */
    alarm(1);
    CLAIM(uwo_engine_wait(engine, &event, 1, -1) == -EINTR, "a signal handler ends the wait");
    uwo_engine_destroy(engine);
}

/* One thread reaps all the time; the other's wakes must reach it all the same. */
struct rivals {
    struct uwo_engine *engine;
    atomic_bool over;
};

static void *reap_always(void *argument)
{
    struct rivals *rivals = argument;
    struct uwo_event event = { .size = sizeof event };

    while (!atomic_load(&rivals->over))
        uwo_engine_reap(rivals->engine, &event, 1);
    return NULL;
}

static void claim_wake_with_rival(void)
{
    struct rivals rivals = { .engine = engine_new() };
    struct uwo_event event = { .size = sizeof event };
    pthread_t rival;
    pthread_t waker;
    int woken = 0;

    pthread_create(&rival, NULL, reap_always, &rivals);
    for (int i = 0; i < 20; i++) {
        uint64_t before_ms = play_now_ms();

        pthread_create(&waker, NULL, wake_later, rivals.engine);
        uwo_engine_wait(rivals.engine, &event, 1, PLAY_PATIENCE_MS);
        woken += play_now_ms() - before_ms < PLAY_PATIENCE_MS / 2;
        pthread_join(waker, NULL);
    }
    atomic_store(&rivals.over, true);
    pthread_join(rival, NULL);
    CLAIM(woken == 20, "%d of 20 wakes arrive though another thread reaps", woken);
    uwo_engine_destroy(rivals.engine);
}

/* ---- the client goes ---- */

static atomic_int far_to_close = -1;

static void close_far(enum call call, int fd, void *context)
{
    int far_fd;

    if (call != (enum call)(uintptr_t)context || fd < 0)
        return;
    far_fd = atomic_exchange(&far_to_close, -1);
    if (far_fd >= 0)
        close(far_fd);
}

static void claim_unread(void)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, false);
    far_to_close = play.far_fd;
    play.far_fd = -1;
    play.ended = true;
    faulty_before(close_far, (void *)(uintptr_t)CALL_shutdown);
    build_send(&build, SMALL);
    build_go(&build, &play, 0, UWO_CLOSE);
    wait_done(&play);
    faulty_before(NULL, NULL);
    CLAIM(play.done.outcome == UWO_CLIENT_GONE && play.done.bytes_acked == 0,
          "a UNIX client that closes with everything unread did not get it (outcome %s)",
          uwo_outcome_name(play.done.outcome));
    play_close(&play);
    uwo_engine_destroy(engine);
}

static void claim_reset_while_source_silent(bool tcp_source, uint32_t pipes_max)
{
    struct uwo_engine *engine =
        engine_with((struct uwo_engine_options){ .transfers_max = 10, .pipes_max = pipes_max });
    struct build build = { 0 };
    struct uwo_transfer wanted;
    struct play play;
    int feed_fd;

    play_open(&play, engine, true);
    build_send(&build, SMALL);
    build_splice(&build, &play, tcp_source ? TCP_SOURCE : PIPE_SOURCE, SMALL, true);
    feed_fd = play.feed_fd;
    play.feed_fd = -1;
    wanted = build_wanted(&play);
    wanted.no_progress_ms = UWO_NEVER;
    build_submit(&build, &play, &wanted);
    while (play.got_size < SMALL)
        play_turn(&play, 50);
    reset_connection(&play.far_fd);
    play.ended = true;
    claim_outcome(&play, UWO_CLIENT_GONE, ECONNRESET, "client resets while the source is silent");
    close(feed_fd);
    uwo_engine_destroy(engine);
}

static void claim_reset_while_growing(void)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_send(&build, SMALL);
    build_go(&build, &play, UWO_GROWING, UWO_CLOSE);
    while (play.got_size < SMALL)
        play_turn(&play, 50);
    reset_connection(&play.far_fd);
    play.ended = true;
    claim_outcome(&play, UWO_CLIENT_GONE, ECONNRESET, "client resets while the producer is silent");
    uwo_engine_destroy(engine);
}

/* ---- the clock of a turn ---- */

static void catch_up(enum call call, int fd, void *context)
{
    if (call == CALL_epoll_wait && context && fd >= 0)
        faulty_lag(0);
}

/* Committed after the loop has read its clock for this turn: the loop's time is before its start. */
static void claim_lag(void)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, false);
    play.upload = play_bytes(SMALL);
    play.upload_size = SMALL;
    play_turn(&play, 0);
    poll(NULL, 0, 20);
    faulty_lag(UINT64_C(10000000));
    faulty_before(catch_up, &play);
    build_send(&build, SMALL);
    build_go(&build, &play, 0, UWO_CLOSE);
    play_run(&play, false);
    faulty_before(NULL, NULL);
    faulty_lag(0);
    CLAIM(!play.trouble[0], "a loop whose clock is behind lingers all the same %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* ---- growing ---- */

static void claim_room_after_first_try(void)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct uwo_transfer wanted;
    struct uwo_program program = { .size = sizeof program, .instructions = build.list };
    struct uwo_progress progress = { .size = sizeof progress };
    struct play play;
    int status;

    play_open(&play, engine, false);
    build_send(&build, SMALL);
    wanted = build_wanted(&play);
    wanted.flags = UWO_GROWING | UWO_TRY_FIRST;
    wanted.high_water = 1000;
    build_submit(&build, &play, &wanted);
    build.count = 0;
    build_send(&build, SMALL);
    program.count = build.count;
    play.wanted_size = build.at;
    uwo_transfer_progress(engine, play.id, &progress);
    CLAIM(progress.bytes_waiting == 0, "what the first try has sent waits no more");
    status = uwo_transfer_append(engine, play.id, &program, NULL);
    CLAIM(status == UWO_OK, "so there is room for more (%d)", status);
    CLAIM(uwo_transfer_finish(engine, play.id) == UWO_OK, "finish is taken");
    CLAIM(uwo_transfer_append(engine, play.id, &program, NULL) < 0,
          "nothing is appended after finish");
    play_run(&play, false);
    CLAIM(!play.trouble[0], "all of it arrives %s", play.trouble);
    CLAIM(uwo_transfer_finish(engine, play.id) == UWO_E_GONE &&
              uwo_transfer_append(engine, play.id, &program, NULL) == UWO_E_GONE,
          "then it is gone");
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* ---- splice sources ---- */

static void claim_blocking_source(void)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;
    struct play other;
    int source_fd;
    int feed_fd;

    play_open(&play, engine, true);
    build_splice(&build, &play, TCP_SOURCE, SMALL, true);
    source_fd = play.source_fds[0];
    fcntl(source_fd, F_SETFL, 0);
    build.list[0].flags = UWO_KEEP_FD;
    play.source_count = 0;
    feed_fd = play.feed_fd;
    play.feed_fd = -1; /* one byte, and no more for now */
    play.fed = (size_t)write(feed_fd, play.feed, 1);
    build_go(&build, &play, 0, UWO_CLOSE);
    while (play.got_size < 1 && play.done_count == 0)
        play_turn(&play, 50);
    play_open(&other, engine, true);
    build = (struct build){ 0 };
    build_send(&build, SMALL);
    build_go(&build, &other, 0, UWO_CLOSE);
    play_run(&other, false);
    CLAIM(!other.trouble[0], "a blocking splice source holds up nobody %s", other.trouble);
    play_close(&other);
    play.feed_fd = feed_fd;
    play_run(&play, false);
    CLAIM(!play.trouble[0], "and arrives itself %s", play.trouble);
    CLAIM(!(fcntl(source_fd, F_GETFL) & O_NONBLOCK), "and is blocking again for who kept it");
    close(source_fd);
    play_close(&play);
    uwo_engine_destroy(engine);
}

static void claim_source_resets(uint32_t pipes_max)
{
    struct uwo_engine *engine =
        engine_with((struct uwo_engine_options){ .transfers_max = 10, .pipes_max = pipes_max });
    struct build build = { 0 };
    struct play play;
    int feed_fd;

    play_open(&play, engine, false);
    build_splice(&build, &play, TCP_SOURCE, SMALL, true);
    feed_fd = play.feed_fd;
    play.feed_fd = -1;
    build_go(&build, &play, 0, UWO_CLOSE);
    reset_connection(&feed_fd);
    claim_outcome(&play, UWO_SOURCE_FAILED, ECONNRESET, "a splice source that resets");
    uwo_engine_destroy(engine);
}

static void claim_source_short(enum source source, uint32_t pipes_max)
{
    struct uwo_engine *engine =
        engine_with((struct uwo_engine_options){ .transfers_max = 10, .pipes_max = pipes_max });
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_splice(&build, &play, source, SMALL, false);
    build.list[0].count = SMALL + 1;
    build_go(&build, &play, 0, UWO_GIVE_BACK);
    claim_outcome(&play, UWO_SOURCE_SHORT, ENODATA, "a splice source that ends early");
    uwo_engine_destroy(engine);
}

static void claim_small_pipes(void)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;

    faulty_small_pipes(true);
    play_open(&play, engine, true);
    build_splice(&build, &play, UNIX_SOURCE, LARGE, true);
    build_go(&build, &play, 0, UWO_CLOSE);
    play_run(&play, false);
    faulty_small_pipes(false);
    CLAIM(!play.trouble[0], "with pipes too small to be worth it the engine copies %s",
          play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* ---- files ---- */

static void claim_file_shrinks(bool cold)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;

    faulty_cold(cold);
    play_open(&play, engine, true);
    build_file(&build, &play, LARGE, true);
    build_go(&build, &play, 0, UWO_CLOSE);
    play_turn(&play, 50);
    if (ftruncate(play.kept_fds[0], LARGE / 2) < 0)
        play_give_up("ftruncate");
    claim_outcome(&play, UWO_SOURCE_SHORT, ENODATA, "a file that shrinks on its way");
    faulty_cold(false);
    uwo_engine_destroy(engine);
}

static void claim_file_too_short(void)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_file(&build, &play, SMALL, true);
    build.list[0].offset = SMALL * 10;
    build_go(&build, &play, 0, UWO_CLOSE);
    claim_outcome(&play, UWO_SOURCE_SHORT, ENODATA, "a range beyond the end of its file");
    uwo_engine_destroy(engine);
}

/* ---- uploads ---- */

static void claim_upload_short(void)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_receive(&build, &play, SMALL, 0);
    build.list[0].count = SMALL + 1;
    build_go(&build, &play, 0, UWO_CLOSE);
    while (play.uploaded < play.upload_size)
        play_turn(&play, 50);
    shutdown(play.far_fd, SHUT_WR);
    claim_outcome(&play, UWO_UPLOAD_SHORT, ENODATA, "a client that ends its upload early");
    uwo_engine_destroy(engine);
}

/* Two uploads share the only buffer. */
static void claim_one_buffer(void)
{
    struct uwo_engine *engine =
        engine_with((struct uwo_engine_options){ .transfers_max = 10, .buffers_max = 1 });
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

/* ---- limits ---- */

/* A peer that does not read at all. */
static void claim_limit(bool tcp, struct uwo_transfer limits, uint32_t outcome, const char *what)
{
    struct uwo_engine *engine = engine_new();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, tcp);
    build_file(&build, &play, LARGE, false);
    limits.size = sizeof limits;
    build_submit(&build, &play, &limits);
    play.ended = true; /* it is not read */
    claim_outcome(&play, outcome, 0, what);
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
        claim_limit(tcp,
                    (struct uwo_transfer){ .after = UWO_GIVE_BACK, .no_progress_ms = 300 },
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
    engine = engine_new();
    play_open(&play, engine, tcp);
    build_send(&build, 40000);
    wanted = build_wanted(&play);
    wanted.no_progress_ms = 500;
    build_submit(&build, &play, &wanted);
    play.ended = true;
    if (tcp) { /* what the peer's system has taken is acknowledged, read or not */
        wait_done(&play);
        CLAIM(play.done_count == 1, "a peer that never reads: one DONE over TCP");
        play_close(&play);
    } else {
        claim_outcome(&play, UWO_NO_PROGRESS, 0, "a peer that never reads what was queued");
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
    engine = engine_with((struct uwo_engine_options){ .transfers_max = 10, .linger_ms = 500 });
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

/* ---- life ---- */

/* A big burst of reservations gives its memory back. */
static void claim_burst(void)
{
    enum { BURST = 9000 };
    struct uwo_engine *engine = engine_with((struct uwo_engine_options){ .threads = 3 });
    struct build build = { 0 };
    struct uwo_program program = { .size = sizeof program, .instructions = build.list };
    uint64_t *ids = calloc(BURST, sizeof *ids);
    struct play play;
    int taken = 0;

    faulty_arm(NULL);
    play_open(&play, engine, false);
    build_send(&build, 10);
    program.count = 1;
    for (int i = 0; i < BURST; i++)
        taken += uwo_engine_reserve(engine, play.near_fd, &program, NULL, &ids[i], NULL) == 0;
    CLAIM(taken == BURST && uwo_engine_count(engine) == BURST, "%d reservations", taken);
    uwo_engine_abandon(engine, ids, BURST);
    CLAIM(uwo_engine_count(engine) == 0, "all abandoned");
    for (int i = 0; i < 1000; i++) { /* it looks now and then */
        uwo_engine_reserve(engine, play.near_fd, &program, NULL, &ids[0], NULL);
        uwo_engine_abandon(engine, ids, 1);
    }
    faulty_disarm();
    CLAIM(faulty_calls(CALL_arena_trim) > 0, "the pages go back to the system");
    uwo_engine_abandon(engine, ids, BURST);
    uwo_engine_commit(engine, ids, BURST);
    CLAIM(uwo_engine_count(engine) == 0, "ids that are gone are passed over");
    free(ids);
    play_close(&play);
    uwo_engine_destroy(engine);
}

static void claim_drain(void)
{
    struct uwo_engine *engine = engine_new();
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
    _exit(refused ? 0 : 1);
}

static void claim_fork(void)
{
    struct uwo_engine *engine = engine_new();
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
    claim_wake();
    claim_wake_with_rival();
    claim_unread();
    claim_reset_while_source_silent(false, 0);
    claim_reset_while_source_silent(true, 0);
    claim_reset_while_source_silent(true, UWO_NONE);
    claim_reset_while_growing();
    claim_lag();
    claim_room_after_first_try();
    claim_blocking_source();
    claim_source_resets(0);
    claim_source_resets(UWO_NONE);
    claim_source_short(PIPE_SOURCE, 0);
    claim_source_short(TCP_SOURCE, 0);
    claim_source_short(UNIX_SOURCE, UWO_NONE);
    claim_small_pipes();
    claim_file_shrinks(false);
    claim_file_shrinks(true);
    claim_file_too_short();
    claim_upload_short();
    claim_one_buffer();
    claim_limits();
    claim_settle_limit(false);
    claim_settle_limit(true);
    claim_linger_ends(false);
    claim_linger_ends(true);
    claim_burst();
    claim_drain();
    claim_fork();
    CLAIM(play_count_fds() == fds, "no descriptor is left");
    CLAIM(faulty_trouble().memory == 0 && faulty_trouble().mappings == 0, "no memory is left");
    CLAIM(faulty_trouble().bad_closes == 0, "nothing was closed twice");
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
