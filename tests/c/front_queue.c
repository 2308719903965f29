/* front_queue: requests on their way to Python -- the overflow queue full, broken, or too small for
 * one; messages that the other worker cannot take; the own queue full. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faulty.h"
#include "gate.h"
#include "play.h"
#include "stand.h"

enum { BODY_SIZE = 10000, MESSAGE_SIZE = 256 << 10 };

/* ---- helpers ---- */

static void open_or_give_up(struct stand *stand, bool tcp, const struct stand_options *options)
{
    if (!stand_open(stand, tcp, false, options))
        play_give_up("a front without faults");
}

static void connect_to(struct stand *stand, struct guest *guest)
{
    guest_open(guest, stand_connect(stand), stand->tcp, false);
}

static void ask(struct guest *guest, const char *target, size_t size)
{
    guest_say(guest, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    guest_want(guest, 200, play_bytes(size), size);
}

static void post(struct guest *guest, const char *target, const char *more, size_t size)
{
    guest_say(guest, "POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n", target, more,
              size);
    guest_send(guest, play_bytes(size), size);
    guest_want(guest, 200, play_bytes(size), size);
}

/* They get what they want; closes them. */
static void claim_guests(struct guest *guests, size_t count, const char *what)
{
    bool all = guests_run(guests, count, STAND_PATIENCE_MS);
    const char *trouble = "";

    for (size_t i = 0; i < count; i++) {
        if (guests[i].trouble[0])
            trouble = guests[i].trouble;
    }
    CLAIM(all && !trouble[0], "%s%s%s", what, trouble[0] ? ": " : "", trouble);
    for (size_t i = 0; i < count; i++)
        guest_close(&guests[i]);
}

/* The only Python thread of this stand is busy from now on. */
static void hold(struct stand *stand, struct guest *guest)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;

    while (!stand_is_idle(stand) && play_now_ms() < until_ms)
        poll(NULL, 0, 1);
    connect_to(stand, guest);
    ask(guest, "/py/hold", SMALL_SIZE);
    while (guests_turn(guest, 1, 1) && !stand_holds(stand, 1, 1) && play_now_ms() < until_ms)
        ;
}

/* Move guests until so many requests are with Python or wait for it. */
static void claim_waiting(struct stand *stand, struct guest *guests, size_t count, uint64_t waiting)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;

    while (uwo_front_waiting(stand->front) < waiting && play_now_ms() < until_ms)
        guests_turn(guests, count, 1);
    CLAIM(uwo_front_waiting(stand->front) >= waiting, "%llu requests wait",
          (unsigned long long)waiting);
}

/* Its loops count a connection out, and its Python a late answer off, a moment after the client has
 * seen the end. */
static void claim_settled(struct stand *stand, const char *what)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;

    while ((stand_count(stand, "connections") > 0 || stand_failures(stand) > 0) &&
           play_now_ms() < until_ms)
        poll(NULL, 0, 1);
    CLAIM(stand_failures(stand) == 0, "%s: Python has no failures", what);
    CLAIM(stand_quiet(stand) && stand_count(stand, "connections") == 0, "%s: none is open", what);
}

static void let_go(struct stand *stand, struct guest *holder)
{
    stand_let_go(stand);
    claim_guests(holder, 1, "the busy worker answers, too");
}

static void open_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        play_give_up("socketpair");
}

