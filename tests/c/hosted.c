/* hosted: an engine without threads.  The main thread is the host; clients, and others who call
 * into the engine, are threads. */
#define _GNU_SOURCE
#include <dirent.h>
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
#include "scenes.h"
#include "stand.h"

enum { CLIENTS = 6, ROUNDS = 12, TURN_MS = 50, AWAY_MS = 900 };

static const struct stand_options hosted = { .threads = UWO_NONE };

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    if (pthread_create(thread, NULL, run, argument) != 0)
        play_give_up("pthread_create");
}

static void open_or_give_up(struct stand *stand, bool tcp, const struct stand_options *options)
{
    if (!stand_open(stand, tcp, false, options))
        play_give_up("a front without threads");
}

static unsigned loop_threads(void)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    unsigned found = 0;

    while ((task = readdir(tasks))) {
        char path[300];
        char name[32] = "";
        int fd;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        found += fd >= 0 && read(fd, name, sizeof name) > 0 && strncmp(name, "uwo-loop", 8) == 0;
        close(fd);
    }
    closedir(tasks);
    return found;
}

/* ---- transfers ---- */

/* Every scene, moved by turns of ours; but one whose stage waits for the engine. */
static void claim_transfers(void)
{
    for (size_t i = 0; i < scene_count; i++) {
        if (strcmp(scenes[i].name, "growing") == 0)
            continue;
        for (int tcp = 0; tcp < 2 && scenes[i].stage; tcp++) {
            struct uwo_engine *engine = play_engine((struct uwo_engine_options){
                .threads = UWO_NONE, .pipes_max = scenes[i].pipes_max });
            uint64_t until_ms = play_now_ms() + PLAY_PATIENCE_MS;
            struct play play;

            faulty_cold(scenes[i].cold);
            play_open(&play, engine, tcp);
            scenes[i].stage(&play);
            while (play.taken && play_now_ms() < until_ms &&
                   (play.done_count == 0 || (!play.ended && !play.gives_back))) {
                uwo_engine_turn(engine, 1);
                play_turn(&play, 0);
            }
            CLAIM(loop_threads() == 0, "%s over %s, without a loop's thread", scenes[i].name,
                  tcp ? "TCP" : "UNIX");
            play_run(&play, scenes[i].any_end);
            CLAIM(!play.trouble[0], "ends well%s%s", play.trouble[0] ? ": " : "", play.trouble);
            play_close(&play);
            faulty_cold(false);
            uwo_engine_destroy(engine);
        }
    }
}

struct helper {
    struct uwo_engine *engine;
    struct stand *stand;
    pthread_t host;
    int fds[2];
    atomic_bool over;
    atomic_int status;
};

static void *send_small(void *argument)
{
    struct helper *helper = argument;
    struct uwo_instruction send = {
        .size = sizeof send, .kind = UWO_SEND, .fd = -1, .count = 1000, .data = play_bytes(1000)
    };
    struct uwo_program program = { .size = sizeof program, .instructions = &send, .count = 1 };

    uint8_t got[1000];

    helper->status = uwo_engine_submit(helper->engine, helper->fds[0], &program, NULL, NULL, NULL);
    helper->over = recv(helper->fds[1], got, sizeof got, MSG_WAITALL) == sizeof got &&
                   memcmp(got, play_bytes(1000), sizeof got) == 0;
    return NULL;
}

static void *wake_engine(void *argument)
{
    struct helper *helper = argument;

    uwo_engine_wake(helper->engine);
    return NULL;
}

