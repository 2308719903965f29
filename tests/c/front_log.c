/* front_log: an access log that takes nothing, or not all, holds nobody up and loses no count. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faulty.h"
#include "play.h"
#include "stand.h"

enum { REQUESTS = 60, GUESTS = 2, LONG = 1000, TEXT_SIZE = 1 << 20 };

extern void __gcov_dump(void) __attribute__((weak));

/* A pipe that holds as much as it can. */
static void full_pipe(int fds[2], int flags)
{
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        play_give_up("pipe2");
    while (write(fds[1], "x", 1) > 0)
        ;
    fcntl(fds[1], F_SETFL, flags);
}

/* Read what there is off it, as text without zeros. */
static size_t pipe_read(int fd, char *text, size_t used)
{
    ssize_t got;

    while ((got = read(fd, text + used, TEXT_SIZE - 1 - used)) > 0)
        used += (size_t)got;
    text[used] = '\0';
    return used;
}

static void open_or_give_up(struct stand *stand, int log_fd)
{
    const struct stand_options options = { .no_application = true, .log_fd = log_fd };

    if (!stand_open(stand, false, false, &options))
        play_give_up("a front without faults");
}

/* Requests with lines as long as there may be. */
static void ask_much(struct stand *stand)
{
    struct guest guests[GUESTS];
    char text[LONG + 1];
    bool good = true;

    memset(text, 'y', LONG);
    text[LONG] = '\0';
    for (int i = 0; i < GUESTS; i++) {
        guest_open(&guests[i], stand_connect(stand), false, false);
        for (int j = 0; j < REQUESTS; j++) {
            guest_say(&guests[i],
                      "GET /small.txt?%s HTTP/1.1\r\nHost: a\r\nReferer: %s\r\n"
                      "User-Agent: %s\r\n\r\n",
                      text, text, text);
            guest_want(&guests[i], 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
        }
    }
    good = guests_run(guests, GUESTS, STAND_PATIENCE_MS);
    for (int i = 0; i < GUESTS; i++) {
        good = good && !guests[i].trouble[0];
        guest_close(&guests[i]);
    }
    CLAIM(good, "all are answered, whatever becomes of the log");
    CLAIM(stand_quiet(stand), "and their connections ended");
}

/* Lines in it, each of them whole. */
static unsigned count_lines(const char *text, bool *whole)
{
    unsigned count = 0;

    *whole = true;
    for (const char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        *whole = *whole && strncmp(at, "- - - [", 7) == 0 && end - at > 3 * LONG &&
                 memcmp(end - 16, " finished engine", 16) == 0;
        count++;
    }
    return count;
}

/* The pipe is read again: what the buffers held is there, all else was counted. */
static void claim_nobody_reads(int flags, const char *what)
{
    char *text = malloc(TEXT_SIZE);
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;
    unsigned lines = 0;
    uint64_t dropped;
    struct stand stand;
    size_t used = 0;
    bool whole;
    int fds[2];

    full_pipe(fds, flags);
    open_or_give_up(&stand, fds[1]);
    ask_much(&stand);
    dropped = stand_count(&stand, "log_dropped");
    CLAIM(dropped > 0 && dropped < REQUESTS * GUESTS, "%s: %llu lines found no room", what,
          (unsigned long long)dropped);
    while (lines + dropped < REQUESTS * GUESTS && play_now_ms() < until_ms) {
        struct pollfd wait = { .fd = fds[0], .events = POLLIN };

        poll(&wait, 1, 100);
        used = pipe_read(fds[0], text, used);
        lines = count_lines(text + strspn(text, "x"), &whole);
    }
    CLAIM(lines + dropped == REQUESTS * GUESTS && whole, "the others come once it is read: %u",
          lines);
    CLAIM(!stand_close(&stand), "it ends");
    close(fds[0]);
    close(fds[1]);
    free(text);
}

/* Still nobody reads at the end: the front ends in time, and the lines are counted. */
static void claim_counted_at_the_end(void)
{
    struct stand stand;
    uint64_t before_ms;
    int fds[2];

    full_pipe(fds, O_NONBLOCK);
    open_or_give_up(&stand, fds[1]);
    ask_much(&stand);
    before_ms = play_now_ms();
    uwo_front_destroy(stand.front);
    stand.front = NULL;
    CLAIM(play_now_ms() - before_ms < STAND_PATIENCE_MS, "the front does not wait for the log");
    CLAIM(stand_count(&stand, "log_dropped") == REQUESTS * GUESTS,
          "every line lost is counted: %llu",
          (unsigned long long)stand_count(&stand, "log_dropped"));
    CLAIM(!stand_close(&stand), "it ends");
    close(fds[0]);
    close(fds[1]);
}

/* One that is slow at the very end is waited for: nothing is lost. */
static void claim_slow_at_the_end(void)
{
    const struct fault slow = { .call = CALL_write_log, .number = 1, .times = 20, .error = EINTR };
    int log_fd = play_file(NULL, 0);
    char *text = calloc(1, TEXT_SIZE);
    struct stand stand;
    struct guest guest;
    unsigned lines = 0;

    open_or_give_up(&stand, log_fd);
    guest_open(&guest, stand_connect(&stand), false, false);
    guest_say(&guest, "GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    guest_want(&guest, 200, play_bytes(SMALL_SIZE), SMALL_SIZE);
    CLAIM(guests_run(&guest, 1, STAND_PATIENCE_MS) && stand_quiet(&stand), "a request");
    guest_close(&guest);
    faulty_arm(&slow);
    CLAIM(!stand_close(&stand) && faulty_disarm() == 20, "a log that is interrupted at the end");
    if (pread(log_fd, text, TEXT_SIZE - 1, 0) > 0) {
        for (const char *at = text; (at = strchr(at, '\n')); at++)
            lines++;
    }
    CLAIM(lines == 1, "has all its lines");
    close(log_fd);
    free(text);
}

/* A disk that is full, and is not any more. */
static void claim_full_disk(void)
{
    const struct fault full = {
        .call = CALL_write_log, .number = 1, .times = FAULT_FOR_EVER, .error = ENOSPC
    };
    uint64_t until_ms = play_now_ms() + STAND_PATIENCE_MS;
    int log_fd = play_file(NULL, 0);
    char *text = calloc(1, TEXT_SIZE);
    unsigned lines;
    uint64_t dropped;
    struct stand stand;
    bool whole;

    open_or_give_up(&stand, log_fd);
    faulty_arm(&full);
    ask_much(&stand);
    while (stand_count(&stand, "log_dropped") < REQUESTS * GUESTS && play_now_ms() < until_ms)
        poll(NULL, 0, 1);
    faulty_disarm();
    dropped = stand_count(&stand, "log_dropped");
    CLAIM(dropped == REQUESTS * GUESTS, "lines that the disk refuses are counted: %llu",
          (unsigned long long)dropped);
    ask_much(&stand);
    dropped = stand_count(&stand, "log_dropped") - dropped; /* more at once than the buffers hold */
    CLAIM(!stand_close(&stand), "it ends");
    CLAIM(pread(log_fd, text, TEXT_SIZE - 1, 0) > 0, "there are lines after it");
    lines = count_lines(text, &whole);
    CLAIM(lines + dropped == REQUESTS * GUESTS && whole, "%u, all of them whole", lines);
    close(log_fd);
    free(text);
}

/* A pipe that blocks, and that nobody reads: its writer cannot be ended, and is left behind. */
static void claim_left_behind(void)
{
    int status = -1;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        struct stand stand;
        int fds[2];

        play_prepare();
        stand_prepare();
        full_pipe(fds, 0);
        open_or_give_up(&stand, fds[1]);
        ask_much(&stand);
        alarm(60);
        CLAIM(!stand_close(&stand), "a front whose log is stuck ends");
        fflush(stdout);
        stand_remove_files();
        if (__gcov_dump)
            __gcov_dump();
        _exit(play_failed() ? 1 : 0);
    }
    waitpid(child, &status, 0);
    CLAIM(status == 0, "a log that is stuck for ever stops nobody");
}

int main(void)
{
    faulty_install();
    play_prepare();
    stand_prepare();
    claim_nobody_reads(0, "a pipe that nobody reads");
    claim_nobody_reads(O_NONBLOCK, "one that does not block");
    claim_counted_at_the_end();
    claim_slow_at_the_end();
    claim_full_disk();
    claim_left_behind();
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
