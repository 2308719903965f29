/* front: what the scenes of a front show without a fault, and cases that need one stand each. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "faulty.h"
#include "gate.h"
#include "scenes.h"
#include "stand.h"

/* Counters of a coverage build, which a child that ends by _exit would lose. */
extern void __gcov_dump(void) __attribute__((weak));

static void claim_scenes(void)
{
    for (size_t i = 0; i < front_scene_count; i++) {
        for (int tcp = 0; tcp < 2; tcp++) {
            int fds = play_count_fds();
            struct faulty_trouble before = faulty_trouble();
            struct faulty_trouble after;
            bool harmed = false;
            const char *wrong = front_scenes[i].run(tcp, &harmed);

            after = faulty_trouble();
            CLAIM(!wrong && !harmed, "%s over %s%s%s", front_scenes[i].name, tcp ? "TCP" : "UNIX",
                  wrong ? ": " : "", wrong ? wrong : "");
            CLAIM(play_count_fds() == fds && after.memory == before.memory &&
                      after.mappings == before.mappings && after.bad_closes == before.bad_closes,
                  "nothing is left of it");
        }
    }
}

static void open_or_give_up(struct stand *stand, bool tcp, const struct stand_options *options)
{
    if (!stand_open(stand, tcp, false, options))
        play_give_up("a front without faults");
}

/* What a stand without application answers to one guest; its log, if any, is left open. */
static void claim_guest(struct stand *stand, struct guest *guest, const char *what)
{
    bool all = guests_run(guest, 1, STAND_PATIENCE_MS);

    CLAIM(all && !guest->trouble[0], "%s%s%s", what, guest->trouble[0] ? ": " : "", guest->trouble);
    guest_close(guest);
    CLAIM(stand_quiet(stand), "and no connection is left");
}

static char *long_text(size_t size, const char *begin, char rest)
{
    char *text = malloc(size + 1);
    size_t used = strlen(begin);

    memset(text, rest, size);
    memcpy(text, begin, used < size ? used : size);
    text[size] = '\0';
    return text;
}

/* More heads than the window holds, there before anybody reads: the last is there in part only. */
static void claim_long_pipeline(void)
{
    const struct stand_options options = { .no_application = true };
    char *field = long_text(15800, "", 'x');
    struct stand stand = { .tcp = false };
    int buffer = 400000;
    struct guest guest;

    guest_open(&guest, stand_connect(&stand), false, false);
    setsockopt(guest.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    for (int i = 0; i < 20; i++) {
        guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", field);
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
    }
    for (int i = 0; i < 20; i++)
        guests_turn(&guest, 1, 1);
    CLAIM(guest.sent > 200000, "%zu bytes wait to be read", guest.sent);
    open_or_give_up(&stand, false, &options);
    claim_guest(&stand, &guest, "twenty heads of 16 KiB in one go");
    CLAIM(!stand_close(&stand), "it ends");
    free(field);
}

/* Bytes to be escaped, then as many plain ones as there may be: no line grows beyond its room. */
static void claim_long_lines(void)
{
    const struct stand_options options = { .no_application = true,
                                           .log = true,
                                           .front = { .head_size_max = 60000 } };
    char *begin = long_text(255, "", '"');
    char *field = long_text(4000, begin, 'x');
    char *text = calloc(1, 200000);
    struct stand stand;
    struct guest guest;
    int log_fd;

    open_or_give_up(&stand, true, &options);
    log_fd = dup(stand.log_fd);
    guest_open(&guest, stand_connect(&stand), true, false);
    for (int i = 0; i < 20; i++) {
        guest_say(&guest,
                  "GET /small.txt?%s HTTP/1.1\r\nHost: a\r\nReferer: %s\r\nUser-Agent: %s\r\n\r\n",
                  field, field, field);
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
    }
    claim_guest(&stand, &guest, "requests with long names, many bytes to be escaped");
    CLAIM(!stand_close(&stand), "it ends");
    CLAIM(pread(log_fd, text, 199999, 0) > 20 * 2000, "their lines are there");
    for (int i = 0; i < 20; i++) {
        char *end = strchr(text, '\n');

        CLAIM(end && strncmp(text, "127.0.0.1 - - [", 15) == 0 && end - text < 4400 &&
                  memcmp(end - 16, " finished engine", 16) == 0,
              "line %d is whole", i + 1);
        if (!end)
            break;
        memmove(text, end + 1, strlen(end + 1) + 1);
    }
    close(log_fd);
    free(begin);
    free(field);
    free(text);
}

/* Request and end of the stream come together: nobody waits for a time-out. */
static void claim_half_closed(void)
{
    const struct stand_options options = { .front = { .keepalive_timeout_ms = 600000 } };
    struct stand stand;
    struct guest guest;

    for (int i = 0; i < 20; i++) {
        open_or_give_up(&stand, i % 2, &options);
        guest_open(&guest, stand_connect(&stand), i % 2, false);
        guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        guest_pause(&guest);
        guest_say(&guest, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", i % 4 < 2 ? "/empty" : "/py/bytes");
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), i % 4 < 2 ? 0 : SMALL_SIZE);
        guest.closes_half = guest.lets_close = true;
        claim_guest(&stand, &guest, "a half-closed connection is ended when all is answered");
        stand_close(&stand);
    }
}

