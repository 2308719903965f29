/* The public functions: check the arguments, make one call down. */
#include "api/check.h"
#include "engine/hosted.h"
#include "engine/life.h"
#include "engine/reap.h"
#include "engine/submit.h"

static bool forked(const struct uwo_engine *engine)
{
    return engine->generation != sys_generation();
}

/* ---- life ---- */

int uwo_engine_create(const struct uwo_engine_options *options, struct uwo_engine **engine,
                      struct uwo_error *error)
{
    struct uwo_engine_options complete;
    const char *lacks = sys_kernel_lacks();
    int status;

    if (lacks)
        return check_fail(error, -1, UWO_E_UNSUPPORTED, "%s", lacks);
    status = check_options(options, &complete, error);
    if (status == 0)
        status = sys_watch_forks();
    if (status == 0)
        status = life_create(sys_default, &complete, engine);
    if (status < 0 && status != UWO_E_INVALID)
        check_fail(error, -1, status, "the engine could not be made: %s", uwo_status_text(status));
    return status;
}

int uwo_engine_drain(struct uwo_engine *engine)
{
    if (forked(engine))
        return UWO_E_FORKED;
    pthread_mutex_lock(&engine->lock);
    engine->draining = true;
    pthread_mutex_unlock(&engine->lock);
    return UWO_OK;
}

int uwo_engine_stop(struct uwo_engine *engine)
{
    return forked(engine) ? UWO_E_FORKED : life_stop(engine);
}

void uwo_engine_destroy(struct uwo_engine *engine)
{
    if (engine && !forked(engine))
        life_destroy(engine);
}

int uwo_engine_fd(const struct uwo_engine *engine)
{
    return engine->event_fd;
}

int uwo_engine_turn(struct uwo_engine *engine, int timeout_ms)
{
    if (forked(engine))
        return UWO_E_FORKED;
    return engine->hosted ? hosted_turn(engine, timeout_ms) : UWO_E_INVALID;
}

int uwo_engine_watch(struct uwo_engine *engine, int fd, bool on)
{
    if (forked(engine))
        return UWO_E_FORKED;
    return engine->hosted ? loop_watch(&engine->loops[0], fd, on) : UWO_E_INVALID;
}

uint64_t uwo_engine_count(const struct uwo_engine *engine)
{
    struct uwo_engine *locked = (struct uwo_engine *)(uintptr_t)engine;
    uint64_t count;

    if (forked(engine))
        return 0;
    pthread_mutex_lock(&locked->lock);
    count = engine->slots.taken_count;
    pthread_mutex_unlock(&locked->lock);
    return count;
}

/* ---- submit ---- */

static int explain(const struct uwo_engine *engine, int client_fd, int status,
                   struct uwo_error *error)
{
    switch (status) {
    case UWO_E_INVALID:
        return check_fail(error, -1, status,
                          "client_fd is %d: it was handed over already, and its transfer has not "
                          "ended; a connected stream socket of your own is needed",
                          client_fd);
    case UWO_E_FULL:
        return check_fail(error, -1, status,
                          "transfers_max is reached: %u transfers are live or not yet reaped; "
                          "collect their completions, or raise it",
                          engine->options.transfers_max);
    case UWO_E_CLOSED:
        return check_fail(error, -1, status, "the engine is draining or closed: it takes no more");
    default:
        return check_fail(error, -1, status, "the transfer could not be reserved: %s",
                          uwo_status_text(status));
    }
}

static bool splices(const struct uwo_program *program)
{
    for (size_t i = 0; i < program->count; i++) {
        if (program->instructions[i].kind == UWO_SPLICE)
            return true;
    }
    return false;
}

