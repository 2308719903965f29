/* front_answers: a request in Python's hands -- answers that promise and do not keep, bodies that
 * are read by two or cancelled, what callers do wrong -- and connections at their limits. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faulty.h"
#include "gate.h"
#include "play.h"
#include "stand.h"

extern void __gcov_dump(void) __attribute__((weak));

/* ---- helpers ---- */

static void open_or_give_up(struct stand *stand, bool tcp, const struct stand_options *options)
{
    if (!stand_open(stand, tcp, false, options))
        play_give_up("a front without faults");
}

/* A stand whose requests the test takes itself. */
static void open_manual(struct stand *stand, bool tcp, const struct stand_options *options)
{
    open_or_give_up(stand, tcp, options);
    stand_dismiss(stand);
}

static void claim_over(struct guest *guest, const char *what)
{
    bool all = guests_run(guest, 1, STAND_PATIENCE_MS);

    CLAIM(all && !guest->trouble[0], "%s%s%s", what, guest->trouble[0] ? ": " : "", guest->trouble);
    guest_close(guest);
}

static void claim_closed(struct stand *stand)
{
    CLAIM(stand_quiet(stand) && !stand_close(stand), "and it ends");
}

/* What this guest asked for, in our hands. */
static struct uwo_request *take(struct stand *stand, struct guest *guest)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;
    struct uwo_request *request = NULL;

    while (uwo_front_take(stand->front, 1, &request) <= 0) { /* a wake may be left over */
        if (play_now_ms() > until_ms)
            play_give_up("no request comes");
        if (guest)
            guests_turn(guest, 1, 1);
    }
    return request;
}

/* A guest's first request, taken. */
static struct uwo_request *ask(struct stand *stand, struct guest *guest, const char *head)
{
    guest_open(guest, stand_connect(stand), stand->tcp, false);
    guest_say(guest, "%s HTTP/1.1\r\nHost: a\r\n\r\n", head);
    return take(stand, guest);
}

static struct uwo_instruction send_of(size_t from, size_t size)
{
    return (struct uwo_instruction){
        .size = sizeof(struct uwo_instruction),
        .kind = UWO_SEND,
        .fd = -1,
        .data = play_bytes(from + size) + from,
        .count = (int64_t)size,
    };
}

static int answer(struct uwo_request *request, uint32_t flags, int64_t length,
                  const struct uwo_instruction *list, size_t count)
{
    const struct uwo_program program = { .size = sizeof program,
                                         .instructions = list,
                                         .count = count };
    const struct uwo_answer answer = {
        .size = sizeof answer, .status = 200, .flags = flags, .program = &program, .length = length
    };

    return uwo_request_answer(request, &answer, NULL);
}

static int append(struct stand *stand, const struct uwo_request *request, size_t from, size_t size)
{
    struct uwo_instruction send = send_of(from, size);
    const struct uwo_program program = { .size = sizeof program,
                                         .instructions = &send,
                                         .count = 1 };

    return uwo_transfer_append(stand->engine, request->id, &program, NULL);
}

/* ---- answers of a promised length ---- */

static void claim_short_of_its_promise(void)
{
    const struct stand_options options = { .front = { .keepalive_timeout_ms = 600000 } };
    struct uwo_instruction begin = send_of(0, 10);
    struct uwo_request *request;
    struct stand stand;
    struct guest guest;

    for (int tcp = 0; tcp < 2; tcp++) {
        open_manual(&stand, tcp, &options);
        request = ask(&stand, &guest, "GET /py/x");
        guest_want(&guest, 200, play_bytes(100), 100)->cut = true;
        CLAIM(answer(request, UWO_GROWING, 100, &begin, 1) == UWO_OK &&
                  append(&stand, request, 10, 20) == UWO_OK &&
                  uwo_transfer_finish(stand.engine, request->id) == UWO_OK,
              "an answer that ends before its length");
        uwo_request_drop(request);
        claim_over(&guest, "is cut, and not kept waiting for the rest");
        CLAIM(stand_count(&stand, "source_short") == 1, "for its source was short");
        claim_closed(&stand);
    }
}