/* The host waits without a limit; what another thread hands over wakes it. */
static void claim_mail_wakes(void)
{
    struct helper helper = { .engine = play_engine(
                                 (struct uwo_engine_options){ .threads = UWO_NONE }) };
    struct uwo_event event = { .size = sizeof event };
    pthread_t thread;

    for (int i = 0; i < 20; i++) {
        play_sockets(i % 2, helper.fds);
        start(&thread, send_small, &helper);
        if (i < 10) {
            CLAIM(uwo_engine_wait(helper.engine, &event, 1, -1) == 1, "a wait sees it through");
        } else {
            while (uwo_engine_turn(helper.engine, -1) == 0)
                ;
            CLAIM(uwo_engine_reap(helper.engine, &event, 1) == 1, "turns do");
        }
        pthread_join(thread, NULL);
        CLAIM(event.outcome == UWO_FINISHED && helper.status == UWO_OK && helper.over,
              "and its bytes arrive");
        close(helper.fds[1]);
    }
    start(&thread, wake_engine, &helper);
    CLAIM(uwo_engine_wait(helper.engine, &event, 1, -1) == 0, "a wake ends a wait");
    pthread_join(thread, NULL);
    CLAIM(uwo_engine_wait(helper.engine, &event, 1, 30) == 0 &&
              uwo_engine_turn(helper.engine, 0) == 0,
          "time does");
    uwo_engine_destroy(helper.engine);
}

/* ---- who may run it ---- */

static void *run_from_outside(void *argument)
{
    struct helper *helper = argument;
    struct uwo_event event = { .size = sizeof event };
    struct uwo_request *request;
    bool refused = uwo_engine_turn(helper->engine, 0) == -EPERM &&
                   uwo_front_take(helper->stand->front, 0, &request) == -EPERM &&
                   uwo_engine_wait(helper->engine, &event, 1, 0) == 0;

    helper->status = refused;
    return NULL;
}

static void claim_refused(void)
{
    struct uwo_engine *threaded = play_engine_small();
    struct helper helper = { .fds = { -1, -1 } };
    struct stand stand;
    pthread_t thread;
    int status = -1;
    pid_t child;

    CLAIM(uwo_engine_turn(threaded, 0) == UWO_E_INVALID &&
              uwo_engine_watch(threaded, 0, true) == UWO_E_INVALID,
          "an engine with threads has no turns");
    uwo_engine_destroy(threaded);
    open_or_give_up(&stand, true, &hosted);
    helper.stand = &stand;
    helper.engine = stand.engine;
    start(&thread, run_from_outside, &helper);
    pthread_join(thread, NULL);
    CLAIM(helper.status, "another thread may not run it");
    fflush(stdout);
    child = fork();
    if (child == 0)
        _exit(uwo_engine_turn(stand.engine, 0) != UWO_E_FORKED ||
              uwo_engine_watch(stand.engine, 0, true) != UWO_E_FORKED);
    waitpid(child, &status, 0);
    CLAIM(status == 0, "nor a child");
    CLAIM(uwo_engine_watch(stand.engine, 9999, true) == -EBADF, "only descriptors are watched");
    CLAIM(!stand_close(&stand), "it ends");
}

/* ---- what interrupts the host ---- */

static void *write_later(void *argument)
{
    struct helper *helper = argument;

    if (write(helper->fds[1], "x", 1) != 1)
        play_give_up("write");
    return NULL;
}

static void on_signal(int number)
{
    (void)number;
}

static void *send_signals(void *argument)
{
    struct helper *helper = argument;

    while (!helper->over) {
        pthread_kill(helper->host, SIGUSR1);
        poll(NULL, 0, 1);
    }
    return NULL;
}

static void *wake_front(void *argument)
{
    struct helper *helper = argument;

    uwo_front_wake(helper->stand->front);
    return NULL;
}