static void close_pair(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

/* ---- the overflow queue ---- */

/* Requests that find no room wait, and go out as soon as another worker takes some. */
static void claim_overflow_full(void)
{
    enum { MANY = 12 };
    struct stand_options options = { .overflows = true };
    int buffer = 40000;
    struct stand stands[2];
    struct guest holder;
    struct guest guests[MANY];

    for (int tcp = 0; tcp < 2; tcp++) {
        open_pair(options.overflow_fds);
        setsockopt(options.overflow_fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        open_or_give_up(&stands[0], tcp, &options);
        hold(&stands[0], &holder);
        for (int i = 0; i < MANY; i++) {
            connect_to(&stands[0], &guests[i]);
            post(&guests[i], "/py/echo", "", BODY_SIZE);
            ask(&guests[i], "/small.txt", SMALL_SIZE);
        }
        claim_waiting(&stands[0], guests, MANY, 4);
        open_or_give_up(&stands[1], !tcp, &options);
        claim_guests(guests, MANY, "another worker answers all while this one is busy");
        CLAIM(stand_count(&stands[0], "overflowed") == MANY, "and none has waited here");
        let_go(&stands[0], &holder);
        CLAIM(!stand_close(&stands[1]) && !stand_close(&stands[0]), "they end");
        close_pair(options.overflow_fds);
    }
}

/* What cannot be given to anybody stays, and is answered here in the end. */
static void claim_overflow_never(int error, const char *what)
{
    struct stand_options options = { .overflows = true };
    const struct fault fault = {
        .call = CALL_send_message, .number = 1, .times = FAULT_FOR_EVER, .error = error
    };
    struct stand stand;
    struct guest holder;
    struct guest guests[3];

    open_pair(options.overflow_fds);
    open_or_give_up(&stand, true, &options);
    hold(&stand, &holder);
    faulty_arm(&fault);
    for (int i = 0; i < 3; i++) {
        connect_to(&stand, &guests[i]);
        post(&guests[i], "/py/echo", "", BODY_SIZE);
    }
    claim_waiting(&stand, guests, 3, 4);
    let_go(&stand, &holder);
    claim_guests(guests, 3, what);
    CLAIM(faulty_disarm() == 3 && stand_count(&stand, "overflowed") == 0,
          "in this worker, after one try each");
    CLAIM(!stand_close(&stand), "it ends");
    close_pair(options.overflow_fds);
}

/* The queue is full, then broken, while requests wait for room in it. */
static void claim_overflow_breaks(void)
{
    struct stand_options options = { .overflows = true };
    const struct fault broken = {
        .call = CALL_send_message, .number = 1, .times = FAULT_FOR_EVER, .error = EPIPE
    };
    int buffer = 40000;
    char message[MESSAGE_SIZE];
    struct stand stand;
    struct guest holder;
    struct guest guests[12];
    uint64_t until_ms;

    open_pair(options.overflow_fds);
    setsockopt(options.overflow_fds[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    open_or_give_up(&stand, true, &options);
    hold(&stand, &holder);
    for (int i = 0; i < 12; i++) {
        connect_to(&stand, &guests[i]);
        post(&guests[i], "/py/echo", "", BODY_SIZE);
    }
    claim_waiting(&stand, guests, 12, 4);
    faulty_arm(&broken);
    /* Room, in which nothing can be put any more; what was given away is gone with its taker. */
    while (recv(options.overflow_fds[1], message, sizeof message, MSG_DONTWAIT) > 0)
        ;
    until_ms = play_now_ms() + STAND_PATIENCE_MS;
    while (faulty_hits() == 0 && play_now_ms() < until_ms)
        guests_turn(guests, 12, 10);
    CLAIM(faulty_disarm() > 0, "what waits for room finds the queue broken");
    stand_let_go(&stand);
    for (int i = 0; i < 12; i++)
        guests[i].may_fail = true;
    guests_run(guests, 12, STAND_PATIENCE_MS);
    claim_guests(&holder, 1, "the busy worker answers");
    for (int i = 0; i < 12; i++)
        guest_close(&guests[i]);
    CLAIM(stand_quiet(&stand) && !stand_close(&stand), "nobody is left behind, and it ends");
    close_pair(options.overflow_fds);
}

/* ---- messages between workers ---- */

struct message {
    char bytes[MESSAGE_SIZE];
    size_t size;
    int fds[SYS_MESSAGE_FDS];
    int fd_count;
};

/* A request on its way from one worker to another, as the kernel has it. */
static void message_catch(struct message *message, int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    int64_t got = -1;

    if (poll(&wait, 1, STAND_PATIENCE_MS) == 1)
        got = sys_linux.receive_message(fd, message->bytes, sizeof message->bytes, message->fds,
                                        &message->fd_count);
    if (got <= 0)
        play_give_up("no message");
    message->size = (size_t)got;
}

/* On to another worker; our copies of its descriptors are closed. */
static void message_pass(const struct message *message, int fd)
{
    struct sys_part part = { message->bytes, message->size };

    if (sys_linux.send_message(fd, &part, 1, message->fds, message->fd_count) < 0)
        play_give_up("send_message");
    for (int i = 0; i < message->fd_count; i++)
        close(message->fds[i]);
}

/* The client's end is closed, without an answer. */
static bool is_cut(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    char byte;

    return poll(&wait, 1, STAND_PATIENCE_MS) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* A worker that has passed a request on closes its copies a moment later. */
static bool fds_come_to(int count)
{
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;

    while (play_count_fds() != count && play_now_ms() < until_ms)
        poll(NULL, 0, 1);
    return play_count_fds() == count;
}

/* Where one worker's memory, limits or trust end, the client sees an end, and nothing is left. */
static void claim_messages_refused(void)
{
    static const struct {
        const char *what;
        uint32_t memory_max, others_memory_max;
        uint64_t fails; /* the first allocation of the other worker that does; 0: none */
        bool bad_head;
        bool answered;
    } cases[] = {
        { "a message that was caught and passed on is answered", 4096, 4096, 0, false, true },
        { "one with another head is cut", 4096, 4096, 0, true, false },
        { "one with a body larger than this worker takes is cut", 4096, 100, 0, false, false },
        { "one there is no memory for is cut", 4096, 4096, 1, false, false },
        { "one whose head there is no memory for is cut", 4096, 4096, 2, false, false },
        { "one whose body there is no memory for is cut", 4096, 4096, 4, false, false },
        { "one where it fails for what is behind the body is cut", 4096, 4096, 5, false, false },
        { "one with a file there is no memory for is cut", 100, 100, 1, false, false },
        { "one with a file whose head there is no memory for is cut", 100, 100, 2, false, false },
    };
    static const char head[] = "POST /py/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n";
    static struct message message;
    char request[sizeof head - 1 + HEAD_SIZE + 20]; /* and a piece of the next */

    memcpy(request, head, sizeof head - 1);
    memcpy(request + sizeof head - 1, play_bytes(HEAD_SIZE), HEAD_SIZE);
    memset(request + sizeof head - 1 + HEAD_SIZE, 'x', 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fault none = {
            .call = CALL_alloc, .number = cases[i].fails, .times = FAULT_FOR_EVER, .error = ENOMEM
        };
        struct stand_options options = { .overflows = true };
        struct stand_options others = { .overflows = true };
        struct stand stands[2];
        struct guest holder;
        char text[12];
        int fds;
        int fd;

        open_pair(options.overflow_fds);
        open_pair(others.overflow_fds);
        options.front.body_memory_max = cases[i].memory_max;
        others.front.body_memory_max = cases[i].others_memory_max;
        open_or_give_up(&stands[0], true, &options);
        open_or_give_up(&stands[1], false, &others);
        hold(&stands[0], &holder);
        fds = play_count_fds();
        fd = stand_connect(&stands[0]);
        send(fd, request, sizeof request, MSG_NOSIGNAL);
        message_catch(&message, options.overflow_fds[1]);
        if (cases[i].bad_head)
            *(char *)memmem(message.bytes, message.size, "POST /", 6) = ' ';
        if (cases[i].fails > 0)
            faulty_arm(&none);
        message_pass(&message, others.overflow_fds[0]);
        if (cases[i].answered)
            CLAIM(recv(fd, text, sizeof text, MSG_WAITALL) == sizeof text &&
                      memcmp(text + 9, "200", 3) == 0,
                  "%s", cases[i].what);
        else
            CLAIM(is_cut(fd), "%s", cases[i].what);
        faulty_disarm();
        close(fd);
        CLAIM(stand_quiet(&stands[1]) && fds_come_to(fds), "and nothing is left of it");
        let_go(&stands[0], &holder);
        CLAIM(!stand_close(&stands[1]) && !stand_close(&stands[0]), "they end");
        close_pair(options.overflow_fds);
        close_pair(others.overflow_fds);
    }
}

/* The whole request, body and what was read behind it, is more than a message may hold. */
static void claim_too_large_to_pass(void)
{
    enum { MUCH = 131072, BEHIND = 10, FIELD = 7500 };
    struct stand_options options = { .overflows = true, .front = { .body_memory_max = MUCH } };
    struct stand stand;
    struct guest holder;
    struct guest guest;
    int buffer = 400000;
    char field[FIELD + 1];

    memset(field, 'x', FIELD);
    field[FIELD] = '\0';
    open_pair(options.overflow_fds);
    open_or_give_up(&stand, false, &options);
    hold(&stand, &holder);
    gate_close(CALL_accept, NULL); /* until all of it is there to be read at once */
    connect_to(&stand, &guest);
    setsockopt(guest.fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    post(&guest, "/py/echo", "", MUCH);
    for (int i = 0; i < BEHIND; i++) {
        guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n", field);
        guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
    }
    gate_await(1);
    for (int i = 0; i < 50; i++)
        guests_turn(&guest, 1, 1);
    CLAIM(guest.sent == guest.out_size, "%zu bytes wait to be read", guest.sent);
    gate_open();
    claim_waiting(&stand, &guest, 1, 2);
    let_go(&stand, &holder);
    claim_guests(&guest, 1, "a request too large to be passed on is answered here");
    CLAIM(stand_count(&stand, "overflowed") == 0, "by the worker that was busy");
    CLAIM(!stand_close(&stand), "it ends");
    close_pair(options.overflow_fds);
}

/* A body that nobody has read yet goes with its connection. */
static void claim_streams_pass(void)
{
    struct stand_options options = { .overflows = true, .front = { .body_streamed = true } };
    struct stand stands[2];
    struct guest holder;
    struct guest guests[2];

    for (int tcp = 0; tcp < 2; tcp++) {
        open_pair(options.overflow_fds);
        open_or_give_up(&stands[0], tcp, &options);
        hold(&stands[0], &holder);
        open_or_give_up(&stands[1], !tcp, &options);
        connect_to(&stands[0], &guests[0]);
        post(&guests[0], "/py/read", "", 100000);
        ask(&guests[0], "/small.txt", SMALL_SIZE);
        connect_to(&stands[0], &guests[1]);
        post(&guests[1], "/py/read", "Expect: 100-continue\r\n", 500);
        guest_pause(&guests[1]);
        post(&guests[1], "/py/read", "", 30000);
        claim_guests(guests, 2, "the other worker reads the body from the client");
        CLAIM(stand_count(&stands[0], "overflowed") == 2, "that this one passed on");
        let_go(&stands[0], &holder);
        CLAIM(!stand_close(&stands[1]) && !stand_close(&stands[0]), "they end");
        close_pair(options.overflow_fds);
    }
}

/* A request of another worker is cancelled by its handler, before its connection is this loop's. */
static void claim_adopted_is_cancelled(void)
{
    struct stand_options options = { .overflows = true };
    struct stand stands[2];
    struct guest holder;
    struct guest guest;

    open_pair(options.overflow_fds);
    open_or_give_up(&stands[0], true, &options);
    hold(&stands[0], &holder);
    open_or_give_up(&stands[1], false, &options);
    connect_to(&stands[0], &guest);
    ask(&guest, "/py/cancel", SMALL_SIZE);
    guest.wanted[0].cut = true;
    claim_guests(&guest, 1, "its client sees a cut");
    claim_settled(&stands[1], "its connection is gone");
    let_go(&stands[0], &holder);
    CLAIM(!stand_close(&stands[1]) && !stand_close(&stands[0]), "they end");
    close_pair(options.overflow_fds);
}

/* ---- the own queue ---- */

/* With so many waiting nobody is accepted any more: the kernel's queue grows. */
static void claim_queue_full(void)
{
    const struct stand_options options = { .front = { .queue_max = 1 } };
    struct stand stand;
    struct guest holder;
    struct guest guests[6];

    for (int tcp = 0; tcp < 2; tcp++) {
        open_or_give_up(&stand, tcp, &options);
        hold(&stand, &holder);
        for (int i = 0; i < 6; i++) {
            connect_to(&stand, &guests[i]);
            ask(&guests[i], "/py/bytes", SMALL_SIZE);
            claim_waiting(&stand, guests, (size_t)i + 1, 2);
        }
        for (int i = 0; i < 6; i++)
            guests_turn(guests, 6, 50); /* the listener is looked at again meanwhile */
        CLAIM(uwo_front_waiting(stand.front) == 2 && uwo_front_connections(stand.front) == 2,
              "while one waits, no other is accepted");
        let_go(&stand, &holder);
        claim_guests(guests, 6, "and all are answered in the end");
        CLAIM(!stand_close(&stand), "it ends");
    }
}

/* Two who wait at once, of whom one is woken without need: both keep to their time. */
static void *take_shortly(void *front)
{
    struct uwo_request *request;
    uint64_t from_ms = play_now_ms();
    int taken = uwo_front_take(front, 200, &request);

    return (void *)(uintptr_t)(taken == 0 && play_now_ms() - from_ms < STAND_PATIENCE_MS);
}

static void claim_waits_end(void)
{
    const struct stand_options options = { .no_site = true };
    pthread_t threads[3];
    struct stand stand;

    open_or_give_up(&stand, false, &options);
    stand_dismiss(&stand);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, take_shortly, stand.front);
    uwo_front_wake(stand.front);
    for (int i = 0; i < 3; i++) {
        void *kept;

        pthread_join(threads[i], &kept);
        CLAIM(kept, "who takes and gets nothing is back in time");
    }
    CLAIM(!stand_close(&stand), "it ends");
}

int main(void)
{
    faulty_install();
    play_prepare();
    stand_prepare();
    claim_overflow_full();
    claim_overflow_never(EPIPE, "requests that nobody can be given are answered");
    claim_overflow_never(ENOBUFS, "so are those for which the kernel has no room");
    claim_overflow_never(EMSGSIZE, "and those too large for it");
    claim_overflow_breaks();
    claim_messages_refused();
    claim_too_large_to_pass();
    claim_streams_pass();
    claim_adopted_is_cancelled();
    claim_queue_full();
    claim_waits_end();
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
