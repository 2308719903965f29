/* What ten thousand parked transfers cost: CPU per event of those that move, and memory.
 *
 *   parked [--rounds N] [--phase-ms T] [--seed S] [--most N]
 *
 * A second process holds the clients.  N of them never read: a transfer to one of them
 * fills its socket and is parked.  A few others drain what comes: the active transfers,
 * each a file over a UNIX socket whose buffer is smaller, so that it waits for room
 * several times; when one is done the next is submitted on the same socket.
 *
 * Every round runs a phase with 0, with a tenth and with all of the clients parked, in
 * shuffled order, in this one process with all sockets open all the time: the only
 * difference is how many are parked.  This process keeps to the first core and the clients
 * to the last, for where the scheduler puts three busy threads on two cores changes the
 * cost of an event by more than what is looked for.  First, memory: what this process and
 * the kernel hold before and after the parking.
 *
 * Prints JSON lines: {"what": "memory"}, then {"what": "phase"} for each phase. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "uwoffload.h"

enum {
    ACTIVE_COUNT = 16,
    ACTIVE_FILE_SIZE = 1 << 16,
    ACTIVE_BUFFER_SIZE = 1 << 13,
    PARKED_FILE_SIZE = 1 << 20,
    PARKED_BUFFER_SIZE = 1 << 13,
    DESCRIPTORS_SPARE = 200, /* of the engine, the C library, the active ones */
    IDLE_US = 1000000,       /* longer than the engine looks at progress */
    SETTLE_TRIES = 100,      /* of 20 ms each */
};

static int64_t rounds = 9;
static int64_t phase_ms = 400;
static int64_t seed = 1;
static int64_t parked_max = 10000;

static struct uwo_engine *engine;
static int *parked_fds;      /* while they are not submitted */
static uint64_t *parked_ids; /* while they are */
static int64_t parked_files; /* so many send a file, the others bytes: see descriptors */
static int active_fds[ACTIVE_COUNT];
static int file_fd; /* of PARKED_FILE_SIZE */
static char *bytes; /* as many */

/* Keep this process to the first, or the last, of the cores it may use. */
static void parked_pin(bool last)
{
    cpu_set_t allowed;
    cpu_set_t one;
    int core = -1;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        bench_fail("sched_getaffinity");
    for (int i = 0; i < CPU_SETSIZE && (core < 0 || last); i++)
        core = CPU_ISSET(i, &allowed) ? i : core;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    if (sched_setaffinity(0, sizeof(one), &one) < 0)
        bench_fail("sched_setaffinity");
}

/* ---- The clients' process ------------------------------------------------ */

static void clients_drain(const int *fds)
{
    static char sink[ACTIVE_FILE_SIZE];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[ACTIVE_COUNT];

    for (int i = 0; i < ACTIVE_COUNT; i++)
        bench_watch(epoll_fd, fds[i], EPOLLIN, (void *)&fds[i]);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, ACTIVE_COUNT, -1);

        for (int i = 0; i < count; i++)
            if (read(*(int *)events[i].data.ptr, sink, sizeof(sink)) <= 0)
                _exit(0);
    }
}

static void clients_run(int port, const int *drained_fds)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    parked_pin(true);
    for (int64_t i = 0; i < parked_max; i++)
        if (bench_connect(port, PARKED_BUFFER_SIZE, 1460) < 0)
            bench_fail("cannot connect client %lld", (long long)i);
    clients_drain(drained_fds);
}

/* Fork the clients, and accept those that will be parked. */
static pid_t clients_start(void)
{
    int size = PARKED_BUFFER_SIZE;
    int pairs[ACTIVE_COUNT][2];
    int drained_fds[ACTIVE_COUNT];
    int port;
    int listen_fd = bench_listen(&port, false);
    pid_t pid;

    setsockopt(listen_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    fcntl(listen_fd, F_SETFL, 0);
    size = ACTIVE_BUFFER_SIZE;
    for (int i = 0; i < ACTIVE_COUNT; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]) < 0)
            bench_fail("no socket pair");
        setsockopt(pairs[i][0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        active_fds[i] = pairs[i][0];
        drained_fds[i] = pairs[i][1];
    }
    pid = fork();
    if (pid == 0)
        clients_run(port, drained_fds);
    parked_pin(false);
    for (int i = 0; i < ACTIVE_COUNT; i++)
        close(drained_fds[i]);
    for (int64_t i = 0; i < parked_max; i++)
        if ((parked_fds[i] = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC)) < 0)
            bench_fail("cannot accept client %lld", (long long)i);
    close(listen_fd);
    return pid;
}

/* ---- Transfers ----------------------------------------------------------- */

