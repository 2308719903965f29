/* sweep: makes call number N of every function fail, for every N and every errno it may give.
 *
 * Each scene is played once untouched, to count its calls; then once for every call, every way in
 * which it may fail, once and for a while (or for ever).  After each round: the peer got the right
 * bytes or a visible cut, there was exactly one DONE event and no hang, no descriptor, allocation,
 * mapping, pipe or buffer is left, and the engine carried out one more transfer.
 *
 *     sweep                          everything
 *     sweep --seed S --sample K      K rounds drawn by lot
 *     sweep --scene NAME             one scene
 *     sweep --round NAME             one round, by the name it has in a report
 *     sweep --front ...              the same with the scenes of a front
 *     sweep --jobs J ...             in J processes, for a round waits most of its time
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "faulty.h"
#include "scenes.h"
#include "stand.h"

enum { A_WHILE = 20, A_FEW = 4 }; /* times */

/* Time-outs pass quickly, for the engine waits half a second where a short count may have lost
 * it an edge. */
enum { HURRY = 10, ROUND_PATIENCE_S = 60, FAILURES_SHOWN = 400 };

struct round {
    uint16_t scene;
    bool tcp;
    struct fault fault; /* call CALL_COUNT: none */
};

static struct {
    struct round *list;
    size_t count;
    size_t capacity;
} rounds;

/* The scenes to be played. */
static const struct scene *stock = scenes;
static size_t stock_count;

static char running[200]; /* name of the round, for the watchdog */

/* ---- names ---- */

static void round_name(const struct round *round, char *name, size_t size)
{
    const struct fault *fault = &round->fault;
    int used = snprintf(name, size, "%s/%s", stock[round->scene].name, round->tcp ? "tcp" : "unix");

    if (fault->call == CALL_COUNT)
        return;
    snprintf(name + used, size - (size_t)used, "/%s/%llu/%s/%s", faulty_call_name(fault->call),
             (unsigned long long)fault->number,
             fault->error == SHORT_ONE    ? "ONE"
             : fault->error == SHORT_LESS ? "LESS"
             : fault->error == SHORT_NONE ? "NONE"
                                          : strerrorname_np(fault->error),
             fault->times == 1                ? "once"
             : fault->times == FAULT_FOR_EVER ? "for-ever"
                                              : "a-while");
}

/* How often it happens when it happens more than once. */
static uint64_t many_times(int error)
{
    if (error < 0)
        return A_FEW;
    return error == EINTR || error == EAGAIN ? A_WHILE : FAULT_FOR_EVER;
}

/* ---- one round ---- */

/* What must be as before once an engine is gone. */
struct balance {
    int fds;
    struct faulty_trouble trouble;
};

static struct balance balance_now(void)
{
    return (struct balance){ .fds = play_count_fds(), .trouble = faulty_trouble() };
}

static const char *balance_compare(const struct balance *before)
{
    struct balance now = balance_now();

    if (now.trouble.bad_closes != before->trouble.bad_closes)
        return "a descriptor was closed twice";
    if (now.fds != before->fds)
        return now.fds > before->fds ? "a descriptor leaked" : "a stranger's descriptor was closed";
    if (now.trouble.memory != before->trouble.memory)
        return "memory leaked";
    if (now.trouble.mappings != before->trouble.mappings)
        return "a mapping leaked";
    return NULL;
}

/* Nothing may be in use once its transfers are reaped. */
static const char *engine_idle(struct uwo_engine *engine)
{
    uint32_t kept = 0;

    if (uwo_engine_count(engine) != 0)
        return "a transfer is still counted";
    if (uwo_engine_stop(engine) != UWO_OK)
        return "stop failed";
    for (uint32_t i = 0; i < engine->options.threads; i++) {
        kept += engine->loops[i].pipes.kept_count;
        if (engine->loops[i].live || engine->loops[i].load)
            return "a loop still counts a transfer";
    }
    if (engine->pipes_held != kept)
        return "a pipe was lost";
    if (engine->buffers_held != 0)
        return "a buffer was lost";
    return NULL;
}

/* Returns how often the fault struck. */
static uint64_t play_scene(const struct round *round, char *trouble, size_t size)
{
    const struct scene *scene = &stock[round->scene];
    const struct fault *fault = &round->fault;
    bool may_fail = scene->any_end || (fault->call != CALL_COUNT && !faulty_is_harmless(fault));
    struct uwo_engine *engine;
    struct play play;
    const char *wrong;
    uint64_t hits;

    faulty_arm(NULL);
    if (scenes_engine(scene, &engine) < 0)
        play_give_up("an engine without faults");
    play_open(&play, engine, round->tcp);
    faulty_cold(scene->cold);
    faulty_arm(fault);
    scene->stage(&play);
    play.cut_is_fine = may_fail && fault->call == CALL_receive; /* lingering is given up */
    play_run(&play, may_fail);
    hits = faulty_disarm();
    faulty_cold(false);
    if (hits == 0 && !scene->any_end && (!play.taken || play.done.outcome != UWO_FINISHED))
        play_blame(&play, "it failed without a fault");
    snprintf(trouble, size, "%s", play.trouble);
    play_close(&play);
    wrong = scenes_clean_transfer(engine);
    if (!wrong)
        wrong = engine_idle(engine);
    uwo_engine_destroy(engine);
    if (!trouble[0] && wrong)
        snprintf(trouble, size, "%s", wrong);
    return hits;
}

