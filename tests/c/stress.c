/* stress: many short transfers, many threads, random faults; nothing may be lost.
 *
 *   submitters   single, two-step, batch, abandoned, first try; sockets of both kinds
 *   producer     appends to growing programs and finishes them
 *   canceller    cancels what was submitted lately, and ids that never were
 *   watcher      reads progress, counts and statistics
 *   peer         one thread reads, checks, closes early or resets
 *   reapers      one waits, one polls the descriptor
 *
 * It goes in epochs of an engine each; every other engine is stopped in the middle.  At the end of
 * each: every committed id had exactly one DONE, and the descriptors are back to the start.
 *
 *     stress [--count N] [--seed S] [--epoch N] [--faults ONE_IN]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/engine.h"
#include "faulty.h"
#include "play.h"

enum {
    SUBMITTERS = 2,
    IN_FLIGHT = 142, /* of which some are told FULL: */
    TRANSFERS_MAX = 140,
    RECENT = 64,
    FDS_MAX = 4096,
    BATCH_MAX = 4,
    SMALL = 3000,
    LARGE = 300000,
    PATIENCE_S = 60,
};

/* What a peer does. */
enum manner { READS, CLOSES_EARLY, RESETS_EARLY, CLOSED_BEFORE, STUCK, MANNERS };

struct record {
    uint64_t id;
    atomic_uchar done;
    uint8_t committed;
};

static struct {
    struct uwo_engine *engine;
    struct record *records;
    uint64_t quota;         /* of this epoch */
    _Atomic(uint64_t) next; /* tag */
    _Atomic(uint64_t) done;
    _Atomic(uint64_t) expected; /* DONE events; known when the submitters are through */
    _Atomic(uint64_t) peers;    /* open */
    _Atomic(uint64_t) recent[RECENT];
    _Atomic(uint64_t) growing[RECENT];
    _Atomic(uint64_t) outcomes[UWO_OUTCOME_COUNT];
    _Atomic(uint64_t) full;
    _Atomic(uint64_t) rooms;
    atomic_bool through; /* no more submissions: helpers may end */
    atomic_bool reaped;
    atomic_bool failed;
    sem_t room;
    int peers_fd;
    int file_fd;
    unsigned seed;
} stress;

static _Atomic(uint32_t) got[FDS_MAX]; /* bytes a peer has read */
static _Atomic(uint8_t) manner_of[FDS_MAX];
static atomic_bool stuck[FDS_MAX]; /* a peer that does not read */

static void blame(const char *what, uint64_t tag)
{
    if (!atomic_exchange(&stress.failed, true))
        printf("FAIL %s (transfer %llu)\n", what, (unsigned long long)tag);
    fflush(stdout);
}

/* ---- luck ---- */

static uint32_t luck(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33) % below;
}

/* ---- peers ---- */

/* Closing alone would not do: the thread that is about to leave epoll_ctl holds the file, and its
 * event would come again. */
static void peer_end(int fd)
{
    epoll_ctl(stress.peers_fd, EPOLL_CTL_DEL, fd, NULL);
    atomic_store(&stuck[fd], false);
    atomic_fetch_sub(&stress.peers, 1);
    close(fd);
}

static void peer_read(int fd)
{
    uint8_t piece[16384];
    ssize_t size;

    while ((size = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0) {
        uint32_t at = atomic_load_explicit(&got[fd], memory_order_relaxed);

        if (memcmp(play_bytes(at + (size_t)size) + at, piece, (size_t)size) != 0)
            blame("a peer got wrong bytes", 0);
        atomic_store_explicit(&got[fd], at + (uint32_t)size, memory_order_relaxed);
        if (atomic_load(&manner_of[fd]) == CLOSES_EARLY ||
            atomic_load(&manner_of[fd]) == RESETS_EARLY) {
            struct linger linger = { .l_onoff = atomic_load(&manner_of[fd]) == RESETS_EARLY };

            setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
            peer_end(fd);
            return;
        }
    }
    if (size == 0 || (errno != EAGAIN && errno != EINTR))
        peer_end(fd);
}

/* A reset need not reach one who has shut his window and does not read. */
static void peer_end_stuck(void)
{
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (atomic_load(&stuck[fd]))
            peer_end(fd);
    }
}