static uint64_t transfer_submit(int client_fd, const struct uwo_instruction *instruction,
                                uint64_t tag)
{
    struct uwo_program program = { .size = sizeof(program),
                                   .instructions = instruction,
                                   .count = 1 };
    struct uwo_transfer wanted = { .size = sizeof(wanted), .after = UWO_GIVE_BACK, .tag = tag };
    struct uwo_error error = { .size = sizeof(error) };
    uint64_t id;
    int status = uwo_engine_submit(engine, client_fd, &program, &wanted, &id, &error);

    errno = 0;
    if (status != UWO_OK)
        bench_fail("submit: %s: %s", uwo_status_text(status), error.message);
    return id;
}

static void active_submit(int64_t index)
{
    struct uwo_instruction instruction = { .size = sizeof(instruction),
                                           .kind = UWO_SEND_FILE,
                                           .flags = UWO_KEEP_FD,
                                           .fd = file_fd,
                                           .count = ACTIVE_FILE_SIZE };

    transfer_submit(active_fds[index], &instruction, (uint64_t)(parked_max + index));
}

static void parked_submit(int64_t index)
{
    struct uwo_instruction file = { .size = sizeof(file),
                                    .kind = UWO_SEND_FILE,
                                    .flags = UWO_KEEP_FD,
                                    .fd = file_fd,
                                    .count = PARKED_FILE_SIZE };
    struct uwo_instruction memory = { .size = sizeof(memory),
                                      .kind = UWO_SEND,
                                      .flags = UWO_BORROW,
                                      .data = bytes,
                                      .count = PARKED_FILE_SIZE };

    parked_ids[index] = transfer_submit(parked_fds[index], index < parked_files ? &file : &memory,
                                        (uint64_t)index);
    parked_fds[index] = -1;
}

/* Wait for events and take the sockets back.  Returns how many active ones came back;
 * those are submitted again when that is wanted. */
static uint64_t transfers_reap(int timeout_ms, bool active_again)
{
    static struct uwo_event events[BENCH_EVENTS_PER_TURN];
    uint64_t active = 0;
    int count;

    events[0].size = sizeof(events[0]);
    count = uwo_engine_wait(engine, events, BENCH_EVENTS_PER_TURN, timeout_ms);
    for (int i = 0; i < count; i++) {
        int64_t index = (int64_t)events[i].tag;

        if (index < parked_max) {
            if (events[i].outcome != UWO_CANCELLED)
                bench_fail("a parked transfer ended: %s", uwo_outcome_name(events[i].outcome));
            parked_fds[index] = events[i].client_fd;
            continue;
        }
        if (events[i].outcome != UWO_FINISHED || events[i].bytes_queued != ACTIVE_FILE_SIZE)
            bench_fail("an active transfer ended: %s", uwo_outcome_name(events[i].outcome));
        active_fds[index - parked_max] = events[i].client_fd;
        active++;
        if (active_again)
            active_submit(index - parked_max);
    }
    return active;
}

/* CPU of the engine's threads.  The two clocks are not read at once, so a small difference
 * between two readings may be negative. */
static int64_t engine_cpu_ns(void)
{
    return (int64_t)bench_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) -
           (int64_t)bench_cpu_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Park so many clients, and wait until the engine has nothing more to do. */
static void parked_begin(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        parked_submit(i);
    for (int i = 0; i < SETTLE_TRIES; i++) {
        int64_t before_ns = engine_cpu_ns();

        bench_sleep_us(20000);
        if (engine_cpu_ns() - before_ns < 100000)
            return;
    }
}

static void parked_end(int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        uwo_transfer_cancel(engine, parked_ids[i]);
    while (uwo_engine_count(engine) > 0)
        transfers_reap(1000, false);
}

/* ---- Memory -------------------------------------------------------------- */

/* From a file of /proc: the number behind a word, in the line that begins so; or 0. */
static long long memory_read(const char *path, const char *line_start, const char *word)
{
    char line[512];
    long long value = 0;
    FILE *file = fopen(path, "r");

    while (file && fgets(line, sizeof(line), file)) {
        char *found = strstr(line, word);

        if (strncmp(line, line_start, strlen(line_start)) == 0 && found) {
            value = strtoll(found + strlen(word), NULL, 10);
            break;
        }
    }
    if (file)
        fclose(file);
    return value;
}

struct memory {
    long long pss_kib, private_kib, slab_kib, tcp_pages;
};

static struct memory memory_now(void)
{
    return (struct memory){
        .pss_kib = memory_read("/proc/self/smaps_rollup", "Pss:", ":"),
        .private_kib = memory_read("/proc/self/smaps_rollup", "Private_Dirty:", ":"),
        .slab_kib = memory_read("/proc/meminfo", "Slab:", ":"),
        .tcp_pages = memory_read("/proc/net/sockstat", "TCP:", " mem "),
    };
}

static double memory_each(long long after, long long before, double unit_kib)
{
    return (double)(after - before) * unit_kib / (double)parked_max;
}