static void claim_beyond_its_promise(void)
{
    const struct stand_options options = { .pythons = 1 };
    struct uwo_instruction begin = send_of(0, 10);
    struct uwo_instruction splice = { .size = sizeof splice,
                                      .kind = UWO_SPLICE,
                                      .count = UWO_TO_THE_END };
    const struct uwo_program to_the_end = { .size = sizeof to_the_end,
                                            .instructions = &splice,
                                            .count = 1 };
    struct uwo_request *request;
    struct stand stand;
    struct guest guest;
    int fds[2];

    if (pipe(fds) < 0)
        play_give_up("pipe");
    splice.fd = fds[0];
    open_manual(&stand, true, &options);
    request = ask(&stand, &guest, "GET /py/x");
    guest_want(&guest, 200, play_bytes(100), 100);
    CLAIM(answer(request, UWO_GROWING, 9, &begin, 1) == UWO_E_INVALID,
          "an answer that begins with more than its length is none");
    CLAIM(answer(request, UWO_GROWING, 100, &splice, 1) == UWO_E_INVALID,
          "nor is one with a length that begins with whatever comes");
    CLAIM(answer(request, UWO_GROWING, 100, &begin, 1) == UWO_OK, "a right one after those");
    CLAIM(append(&stand, request, 10, 91) == UWO_E_INVALID, "more than its length is not taken");
    CLAIM(uwo_transfer_append(stand.engine, request->id, &to_the_end, NULL) == UWO_E_INVALID,
          "nor is what has no length");
    CLAIM(append(&stand, request, 10, 90) == UWO_OK &&
              uwo_transfer_finish(stand.engine, request->id) == UWO_OK,
          "the rest is");
    uwo_request_drop(request);
    claim_over(&guest, "and the answer is whole");
    claim_closed(&stand);
    close(fds[0]);
    close(fds[1]);
}

/* ---- callers that are wrong ---- */

static void claim_refused(int status, const struct uwo_error *error, const char *what)
{
    CLAIM(status == UWO_E_INVALID && error->message[0], "%s: %s", what, error->message);
}

static void claim_arguments(void)
{
    const struct stand_options options = { .front = { .body_streamed = true } };
    struct uwo_error error = { .size = sizeof error };
    struct uwo_instruction send = send_of(0, 5);
    struct uwo_program program = { .size = sizeof program, .instructions = &send, .count = 1 };
    char name[100];
    struct uwo_field field = { sizeof field, sizeof name, name, "a\nb", 3 };
    struct uwo_answer wrong = { .size = 1, .status = 200, .program = &program };
    struct uwo_site_options site_options = { .size = 1 };
    struct uwo_mount mount = { .size = sizeof mount, .prefix = "a", .target = "/" };
    struct uwo_request *request;
    struct uwo_site *site;
    struct stand stand;
    struct guest guest;
    char byte;

    memset(name, 'n', sizeof name);
    claim_refused(uwo_site_create(&site_options, &site, &error), &error, "a site of another size");
    site_options = (struct uwo_site_options){ .size = sizeof site_options,
                                              .mounts = &mount,
                                              .mount_count = 1 };
    claim_refused(uwo_site_create(&site_options, &site, &error), &error, "a prefix without slash");
    open_manual(&stand, true, &options);
    request = ask(&stand, &guest, "GET /py/x");
    guest_want(&guest, 200, play_bytes(5), 5);
    claim_refused(uwo_request_answer(request, &wrong, &error), &error, "another size");
    wrong.size = sizeof wrong;
    wrong.status = 600;
    claim_refused(uwo_request_answer(request, &wrong, &error), &error, "a status above 599");
    wrong.status = 200;
    wrong.fields = &field;
    wrong.field_count = 1;
    claim_refused(uwo_request_answer(request, &wrong, &error), &error, "a bad value, a long name");
    name[5] = ' ';
    claim_refused(uwo_request_answer(request, &wrong, &error), &error, "a bad name that is long");
    CLAIM(uwo_request_read(request, &byte, 1) == 0, "a request without body has nothing to read");
    CLAIM(answer(request, UWO_GROWING, 5, NULL, 0) == UWO_OK, "an answer");
    CLAIM(answer(request, 0, 0, &send, 1) == UWO_E_INVALID, "is made once");
    CLAIM(append(&stand, request, 0, 5) == UWO_OK &&
              uwo_transfer_finish(stand.engine, request->id) == UWO_OK,
          "and goes on");
    uwo_request_drop(request);
    uwo_request_drop(NULL);
    claim_over(&guest, "it arrives");
    claim_closed(&stand);
}

