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
#include <unistd.h>

#include "build.h"
#include "faulty.h"

enum { SMALL = 3000, LARGE = 600000 };

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
    struct uwo_engine *engine = play_engine_small();
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
    struct rivals rivals = { .engine = play_engine_small() };
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
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, false);
    far_to_close = play.far_fd;
    play.far_fd = -1;
    play.ended = true;
    faulty_before(close_far, (void *)(uintptr_t)CALL_shutdown);
    build_send(&build, SMALL);
    build_go(&build, &play, 0, UWO_CLOSE);
    play_wait(&play);
    faulty_before(NULL, NULL);
    CLAIM(play.done.outcome == UWO_CLIENT_GONE && play.done.bytes_acked == 0,
          "a UNIX client that closes with everything unread did not get it (outcome %s)",
          uwo_outcome_name(play.done.outcome));
    play_close(&play);
    uwo_engine_destroy(engine);
}

static void claim_reset_while_source_silent(bool tcp_source, uint32_t pipes_max)
{
    struct uwo_engine *engine = play_engine(
        (struct uwo_engine_options){ .transfers_max = 10, .pipes_max = pipes_max });
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
    play_reset(&play.far_fd);
    play.ended = true;
    play_outcome(&play, UWO_CLIENT_GONE, ECONNRESET, "client resets while the source is silent");
    close(feed_fd);
    uwo_engine_destroy(engine);
}

static void claim_reset_while_growing(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_send(&build, SMALL);
    build_go(&build, &play, UWO_GROWING, UWO_CLOSE);
    while (play.got_size < SMALL)
        play_turn(&play, 50);
    play_reset(&play.far_fd);
    play.ended = true;
    play_outcome(&play, UWO_CLIENT_GONE, ECONNRESET, "client resets while the producer is silent");
    uwo_engine_destroy(engine);
}

/* ---- the clock of a turn ---- */

static void catch_up(enum call call, int fd, void *context)
{
    if (call == CALL_epoll_wait && context && fd >= 0)
        faulty_lag(0);
}