static void claim_interrupted(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct helper helper = { .host = pthread_self() };
    struct uwo_request *request;
    struct stand stand;
    pthread_t thread;
    char byte;

    open_or_give_up(&stand, true, &hosted);
    helper.stand = &stand;
    if (pipe2(helper.fds, O_CLOEXEC) < 0)
        play_give_up("pipe2");
    CLAIM(uwo_engine_watch(stand.engine, helper.fds[0], true) == UWO_OK, "a pipe is watched");
    for (int i = 0; i < 6; i++) {
        start(&thread, write_later, &helper);
        if (i % 2)
            CLAIM(uwo_front_take(stand.front, -1, &request) == 0, "it ends a take");
        else
            while (uwo_engine_turn(stand.engine, -1) == 0)
                ;
        CLAIM(read(helper.fds[0], &byte, 1) == 1, "it is there to be read");
        pthread_join(thread, NULL);
    }
    CLAIM(uwo_front_take(stand.front, 0, &request) == 0 && uwo_engine_turn(stand.engine, 0) == 0,
          "told once");
    CLAIM(uwo_engine_watch(stand.engine, helper.fds[0], false) == UWO_OK, "and no longer");
    write_later(&helper);
    CLAIM(uwo_engine_turn(stand.engine, 20) == 0, "it says nothing");
    start(&thread, wake_front, &helper);
    CLAIM(uwo_front_take(stand.front, -1, &request) == 0, "a wake ends a take");
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &action, NULL);
    start(&thread, send_signals, &helper);
    CLAIM(uwo_front_take(stand.front, -1, &request) == -EINTR, "a signal does");
    helper.over = true;
    pthread_join(thread, NULL);
    close(helper.fds[0]);
    close(helper.fds[1]);
    CLAIM(!stand_close(&stand), "it ends");
}

static void *stop_engine(void *argument)
{
    struct helper *helper = argument;

    helper->status = uwo_engine_stop(helper->engine);
    return NULL;
}

static void claim_stopped(void)
{
    struct helper helper;
    struct uwo_event event = { .size = sizeof event };
    struct play play;
    pthread_t thread;

    for (int i = 0; i < 10; i++) {
        struct build build = { 0 };

        helper.engine = play_engine((struct uwo_engine_options){ .threads = UWO_NONE });
        play_open(&play, helper.engine, i % 2);
        build_send(&build, LARGE_SIZE);
        build_go(&build, &play, 0, UWO_CLOSE);
        start(&thread, stop_engine, &helper);
        while (uwo_engine_turn(helper.engine, -1) != UWO_E_CLOSED)
            ;
        pthread_join(thread, NULL);
        CLAIM(helper.status == UWO_OK && uwo_engine_reap(helper.engine, &event, 1) == 1 &&
                  event.outcome == UWO_CANCELLED,
              "stopped from outside while it runs");
        CLAIM(uwo_engine_wait(helper.engine, &event, 1, -1) == UWO_E_CLOSED &&
                  uwo_engine_stop(helper.engine) == UWO_OK,
              "and for good");
        play_close(&play);
        uwo_engine_destroy(helper.engine);
    }
}

/* ---- a front ---- */