/* What has no path for files is Python's to judge when there is no site. */
static void claim_targets_without_path(void)
{
    static const char *const heads[] = { "OPTIONS *", "GET /%zz", "GET /a/../../b" };
    const struct stand_options options = { .no_site = true };
    struct uwo_instruction send = send_of(0, 5);
    struct uwo_request *request;
    struct stand stand;
    struct guest guest;

    open_manual(&stand, false, &options);
    for (int i = 0; i < 3; i++) {
        request = ask(&stand, &guest, heads[i]);
        guest_want(&guest, 200, play_bytes(5), 5);
        CLAIM(!request->path && request->target_size == strlen(strchr(heads[i], ' ') + 1),
              "%s: a target without a path", heads[i]);
        CLAIM(answer(request, 0, 0, &send, 1) == UWO_OK, "is answered");
        claim_over(&guest, "like any other");
    }
    claim_closed(&stand);
}

/* A child has its parent's requests in memory; they are not its own. */
static void claim_forked(void)
{
    const struct stand_options options = { .pythons = 1 };
    struct uwo_instruction send = send_of(0, 5);
    struct uwo_request *request;
    struct stand stand;
    struct guest guest;
    int status = -1;
    pid_t child;

    open_manual(&stand, true, &options);
    request = ask(&stand, &guest, "GET /py/x");
    guest_want(&guest, 200, play_bytes(5), 5);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        bool refused = answer(request, 0, 0, &send, 1) == UWO_E_FORKED;

        uwo_request_drop(request);
        if (__gcov_dump)
            __gcov_dump();
        _exit(refused ? 0 : 1);
    }
    waitpid(child, &status, 0);
    CLAIM(status == 0, "a child cannot answer");
    CLAIM(answer(request, 0, 0, &send, 1) == UWO_OK, "its parent can");
    claim_over(&guest, "what comes is one answer");
    claim_closed(&stand);
}

/* A child that holds a copy of the socket does not keep the connection open. */
static void claim_copy_in_a_child(void)
{
    const struct stand_options options = { .no_application = true };
    struct stand stand;
    struct guest guest;
    int fds[2];
    pid_t child;

    for (int tcp = 0; tcp < 2; tcp++) {
        open_or_give_up(&stand, tcp, &options);
        guest_open(&guest, stand_connect(&stand), tcp, false);
        guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        guest_pause(&guest);
        while (guest.done < 1 && guests_turn(&guest, 1, 100))
            ;
        if (pipe(fds) < 0)
            play_give_up("pipe");
        child = fork();
        if (child == 0) {
            char byte;

            close(fds[1]);
            _exit((int)read(fds[0], &byte, 1));
        }
        guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        guest.lets_close = true;
        claim_over(&guest, "the client sees the end, though a child holds a copy of the socket");
        close(fds[0]);
        close(fds[1]);
        waitpid(child, NULL, 0);
        claim_closed(&stand);
    }
}

/* ---- bodies that Python reads ---- */

struct reading {
    struct uwo_request *request;
    char data[1000];
    int64_t got;
};

static void *reading_run(void *argument)
{
    struct reading *reading = argument;

    reading->got = uwo_request_read(reading->request, reading->data, sizeof reading->data);
    return NULL;
}