/* A client that reads slowly: the answer goes by program, and its last byte is right. */
static void claim_slow_reader(void)
{
    const struct stand_options options = { .no_application = true, .threads = 2 };
    struct stand stand;
    struct guest guest;

    for (int tcp = 0; tcp < 2; tcp++) {
        open_or_give_up(&stand, tcp, &options);
        guest_open(&guest, stand_connect(&stand), tcp, false);
        guest.reading = 700;
        for (int i = 0; i < 30; i++) {
            guest_say(&guest, "GET /middle.bin HTTP/1.1\r\nHost: a\r\n\r\n");
            guest_want(&guest, 200, play_bytes(MIDDLE_SIZE), MIDDLE_SIZE);
        }
        claim_guest(&stand, &guest, "thirty answers to a slow reader");
        stand_close(&stand);
    }
}

static void claim_time_outs(void)
{
    const struct stand_options options = {
        .log = true,
        .front = { .head_timeout_ms = 200, .keepalive_timeout_ms = 200, .no_progress_ms = 200 }
    };
    struct stand stand;
    struct guest guests[4];

    for (int tcp = 0; tcp < 2; tcp++) {
        open_or_give_up(&stand, tcp, &options);
        for (int i = 0; i < 4; i++) {
            guest_open(&guests[i], stand_connect(&stand), tcp, false);
            guests[i].lets_close = true;
        }
        guest_say(&guests[0], "GET / HTTP/1.1\r\nHo");
        guest_want(&guests[0], 408, NULL, 0);
        guest_say(&guests[1], "POST /py/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12");
        guest_want(&guests[1], 408, NULL, 0);
        guest_say(&guests[2], "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        guest_want(&guests[2], 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        CLAIM(guests_run(guests, 4, STAND_PATIENCE_MS), "every wait has an end");
        for (int i = 0; i < 4; i++) {
            CLAIM(!guests[i].trouble[0], "of the right kind%s%s", guests[i].trouble[0] ? ": " : "",
                  guests[i].trouble);
            guest_close(&guests[i]);
        }
        stand_close(&stand);
    }
}

/* A streamed body that is bad, cut, too large, or does not come. */
static void claim_streams_fail(void)
{
    static const char *const bodies[] = {
        "Transfer-Encoding: chunked\r\n\r\n5\r\nabcdeX",
        "Transfer-Encoding: chunked\r\n\r\nffff\r\nabcde",
        "Content-Length: 900\r\n\r\nabc",
        "Content-Length: 900\r\n\r\nabc",
    };
    const struct stand_options options = {
        .front = { .body_streamed = true, .body_size_max = 1000, .no_progress_ms = 200 }
    };
    struct stand stand;
    struct guest guest;

    for (int tcp = 0; tcp < 2; tcp++) {
        for (int i = 0; i < 4; i++) {
            open_or_give_up(&stand, tcp, &options);
            guest_open(&guest, stand_connect(&stand), tcp, true);
            guest_say(&guest, "POST /py/read HTTP/1.1\r\nHost: a\r\n%s", bodies[i]);
            if (i == 1)
                guest_send(&guest, play_bytes(3000), 3000);
            guest_want(&guest, 400, NULL, 0);
            guest.closes_half = i == 2;
            guest.lets_close = true;
            claim_guest(&stand, &guest, "a streamed body that fails is told, or cut");
            CLAIM(stand_failures(&stand) > 0, "and its reader knows");
            stand_close(&stand);
        }
    }
}

/* What is no request of another worker is thrown away, with the descriptors that came with it. */
static void claim_strange_messages(void)
{
    struct stand_options options = { .overflows = true, .front = { .body_streamed = true } };
    struct sys_part parts[] = { { play_bytes(4096), 3 }, { play_bytes(4096), 0 } };
    struct stand stand;
    struct guest guest;
    int fds[2];
    int before;

    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, options.overflow_fds);
    open_or_give_up(&stand, true, &options);
    fds[0] = play_file(NULL, 0);
    fds[1] = play_file(NULL, 0);
    before = play_count_fds();
    for (int count = 0; count <= 2; count++) {
        for (size_t size = 0; size <= 4096; size += 512) {
            parts[1].size = size;
            sys_linux.send_message(options.overflow_fds[0], parts, 2, fds, count);
        }
    }
    guest_open(&guest, stand_connect(&stand), true, false);
    guest_say(&guest, "GET /py/bytes HTTP/1.1\r\nHost: a\r\n\r\n");
    guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
    claim_guest(&stand, &guest, "between strange messages a request is answered");
    CLAIM(play_count_fds() == before, "their descriptors are closed");
    CLAIM(!stand_close(&stand), "it ends");
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(options.overflow_fds[i]);
    }
}

