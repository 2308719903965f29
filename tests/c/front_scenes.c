/* The scenes of a front that the sweep plays: each opens a stand, has some guests ask, judges what
 * they got, and asks once more without a fault. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faulty.h"
#include "scenes.h"
#include "stand.h"

enum { GUESTS = 4, SKIPPED_SIZE = 20000 };

/* Guests, and what they ask. */
struct act {
    void (*ask)(struct guest *guest);
    size_t guests; /* default 1; all ask the same */
    struct stand_options stand;
    bool uwsgi;
    bool cold; /* nothing is in memory, look-ups go to a helper */
};

static char trouble[300];

static const char *blame(const char *text)
{
    snprintf(trouble, sizeof trouble, "%s", text);
    return trouble;
}

/* Times that pass quickly, for the sweep hurries. */
static struct uwo_front_options quick(struct uwo_front_options options)
{
    options.head_timeout_ms = 20000;
    options.keepalive_timeout_ms = 20000;
    options.no_progress_ms = 20000;
    options.files_valid_ms = 100;
    return options;
}

static void act_guest(struct stand *stand, struct guest *guest, bool may_fail)
{
    guest_open(guest, stand_connect(stand), stand->tcp, may_fail);
}

/* Until all is over; a fault may leave them before a closed door. */
static bool act_run(struct stand *stand, struct guest *guests, size_t count)
{
    enum { DOOR_PATIENCE_MS = 1500 };

    if (guests_run(guests, count, DOOR_PATIENCE_MS))
        return true;
    if (guests[0].may_fail && !stand_accepted_all(stand))
        return false;
    return guests_run(guests, count, STAND_PATIENCE_MS - DOOR_PATIENCE_MS);
}

/* What went wrong with these guests; *harmed when they failed as they may. */
static const char *act_judge(struct stand *stand, struct guest *guests, size_t count, bool all,
                             bool *harmed)
{
    const char *wrong = NULL;

    for (size_t i = 0; i < count && !wrong; i++) {
        if (guests[i].trouble[0])
            wrong = blame(guests[i].trouble);
        *harmed |= guests[i].failed;
    }
    if (wrong || all)
        return wrong;
    *harmed = true;
    return guests[0].may_fail && !stand_accepted_all(stand) ? NULL : "a guest waits for ever";
}

static const char *act_once(struct stand *stand)
{
    struct guest guest;
    bool harmed = false;
    const char *wrong;
    bool all;

    act_guest(stand, &guest, false);
    if (stand->uwsgi) {
        guest_send(&guest, "\0\x2c\0\0\x0e\0REQUEST_METHOD\3\0GET\x09\0PATH_INFO\x0a\0/small.txt",
                   4 + 44);
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
    } else {
        guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        if (stand->python) {
            guest_say(&guest, "GET /py/bytes HTTP/1.1\r\nHost: a\r\n\r\n");
            guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        }
        guest_say(&guest, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        guest_want(&guest, 204, NULL, 0)->bare = true;
        guest.lets_close = true;
    }
    all = act_run(stand, &guest, 1);
    wrong = act_judge(stand, &guest, 1, all, &harmed);
    guest_close(&guest);
    return wrong;
}

/* Without a fault everything works, whatever happened before; but what was not to be had may be
 * remembered for a moment. */
static const char *act_again(struct stand *stand)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;
    bool struck = faulty_disarm() > 0;
    const char *wrong = act_once(stand);

    while (struck && wrong && play_now_ms() < until_ms)
        wrong = act_once(stand);
    return wrong;
}

/* All is over: what must be so with every stand. */
static const char *act_end(struct stand *stand, const char *wrong, bool *harmed)
{
    const char *left;

    if (!wrong)
        wrong = act_again(stand);
    *harmed |= stand_failures(stand) > 0;
    if (!stand_quiet(stand) && !wrong)
        wrong = "a connection is left";
    left = stand_close(stand);
    return wrong ? wrong : left;
}