/* A client stalls in its body; who waits for it comes home when the front is to end. */
static void claim_read_is_hastened(void)
{
    const struct stand_options options = { .front = { .body_streamed = true } };
    struct reading reading;
    struct stand stand;
    struct guest guest;
    pthread_t thread;

    for (int tcp = 0; tcp < 2; tcp++) {
        open_manual(&stand, tcp, &options);
        guest_open(&guest, stand_connect(&stand), tcp, true);
        guest_say(&guest, "POST /py/x HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n");
        guest.lets_close = true;
        reading.request = take(&stand, &guest);
        gate_close(CALL_event_wait, NULL);
        pthread_create(&thread, NULL, reading_run, &reading);
        gate_await(1);
        CLAIM(uwo_front_hasten(stand.front) == UWO_OK, "a front in a hurry");
        gate_open();
        pthread_join(thread, NULL);
        CLAIM(reading.got == -ECONNRESET, "has nobody wait for a client");
        uwo_request_drop(reading.request);
        guest_close(&guest);
        CLAIM(stand_quiet(&stand) && !stand_close(&stand), "it ends");
    }
}

/* While one thread reads, nobody else reads or answers; a cancel waits for it. */
static void claim_read_by_one(void)
{
    const struct stand_options options = { .front = { .body_streamed = true } };
    struct uwo_instruction send = send_of(0, 5);
    struct reading reading;
    struct stand stand;
    struct guest guest;
    pthread_t thread;
    char byte;

    for (int tcp = 0; tcp < 2; tcp++) {
        open_manual(&stand, tcp, &options);
        guest_open(&guest, stand_connect(&stand), tcp, true); /* the cut may overtake it */
        guest_say(&guest, "POST /py/x HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n");
        guest_want(&guest, 500, NULL, 0);
        guest.lets_close = true;
        reading.request = take(&stand, &guest);
        gate_close(CALL_event_wait, NULL);
        pthread_create(&thread, NULL, reading_run, &reading);
        gate_await(1);
        CLAIM(uwo_request_read(reading.request, &byte, 1) == -ECONNRESET &&
                  answer(reading.request, 0, 0, &send, 1) == UWO_E_GONE,
              "while somebody waits for the body, nobody else reads or answers");
        uwo_transfer_cancel(stand.engine, reading.request->id);
        gate_open();
        guest_send(&guest, play_bytes(900), 900);
        for (int i = 0; i < 20; i++)
            guests_turn(&guest, 1, 1);
        pthread_join(thread, NULL);
        CLAIM(reading.got > 0, "a cancel lets the reader have what it waits for");
        uwo_request_drop(reading.request);
        claim_over(&guest, "and ends the connection with the answer, here of a drop");
        claim_closed(&stand);
    }
}

static void claim_read_after_cancel(void)
{
    const struct stand_options options = { .front = { .body_streamed = true } };
    struct uwo_request *request;
    struct stand stand;
    struct guest guest;
    char bytes[10];

    open_manual(&stand, true, &options);
    guest_open(&guest, stand_connect(&stand), true, false);
    guest_say(&guest, "POST /py/x HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n1234567890");
    guest_want(&guest, 200, play_bytes(5), 5)->cut = true;
    request = take(&stand, &guest);
    CLAIM(uwo_request_read(request, bytes, 0) == 0, "nothing asked, nothing read");
    uwo_transfer_cancel(stand.engine, request->id);
    CLAIM(stand_quiet(&stand), "a cancel ends the connection");
    CLAIM(uwo_request_read(request, bytes, 10) == -ECONNRESET, "and then there is nothing to read");
    uwo_request_drop(request);
    claim_over(&guest, "its client sees a cut");
    claim_closed(&stand);
}

/* A growing answer has begun: the connection is the loop's, and the body with it. */
static void claim_read_after_answer(void)
{
    const struct stand_options options = { .front = { .body_streamed = true } };
    struct uwo_request *request;
    struct stand stand;
    struct guest guest;
    char bytes[10];

    open_manual(&stand, true, &options);
    guest_open(&guest, stand_connect(&stand), true, false);
    guest_say(&guest, "POST /py/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345");
    guest_want(&guest, 200, play_bytes(5), 5);
    request = take(&stand, &guest);
    CLAIM(answer(request, UWO_GROWING, 5, NULL, 0) == UWO_OK &&
              uwo_request_read(request, bytes, 10) == -EINVAL,
          "a body cannot be read any more once the answer has begun");
    CLAIM(append(&stand, request, 0, 5) == UWO_OK &&
              uwo_transfer_finish(stand.engine, request->id) == UWO_OK,
          "the answer goes on");
    uwo_request_drop(request);
    claim_over(&guest, "and arrives");
    claim_closed(&stand);
}