/* ---- uwsgi ---- */

static void claim_uwsgi(void)
{
    const struct stand_options options = { .no_application = true };
    static const struct {
        const char *packet;
        size_t size, answer;
        const char *what;
    } cases[] = {
        { "\x64\0\0\0", 4, 4, "a ping gets its pong" },
        { "\x05\1\0\0x", 5, 0, "another modifier gets the end" },
        { "\0\xff\xff\0", 4, 0, "a packet too large gets the end" },
        { "\0\x04\0\0\xff\0ab", 8, 100, "lengths that do not fit get 400" },
    };
    char bytes[1000];
    struct stand stand;

    for (int tcp = 0; tcp < 2; tcp++) {
        if (!stand_open(&stand, tcp, true, &options))
            play_give_up("a front without faults");
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            int fd = stand_connect(&stand);
            size_t size = 0;
            ssize_t got;

            send(fd, cases[i].packet, cases[i].size, MSG_NOSIGNAL);
            while ((got = recv(fd, bytes + size, sizeof bytes - size, 0)) > 0)
                size += (size_t)got;
            CLAIM(cases[i].answer == 100 ? size > 100 && memcmp(bytes, "HTTP/1.1 400 ", 13) == 0
                                         : size == cases[i].answer,
                  "%s", cases[i].what);
            close(fd);
        }
        CLAIM(stand_quiet(&stand) && !stand_close(&stand), "it ends");
    }
}

/* ---- a child ---- */

static void claim_forked(void)
{
    const struct stand_options options = { .no_application = true };
    struct stand stand;
    int status = -1;
    pid_t child;

    open_or_give_up(&stand, false, &options);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        struct uwo_front_options none = { .size = sizeof none, .application = true };
        struct uwo_request *request;
        struct uwo_front *front;
        bool refused = uwo_front_drain(stand.front) == UWO_E_FORKED &&
                       uwo_front_hasten(stand.front) == UWO_E_FORKED &&
                       uwo_front_take(stand.front, 0, &request) == UWO_E_FORKED &&
                       uwo_front_swap_site(stand.front, NULL) == UWO_E_FORKED &&
                       uwo_front_create(stand.engine, &none, &front, NULL) == UWO_E_FORKED &&
                       uwo_front_connections(stand.front) == 0 &&
                       uwo_front_waiting(stand.front) == 0;

        uwo_front_wake(stand.front);
        uwo_front_destroy(stand.front);
        if (__gcov_dump)
            __gcov_dump();
        _exit(refused ? 0 : 1);
    }
    waitpid(child, &status, 0);
    CLAIM(status == 0, "a forked child is refused");
    CLAIM(!stand_close(&stand), "it ends");
}

/* ---- both ends at once ---- */

struct ends {
    struct stand stand;
    atomic_bool gone;
};

static void *stop_engine(void *argument)
{
    struct ends *ends = argument;

    uwo_engine_stop(ends->stand.engine);
    return NULL;
}

static void *destroy_front(void *argument)
{
    struct ends *ends = argument;

    uwo_front_destroy(ends->stand.front);
    atomic_store(&ends->gone, true);
    return NULL;
}

/* One thread stops the engine, another destroys the front, while a loop is at work for it: an
 * engine that is about to stop still looks at its front. */
