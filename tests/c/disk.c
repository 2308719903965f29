/* disk: nothing that waits for a disk holds up a loop.
 *
 * One file is put behind a gate in the system-call table: the call on it does not return until the
 * gate opens.  Meanwhile fifty other transfers of the same, only loop must come to their end; the
 * gate opens after them.  So there is no clock in the claim: if the loop waited, nothing would
 * ever finish, and the plays would run out of patience. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "faulty.h"

enum { OTHERS = 50, SMALL = 5000, LARGE = 400000 };

static struct uwo_engine *engine_of(uint32_t disk_threads)
{
    struct uwo_engine_options options = {
        .size = sizeof options, .threads = 1, .disk_threads = disk_threads, .transfers_max = 100
    };
    struct uwo_engine *engine;

    if (uwo_engine_create(&options, &engine, NULL) < 0)
        play_give_up("uwo_engine_create");
    return engine;
}

/* Other transfers, one after another; on every third the file is cold or an upload, so that the
 * other helper has work too.  Returns how many went well. */
static int others(struct uwo_engine *engine, bool with_disk)
{
    int good = 0;

    for (int i = 0; i < OTHERS; i++) {
        struct build build = { 0 };
        struct play play;

        play_open(&play, engine, i % 2);
        if (with_disk && i % 3 == 0)
            build_receive(&build, &play, SMALL, 0);
        build_send(&build, SMALL);
        build_file(&build, &play, SMALL, false);
        build_go(&build, &play, i % 5 == 0 ? UWO_TRY_FIRST : 0, UWO_CLOSE);
        play_run(&play, false);
        if (play.trouble[0])
            printf("     %s\n", play.trouble);
        good += !play.trouble[0];
        play_close(&play);
    }
    return good;
}

/* ---- one slow file, the rest of the loop goes on ---- */

static void stage_cold(struct play *play, uint32_t flags)
{
    struct build build = { 0 };

    build_send(&build, SMALL);
    build_file(&build, play, LARGE, false);
    faulty_hold(CALL_read_at, play->source_fds[0]);
    build_go(&build, play, flags, UWO_CLOSE);
}

static void stage_upload(struct play *play, enum call call)
{
    struct build build = { 0 };

    build_receive(&build, play, LARGE, 0);
    build_send(&build, SMALL);
    faulty_hold(call, play->source_fds[0]);
    build_go(&build, play, 0, UWO_CLOSE);
}

/* Upload until no more is taken. */
static void turn_a_while(struct play *play)
{
    uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;

    while (play->uploaded < play->upload_size && play_now_ms() < until_ms) {
        size_t before = play->uploaded;

        play_turn(play, 50);
        if (play->uploaded == before)
            break;
    }
}

/* Move until the slow call stands at the gate. */
static bool turn_until_held(struct play *play)
{
    turn_a_while(play);
    return faulty_held(1);
}

/* The play is staged and its slow call at the gate; go on with the others, then with it. */
static void claim_others(struct uwo_engine *engine, struct play *play, const char *what)
{
    bool held = turn_until_held(play);
    int good = others(engine, true);

    CLAIM(held, "%s: a helper waits for the disk", what);
    CLAIM(good == OTHERS, "%s: %d of %d other transfers of the thread end meanwhile", what, good,
          OTHERS);
    CLAIM(play->done_count == 0, "%s: the slow one is still under way", what);
    faulty_let_go();
    play_run(play, false);
    CLAIM(!play->trouble[0], "%s: the slow one is right in the end %s", what, play->trouble);
    play_close(play);
}

static void claim_slow_read(void)
{
    struct uwo_engine *engine = engine_of(2);
    struct play play;

    play_open(&play, engine, true);
    stage_cold(&play, 0);
    claim_others(engine, &play, "read of a cold file");

    play_open(&play, engine, true);
    stage_cold(&play, UWO_TRY_FIRST);
    CLAIM(play.taken, "read of a cold file: the first try does not wait in the submitter");
    claim_others(engine, &play, "read of a cold file, first try");
    uwo_engine_destroy(engine);
}

static void claim_slow_write(void)
{
    struct uwo_engine *engine = engine_of(2);
    struct play play;

    play_open(&play, engine, true);
    stage_upload(&play, CALL_write_at);
    claim_others(engine, &play, "write of an upload");

    play_open(&play, engine, false);
    stage_upload(&play, CALL_close_file);
    claim_others(engine, &play, "close of an upload");
    uwo_engine_destroy(engine);
}

