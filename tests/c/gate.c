#define _GNU_SOURCE
#include "gate.h"

#include <pthread.h>
#include <string.h>

#include "play.h"

enum { GATE_PATIENCE_S = 20 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum call call;
    const char *thread;
    bool closed;
    unsigned waiting;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static bool gate_concerns(enum call call)
{
    char name[16];

    if (!gate.closed || call != gate.call)
        return false;
    return !gate.thread || (pthread_getname_np(pthread_self(), name, sizeof name) == 0 &&
                            strcmp(name, gate.thread) == 0);
}

static void gate_before(enum call call, int fd, void *context)
{
    (void)fd;
    (void)context;
    pthread_mutex_lock(&gate.lock);
    if (gate_concerns(call)) {
        gate.waiting++;
        pthread_cond_broadcast(&gate.changed);
        while (gate.closed)
            pthread_cond_wait(&gate.changed, &gate.lock);
        gate.waiting--;
    }
    pthread_mutex_unlock(&gate.lock);
}

void gate_close(enum call call, const char *thread)
{
    pthread_mutex_lock(&gate.lock);
    gate.call = call;
    gate.thread = thread;
    gate.closed = true;
    pthread_mutex_unlock(&gate.lock);
    faulty_before(gate_before, NULL);
}

void gate_await(unsigned count)
{
    struct timespec until;
    int status = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += GATE_PATIENCE_S;
    pthread_mutex_lock(&gate.lock);
    while (gate.waiting < count && status == 0)
        status = pthread_cond_timedwait(&gate.changed, &gate.lock, &until);
    pthread_mutex_unlock(&gate.lock);
    if (status != 0)
        play_give_up("nobody comes to the gate");
}

void gate_open(void)
{
    faulty_before(NULL, NULL);
    pthread_mutex_lock(&gate.lock);
    gate.closed = false;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}