static void claim_destroyed_while_stopped(void)
{
    const struct stand_options options = { .no_application = true };
    struct ends ends = { .gone = false };
    struct guest guest;
    pthread_t threads[2];

    open_or_give_up(&ends.stand, true, &options);
    gate_close(CALL_send, "uwo-loop");
    guest_open(&guest, stand_connect(&ends.stand), true, true);
    guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    guests_turn(&guest, 1, 0);
    gate_await(1);
    pthread_create(&threads[0], NULL, stop_engine, &ends);
    while (!atomic_load(&ends.stand.engine->stopping))
        sched_yield();
    pthread_create(&threads[1], NULL, destroy_front, &ends);
    for (int i = 0; i < 50 && !atomic_load(&ends.gone); i++)
        poll(NULL, 0, 1);
    CLAIM(!atomic_load(&ends.gone), "a front stays as long as a loop is at work for it");
    gate_open();
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    guest_close(&guest);
    ends.stand.front = NULL;
    CLAIM(!stand_close(&ends.stand), "it ends");
}

/* ---- arguments ---- */

static void claim_refused(int status, const struct uwo_error *error, const char *what)
{
    CLAIM(status == UWO_E_INVALID && error->message[0], "%s: %s", what, error->message);
}

static void claim_front_arguments(void)
{
    struct uwo_engine *engine = play_engine_small();
    struct uwo_error error = { .size = sizeof error };
    struct uwo_front_options options = { .size = sizeof options, .application = true };
    struct uwo_listener listener = { .size = sizeof listener, .fd = 0, .protocol = UWO_HTTP };
    struct uwo_front *front;
    struct uwo_front *other;
    struct uwo_request *request;

#define REFUSED(what, ...)                                                           \
    do {                                                                             \
        struct uwo_front_options bad = options;                                      \
        __VA_ARGS__;                                                                 \
        error.message[0] = 0;                                                        \
        claim_refused(uwo_front_create(engine, &bad, &front, &error), &error, what); \
    } while (0)

    claim_refused(uwo_front_create(engine, NULL, &front, &error), &error, "no options");
    REFUSED("another size", bad.size = 3);
    REFUSED("a small head", bad.head_size_max = 10);
    REFUSED("many fields", bad.fields_max = 1000);
    REFUSED("a large body in memory", bad.body_memory_max = 1 << 20);
    REFUSED("nobody to answer", bad.application = false);
    REFUSED("many listeners", bad.listener_count = 1000);
    REFUSED("no listener", bad.listeners = &listener, bad.listener_count = 1);
    listener.protocol = 7;
    REFUSED("another protocol", bad.listeners = &listener, bad.listener_count = 1);
    listener.size = 1;
    REFUSED("a listener of another size", bad.listeners = &listener, bad.listener_count = 1);
#undef REFUSED
    CLAIM(uwo_front_create(engine, &options, &front, &error) == UWO_OK, "a front without listener");
    claim_refused(uwo_front_create(engine, &options, &other, &error), &error, "a second front");
    CLAIM(uwo_front_take(front, 0, &request) == 0 && uwo_front_take(front, 20, &request) == 0,
          "nothing to take");
    uwo_front_wake(front);
    CLAIM(uwo_front_take(front, -1, &request) == 0, "woken");
    CLAIM(uwo_front_waiting(front) == 0 && uwo_front_connections(front) == 0, "nobody there");
    CLAIM(uwo_front_drain(front) == UWO_OK && uwo_front_drain(front) == UWO_OK, "drained twice");
    uwo_front_destroy(front);
    uwo_front_destroy(NULL);
    CLAIM(uwo_front_create(engine, &options, &front, &error) == UWO_OK, "another one after it");
    uwo_front_destroy(front);
    uwo_engine_drain(engine);
    CLAIM(uwo_front_create(engine, &options, &front, &error) == UWO_E_CLOSED, "none on a drained "
                                                                              "engine");
    uwo_engine_destroy(engine);
}

