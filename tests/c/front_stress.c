/* stress of a front: many guests at once, several Python threads, two loops; then the same with
 * guests that vanish, and fronts that drain or end under them.
 *
 *     front_stress --seconds N --seed S
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faulty.h"
#include "play.h"
#include "stand.h"

enum { THREADS = 6, REQUESTS = 12, PATIENCE_MS = 20000 };

static struct {
    struct stand stand;
    atomic_bool stopping;
    atomic_bool ending; /* the front may go at any moment */
    atomic_uint epoch;
    atomic_uint answers;
    atomic_uint vanished;
    atomic_uint wrong;
    pthread_mutex_t lock; /* of stand.connected */
} crowd = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint32_t lot(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525 + 1013904223;
    return (*state >> 8) % below;
}

static void crowd_ask(struct guest *guest, uint32_t *state)
{
    static const struct {
        const char *target;
        int status;
        size_t size;
    } targets[] = {
        { "/small.txt", 200, SMALL_SIZE },     { "/middle.bin", 200, MIDDLE_SIZE },
        { "/large.bin", 200, LARGE_SIZE },     { "/py/bytes", 200, SMALL_SIZE },
        { "/py/bytes", 200, SMALL_SIZE },      { "/py/large", 200, LARGE_SIZE },
        { "/py/kept", 200, LARGE_SIZE + 600 }, { "/py/file", 200, LARGE_SIZE + 600 },
        { "/py/growing", 200, LARGE_SIZE },    { "/py/chunked", 200, LARGE_SIZE },
        { "/py/splice", 200, MIDDLE_SIZE },    { "/py/drop", 500, 0 },
    };
    uint32_t count = 1 + lot(state, REQUESTS);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t which = lot(state, 12);

        if (lot(state, 8) == 0) {
            size_t size = 1 + lot(state, 9000);

            guest_say(guest, "POST /py/echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                      size);
            guest_send(guest, play_bytes(size), size);
            guest_want(guest, 200, play_bytes(size), size);
        } else {
            guest_say(guest, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[which].target);
            guest_want(guest, targets[which].status,
                       targets[which].status == 200 ? play_bytes(targets[which].size) : NULL,
                       targets[which].size);
        }
        if (lot(state, 2))
            guest_pause(guest);
    }
}

static int crowd_connect(void)
{
    int fd;

    pthread_mutex_lock(&crowd.lock);
    fd = stand_connect(&crowd.stand);
    pthread_mutex_unlock(&crowd.lock);
    return fd;
}

static void *crowd_run(void *argument)
{
    uint32_t state = (uint32_t)(uintptr_t)argument;

    while (!atomic_load(&crowd.stopping)) {
        struct guest guest;
        bool vanishes = lot(&state, 4) == 0;
        uint32_t turns = lot(&state, 40);

        guest_open(&guest, crowd_connect(), crowd.stand.tcp, false);
        crowd_ask(&guest, &state);
        if (vanishes) {
            for (uint32_t i = 0; i < turns && guests_turn(&guest, 1, 5); i++)
                ;
            atomic_fetch_add(&crowd.vanished, 1);
            if (guest.fd >= 0 && lot(&state, 2))
                guest_vanish(&guest);
        } else if (!guests_run(&guest, 1, PATIENCE_MS) && !atomic_load(&crowd.ending)) {
            printf("FAIL a guest waits: %zu of %zu answers\n", guest.done, guest.wanted_count);
            atomic_fetch_add(&crowd.wrong, 1);
        }
        /* The end of the front cuts; before that nothing may. */
        if (guest.trouble[0] && !atomic_load(&crowd.ending)) {
            printf("FAIL epoch %u: %s\n", atomic_load(&crowd.epoch), guest.trouble);
            atomic_fetch_add(&crowd.wrong, 1);
        }
        atomic_fetch_add(&crowd.answers, (unsigned)guest.done);
        guest_close(&guest);
    }
    return NULL;
}

/* One front from its beginning to its end, which comes under load every second time. */
static void crowd_epoch(unsigned number, uint32_t seed, uint64_t ms)
{
    const struct stand_options options = {
        .pythons = 3,
        .threads = 2,
        .log = true,
        .front = { .body_memory_max = 4096, .connections_max = 40 },
    };
    bool under_load = number % 2;
    pthread_t threads[THREADS];
    uint64_t until_ms = play_now_ms() + ms;
    const char *wrong;

    if (!stand_open(&crowd.stand, number / 2 % 2, false, &options))
        play_give_up("a front without faults");
    atomic_store(&crowd.epoch, number);
    atomic_store(&crowd.stopping, false);
    atomic_store(&crowd.ending, false);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, crowd_run, (void *)(i * 7919 + number * 104729 + seed));
    while (play_now_ms() < until_ms)
        poll(NULL, 0, 5);
    atomic_store(&crowd.stopping, true);
    if (under_load) {
        atomic_store(&crowd.ending, true);
        uwo_front_drain(crowd.stand.front);
    }
    for (int i = 0; i < THREADS && !under_load; i++)
        pthread_join(threads[i], NULL);
    if (!under_load && !stand_quiet(&crowd.stand)) {
        printf("FAIL %llu connections are left\n",
               (unsigned long long)uwo_front_connections(crowd.stand.front));
        atomic_fetch_add(&crowd.wrong, 1);
    }
    wrong = stand_close(&crowd.stand);
    for (int i = 0; i < THREADS && under_load; i++)
        pthread_join(threads[i], NULL);
    if (wrong) {
        printf("FAIL %s\n", wrong);
        atomic_fetch_add(&crowd.wrong, 1);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "seconds", required_argument, NULL, 'n' },
        { "seed", required_argument, NULL, 's' },
        { NULL, 0, NULL, 0 },
    };
    uint64_t seconds = 4;
    uint32_t seed = (uint32_t)play_now_ms();
    struct faulty_trouble before;
    int fds;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'n')
            seconds = strtoull(optarg, NULL, 10);
        else if (option == 's')
            seed = (uint32_t)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    printf("front_stress --seconds %llu --seed %u\n", (unsigned long long)seconds, seed);
    faulty_install();
    play_prepare();
    stand_prepare();
    before = faulty_trouble();
    fds = play_count_fds();
    for (unsigned i = 0; i < 8; i++) {
        faulty_at_random(i < 4 ? 0 : 50);
        crowd_epoch(i, seed, seconds * 1000 / 8);
    }
    faulty_at_random(0);
    CLAIM(atomic_load(&crowd.wrong) == 0, "every guest got what it asked for");
    CLAIM(play_count_fds() == fds, "no descriptor is left: %d, %d", play_count_fds(), fds);
    CLAIM(faulty_trouble().memory == before.memory &&
              faulty_trouble().bad_closes == before.bad_closes,
          "no memory is left, nothing was closed twice");
    printf("%u answers, %u guests vanished\n", atomic_load(&crowd.answers),
           atomic_load(&crowd.vanished));
    return play_failed() ? 1 : 0;
}