/* The only helper is held: whatever needs no disk goes on. */
static void claim_only_helper(void)
{
    struct uwo_engine *engine = engine_of(1);
    struct play play;
    bool held;
    int good;

    play_open(&play, engine, false);
    stage_cold(&play, 0);
    held = turn_until_held(&play);
    good = others(engine, false);
    CLAIM(held && good == OTHERS, "only helper held: %d of %d without disk end meanwhile", good,
          OTHERS);
    faulty_let_go();
    play_run(&play, false);
    CLAIM(!play.trouble[0], "only helper held: the slow one is right in the end %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* ---- ending what a disk holds ---- */

/* A cancelled upload whose file is being closed: there is nothing left to cancel. */
static void claim_cancel_while_closing(void)
{
    struct uwo_engine *engine = engine_of(1);
    struct build build = { 0 };
    struct play play;

    play_open(&play, engine, true);
    build_receive(&build, &play, LARGE, 0);
    play.upload_size = SMALL; /* and no more */
    faulty_hold(CALL_close_file, play.source_fds[0]);
    build_go(&build, &play, 0, UWO_CLOSE);
    turn_a_while(&play);
    uwo_transfer_cancel(engine, play.id);
    CLAIM(faulty_held(1), "cancel: the close is held");
    uwo_transfer_cancel(engine, play.id);
    for (int i = 0; i < 100 && !play.ended; i++)
        play_turn(&play, 100);
    CLAIM(play.ended && play.done_count == 0, "cancel: the client is cut off, the file not closed");
    faulty_let_go();
    play_run(&play, true);
    CLAIM(!play.trouble[0] && play.done.outcome == UWO_CANCELLED,
          "cancel: one DONE event when the file is closed %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

/* Cancel, and limits, cut the client off at once; the DONE event comes with the helper. */
static void claim_cancel(void)
{
    struct uwo_engine *engine = engine_of(1);
    struct play play;

    play_open(&play, engine, true);
    stage_cold(&play, 0);
    CLAIM(faulty_held(1), "cancel: the helper is held");
    uwo_transfer_cancel(engine, play.id);
    for (int i = 0; i < 100 && !play.ended; i++)
        play_turn(&play, 100);
    CLAIM(play.ended && play.end_error && play.done_count == 0,
          "cancel: the client is cut off while the disk still holds the helper");
    uwo_transfer_cancel(engine, play.id); /* again */
    faulty_let_go();
    play_run(&play, true);
    CLAIM(!play.trouble[0] && play.done.outcome == UWO_CANCELLED,
          "cancel: one DONE event once the disk is back %s", play.trouble);
    play_close(&play);
    uwo_engine_destroy(engine);
}

static void claim_deadline(void)
{
    struct uwo_engine *engine = engine_of(1);
    struct build build = { 0 };
    struct play play;
    struct uwo_transfer wanted;

    play_open(&play, engine, false);
    build_file(&build, &play, SMALL, false);
    faulty_hold(CALL_read_at, play.source_fds[0]);
    wanted = build_wanted(&play);
    wanted.deadline_ms = 200;
    wanted.after = UWO_GIVE_BACK;
    build_submit(&build, &play, &wanted);
    CLAIM(faulty_held(1), "deadline: the helper is held");
    play_turn(&play, 500);
    CLAIM(play.done_count == 0, "deadline: a socket to give back waits for the disk");
    faulty_let_go();
    while (play.done_count == 0)
        play_turn(&play, 100);
    CLAIM(play.done.outcome == UWO_DEADLINE && play.done.client_fd == play.near_fd,
          "deadline: then it comes back");
    close(play.done.client_fd);
    play_close(&play);
    uwo_engine_destroy(engine);
}

static struct uwo_engine *left_behind; /* for ever */
static unsigned threads_before;

static unsigned count_threads(void)
{
    struct stat folder;

    /* Every task is a link of the folder, beside "." and "..". */
    return stat("/proc/self/task", &folder) == 0 ? (unsigned)folder.st_nlink - 2 : 0;
}

static void claim_stop(bool give_back)
{
    struct uwo_engine *engine = left_behind = engine_of(2);
    const char *what = give_back ? "stop, give back" : "stop";
    struct build build = { 0 };
    struct uwo_progress progress = { .size = sizeof progress };
    struct play play;
    struct play other;
    uint64_t before_ms;
    int status;

    play_open(&other, engine, false);
    build_send(&build, LARGE);
    build_go(&build, &other, 0, UWO_CLOSE);
    play_open(&play, engine, false);
    build = (struct build){ 0 };
    build_file(&build, &play, SMALL, false);
    faulty_hold(CALL_read_at, play.source_fds[0]);
    build_go(&build, &play, 0, give_back ? UWO_GIVE_BACK : UWO_CLOSE);
    CLAIM(faulty_held(1), "%s: the helper is held", what);
    before_ms = play_now_ms();
    status = uwo_engine_stop(engine);
    CLAIM(status == -EBUSY, "%s: says that a helper was left behind (%d)", what, status);
    CLAIM(play_now_ms() - before_ms < 5000, "%s: is bounded", what);
    CLAIM(uwo_engine_stop(engine) == -EBUSY, "%s: may be called again", what);
    CLAIM(uwo_transfer_progress(engine, play.id, &progress) == UWO_OK && progress.ended,
          "%s: progress says that it has ended", what);
    play_reap_any(&play, &other);
    CLAIM(play.done_count == 1 && play.done.outcome == UWO_CANCELLED,
          "%s: the transfer is reported cancelled", what);
    CLAIM(other.done_count == 1 && other.done.outcome == UWO_CANCELLED, "%s: so is the other, once",
          what);
    if (give_back) {
        CLAIM(play.done.client_fd == play.near_fd && !(fcntl(play.near_fd, F_GETFL) & O_NONBLOCK),
              "%s: the socket comes back as it was", what);
        close(play.done.client_fd);
    }
    uwo_engine_destroy(engine);
    faulty_let_go();
    for (int i = 0; i < 100 && count_threads() > threads_before; i++)
        poll(NULL, 0, 50);
    CLAIM(count_threads() == threads_before, "%s: the helper ends when the disk is back", what);
    play_close(&other);
    play_close(&play);
}

/* What is left behind is lost on purpose. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:life_create\nleak:transfer_extra\nleak:submit_fill\nleak:loop_init\n";
}

int main(void)
{
    play_prepare();
    faulty_install();
    claim_slow_read();
    claim_slow_write();
    claim_only_helper();
    claim_cancel();
    claim_cancel_while_closing();
    claim_deadline();
    threads_before = count_threads(); /* a sanitizer may have one of its own */
    faulty_hurry(10);                 /* the five seconds of patience */
    claim_stop(false);
    claim_stop(true);
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