static uint64_t run_scene(const struct round *round, char *trouble, size_t size)
{
    const struct fault *fault = &round->fault;
    bool harmed = false;
    const char *wrong;
    uint64_t hits;

    faulty_arm(fault);
    wrong = stock[round->scene].run(round->tcp, &harmed);
    hits = faulty_disarm();
    if (!wrong && harmed && (hits == 0 || faulty_is_harmless(fault)))
        wrong = "it failed without reason";
    snprintf(trouble, size, "%s", wrong ? wrong : "");
    return hits;
}

/* Play it.  `trouble` is empty when all was well.  Returns how often the fault struck. */
static uint64_t round_play(const struct round *round, char *trouble, size_t size)
{
    struct balance before = balance_now();
    const char *unbalanced;
    uint64_t hits;

    round_name(round, running, sizeof running);
    alarm(ROUND_PATIENCE_S);
    if (stock[round->scene].run)
        hits = run_scene(round, trouble, size);
    else
        hits = play_scene(round, trouble, size);
    alarm(0);
    unbalanced = balance_compare(&before);
    if (!trouble[0] && unbalanced)
        snprintf(trouble, size, "%s", unbalanced);
    return hits;
}

static void watchdog(int signal)
{
    static const char text[] = ": hangs, given up\n";
    ssize_t ignored = write(2, running, strlen(running));

    ignored = write(2, text, sizeof text - 1);
    (void)ignored;
    (void)signal;
    abort();
}

/* ---- which rounds ---- */

static void rounds_add(const struct round *round)
{
    if (rounds.count == rounds.capacity) {
        rounds.capacity = rounds.capacity ? 2 * rounds.capacity : 4096;
        rounds.list = realloc(rounds.list, rounds.capacity * sizeof *rounds.list);
    }
    rounds.list[rounds.count++] = *round;
}

/* Every way in which calls 1 to `calls` of one function may fail. */
static void rounds_of_call(struct round round, enum call call, uint64_t calls)
{
    for (const int *error = faulty_errors(call); *error; error++) {
        for (uint64_t number = 1; number <= calls; number++) {
            round.fault = (struct fault){
                .call = call, .number = number, .times = 1, .error = *error
            };
            rounds_add(&round);
            round.fault.times = many_times(*error);
            rounds_add(&round);
        }
    }
}

/* Play a scene untouched, and note every way to disturb it.  False when that goes wrong. */
static bool rounds_of_scene(size_t scene, bool tcp)
{
    struct round clean = { .scene = (uint16_t)scene, .tcp = tcp, .fault.call = CALL_COUNT };
    uint64_t calls[CALL_COUNT];
    char trouble[400];

    /* The second time, so that nothing is new. */
    for (int i = 0; i < 2; i++) {
        round_play(&clean, trouble, sizeof trouble);
        if (trouble[0]) {
            printf("FAIL %s: %s\n", running, trouble);
            return false;
        }
    }
    for (int i = 0; i < CALL_COUNT; i++)
        calls[i] = faulty_calls((enum call)i);
    for (int i = 0; i < CALL_COUNT; i++)
        rounds_of_call(clean, (enum call)i, calls[i]);
    return true;
}

static void rounds_shuffle(unsigned seed, size_t sample)
{
    if (sample == 0 || sample >= rounds.count)
        return;
    srandom(seed);
    for (size_t i = 0; i < sample; i++) {
        size_t other = i + (size_t)random() % (rounds.count - i);
        struct round swapped = rounds.list[i];

        rounds.list[i] = rounds.list[other];
        rounds.list[other] = swapped;
    }
    rounds.count = sample;
}

/* ---- the sweep ---- */

/* Of all processes. */
struct tally {
    _Atomic(size_t) next;   /* the next round to be played */
    _Atomic(size_t) struck; /* rounds whose fault was reached */
    _Atomic(size_t) failed;
};

static void sweep_one(const struct round *round, const char *program, struct tally *tally)
{
    char trouble[400];
    char name[200];

    if (round_play(round, trouble, sizeof trouble) > 0)
        tally->struck++;
    if (!trouble[0])
        return;
    round_name(round, name, sizeof name);
    if (tally->failed++ < FAILURES_SHOWN)
        printf("FAIL %s: %s\n     repeat: %s%s --round %s\n", name, trouble, program,
               stock == scenes ? "" : " --front", name);
    fflush(stdout);
}

static void sweep_rounds(const char *program, struct tally *tally)
{
    size_t next;

    while ((next = tally->next++) < rounds.count)
        sweep_one(&rounds.list[next], program, tally);
}