static const char *act_play(const struct act *act, bool tcp, bool *harmed)
{
    struct stand_options options = act->stand;
    bool may_fail = faulty_may_harm();
    size_t count = act->guests ? act->guests : 1;
    struct guest guests[GUESTS];
    struct stand stand;
    const char *wrong;
    bool all;

    options.front = quick(options.front);
    faulty_cold(act->cold);
    if (!stand_open(&stand, tcp, act->uwsgi, &options)) {
        faulty_cold(false);
        *harmed = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        act_guest(&stand, &guests[i], may_fail);
        act->ask(&guests[i]);
    }
    all = act_run(&stand, guests, count);
    wrong = act_judge(&stand, guests, count, all, harmed);
    for (size_t i = 0; i < count; i++)
        guest_close(&guests[i]);
    wrong = act_end(&stand, wrong, harmed);
    faulty_cold(false);
    return wrong;
}

/* ---- asking ---- */

static void ask_for(struct guest *guest, const char *target, size_t size)
{
    guest_say(guest, "GET %s HTTP/1.1\r\nHost: a\r\nReferer: b\"\\\r\n\r\n", target);
    guest_want(guest, 200, play_bytes(size), size);
}

static void ask_range(struct guest *guest, const char *target, const char *range, size_t first,
                      size_t size)
{
    guest_say(guest, "GET %s HTTP/1.1\r\nHost: a\r\nRange: bytes=%s\r\n\r\n", target, range);
    guest_want(guest, 206, play_bytes(first + size) + first, size);
}

static void ask_static(struct guest *guest)
{
    ask_for(guest, "/small.txt", SMALL_SIZE);
    guest_say(guest, "HEAD /small.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    guest_want(guest, 200, NULL, 0)->bare = true;
    ask_for(guest, "/middle.bin", MIDDLE_SIZE);
    ask_for(guest, "/large.bin", LARGE_SIZE);
    ask_range(guest, "/small.txt", "10-19", 10, 10);
    ask_range(guest, "/large.bin", "70000-", 70000, LARGE_SIZE - 70000);
    ask_range(guest, "/large.bin", "0-9,100-199", 0, LARGE_SIZE);
    guest->wanted[guest->wanted_count - 1].ranges = true;
    ask_range(guest, "/large.bin", "0-69999,80000-149999", 0, LARGE_SIZE);
    guest->wanted[guest->wanted_count - 1].ranges = true;
    guest_say(guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    guest_want(guest, 200, play_bytes(SMALL_SIZE), HEAD_SIZE)->other = SMALL_SIZE;
    ask_for(guest, "/empty", 0);
}

static void ask_misses(struct guest *guest)
{
    static const struct {
        const char *target;
        int status;
    } targets[] = {
        { "/nothing", 404 }, { "/nothing", 404 }, { "/fifo", 404 },
        { "/folder", 301 },  { "/%zz", 400 },     { "/one/x", 404 },
    };

    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        guest_say(guest, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i].target);
        guest_want(guest, targets[i].status, NULL, 0);
    }
    ask_for(guest, "/folder/", SMALL_SIZE);
    ask_for(guest, "/one", SMALL_SIZE);
    guest_say(guest, "POST /small.txt HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
              SKIPPED_SIZE);
    guest_send(guest, play_bytes(SKIPPED_SIZE), SKIPPED_SIZE);
    guest_want(guest, 405, NULL, 0);
    ask_for(guest, "/small.txt", SMALL_SIZE);
}

static void ask_refused(struct guest *guest)
{
    ask_for(guest, "/small.txt", SMALL_SIZE);
    guest_say(guest, "GET /small.txt HTTP/1.1\r\nHost : a\r\n\r\n");
    guest_want(guest, 400, NULL, 0);
    guest->lets_close = true;
}

/* The body is longer than anybody would read for keeping the connection. */
static void ask_much(struct guest *guest)
{
    enum { MUCH = 600000 };

    guest_say(guest, "POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", MUCH);
    guest_send(guest, play_bytes(MUCH), MUCH);
    guest_want(guest, 404, NULL, 0);
    guest->lets_close = true;
}