/* Committed after the loop has read its clock for this turn: it starts in the loop's future. */
static void claim_lag(void)
{
    struct uwo_engine *engine = play_engine_small();
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
    struct uwo_engine *engine = play_engine_small();
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

/* The loop is kept from taking over what is appended: the first file waits at the gate. */
static void claim_inbox(void)
{
    enum { APPENDS = 1100 };
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct uwo_instruction one = { .size = sizeof one, .kind = UWO_SEND, .fd = -1, .count = 1 };
    struct uwo_program program = { .size = sizeof program, .instructions = &one, .count = 1 };
    struct play play;
    int status = UWO_OK;
    int taken = 0;
    int fds[2];

    play_open(&play, engine, false);
    build_file(&build, &play, SMALL, false);
    faulty_hold(CALL_read_at, play.source_fds[0]);
    build_go(&build, &play, UWO_GROWING, UWO_CLOSE);
    faulty_held(1);
    while (taken < APPENDS && status == UWO_OK) {
        one.data = play_bytes(SMALL + APPENDS) + SMALL + taken;
        status = uwo_transfer_append(engine, play.id, &program, NULL);
        taken += status == UWO_OK;
    }
    CLAIM(status == UWO_E_FULL && taken == 1024, "%d instructions wait, then it is full", taken);
    play.wanted_size = (size_t)SMALL + (size_t)taken;
    play.wanted = play_bytes(play.wanted_size);
    faulty_let_go();
    for (int i = 0; i < 10000 && play.room_count == 0; i++)
        play_turn(&play, 100);
    CLAIM(play.room_count == 1, "there is room once they have been taken over");
    one.kind = UWO_SPLICE;
    one.fd = play.near_fd;
    CLAIM(uwo_transfer_append(engine, play.id, &program, NULL) == UWO_E_INVALID,
          "the client cannot be appended as its own source");
    play_sockets(false, fds);
    one.fd = fds[0];
    one.count = UWO_TO_THE_END;
    CLAIM(uwo_transfer_append(engine, play.id, &program, NULL) == UWO_OK, "any other source can");
    close(fds[1]);
    uwo_transfer_finish(engine, play.id);
    play_run(&play, false);
    CLAIM(!play.trouble[0], "and all of them arrive %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

static void claim_not_growing(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct uwo_program program = { .size = sizeof program };
    struct play play;

    play_open(&play, engine, false);
    build_send(&build, LARGE);
    build_go(&build, &play, 0, UWO_CLOSE);
    CLAIM(uwo_transfer_append(engine, play.id, &program, NULL) == UWO_E_INVALID,
          "nothing is appended to what does not grow");
    CLAIM(uwo_transfer_finish(engine, play.id) == UWO_OK, "to finish it does no harm");
    uwo_engine_commit(engine, &play.id, 1);
    uwo_engine_abandon(engine, &play.id, 1);
    play_run(&play, false);
    CLAIM(!play.trouble[0], "nor to commit it again, or to abandon it %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* ---- long programs, large turns ---- */

static void claim_many_instructions(uint32_t flags)
{
    enum { MANY = 300 };
    static struct uwo_instruction list[MANY];
    struct uwo_engine *engine = play_engine_small();
    struct uwo_program program = { .size = sizeof program, .instructions = list, .count = MANY };
    struct uwo_transfer wanted = { .size = sizeof wanted, .flags = flags };
    struct play play;

    play_open(&play, engine, true);
    for (int i = 0; i < MANY; i++)
        list[i] = (struct uwo_instruction){ .size = sizeof list[i],
                                            .kind = UWO_SEND,
                                            .fd = -1,
                                            .count = 10,
                                            .data = play_bytes(10 * MANY) + 10 * i };
    play.wanted = play_bytes(10 * MANY);
    play.wanted_size = 10 * MANY;
    play_submit(&play, &program, &wanted);
    play_run(&play, false);
    CLAIM(!play.trouble[0], "%d instructions take several turns %s", MANY, play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* More than one turn may move fits the sockets. */
static void claim_large_turn(uint32_t flags)
{
    enum { MUCH = 3500000 };
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;
    int size = MUCH * 2;

    play_open(&play, engine, false);
    setsockopt(play.near_fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    build_send(&build, SMALL);
    build_file(&build, &play, MUCH, false);
    build_go(&build, &play, flags, UWO_CLOSE);
    play_run(&play, false);
    CLAIM(!play.trouble[0], "a large range moves in turns %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* ---- the first try ---- */

static void claim_first_try_raises_nothing(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct uwo_program program = { .size = sizeof program, .instructions = build.list };
    struct uwo_transfer wanted = { .size = sizeof wanted, .flags = UWO_TRY_FIRST };
    struct uwo_event event = { .size = sizeof event };
    struct play play;

    signal(SIGPIPE, SIG_DFL);
    play_open(&play, engine, false);
    build_file(&build, &play, SMALL, false);
    program.count = build.count;
    close(play.far_fd);
    play.far_fd = -1;
    play.taken = uwo_engine_submit(engine, play.near_fd, &program, &wanted, NULL, NULL) == UWO_OK;
    CLAIM(play.taken && uwo_engine_wait(engine, &event, 1, PLAY_PATIENCE_MS) == 1 &&
              event.outcome == UWO_CLIENT_GONE,
          "a first try to one who has gone raises no SIGPIPE");
    signal(SIGPIPE, SIG_IGN);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* ---- splice sources ---- */

static void claim_blocking_source(void)
{
    struct uwo_engine *engine = play_engine_small();
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
    struct uwo_engine *engine = play_engine(
        (struct uwo_engine_options){ .transfers_max = 10, .pipes_max = pipes_max });
    struct build build = { 0 };
    struct play play;
    int feed_fd;

    play_open(&play, engine, false);
    build_splice(&build, &play, TCP_SOURCE, SMALL, true);
    feed_fd = play.feed_fd;
    play.feed_fd = -1;
    build_go(&build, &play, 0, UWO_CLOSE);
    play_reset(&feed_fd);
    play_outcome(&play, UWO_SOURCE_FAILED, ECONNRESET, "a splice source that resets");
    uwo_engine_destroy(engine);
}

static void claim_source_short(enum source source, uint32_t pipes_max)
{
    struct uwo_engine *engine = play_engine(
        (struct uwo_engine_options){ .transfers_max = 10, .pipes_max = pipes_max });
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_splice(&build, &play, source, SMALL, false);
    build.list[0].count = SMALL + 1;
    build_go(&build, &play, 0, UWO_GIVE_BACK);
    play_outcome(&play, UWO_SOURCE_SHORT, ENODATA, "a splice source that ends early");
    uwo_engine_destroy(engine);
}

static void claim_small_pipes(void)
{
    struct uwo_engine *engine = play_engine_small();
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

/* More pipes come back at once than are kept, with bytes in them or drained. */
static void claim_many_pipes(bool drained)
{
    enum { MANY = 24 };
    static struct play plays[MANY];
    struct uwo_engine *engine = play_engine_small();
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;
    int done = 0;
    int good = 0;

    for (int i = 0; i < MANY; i++) {
        struct build build = { 0 };

        play_open(&plays[i], engine, true);
        build_splice(&build, &plays[i], UNIX_SOURCE, LARGE, true);
        build_go(&build, &plays[i], 0, UWO_GIVE_BACK);
    }
    for (int round = 0; round < 30; round++) { /* fill every pipe: nobody reads yet */
        for (int i = 0; i < MANY; i++) {
            plays[i].ended = true;
            play_turn_only(&plays[i], 0);
        }
    }
    for (int i = 0; i < MANY; i++) {
        play_feed_ends(&plays[i]);
        plays[i].ended = false;
        if (!drained)
            uwo_transfer_cancel(engine, plays[i].id);
    }
    while (done < MANY && play_now_ms() < until_ms) {
        struct uwo_event event = { .size = sizeof event };

        for (int i = 0; i < MANY; i++)
            play_turn_only(&plays[i], 0);
        if (uwo_engine_wait(engine, &event, 1, 1) == 1) {
            done++;
            good += event.outcome == UWO_FINISHED || (!drained && event.outcome == UWO_CANCELLED);
            close(event.client_fd);
        }
    }
    CLAIM(good == MANY, "%d of %d relays end, their pipes %s", good, MANY,
          drained ? "drained" : "with bytes in them");
    for (int i = 0; i < MANY; i++)
        play_close(&plays[i]);
    uwo_engine_destroy(engine);
}

/* ---- files ---- */

static void claim_file_shrinks(bool cold)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;

    faulty_cold(cold);
    play_open(&play, engine, true);
    build_file(&build, &play, LARGE, true);
    build_go(&build, &play, 0, UWO_CLOSE);
    play_turn(&play, 50);
    if (ftruncate(play.kept_fds[0], LARGE / 2) < 0)
        play_give_up("ftruncate");
    play_outcome(&play, UWO_SOURCE_SHORT, ENODATA, "a file that shrinks on its way");
    faulty_cold(false);
    uwo_engine_destroy(engine);
}

static void claim_to_the_end_of_a_file(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_send(&build, SMALL);
    build_file(&build, &play, SMALL, false);
    build.list[1].count = UWO_TO_THE_END;
    build.at += 10; /* build_file makes it that much longer */
    build_go(&build, &play, 0, UWO_CLOSE);
    play_run(&play, false);
    CLAIM(!play.trouble[0], "a file to its end %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

static void claim_file_too_short(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_file(&build, &play, SMALL, true);
    build.list[0].offset = SMALL * 10;
    build_go(&build, &play, 0, UWO_CLOSE);
    play_outcome(&play, UWO_SOURCE_SHORT, ENODATA, "a range beyond the end of its file");
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
    claim_inbox();
    claim_not_growing();
    claim_many_instructions(0);
    claim_many_instructions(UWO_TRY_FIRST);
    claim_large_turn(0);
    claim_large_turn(UWO_TRY_FIRST);
    claim_first_try_raises_nothing();
    claim_blocking_source();
    claim_source_resets(0);
    claim_source_resets(UWO_NONE);
    claim_source_short(PIPE_SOURCE, 0);
    claim_source_short(TCP_SOURCE, 0);
    claim_source_short(UNIX_SOURCE, UWO_NONE);
    claim_small_pipes();
    claim_many_pipes(false);
    claim_many_pipes(true);
    claim_file_shrinks(false);
    claim_file_shrinks(true);
    claim_to_the_end_of_a_file();
    claim_file_too_short();
    CLAIM(play_count_fds() == fds, "no descriptor is left");
    CLAIM(faulty_trouble().memory == 0 && faulty_trouble().mappings == 0, "no memory is left");
    CLAIM(faulty_trouble().bad_closes == 0, "nothing was closed twice");
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