/* The same in processes, each with a stand of its own.  One that ends otherwise has failed. */
static void sweep_by_jobs(const char *program, unsigned jobs, struct tally *tally)
{
    int status;

    for (unsigned i = 0; i < jobs; i++) {
        pid_t child = fork();

        if (child < 0)
            play_give_up("fork");
        if (child > 0)
            continue;
        play_prepare();
        if (stock == front_scenes)
            stand_prepare();
        sweep_rounds(program, tally);
        exit(0);
    }
    while (wait(&status) > 0)
        tally->failed += status != 0;
}

static int sweep(const char *program, const char *only, unsigned seed, size_t sample, unsigned jobs)
{
    struct tally *tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (tally == MAP_FAILED)
        play_give_up("mmap");

    for (size_t i = 0; i < stock_count; i++) {
        for (int tcp = 0; tcp < 2; tcp++) {
            if ((!only || strcmp(only, stock[i].name) == 0) && !rounds_of_scene(i, tcp))
                tally->failed++;
        }
    }
    printf("%zu rounds in %zu scenes", rounds.count, stock_count);
    rounds_shuffle(seed, sample);
    if (sample)
        printf("; a sample of %zu by --seed %u", rounds.count, seed);
    printf("\n");
    fflush(stdout);
    if (jobs > 1)
        sweep_by_jobs(program, jobs, tally);
    else
        sweep_rounds(program, tally);
    printf("%s: %zu rounds, %zu faults struck, %zu failed\n", tally->failed ? "FAIL" : "ok",
           rounds.count, tally->struck, tally->failed);
    if (tally->failed && sample)
        printf("repeat all: %s%s --seed %u --sample %zu\n", program,
               stock == scenes ? "" : " --front", seed, sample);
    return tally->failed ? 1 : 0;
}

/* ---- one round by its name ---- */

static int error_number(const char *text)
{
    if (strcmp(text, "ONE") == 0)
        return SHORT_ONE;
    if (strcmp(text, "LESS") == 0)
        return SHORT_LESS;
    if (strcmp(text, "NONE") == 0)
        return SHORT_NONE;
    for (int error = 1; error < 200; error++) {
        const char *name = strerrorname_np(error);

        if (name && strcmp(name, text) == 0)
            return error;
    }
    return 0;
}

static bool round_parse(char *text, struct round *round)
{
    char *parts[6] = { 0 };
    int count = 0;

    *round = (struct round){ .scene = UINT16_MAX, .fault.call = CALL_COUNT };
    for (char *part = strtok(text, "/"); part && count < 6; part = strtok(NULL, "/"))
        parts[count++] = part;
    if (count != 2 && count != 6)
        return false;
    for (size_t i = 0; i < stock_count; i++) {
        if (strcmp(stock[i].name, parts[0]) == 0)
            round->scene = (uint16_t)i;
    }
    round->tcp = strcmp(parts[1], "tcp") == 0;
    if (count == 2)
        return round->scene != UINT16_MAX;
    for (int i = 0; i < CALL_COUNT; i++) {
        if (strcmp(faulty_call_name((enum call)i), parts[2]) == 0)
            round->fault.call = (enum call)i;
    }
    round->fault.number = strtoull(parts[3], NULL, 10);
    round->fault.error = error_number(parts[4]);
    round->fault.times = parts[5][0] == 'o' ? 1 : many_times(round->fault.error);
    return round->scene != UINT16_MAX && round->fault.call != CALL_COUNT && round->fault.error;
}

static int sweep_round(char *text)
{
    struct round round;
    char trouble[400];
    uint64_t hits;

    if (!round_parse(text, &round)) {
        fprintf(stderr, "no such round\n");
        return 2;
    }
    hits = round_play(&round, trouble, sizeof trouble);
    printf("%s %s: struck %llu times%s%s\n", trouble[0] ? "FAIL" : "ok", running,
           (unsigned long long)hits, trouble[0] ? ": " : "", trouble);
    return trouble[0] ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "seed", required_argument, NULL, 's' },
        { "sample", required_argument, NULL, 'k' },
        { "scene", required_argument, NULL, 'n' },
        { "round", required_argument, NULL, 'r' },
        { "front", no_argument, NULL, 'f' },
        { "jobs", required_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 },
    };
    unsigned seed = (unsigned)play_now_ms();
    const char *scene = NULL;
    char *round = NULL;
    size_t sample = 0;
    unsigned jobs = 1;
    int option;

    stock_count = scene_count;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 's':
            seed = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'k':
            sample = strtoul(optarg, NULL, 10);
            break;
        case 'n':
            scene = optarg;
            break;
        case 'r':
            round = optarg;
            break;
        case 'f':
            stock = front_scenes;
            stock_count = front_scene_count;
            break;
        case 'j':
            jobs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            fprintf(stderr, "usage: sweep [--front] [--jobs J] [--seed S --sample K]"
                            " [--scene NAME] [--round NAME]\n");
            return 2;
        }
    }
    signal(SIGALRM, watchdog);
    faulty_install();
    faulty_hurry(HURRY);
    play_prepare();
    if (stock == front_scenes)
        stand_prepare();
    if (round)
        return sweep_round(round);
    return sweep(argv[0], scene, seed, sample, jobs);
}