static void ask_closing(struct guest *guest)
{
    guest_say(guest, "GET /large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    guest_want(guest, 200, play_bytes(LARGE_SIZE), LARGE_SIZE);
    guest->lets_close = true;
}

static void ask_old(struct guest *guest)
{
    guest_say(guest, "GET /small.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                     "GET /py/chunked HTTP/1.0\r\n\r\n");
    guest_want(guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
    guest_want(guest, 200, play_bytes(LARGE_SIZE), LARGE_SIZE);
    guest->lets_close = true;
}

static void ask_in_pieces(struct guest *guest)
{
    guest->writing = 13;
    ask_for(guest, "/small.txt", SMALL_SIZE);
    ask_for(guest, "/py/bytes", SMALL_SIZE);
    guest->closes_half = true;
}

static void ask_python(struct guest *guest)
{
    ask_for(guest, "/py/bytes", SMALL_SIZE);
    guest_pause(guest);
    ask_for(guest, "/py/large", LARGE_SIZE);
    ask_for(guest, "/py/file", 2 * HEAD_SIZE + LARGE_SIZE);
    ask_for(guest, "/py/kept", 2 * HEAD_SIZE + LARGE_SIZE);
    guest_say(guest, "HEAD /py/file HTTP/1.1\r\nHost: a\r\n\r\n");
    guest_want(guest, 200, NULL, 0)->bare = true;
    guest_say(guest, "HEAD /py/bare HTTP/1.1\r\nHost: a\r\n\r\n");
    guest_want(guest, 200, NULL, 0)->bare = true;
    guest_say(guest, "GET /py/empty HTTP/1.1\r\nHost: a\r\n\r\n");
    guest_want(guest, 204, NULL, 0)->bare = true;
    guest_say(guest, "GET /py/drop HTTP/1.1\r\nHost: a\r\n\r\n");
    guest_want(guest, 500, NULL, 0);
    ask_for(guest, "/small.txt", SMALL_SIZE);
}

static void ask_splice(struct guest *guest)
{
    ask_for(guest, "/py/splice", MIDDLE_SIZE);
    ask_for(guest, "/py/splice-end", MIDDLE_SIZE);
    guest->lets_close = true;
}

static void ask_growing(struct guest *guest)
{
    ask_for(guest, "/py/growing", LARGE_SIZE);
    ask_for(guest, "/py/chunked", LARGE_SIZE);
    ask_for(guest, "/small.txt", SMALL_SIZE);
}

static void ask_room(struct guest *guest)
{
    ask_for(guest, "/py/room", ROOM_SIZE);
}

static void ask_cut(struct guest *guest)
{
    ask_for(guest, "/py/cut", LARGE_SIZE);
    guest->wanted[0].cut = true;
}

static void ask_cancel(struct guest *guest)
{
    ask_for(guest, "/py/cancel", LARGE_SIZE);
    guest->wanted[0].cut = true;
}

static void say_post(struct guest *guest, const char *target, size_t size, bool chunked,
                     const char *more)
{
    guest_say(guest, "POST %s HTTP/1.1\r\nHost: a\r\n%s", target, more);
    if (!chunked) {
        guest_say(guest, "Content-Length: %zu\r\n\r\n", size);
        guest_send(guest, play_bytes(size), size);
    } else {
        guest_say(guest, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size - 10);
        guest_send(guest, play_bytes(size), size - 10);
        guest_say(guest, "\r\na;b=c\r\n");
        guest_send(guest, play_bytes(size) + size - 10, 10);
        guest_say(guest, "\r\n0\r\nTrailer: x\r\n\r\n");
    }
    guest_want(guest, 200, play_bytes(size), size);
}

static void ask_bodies(struct guest *guest)
{
    say_post(guest, "/py/echo", HEAD_SIZE, false, "");
    say_post(guest, "/py/echo", HEAD_SIZE, true, "");
    say_post(guest, "/py/echo", MIDDLE_SIZE, true, "");
    say_post(guest, "/py/echo", 0, false, "");
    ask_for(guest, "/small.txt", SMALL_SIZE);
}

static void ask_expecting(struct guest *guest)
{
    say_post(guest, "/py/echo", MIDDLE_SIZE, false, "Expect: 100-continue\r\n");
    guest->writing = 50;
}

static void ask_read(struct guest *guest)
{
    say_post(guest, "/py/read", HEAD_SIZE, false, "");
    say_post(guest, "/py/read", SKIPPED_SIZE, true, "");
    guest_pause(guest);
    say_post(guest, "/py/unread", SMALL_SIZE, false, "");
    say_post(guest, "/py/read", SKIPPED_SIZE, false, "Expect: 100-continue\r\n");
}

static void uwsgi_add(char *packet, size_t *size, const char *key, const char *value)
{
    const char *parts[] = { key, value };

    for (int i = 0; i < 2; i++) {
        size_t length = strlen(parts[i]);

        packet[(*size)++] = (char)length;
        packet[(*size)++] = 0;
        memcpy(packet + *size, parts[i], length);
        *size += length;
    }
}

static void ask_uwsgi(struct guest *guest)
{
    char packet[400] = { 0 };
    size_t size = 4;

    uwsgi_add(packet, &size, "REQUEST_METHOD", "POST");
    uwsgi_add(packet, &size, "PATH_INFO", "/py/echo");
    uwsgi_add(packet, &size, "REQUEST_URI", "/py/echo");
    uwsgi_add(packet, &size, "QUERY_STRING", "");
    uwsgi_add(packet, &size, "SERVER_PROTOCOL", "HTTP/1.1");
    uwsgi_add(packet, &size, "CONTENT_LENGTH", "300");
    uwsgi_add(packet, &size, "HTTP_USER_AGENT", "guest");
    uwsgi_add(packet, &size, "UWSGI_FILE", "/etc/passwd");
    packet[1] = (char)(size - 4);
    guest_send(guest, packet, size);
    guest_send(guest, play_bytes(HEAD_SIZE), HEAD_SIZE);
    guest_want(guest, 200, play_bytes(HEAD_SIZE), HEAD_SIZE);
    guest->lets_close = true;
}

/* ---- scenes with a course of their own ---- */

/* One worker holds; what comes to it meanwhile goes to the other. */
static const char *run_overflow(bool tcp, bool *harmed)
{
    struct stand_options options = { .overflows = true,
                                     .log = true,
                                     .front = { .body_memory_max = 4096 } };
    bool may_fail = faulty_may_harm();
    struct stand stands[2];
    struct guest guests[3];
    const char *wrong = NULL;
    const char *other;
    uint64_t until_ms;
    bool all;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, options.overflow_fds) < 0)
        play_give_up("socketpair");
    options.front = quick(options.front);
    if (!stand_open(&stands[0], tcp, false, &options)) {
        *harmed = true;
        goto none;
    }
    act_guest(&stands[0], &guests[0], may_fail);
    ask_for(&guests[0], "/py/hold", SMALL_SIZE);
    until_ms = play_now_ms() + (may_fail ? 500 : STAND_PATIENCE_MS);
    while (guests_turn(guests, 1, 1) && !stand_holds(&stands[0], 1, 1) && play_now_ms() < until_ms)
        ;
    /* It has no listener to accept from, while the other one stops looking. */
    if (!stand_open(&stands[1], !tcp, false, &options)) {
        *harmed = true;
        stand_let_go(&stands[0]);
        stand_close(&stands[0]);
        guest_close(&guests[0]);
        goto none;
    }
    for (int i = 1; i < 3; i++)
        act_guest(&stands[0], &guests[i], may_fail);
    ask_for(&guests[1], "/small.txt", SMALL_SIZE);
    ask_for(&guests[1], "/py/bytes", SMALL_SIZE);
    ask_for(&guests[1], "/middle.bin", MIDDLE_SIZE);
    say_post(&guests[2], "/py/echo", HEAD_SIZE, false, "");
    guest_pause(&guests[2]);
    say_post(&guests[2], "/py/echo", SKIPPED_SIZE, false, "");
    guests_run(&guests[1], 2, faulty_is_armed() ? 1000 : STAND_PATIENCE_MS);
    stand_let_go(&stands[0]);
    all = act_run(&stands[0], guests, 3);
    wrong = act_judge(&stands[0], guests, 3, all, harmed);
    if (!wrong && !may_fail && faulty_disarm() == 0 && stand_count(&stands[0], "overflowed") < 2)
        wrong = "requests waited for a busy worker";
    for (int i = 0; i < 3; i++)
        guest_close(&guests[i]);
    other = act_end(&stands[1], wrong, harmed);
    wrong = act_end(&stands[0], wrong ? wrong : other, harmed);
none:
    close(options.overflow_fds[0]);
    close(options.overflow_fds[1]);
    return wrong;
}

/* The front ends under connections in every state. */
static const char *run_destroy(bool tcp, bool *harmed)
{
    struct stand_options options = { .threads = 2,
                                     .front = quick((struct uwo_front_options){ 0 }) };
    bool may_fail = faulty_may_harm();
    struct guest guests[6];
    struct stand stand;
    const char *wrong = NULL;

    if (!stand_open(&stand, tcp, false, &options)) {
        *harmed = true;
        return NULL;
    }
    for (int i = 0; i < 6; i++)
        act_guest(&stand, &guests[i], may_fail);
    ask_for(&guests[0], "/small.txt", SMALL_SIZE); /* idle afterwards */
    if (!act_run(&stand, guests, 1) && !may_fail)
        wrong = "the first waits";
    guest_say(&guests[1], "GET /small.txt HT");
    guest_say(&guests[2], "GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n"); /* and reads nothing */
    guest_say(&guests[3], "POST /py/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12");
    guest_say(&guests[4], "GET /py/room HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 40; i++)
        guest_say(&guests[5], "GET /middle.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 1; i < 6; i++) {
        if (send(guests[i].fd, guests[i].out, guests[i].out_size, MSG_NOSIGNAL) < 0)
            *harmed = true;
    }
    if (uwo_front_drain(stand.front) != UWO_OK)
        wrong = "drain failed";
    wrong = wrong ? wrong : stand_close(&stand);
    for (int i = 0; i < 6; i++)
        guest_close(&guests[i]);
    return wrong;
}

/* At the limit the oldest idle connection goes. */
static const char *run_idle(bool tcp, bool *harmed)
{
    struct stand_options options = {
        .log = true, .front = quick((struct uwo_front_options){ .connections_max = 2 })
    };
    bool may_fail = faulty_may_harm();
    struct guest guests[3];
    struct stand stand;
    const char *wrong = NULL;

    if (!stand_open(&stand, tcp, false, &options)) {
        *harmed = true;
        return NULL;
    }
    for (int i = 0; i < 3 && !wrong; i++) {
        act_guest(&stand, &guests[i], may_fail);
        ask_for(&guests[i], "/small.txt", SMALL_SIZE);
        wrong = act_judge(&stand, &guests[i], 1, act_run(&stand, &guests[i], 1), harmed);
    }
    if (!wrong && !faulty_is_armed() && stand_count(&stand, "idle_closed") == 0)
        wrong = "nobody was closed";
    for (int i = 0; i < 3; i++)
        guest_close(&guests[i]);
    return act_end(&stand, wrong, harmed);
}

/* Every loop takes another site at its next turn: ask until it has. */
static bool swap_seen(struct stand *stand, struct uwo_site *site, int status)
{
    uint64_t until_ms = play_now_ms() + (faulty_may_harm() ? 500 : STAND_PATIENCE_MS);
    int got = 0;

    uwo_front_swap_site(stand->front, site);
    while (got != status && play_now_ms() < until_ms) {
        struct guest guest;

        act_guest(stand, &guest, true);
        ask_for(&guest, "/small.txt", SMALL_SIZE);
        act_run(stand, &guest, 1);
        got = guest.in_size > 12 ? atoi((const char *)guest.in + 9) : 0;
        guest_close(&guest);
    }
    return got == status;
}

/* Another site under a download. */
static const char *run_swap(bool tcp, bool *harmed)
{
    struct stand_options options = { .front = quick((struct uwo_front_options){ 0 }) };
    const struct uwo_site_options empty = { .size = sizeof empty, .application = true };
    bool may_fail = faulty_may_harm();
    struct uwo_site *site = NULL;
    struct guest guest;
    struct stand stand;
    const char *wrong = NULL;

    if (!stand_open(&stand, tcp, false, &options)) {
        *harmed = true;
        return NULL;
    }
    act_guest(&stand, &guest, may_fail);
    ask_for(&guest, "/large.bin", LARGE_SIZE);
    guest.reading = 1000;
    for (int i = 0; i < 20 && guest.in_size == 0 && guests_turn(&guest, 1, 100); i++)
        ;
    if (uwo_site_create(&empty, &site, NULL) < 0)
        *harmed = true;
    else if (!swap_seen(&stand, site, 500) && !may_fail)
        wrong = "the other site is not seen";
    guest.reading = 0;
    if (!wrong)
        wrong = act_judge(&stand, &guest, 1, act_run(&stand, &guest, 1), harmed);
    guest_close(&guest);
    faulty_disarm();
    if (!swap_seen(&stand, stand.site, 200))
        wrong = "the site is not back";
    uwo_site_destroy(site);
    return act_end(&stand, wrong, harmed);
}

/* ---- the list ---- */

#define ACT(name, ...)                                        \
    static const char *run_##name(bool tcp, bool *harmed)     \
    {                                                         \
        static const struct act act = { .ask = __VA_ARGS__ }; \
                                                              \
        return act_play(&act, tcp, harmed);                   \
    }

ACT(static, ask_static, .stand = { .no_application = true })
ACT(static_cold, ask_static, .cold = true)
ACT(static_logged, ask_static, .stand = { .log = true, .threads = 2 }, .guests = 2)
ACT(uncached, ask_misses, .stand = { .no_application = true, .front = { .files_max = UWO_NONE } })
ACT(misses, ask_misses, .stand = { .no_application = true, .log = true })
ACT(misses_cold, ask_misses, .stand = { .no_application = true }, .cold = true)
ACT(refused, ask_refused, .stand = { .log = true })
ACT(much, ask_much, .stand = { .no_application = true, .no_site = false })
ACT(closing, ask_closing, .stand = { .log = true })
ACT(old, ask_old)
ACT(pieces, ask_in_pieces)
ACT(python, ask_python, .stand = { .log = true })
ACT(pythons, ask_python, .stand = { .threads = 2, .pythons = 3 }, .guests = 3)
ACT(splice, ask_splice)
ACT(growing, ask_growing)
ACT(room, ask_room, .stand = { .pythons = 2 })
ACT(cut, ask_cut)
ACT(cancel, ask_cancel)
ACT(bodies, ask_bodies)
ACT(spooled, ask_bodies, .stand = { .front = { .body_memory_max = 500 } })
ACT(expecting, ask_expecting, .stand = { .front = { .body_memory_max = 500 } })
ACT(read, ask_read, .stand = { .front = { .body_streamed = true } })
ACT(uwsgi, ask_uwsgi, .uwsgi = true)

const struct scene front_scenes[] = {
    { .name = "static", .run = run_static },
    { .name = "static-cold", .run = run_static_cold },
    { .name = "static-logged", .run = run_static_logged },
    { .name = "uncached", .run = run_uncached },
    { .name = "misses", .run = run_misses },
    { .name = "misses-cold", .run = run_misses_cold },
    { .name = "refused", .run = run_refused },
    { .name = "much", .run = run_much },
    { .name = "closing", .run = run_closing },
    { .name = "old", .run = run_old },
    { .name = "pieces", .run = run_pieces },
    { .name = "python", .run = run_python },
    { .name = "pythons", .run = run_pythons },
    { .name = "splice", .run = run_splice },
    { .name = "growing", .run = run_growing },
    { .name = "room", .run = run_room },
    { .name = "cut", .run = run_cut },
    { .name = "cancel", .run = run_cancel },
    { .name = "bodies", .run = run_bodies },
    { .name = "spooled", .run = run_spooled },
    { .name = "expecting", .run = run_expecting },
    { .name = "read", .run = run_read },
    { .name = "uwsgi", .run = run_uwsgi },
    { .name = "overflow", .run = run_overflow },
    { .name = "destroy", .run = run_destroy },
    { .name = "idle", .run = run_idle },
    { .name = "swap", .run = run_swap },
};

const size_t front_scene_count = sizeof front_scenes / sizeof *front_scenes;