static void *peer_run(void *argument)
{
    struct epoll_event events[64];

    for (bool last = false; !last || atomic_load(&stress.peers) > 0;) {
        last = atomic_load(&stress.reaped);
        if (last)
            peer_end_stuck();

        int count = epoll_wait(stress.peers_fd, events, 64, 100);

        for (int i = 0; i < count; i++) {
            if (atomic_load(&manner_of[events[i].data.fd]) == STUCK)
                peer_end(events[i].data.fd);
            else
                peer_read(events[i].data.fd);
        }
    }
    return argument;
}

/* Hand the far end to the peer thread. */
static void peer_start(int fd, enum manner manner)
{
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = fd };

    if (manner == STUCK)
        event.events = EPOLLRDHUP;
    atomic_store(&got[fd], 0);
    atomic_store(&manner_of[fd], manner);
    atomic_store(&stuck[fd], manner == STUCK);
    atomic_fetch_add(&stress.peers, 1);
    if (epoll_ctl(stress.peers_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        play_give_up("epoll_ctl");
}

/* ---- programs ---- */

struct job {
    struct uwo_instruction list[4];
    struct uwo_program program;
    int near_fd;
    int far_fd;
    int fds[4]; /* that move */
    int fd_count;
    size_t at; /* bytes the peer is to get */
    enum manner manner;
};

static struct uwo_instruction *job_add(struct job *job, uint32_t kind, int64_t count, int fd)
{
    struct uwo_instruction *next = &job->list[job->program.count++];

    *next = (struct uwo_instruction){
        .size = sizeof *next, .kind = kind, .fd = fd, .count = count
    };
    return next;
}

static void job_send(struct job *job, uint64_t *state, size_t size)
{
    struct uwo_instruction *next = job_add(job, UWO_SEND, (int64_t)size, -1);

    next->data = play_bytes(job->at + size) + job->at;
    next->flags = luck(state, 2) ? UWO_BORROW : 0;
    job->at += size;
}

static void job_file(struct job *job, uint64_t *state, size_t size)
{
    struct uwo_instruction *next = job_add(job, UWO_SEND_FILE, (int64_t)size, stress.file_fd);

    next->offset = (int64_t)job->at; /* the last bytes of a large one are missing */
    next->flags = UWO_KEEP_FD;
    if (luck(state, 4) == 0) {
        next->flags = 0;
        next->fd = job->fds[job->fd_count++] = fcntl(stress.file_fd, F_DUPFD_CLOEXEC, 3);
    }
    job->at += size;
}

static void job_splice(struct job *job, uint64_t *state)
{
    size_t size = luck(state, SMALL);
    bool to_the_end = luck(state, 2);
    int fds[2];

    if (luck(state, 2) ? pipe2(fds, O_CLOEXEC)
                       : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        play_give_up("a splice source");
    if (write(fds[1], play_bytes(job->at + size) + job->at, size) != (ssize_t)size)
        play_give_up("write");
    close(fds[1]);
    job->fds[job->fd_count++] = fds[0];
    /* Now and then more is promised than there is. */
    job_add(job, UWO_SPLICE, to_the_end ? UWO_TO_THE_END : (int64_t)(size + luck(state, 2)),
            fds[0]);
    job->at += size;
}

static void job_receive(struct job *job, uint64_t *state)
{
    size_t size = luck(state, SMALL);
    int fd = memfd_create("upload", MFD_CLOEXEC);

    if (fd < 0)
        play_give_up("memfd_create");
    if (send(job->far_fd, play_bytes(size), size, MSG_NOSIGNAL) != (ssize_t)size)
        play_give_up("send");
    shutdown(job->far_fd, SHUT_WR);
    job->fds[job->fd_count++] = fd;
    job_add(job, UWO_RECEIVE_FILE, (int64_t)(size + (luck(state, 8) == 0)), fd);
}

static void job_make(struct job *job, uint64_t *state)
{
    uint32_t kind = luck(state, 16);
    int fds[2];

    play_sockets(luck(state, 4) == 0, fds);
    *job = (struct job){ .near_fd = fds[0], .far_fd = fds[1], .manner = READS };
    job->program.size = sizeof job->program;
    job->program.instructions = job->list;
    if (luck(state, 4) == 0)
        job->manner = (enum manner)luck(state, MANNERS);
    if (kind == 0)
        job_receive(job, state);
    else if (kind < 3)
        job_splice(job, state);
    if (kind < 15)
        job_send(job, state, luck(state, SMALL));
    if (kind >= 8)
        job_file(job, state, luck(state, 32) == 0 ? luck(state, LARGE) : luck(state, SMALL));
    if (kind == 4)
        job_send(job, state, luck(state, LARGE));
    if (job->manner == CLOSED_BEFORE)
        close(job->far_fd);
}

/* It was taken: the peer may begin. */
static void job_go(struct job *job)
{
    if (job->manner != CLOSED_BEFORE)
        peer_start(job->far_fd, job->manner);
}

static void job_drop(struct job *job)
{
    close(job->near_fd);
    if (job->manner != CLOSED_BEFORE)
        close(job->far_fd);
    for (int i = 0; i < job->fd_count; i++)
        close(job->fds[i]);
}

/* ---- submitters ---- */

static struct uwo_transfer luck_transfer(uint64_t *state, bool short_lived)
{
    struct uwo_transfer wanted = { .size = sizeof wanted, .deadline_ms = 20000 };

    wanted.after = luck(state, 4) == 0 ? UWO_GIVE_BACK : UWO_CLOSE;
    wanted.flags = luck(state, 4) == 0 ? UWO_TRY_FIRST : 0;
    wanted.flags |= luck(state, 4) == 0 ? UWO_NO_SETTLE : 0;
    wanted.flags |= luck(state, 2) ? UWO_STREAM : 0;
    if (luck(state, 8) == 0)
        wanted.rate_max = 1000000 + luck(state, 1000000);
    if (luck(state, 8) == 0)
        wanted.rate_min = 1;
    if (luck(state, 16) == 0)
        wanted.deadline_ms = 1 + luck(state, 20);
    if (short_lived)
        wanted.deadline_ms = 1 + luck(state, 50);
    return wanted;
}

/* Let the other threads know of it. */
static void publish(uint64_t *state, uint64_t id, bool grows)
{
    atomic_store(&stress.recent[luck(state, RECENT)], id);
    if (!grows)
        return;
    id = atomic_exchange(&stress.growing[luck(state, RECENT)], id);
    if (id)
        uwo_transfer_finish(stress.engine, id);
}

static bool submit_single(uint64_t *state, uint64_t tag, int *status)
{
    struct record *record = &stress.records[tag];
    struct job job;
    struct uwo_transfer wanted;
    bool grows = luck(state, 8) == 0;

    job_make(&job, state);
    wanted = luck_transfer(state, job.manner == STUCK);
    wanted.tag = tag;
    wanted.flags |= grows ? UWO_GROWING : 0;
    wanted.high_water = grows ? SMALL : 0;
    if (luck(state, 2)) {
        *status = uwo_engine_submit(stress.engine, job.near_fd, &job.program, &wanted, &record->id,
                                    NULL);
    } else {
        *status = uwo_engine_reserve(stress.engine, job.near_fd, &job.program, &wanted, &record->id,
                                     NULL);
        if (*status == UWO_OK && luck(state, 16) == 0) {
            uwo_engine_abandon(stress.engine, &record->id, 1);
            job_drop(&job);
            return false;
        }
        if (*status == UWO_OK && luck(state, 16) == 0)
            uwo_transfer_cancel(stress.engine, record->id);
        if (*status == UWO_OK)
            uwo_engine_commit(stress.engine, &record->id, 1);
    }
    if (*status < 0) {
        if (*status == UWO_E_INVALID && job.manner != CLOSED_BEFORE)
            blame("submit said invalid", tag);
        job_drop(&job);
        return false;
    }
    record->committed = 1;
    job_go(&job);
    publish(state, record->id, grows);
    return true;
}

/* Returns how many were taken: all or none. */
static int submit_batch(uint64_t *state, uint64_t tag, int count, int *status)
{
    struct job jobs[BATCH_MAX];
    const struct uwo_program *programs[BATCH_MAX];
    uint64_t ids[BATCH_MAX];
    int fds[BATCH_MAX];
    struct uwo_transfer wanted = luck_transfer(state, false);

    wanted.tag = tag;
    for (int i = 0; i < count; i++) {
        do { /* one who has gone would fail the whole batch; one who is stuck would last long */
            job_make(&jobs[i], state);
            if (jobs[i].manner >= CLOSED_BEFORE)
                job_drop(&jobs[i]);
        } while (jobs[i].manner >= CLOSED_BEFORE);
        programs[i] = &jobs[i].program;
        fds[i] = jobs[i].near_fd;
    }
    *status = uwo_engine_reserve_batch(stress.engine, fds, programs, false, &wanted, (size_t)count,
                                       ids, NULL);
    for (int i = 0; i < count; i++) {
        if (*status < 0)
            job_drop(&jobs[i]);
        else
            stress.records[tag + (uint64_t)i] = (struct record){ .id = ids[i], .committed = 1 };
    }
    if (*status < 0)
        return 0;
    uwo_engine_commit(stress.engine, ids, (size_t)count);
    for (int i = 0; i < count; i++) {
        job_go(&jobs[i]);
        publish(state, ids[i], false);
    }
    return count;
}

static void *submit_run(void *argument)
{
    uint64_t state = stress.seed + (uint64_t)(uintptr_t)argument * 977;
    uint64_t taken = 0;
    int status = UWO_OK;

    while (status != UWO_E_CLOSED) {
        int count = luck(&state, 8) == 0 ? BATCH_MAX : 1;
        uint64_t tag = atomic_fetch_add(&stress.next, (uint64_t)count);
        int went;

        if (tag + (uint64_t)count > stress.quota)
            break;
        for (int i = 0; i < count; i++)
            sem_wait(&stress.room);
        went = count == 1 ? submit_single(&state, tag, &status)
                          : submit_batch(&state, tag, count, &status);
        for (int i = went; i < count; i++)
            sem_post(&stress.room);
        taken += (uint64_t)went;
        if (status == UWO_E_FULL)
            atomic_fetch_add(&stress.full, 1);
    }
    atomic_fetch_add(&stress.expected, taken);
    return NULL;
}

/* ---- those who interfere ---- */

static void produce(uint64_t *state, uint64_t id)
{
    struct uwo_instruction one = {
        .size = sizeof one, .kind = UWO_SEND, .fd = -1, .data = play_bytes(1)
    };
    struct uwo_program program = { .size = sizeof program, .instructions = &one, .count = 1 };

    /* Its length says nothing of where the peer stands, so nothing is appended that it would
     * check: an empty instruction, an empty program, a file never begun. */
    for (uint32_t i = luck(state, 4); i > 0; i--) {
        program.count = luck(state, 2);
        uwo_transfer_append(stress.engine, id, &program, NULL);
    }
    if (luck(state, 8) == 0)
        uwo_transfer_cancel(stress.engine, id);
    else
        uwo_transfer_finish(stress.engine, id);
}

static void *produce_run(void *argument)
{
    uint64_t state = stress.seed + 1;
    bool last = false;

    for (bool more = true; more;) {
        more = !last;
        last = atomic_load(&stress.through);
        for (int i = 0; i < RECENT; i++) {
            uint64_t id = atomic_exchange(&stress.growing[i], 0);

            if (id)
                produce(&state, id);
        }
        poll(NULL, 0, 1);
    }
    return argument;
}

static void *cancel_run(void *argument)
{
    uint64_t state = stress.seed + 2;

    while (!atomic_load(&stress.through)) {
        for (int i = 0; i < 8; i++)
            uwo_transfer_cancel(stress.engine, atomic_load(&stress.recent[luck(&state, RECENT)]));
        uwo_transfer_cancel(stress.engine, luck(&state, 1 << 30));
        poll(NULL, 0, 1);
    }
    return argument;
}

static void *watch_run(void *argument)
{
    uint64_t state = stress.seed + 3;
    uint64_t sum = 0;

    while (!atomic_load(&stress.through)) {
        for (int i = 0; i < 50; i++) {
            struct uwo_progress progress = { .size = sizeof progress };
            uint64_t id = atomic_load(&stress.recent[luck(&state, RECENT)]);

            if (uwo_transfer_progress(stress.engine, id, &progress) == UWO_OK &&
                progress.bytes_acked > progress.bytes_queued)
                blame("more acknowledged than queued", id);
            sum += uwo_stats_value(uwo_engine_stats(stress.engine), 0, luck(&state, 3),
                                   luck(&state, uwo_stats_field_count()));
        }
        sum += uwo_engine_count(stress.engine);
        uwo_engine_wake(stress.engine);
        poll(NULL, 0, 1);
    }
    return sum == UINT64_MAX ? argument : NULL;
}

/* ---- reapers ---- */

static void reaped(const struct uwo_event *event)
{
    struct record *record = &stress.records[event->tag];

    if (event->tag >= stress.quota || event->id != record->id) {
        blame("an event of a stranger", event->tag);
        return;
    }
    if (event->kind == UWO_EVENT_ROOM) {
        atomic_fetch_add(&stress.rooms, 1);
        return;
    }
    if (atomic_fetch_add(&record->done, 1) != 0)
        blame("a second DONE", event->tag);
    if (event->client_fd >= 0)
        close(event->client_fd);
    uwo_free(event->leftover);
    atomic_fetch_add(&stress.outcomes[event->outcome], 1);
    atomic_fetch_add(&stress.done, 1);
    sem_post(&stress.room);
}

static void *reap_run(void *polls)
{
    struct uwo_event events[16];
    struct pollfd wait = { .fd = uwo_engine_fd(stress.engine), .events = POLLIN };

    while (!atomic_load(&stress.reaped)) {
        int count;

        events[0].size = sizeof events[0];
        if (polls) {
            poll(&wait, 1, 50);
            count = uwo_engine_reap(stress.engine, events, 16);
        } else {
            count = uwo_engine_wait(stress.engine, events, 16, 50);
        }
        for (int i = 0; i < count; i++)
            reaped(&events[i]);
    }
    return NULL;
}

/* ---- an epoch ---- */

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
    if (pthread_create(thread, NULL, run, argument) != 0)
        play_give_up("pthread_create");
}

static void epoch_check(void)
{
    for (uint64_t tag = 0; tag < stress.quota; tag++) {
        struct record *record = &stress.records[tag];

        if (record->committed != atomic_load(&record->done))
            blame(record->committed ? "no DONE event" : "a DONE event of what was refused", tag);
    }
    if (uwo_engine_count(stress.engine) != 0)
        blame("transfers are counted that nobody knows", 0);
}

static void epoch_reset(uint64_t quota, unsigned seed)
{
    stress.quota = quota;
    stress.seed = seed;
    memset(stress.records, 0, quota * sizeof *stress.records);
    stress.next = stress.done = stress.expected = 0;
    stress.through = stress.reaped = false;
    for (int i = 0; i < RECENT; i++)
        stress.recent[i] = stress.growing[i] = 0;
    sem_init(&stress.room, 0, IN_FLIGHT);
}

static void epoch(uint64_t quota, unsigned seed, bool cut_short)
{
    struct uwo_engine_options options = {
        .size = sizeof options,
        .threads = 2,
        .disk_threads = 2,
        .transfers_max = TRANSFERS_MAX,
        .pipes_max = 2,
        .buffers_max = 2,
        .linger_ms = 100,
    };
    pthread_t submitters[SUBMITTERS];
    pthread_t others[3];
    pthread_t reapers[2];
    pthread_t peer;
    int fds = play_count_fds();

    epoch_reset(quota, seed);
    if (uwo_engine_create(&options, &stress.engine, NULL) < 0)
        play_give_up("uwo_engine_create");
    start(&peer, peer_run, NULL);
    start(&reapers[0], reap_run, NULL);
    start(&reapers[1], reap_run, &stress);
    start(&others[0], produce_run, NULL);
    start(&others[1], cancel_run, NULL);
    start(&others[2], watch_run, NULL);
    for (uintptr_t i = 0; i < SUBMITTERS; i++)
        start(&submitters[i], submit_run, (void *)(i + 5));
    while (cut_short && atomic_load(&stress.next) < quota / 2)
        poll(NULL, 0, 1);
    if (cut_short && uwo_engine_stop(stress.engine) != UWO_OK)
        blame("stop failed", 0);
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(submitters[i], NULL);
    atomic_store(&stress.through, true);
    for (int i = 0; i < 3; i++)
        pthread_join(others[i], NULL);
    while (atomic_load(&stress.done) < atomic_load(&stress.expected))
        poll(NULL, 0, 1); /* the watchdog bounds it */
    atomic_store(&stress.reaped, true);
    for (int i = 0; i < 2; i++)
        pthread_join(reapers[i], NULL);
    if (uwo_engine_stop(stress.engine) != UWO_OK)
        blame("stop failed", 0);
    pthread_join(peer, NULL);
    epoch_check();
    uwo_engine_destroy(stress.engine);
    sem_destroy(&stress.room);
    if (play_count_fds() != fds)
        blame("descriptors are not back to the start", 0);
    if (faulty_trouble().memory || faulty_trouble().mappings)
        blame("memory is not back to the start", 0);
    if (faulty_trouble().bad_closes)
        blame("a descriptor was closed twice", 0);
}

/* What the transfers that hang are doing, as far as can be told from outside their thread. */
static void watchdog(int signal)
{
    struct uwo_engine *engine = stress.engine;

    for (uint32_t i = 0; i < engine->arena_top; i++) {
        struct transfer *transfer = &engine->arena[i];

        if (transfer->id)
            printf("id %#llx tag %llu phase %d wait %d ending %d program %u/%u want %d stop %d "
                   "hung %d client %d tcp %d unsent %d queued %llu\n",
                   (unsigned long long)transfer->id, (unsigned long long)transfer->tag,
                   transfer->phase, transfer->wait, transfer->ending.state, transfer->program.at,
                   transfer->program.count, transfer->program.task.want.kind, transfer->stop,
                   transfer->hung, transfer->client_fd, transfer->tcp,
                   engine->sys->unsent(transfer->client_fd),
                   (unsigned long long)transfer->bytes_queued);
    }
    printf("FAIL hangs: %llu of %llu DONE, %llu peers open, seed %u\n",
           (unsigned long long)stress.done, (unsigned long long)stress.expected,
           (unsigned long long)stress.peers, stress.seed);
    fflush(stdout);
    (void)signal;
    abort();
}

/* ---- all of it ---- */

static void report(uint64_t count)
{
    printf("%s %llu transfers:", atomic_load(&stress.failed) ? "FAIL" : "ok",
           (unsigned long long)count);
    for (uint32_t i = 0; i < UWO_OUTCOME_COUNT; i++)
        printf(" %s %llu,", uwo_outcome_name(i), (unsigned long long)stress.outcomes[i]);
    printf(" refused as full %llu, room events %llu\n", (unsigned long long)stress.full,
           (unsigned long long)stress.rooms);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "count", required_argument, NULL, 'c' },
        { "seed", required_argument, NULL, 's' },
        { "epoch", required_argument, NULL, 'e' },
        { "faults", required_argument, NULL, 'f' },
        { NULL, 0, NULL, 0 },
    };
    uint64_t count = 20000;
    uint64_t size = 5000;
    unsigned seed = (unsigned)play_now_ms();
    uint32_t faults = 0;
    uint64_t done = 0;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        uint64_t value = optarg ? strtoull(optarg, NULL, 10) : 0;

        if (option == 'c')
            count = value;
        else if (option == 's')
            seed = (unsigned)value;
        else if (option == 'e')
            size = value;
        else if (option == 'f')
            faults = (uint32_t)value;
        else
            return 2;
    }
    play_prepare();
    setlinebuf(stdout);
    signal(SIGALRM, watchdog);
    if (faults) { /* its counters would hide races from ThreadSanitizer */
        faulty_install();
        faulty_hurry(10);
        faulty_at_random(faults);
    }
    printf("stress --count %llu --epoch %llu --seed %u --faults %u\n", (unsigned long long)count,
           (unsigned long long)size, seed, faults);
    stress.records = calloc(size, sizeof *stress.records);
    stress.peers_fd = epoll_create1(EPOLL_CLOEXEC);
    stress.file_fd = play_file(play_bytes(LARGE), LARGE);
    for (unsigned i = 0; done < count && !atomic_load(&stress.failed); i++) {
        alarm(PATIENCE_S);
        epoch(size, seed + i, i % 2);
        done += stress.expected;
    }
    alarm(0);
    close(stress.peers_fd);
    close(stress.file_fd);
    free(stress.records);
    report(done);
    return atomic_load(&stress.failed) ? 1 : 0;
}