static void claim_site_arguments(void)
{
    struct uwo_error error = { .size = sizeof error };
    struct uwo_mount mount = { .size = sizeof mount, .prefix = "", .target = "/nowhere/at/all" };
    struct uwo_type type = { .size = 1, .ending = "a", .type = "b" };
    struct uwo_site_options options = { .size = sizeof options,
                                        .mounts = &mount,
                                        .mount_count = 1 };
    struct uwo_site *site;

    claim_refused(uwo_site_create(NULL, &site, &error), &error, "no options");
    CLAIM(uwo_site_create(&options, &site, &error) == -ENOENT && error.index == 0, "%s",
          error.message);
    mount.prefix = "/a/";
    claim_refused(uwo_site_create(&options, &site, &error), &error, "a slash at the end");
    mount.prefix = NULL;
    claim_refused(uwo_site_create(&options, &site, &error), &error, "no prefix");
    mount.prefix = "";
    mount.target = NULL;
    claim_refused(uwo_site_create(&options, &site, &error), &error, "no target");
    mount.size = 1;
    claim_refused(uwo_site_create(&options, &site, &error), &error, "a mount of another size");
    options.mount_count = 0;
    options.types = &type;
    options.type_count = 1;
    claim_refused(uwo_site_create(&options, &site, &error), &error, "a type of another size");
    uwo_site_destroy(NULL);
}

static void claim_answer_arguments(void)
{
    const struct stand_options options = { .no_application = false };
    struct uwo_error error = { .size = sizeof error };
    struct uwo_instruction receive = { .size = sizeof receive, .kind = UWO_RECEIVE_FILE };
    struct uwo_instruction send = { .size = sizeof send, .kind = UWO_SEND, .fd = -1 };
    struct uwo_program program = { .size = sizeof program, .instructions = &send, .count = 1 };
    struct uwo_field field = { sizeof field, 4, "Good", "yes", 3 };
    struct uwo_answer good = {
        .size = sizeof good, .status = 200, .fields = &field, .field_count = 1, .program = &program
    };
    struct uwo_answer bad = good;
    struct uwo_request *request;
    struct stand stand;
    struct guest guest;
    int taken = 0;
    int tries = 0;
    char byte;

    open_or_give_up(&stand, false, &options);
    stand_dismiss(&stand);
    guest_open(&guest, stand_connect(&stand), false, false);
    guest_say(&guest, "GET /py/x HTTP/1.1\r\nHost: a\r\nCookie: b\r\n\r\n");
    guest_want(&guest, 200, play_bytes(0), 0);
    guests_turn(&guest, 1, 1000);
    while (taken == 0 && tries++ < 10) /* a wake may be left over */
        taken = uwo_front_take(stand.front, STAND_PATIENCE_MS, &request);
    CLAIM(taken == 1, "a request");
    CLAIM(request->field_count == 2 && request->method_size == 3 && request->body_fd == -1 &&
              request->body_size == 0 && strcmp(request->path, "/py/x") == 0,
          "it says what was sent");
    CLAIM(uwo_request_read(request, &byte, 1) == 0, "its body is not streamed");
    claim_refused(uwo_request_answer(request, NULL, &error), &error, "no answer");
    bad.status = 100;
    claim_refused(uwo_request_answer(request, &bad, &error), &error, "a status below 200");
    bad.status = 200;
    field.value = "a\r\nb";
    field.value_size = 4;
    claim_refused(uwo_request_answer(request, &bad, &error), &error, "a line end in a value");
    field.name = "Go od";
    field.name_size = 5;
    claim_refused(uwo_request_answer(request, &bad, &error), &error, "a blank in a name");
    field.name = "Date";
    field.name_size = 4;
    field.value_size = 1;
    claim_refused(uwo_request_answer(request, &bad, &error), &error, "a field of ours");
    field.size = 1;
    claim_refused(uwo_request_answer(request, &bad, &error), &error, "a field of another size");
    field = (struct uwo_field){ sizeof field, 4, "Good", "yes", 3 };
    receive.fd = play_file(NULL, 0);
    receive.count = 1;
    program.instructions = &receive;
    claim_refused(uwo_request_answer(request, &bad, &error), &error, "an upload as an answer");
    close(receive.fd);
    program.instructions = &send;
    CLAIM(uwo_request_answer(request, &good, &error) == UWO_OK, "after all that, an answer");
    claim_guest(&stand, &guest, "which arrives");
    CLAIM(!stand_close(&stand), "it ends");
}

int main(void)
{
    faulty_install();
    play_prepare();
    stand_prepare();
    claim_scenes();
    claim_long_pipeline();
    claim_long_lines();
    claim_half_closed();
    claim_slow_reader();
    claim_time_outs();
    claim_streams_fail();
    claim_strange_messages();
    claim_uwsgi();
    claim_forked();
    claim_destroyed_while_stopped();
    claim_front_arguments();
    claim_site_arguments();
    claim_answer_arguments();
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