/* Read in one go, with requests behind it that are not the body's. */
static void claim_read_much(void)
{
    enum { BODY = 300000, BEHIND = 20 };
    const struct stand_options options = { .front = { .body_streamed = true } };
    struct uwo_instruction send = send_of(0, 5);
    uint8_t *data = malloc(1 << 20);
    struct uwo_request *request;
    struct stand stand;
    struct guest guest;
    size_t size;
    int64_t got;

    for (int tcp = 0; tcp < 2; tcp++) {
        open_manual(&stand, tcp, &options);
        guest_open(&guest, stand_connect(&stand), tcp, false);
        guest_say(&guest, "POST /py/x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", BODY);
        guest_send(&guest, play_bytes(BODY), BODY);
        guest_want(&guest, 200, play_bytes(5), 5);
        for (int i = 0; i < BEHIND; i++) {
            guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
            guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        }
        request = take(&stand, &guest);
        for (size = 0; size < BODY; size += (size_t)got) {
            guests_turn(&guest, 1, 10);
            got = uwo_request_read(request, data + size, 1 << 20);
            if (got <= 0)
                break;
        }
        CLAIM(size == BODY && memcmp(data, play_bytes(BODY), BODY) == 0 &&
                  uwo_request_read(request, data, 10) == 0,
              "a body read with room for more is the body and nothing else");
        CLAIM(answer(request, 0, 0, &send, 1) == UWO_OK, "answered");
        claim_over(&guest, "what came behind it is answered, too");
        claim_closed(&stand);
    }
    free(data);
}

/* ---- room ---- */

/* Told of room twice before anybody looks: that is one event. */
static void claim_room_once(void)
{
    enum { PIECE = 100000, MOST = 25, TURNS = 2 };
    const struct stand_options options = { .pythons = 1 };
    struct uwo_request *request;
    struct uwo_request *event;
    struct stand stand;
    struct guest guest;
    size_t size = 0;
    unsigned events = 0;
    int status = UWO_OK;

    open_manual(&stand, true, &options);
    request = ask(&stand, &guest, "GET /py/x");
    status = answer(request, UWO_GROWING, MOST * PIECE, NULL, 0);
    CLAIM(status == UWO_OK, "a growing answer");
    for (int turn = 0; turn < TURNS; turn++) {
        while (size < MOST * PIECE && (status = append(&stand, request, size, PIECE)) == UWO_OK)
            size += PIECE;
        CLAIM(status == UWO_E_FULL, "it is full after %zu bytes", size);
        for (int i = 0; i < 400; i++)
            guests_turn(&guest, 1, 1);
    }
    while (uwo_front_take(stand.front, 100, &event) > 0) {
        events++;
        CLAIM(event == request && event->kind == UWO_REQUEST_ROOM, "there is room again");
    }
    CLAIM(events == 1, "and that is told once: %u", events);
    guest_want(&guest, 200, play_bytes(MOST * PIECE), MOST * PIECE)->cut = true;
    uwo_request_drop(request);
    claim_over(&guest, "dropped in the middle, it is cut");
    claim_closed(&stand);
}

/* ---- limits ---- */

/* The descriptor that is kept for it tells the client; a uwsgi client would not understand. */
static void claim_turned_away(void)
{
    const struct stand_options options = { .no_application = true };
    const struct fault none = { .call = CALL_accept, .number = 1, .times = 1, .error = EMFILE };
    struct stand stand;
    char bytes[200];

    for (int uwsgi = 0; uwsgi < 2; uwsgi++) {
        uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;
        int fd;
        ssize_t got;

        if (!stand_open(&stand, true, uwsgi, &options))
            play_give_up("a front without faults");
        faulty_arm(&none);
        fd = stand_connect(&stand);
        got = recv(fd, bytes, sizeof bytes, MSG_WAITALL);
        CLAIM(uwsgi ? got == 0 : got > 12 && memcmp(bytes, "HTTP/1.1 503", 12) == 0,
              "who finds no descriptor is told so%s", uwsgi ? " by the end alone" : "");
        while (stand_count(&stand, "refused") == 0 && play_now_ms() < until_ms)
            poll(NULL, 0, 1);
        CLAIM(faulty_disarm() == 1 && stand_count(&stand, "refused") == 1, "and counted");
        close(fd);
        claim_closed(&stand);
    }
}