static void memory_report(struct memory bare, struct memory sockets)
{
    struct memory parked;
    double page_kib = (double)sysconf(_SC_PAGESIZE) / 1024;

    parked_begin(parked_max);
    parked = memory_now();
    printf("{\"what\": \"memory\", \"parked\": %lld, \"of_them_files\": %lld, "
           "\"pss_kib_each\": %.4f, \"private_kib_each\": %.4f, "
           "\"kernel_slab_kib_each\": %.3f, \"kernel_tcp_kib_each\": %.3f, "
           "\"kernel_slab_kib_of_sockets_each\": %.3f}\n",
           (long long)parked_max, (long long)parked_files,
           memory_each(parked.pss_kib, sockets.pss_kib, 1),
           memory_each(parked.private_kib, sockets.private_kib, 1),
           memory_each(parked.slab_kib, sockets.slab_kib, 1),
           memory_each(parked.tcp_pages, sockets.tcp_pages, page_kib),
           memory_each(sockets.slab_kib, bare.slab_kib, 1));
    parked_end(parked_max);
}

/* ---- Phases -------------------------------------------------------------- */

static void phase_run(int64_t round, int64_t count)
{
    uint64_t transfers = 0;
    uint64_t start_ns, end_ns, cpu_ns;
    int64_t thread_ns, idle_ns;

    parked_begin(count);
    idle_ns = engine_cpu_ns();
    bench_sleep_us(IDLE_US);
    idle_ns = engine_cpu_ns() - idle_ns;
    if (idle_ns < 0)
        idle_ns = 0;
    for (int64_t i = 0; i < ACTIVE_COUNT; i++)
        active_submit(i);
    start_ns = bench_now_ns();
    end_ns = start_ns + (uint64_t)phase_ms * 1000000u;
    cpu_ns = bench_cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    thread_ns = engine_cpu_ns();
    while (bench_now_ns() < end_ns)
        transfers += transfers_reap(1000, true);
    cpu_ns = bench_cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
    thread_ns = engine_cpu_ns() - thread_ns;
    printf("{\"what\": \"phase\", \"round\": %lld, \"parked\": %lld, \"transfers\": %llu, "
           "\"cpu_ns_each\": %.1f, \"engine_cpu_ns_each\": %.1f, \"idle_cpu_us_per_s\": %.1f}\n",
           (long long)round, (long long)count, (unsigned long long)transfers,
           (double)cpu_ns / (double)transfers, (double)thread_ns / (double)transfers,
           (double)idle_ns * 1e3 / IDLE_US);
    fflush(stdout);
    for (uint64_t back = 0; back < ACTIVE_COUNT;)
        back += transfers_reap(1000, false);
    parked_end(count);
}

static void phases_run(void)
{
    int64_t counts[] = { 0, parked_max / 10, parked_max };

    srand48(seed);
    for (int64_t round = 0; round < rounds; round++) {
        for (int i = 2; i > 0; i--) {
            int other = (int)(lrand48() % (i + 1));
            int64_t count = counts[i];

            counts[i] = counts[other];
            counts[other] = count;
        }
        for (int i = 0; i < 3; i++)
            phase_run(round, counts[i]);
    }
}

static void parked_prepare(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    parked_files = (int64_t)limit.rlim_cur - parked_max - DESCRIPTORS_SPARE;
    if (parked_files > parked_max)
        parked_files = parked_max;
    parked_fds = malloc((size_t)parked_max * sizeof(*parked_fds));
    parked_ids = malloc((size_t)parked_max * sizeof(*parked_ids));
    bytes = malloc(PARKED_FILE_SIZE);
    file_fd = memfd_create("parked", MFD_CLOEXEC);
    if (!parked_fds || !parked_ids || !bytes || file_fd < 0)
        bench_fail("no memory");
    memset(parked_ids, 0xff, (size_t)parked_max * sizeof(*parked_ids));
    memset(bytes, 'x', PARKED_FILE_SIZE);
    if (write(file_fd, bytes, PARKED_FILE_SIZE) != PARKED_FILE_SIZE)
        bench_fail("cannot fill the file");
}

int main(int argc, char **argv)
{
    const struct bench_option list[] = {
        { .name = "most", .value = &parked_max },
        { .name = "phase-ms", .value = &phase_ms },
        { .name = "rounds", .value = &rounds },
        { .name = "seed", .value = &seed },
        { .name = NULL },
    };
    struct uwo_engine_options wanted = { .size = sizeof(wanted), .threads = 1 };
    struct memory bare, sockets;
    pid_t pid;

    if (bench_options(argc, argv, list) != argc || parked_max < 10)
        bench_fail("usage: parked [options]");
    parked_prepare();
    bare = memory_now();
    pid = clients_start();
    if (uwo_engine_create(&wanted, &engine, NULL) != UWO_OK)
        bench_fail("no engine");
    parked_begin(10);
    parked_end(10); /* what is made once is made now */
    sockets = memory_now();
    memory_report(bare, sockets);
    phases_run();
    uwo_engine_destroy(engine);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}