int uwo_engine_reserve_batch(struct uwo_engine *engine, const int *client_fds,
                             const struct uwo_program *const *programs, bool same_program,
                             const struct uwo_transfer *wanted, size_t count, uint64_t *ids,
                             struct uwo_error *error)
{
    struct uwo_transfer complete;
    struct checked checked[CHECK_INSTRUCTIONS_MAX];
    struct submission submission = { .wanted = &complete, .checked = checked };
    size_t done = 0;
    int status;

    if (forked(engine))
        return check_fail(error, -1, UWO_E_FORKED, "%s", uwo_status_text(UWO_E_FORKED));
    status = check_transfer(wanted, &complete, error);
    while (status == 0 && done < count) {
        int client_fd = client_fds[done];

        submission.client_fd = client_fd;
        submission.tag = complete.tag + done;
        status = check_client(engine->sys, client_fd, complete.flags & UWO_STREAM, &submission.tcp,
                              error);
        if (status < 0 && error && count > 1)
            error->index = (int)done;
        if (status == 0 && (done == 0 || !same_program || splices(submission.program))) {
            submission.program = programs[same_program ? 0 : done];
            status = check_program(engine->sys, submission.program, client_fd,
                                   same_program && count > 1, checked, error);
        }
        if (status < 0)
            break;
        status = submit_reserve(engine, &submission, &ids[done]);
        if (status < 0)
            explain(engine, client_fd, status, error);
        else
            done++;
    }
    if (status < 0)
        submit_abandon(engine, ids, done);
    return status;
}

int uwo_engine_reserve(struct uwo_engine *engine, int client_fd, const struct uwo_program *program,
                       const struct uwo_transfer *wanted, uint64_t *id, struct uwo_error *error)
{
    return uwo_engine_reserve_batch(engine, &client_fd, &program, true, wanted, 1, id, error);
}

void uwo_engine_commit(struct uwo_engine *engine, const uint64_t *ids, size_t count)
{
    if (!forked(engine))
        submit_commit(engine, ids, count);
}

void uwo_engine_abandon(struct uwo_engine *engine, const uint64_t *ids, size_t count)
{
    if (!forked(engine))
        submit_abandon(engine, ids, count);
}

int uwo_engine_submit(struct uwo_engine *engine, int client_fd, const struct uwo_program *program,
                      const struct uwo_transfer *wanted, uint64_t *id, struct uwo_error *error)
{
    uint64_t reserved;
    int status = uwo_engine_reserve(engine, client_fd, program, wanted, &reserved, error);

    if (status < 0)
        return status;
    if (id)
        *id = reserved;
    submit_commit(engine, &reserved, 1);
    return UWO_OK;
}

/* ---- by id ---- */

int uwo_transfer_append(struct uwo_engine *engine, uint64_t id, const struct uwo_program *program,
                        struct uwo_error *error)
{
    struct checked checked[CHECK_INSTRUCTIONS_MAX];
    struct submission submission = { .client_fd = -1, .program = program, .checked = checked };
    int status;

    if (forked(engine))
        return check_fail(error, -1, UWO_E_FORKED, "%s", uwo_status_text(UWO_E_FORKED));
    status = check_program(engine->sys, program, -1, false, checked, error);
    if (status < 0)
        return status;
    status = submit_append(engine, id, &submission);
    if (status == UWO_E_INVALID)
        return check_fail(
            error, -1, status,
            "the transfer does not grow, or was finished: submit it as growing, and append "
            "before finish");
    if (status < 0 && status != UWO_E_FULL)
        return check_fail(error, -1, status, "nothing was appended: %s", uwo_status_text(status));
    return status;
}

int uwo_transfer_finish(struct uwo_engine *engine, uint64_t id)
{
    return forked(engine) ? UWO_E_FORKED : submit_finish(engine, id);
}

void uwo_transfer_cancel(struct uwo_engine *engine, uint64_t id)
{
    if (!forked(engine))
        submit_cancel(engine, id);
}

int uwo_transfer_progress(struct uwo_engine *engine, uint64_t id, struct uwo_progress *progress)
{
    if (forked(engine))
        return UWO_E_FORKED;
    if (progress->size != sizeof *progress)
        return UWO_E_INVALID;
    return submit_progress(engine, id, progress);
}