/* Without keep-alive every answer is the last, also one that could go on. */
static void claim_never_kept(void)
{
    const struct stand_options options = { .front = { .keepalive_timeout_ms = UWO_NONE } };
    static const char *const targets[] = { "/small.txt", "/py/bytes" };
    struct stand stand;
    struct guest guest;

    for (int i = 0; i < 4; i++) {
        open_or_give_up(&stand, i % 2, &options);
        guest_open(&guest, stand_connect(&stand), i % 2, false);
        guest_say(&guest, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i / 2]);
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        guest.lets_close = true;
        claim_over(&guest, "a connection that is not kept ends with its answer");
        claim_closed(&stand);
    }
}

/* Who waits while nobody accepts comes in at once, by more and more a turn. */
static void claim_burst(void)
{
    enum { CLIENTS = 200 };
    const struct stand_options options = { .no_application = true,
                                           .threads = 2,
                                           .transfers = 1024 };
    struct stand stand = { .tcp = false };
    uint64_t until_ms;
    int fds[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        fds[i] = stand_connect(&stand);
    open_or_give_up(&stand, false, &options);
    until_ms = play_now_ms() + STAND_PATIENCE_MS;
    while (stand_count(&stand, "accepted") < CLIENTS && play_now_ms() < until_ms)
        poll(NULL, 0, 1);
    CLAIM(stand_count(&stand, "accepted") == CLIENTS &&
              uwo_front_connections(stand.front) == CLIENTS,
          "%d who were waiting are accepted", CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    claim_closed(&stand);
}

static void *close_stand(void *stand)
{
    return (void *)(uintptr_t)stand_close(stand);
}

/* The front ends while a helper writes a body: the client is cut at once, the rest waits for it. */
static void claim_destroy_during_write(void)
{
    const struct stand_options options = { .front = { .body_memory_max = 500 } };
    const struct fault full = { .call = CALL_spool, .number = 1, .times = 1, .error = ENOSPC };
    struct stand stand;
    pthread_t thread;
    void *wrong;
    char byte;
    int fds;
    int fd;

    for (int i = 0; i < 4; i++) {
        bool tcp = i % 2;

        fds = play_count_fds();
        open_or_give_up(&stand, tcp, &options);
        if (i >= 2) /* and the helper fails */
            faulty_arm(&full);
        gate_close(CALL_spool, "uwo-disk");
        fd = stand_connect(&stand);
        dprintf(fd, "POST /py/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
        send(fd, play_bytes(5000), 5000, MSG_NOSIGNAL);
        gate_await(1);
        pthread_create(&thread, NULL, close_stand, &stand);
        CLAIM(recv(fd, &byte, 1, 0) <= 0, "who is sending a body sees the end of the front");
        gate_open();
        pthread_join(thread, &wrong);
        CLAIM(!wrong, "which waits for the helper");
        faulty_disarm();
        close(fd);
        CLAIM(play_count_fds() == fds, "and leaves nothing open");
    }
}

int main(void)
{
    faulty_install();
    play_prepare();
    stand_prepare();
    claim_short_of_its_promise();
    claim_beyond_its_promise();
    claim_arguments();
    claim_targets_without_path();
    claim_forked();
    claim_copy_in_a_child();
    claim_read_is_hastened();
    claim_read_by_one();
    claim_read_after_cancel();
    claim_read_after_answer();
    claim_read_much();
    claim_room_once();
    claim_turned_away();
    claim_never_kept();
    claim_burst();
    claim_destroy_during_write();
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