static void *ask_mixed(void *argument)
{
    struct helper *helper = argument;

    for (int round = 0; round < ROUNDS && !helper->status; round++) {
        struct guest guest;

        guest_open(&guest, stand_connect(helper->stand), helper->stand->tcp, false);
        guest.reading = round % 3 == 0 ? 3000 : 0;
        guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        guest_say(&guest, "GET /py/large HTTP/1.1\r\nHost: a\r\n\r\n");
        guest_want(&guest, 200, play_bytes(LARGE_SIZE), LARGE_SIZE);
        guest_pause(&guest);
        guest_say(&guest, "GET /py/chunked HTTP/1.1\r\nHost: a\r\n\r\n");
        guest_want(&guest, 200, play_bytes(LARGE_SIZE), LARGE_SIZE);
        guest_say(&guest, "POST /py/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n");
        guest_send(&guest, play_bytes(9000), 9000);
        guest_want(&guest, 200, play_bytes(9000), 9000);
        guest_say(&guest, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        guest_want(&guest, 200, play_bytes(LARGE_SIZE), LARGE_SIZE);
        if (!guests_run(&guest, 1, STAND_PATIENCE_MS) || guest.trouble[0])
            helper->status = -1;
        guest_close(&guest);
    }
    helper->over = true;
    return NULL;
}

static void claim_front(bool tcp, bool log)
{
    const struct stand_options options = { .threads = UWO_NONE, .log = log };
    struct helper helpers[CLIENTS] = { { .engine = NULL } };
    struct stand stands[CLIENTS]; /* each counts who connected */
    pthread_t threads[CLIENTS];
    struct stand stand;
    bool over = false;

    open_or_give_up(&stand, tcp, &options);
    for (int i = 0; i < CLIENTS; i++) {
        stands[i] = stand;
        helpers[i].stand = &stands[i];
        start(&threads[i], ask_mixed, &helpers[i]);
    }
    while (!over || uwo_front_connections(stand.front) > 0) {
        stand_turn(&stand, TURN_MS);
        over = true;
        for (int i = 0; i < CLIENTS; i++)
            over = over && helpers[i].over;
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(threads[i], NULL);
        CLAIM(helpers[i].status == 0, "every answer of a client over %s", tcp ? "TCP" : "UNIX");
    }
    CLAIM(!stand_close(&stand), "it ends");
}

/* Ended by another thread, while the host runs the loop and connections are open. */
static void *destroy_front(void *argument)
{
    struct helper *helper = argument;

    uwo_front_destroy(helper->stand->front);
    helper->stand->front = NULL;
    helper->over = true;
    return NULL;
}

static void claim_front_ended_outside(void)
{
    const struct stand_options options = { .threads = UWO_NONE, .no_application = true };
    struct helper helper = { .engine = NULL };
    struct guest guest;
    struct stand stand;
    pthread_t thread;

    open_or_give_up(&stand, true, &options);
    helper.stand = &stand;
    guest_open(&guest, stand_connect(&stand), true, true);
    guest_say(&guest, "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    guest_want(&guest, 200, play_bytes(LARGE_SIZE), LARGE_SIZE);
    guests_turn(&guest, 1, 0);
    for (int i = 0; i < 5; i++)
        uwo_engine_turn(stand.engine, 1);
    start(&thread, destroy_front, &helper);
    while (!helper.over)
        uwo_engine_turn(stand.engine, 1);
    pthread_join(thread, NULL);
    CLAIM(uwo_engine_count(stand.engine) == 0, "its connection is cut");
    guest_close(&guest);
    CLAIM(!stand_close(&stand), "it ends");
}

/* ---- the host is away ---- */

static void host_is_away(uint64_t ms)
{
    uint64_t until_ms = play_now_ms() + ms;

    while (play_now_ms() < until_ms)
        poll(NULL, 0, (int)(until_ms - play_now_ms()));
}

/* Time in which nobody looked is not the client's. */
static void claim_away(void)
{
    const struct stand_options options = {
        .threads = UWO_NONE,
        .front = { .head_timeout_ms = 300, .keepalive_timeout_ms = 300, .no_progress_ms = 300 }
    };
    struct guest guests[3];
    struct stand stand;

    open_or_give_up(&stand, true, &options);
    for (int i = 0; i < 3; i++)
        guest_open(&guests[i], stand_connect(&stand), true, false);
    guest_say(&guests[0], "GET /small.txt HTT");                         /* half a head */
    guest_say(&guests[1], "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"); /* a full socket */
    guest_say(&guests[2], "POST /py/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12345");
    for (int i = 0; i < 3; i++)
        guests_turn(&guests[i], 1, 0);
    for (int i = 0; i < 6; i++)
        stand_turn(&stand, 1);
    host_is_away(AWAY_MS);
    stand_turn(&stand, 0);
    guest_say(&guests[0], "P/1.1\r\nHost: a\r\n\r\n");
    guest_want(&guests[0], 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
    guest_want(&guests[1], 200, play_bytes(LARGE_SIZE), LARGE_SIZE);
    guest_say(&guests[2], "6789");
    guest_want(&guests[2], 200, (const uint8_t *)"123456789", 9);
    for (uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;
         guests_turn(guests, 3, 0) && play_now_ms() < until_ms;)
        stand_turn(&stand, 1);
    for (int i = 0; i < 3; i++) {
        CLAIM(guests[i].over && !guests[i].trouble[0], "nothing is held against client %d%s%s", i,
              guests[i].trouble[0] ? ": " : "", guests[i].trouble);
        guest_close(&guests[i]);
    }
    guest_open(&guests[0], stand_connect(&stand), true, false);
    guest_say(&guests[0], "GET /small.txt HTT");
    guest_want(&guests[0], 408, NULL, 0);
    guests[0].lets_close = true;
    for (uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;
         guests_turn(guests, 1, 0) && play_now_ms() < until_ms;)
        stand_turn(&stand, 1);
    CLAIM(guests[0].over && !guests[0].trouble[0], "its own time is");
    guest_close(&guests[0]);
    CLAIM(!stand_close(&stand), "it ends");
}

/* ---- two workers ---- */

struct worker {
    struct stand_options options;
    struct stand stand;
    atomic_bool open;
    atomic_bool over;
    atomic_bool wrong;
};

static void *work(void *argument)
{
    struct worker *worker = argument;

    open_or_give_up(&worker->stand, true, &worker->options);
    worker->open = true;
    while (!worker->over)
        stand_turn(&worker->stand, TURN_MS);
    worker->wrong = stand_close(&worker->stand) != NULL;
    return NULL;
}

static void await(const atomic_bool *what)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;

    while (!*what && play_now_ms() < until_ms)
        poll(NULL, 0, 1);
}

static void ask_all(struct guest *guests, int count, const char *target)
{
    for (int i = 0; i < count; i++) {
        guest_say(&guests[i], "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
        guest_want(&guests[i], 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        guests[i].over = false;
    }
}

/* All connections are with the first, whose host is held; what they ask at once is shared. */
static void claim_overflow(void)
{
    struct worker workers[2] = { { .options = hosted }, { .options = hosted } };
    struct guest guests[9];
    pthread_t threads[2];
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        play_give_up("socketpair");
    for (int i = 0; i < 2; i++) {
        workers[i].options.overflows = true;
        memcpy(workers[i].options.overflow_fds, pair, sizeof pair);
    }
    start(&threads[0], work, &workers[0]);
    await(&workers[0].open);
    for (int i = 0; i < 9; i++)
        guest_open(&guests[i], stand_connect(&workers[0].stand), true, false);
    ask_all(guests, 9, "/small.txt");
    CLAIM(guests_run(guests, 9, STAND_PATIENCE_MS), "nine connections of one worker");
    ask_all(guests + 8, 1, "/py/hold");
    guests_turn(guests + 8, 1, 0);
    CLAIM(stand_holds(&workers[0].stand, 1, STAND_PATIENCE_MS), "which is held");
    ask_all(guests, 8, "/py/bytes");
    guests_turn(guests, 8, 0);
    start(&threads[1], work, &workers[1]);
    await(&workers[1].open);
    stand_let_go(&workers[0].stand);
    CLAIM(guests_run(guests, 9, STAND_PATIENCE_MS), "all are answered");
    CLAIM(stand_count(&workers[0].stand, "overflowed") > 0, "by both");
    for (int i = 0; i < 9; i++) {
        CLAIM(!guests[i].trouble[0], "rightly%s", guests[i].trouble);
        guest_close(&guests[i]);
    }
    for (int i = 0; i < 2; i++) {
        workers[i].over = true;
        pthread_join(threads[i], NULL);
        CLAIM(!workers[i].wrong, "it ends");
        close(pair[i]);
    }
}

int main(void)
{
    int fds;

    faulty_install();
    play_prepare();
    stand_prepare();
    fds = play_count_fds();
    claim_transfers();
    claim_mail_wakes();
    claim_refused();
    claim_interrupted();
    claim_stopped();
    for (int i = 0; i < 4; i++)
        claim_front(i % 2, i / 2);
    claim_front_ended_outside();
    claim_away();
    claim_overflow();
    CLAIM(play_count_fds() == fds, "nothing is left");
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