/* ---- completions ---- */

int uwo_engine_reap(struct uwo_engine *engine, struct uwo_event *events, size_t max)
{
    if (forked(engine))
        return UWO_E_FORKED;
    if (max == 0 || max > INT32_MAX || events->size != sizeof *events)
        return UWO_E_INVALID;

    uint32_t before = atomic_load(&engine->wakes);
    int count = reap_events(engine, events, max);
    uint32_t wakes = atomic_load(&engine->wakes);

    /* A wake is for those who wait; where nobody does, it has done its work by making the
     * descriptor readable.  A newer one stays. */
    if (wakes > 0 && atomic_load(&engine->waiters) > 0)
        engine->sys->event_signal(engine->event_fd);
    else if (wakes > 0 && wakes == before)
        atomic_compare_exchange_strong(&engine->wakes, &wakes, 0);
    return count;
}

/* Take one wake, and pass the next one on; false when there is none. */
static bool take_wake(struct uwo_engine *engine)
{
    uint32_t wakes = atomic_load(&engine->wakes);

    while (wakes > 0 && !atomic_compare_exchange_weak(&engine->wakes, &wakes, wakes - 1))
        ;
    if (wakes > 1)
        engine->sys->event_signal(engine->event_fd);
    return wakes > 0;
}

/* Wait for events until until_us (UINT64_MAX: for ever). */
static int wait_until(struct uwo_engine *engine, struct uwo_event *events, size_t max,
                      uint64_t until_us)
{
    const struct sys *sys = engine->sys;

    for (;;) {
        int count = reap_events(engine, events, max);
        uint64_t now_us = sys->now_us();
        uint64_t left_ms = now_us >= until_us ? 0 : (until_us - now_us + 999) / 1000;
        int ready;

        if (count != 0 && atomic_load(&engine->wakes) > 0) /* its signal may have been ours */
            engine->sys->event_signal(engine->event_fd);
        if (count != 0 || take_wake(engine) || left_ms == 0)
            return count;
        ready = sys->event_wait(engine->event_fd, left_ms > INT32_MAX ? -1 : (int)left_ms);
        if (ready < 0)
            return ready;
    }
}

/* The same where this thread runs the loop meanwhile. */
static int wait_hosted(struct uwo_engine *engine, struct uwo_event *events, size_t max,
                       uint64_t until_us)
{
    int count = reap_events(engine, events, max);

    while (count == 0 && !take_wake(engine)) {
        int status = hosted_wait(engine, until_us);

        count = reap_events(engine, events, max);
        if (count == 0 && status <= 0)
            return status;
    }
    return count;
}

int uwo_engine_wait(struct uwo_engine *engine, struct uwo_event *events, size_t max, int timeout_ms)
{
    uint64_t until_us = UINT64_MAX;
    int count;

    if (forked(engine))
        return UWO_E_FORKED;
    if (max == 0 || max > INT32_MAX || events->size != sizeof *events)
        return UWO_E_INVALID;
    if (timeout_ms >= 0)
        until_us = engine->sys->now_us() + (uint64_t)timeout_ms * 1000;
    atomic_fetch_add(&engine->waiters, 1);
    count = hosted_here(engine) ? wait_hosted(engine, events, max, until_us)
                                : wait_until(engine, events, max, until_us);
    atomic_fetch_sub(&engine->waiters, 1);
    return count;
}

void uwo_engine_wake(struct uwo_engine *engine)
{
    if (forked(engine))
        return;
    atomic_fetch_add(&engine->wakes, 1);
    engine->sys->event_signal(engine->event_fd);
    if (engine->hosted)
        engine->sys->event_signal(engine->loops[0].wake_fd);
}

void uwo_free(void *memory)
{
    sys_default->release(memory);
}
