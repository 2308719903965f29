#include "engine/queue.h"

#include "engine/call.h"

int queue_init(struct queue *queue, const struct sys *sys, int overflow_fd, int loop_wake_fd)
{
    int status;

    *queue = (struct queue){
        .sys = sys, .event_fd = -1, .epoll_fd = -1, .overflow_fd = overflow_fd
    };
    pthread_mutex_init(&queue->lock, NULL);
    list_init(&queue->items);
    if (loop_wake_fd >= 0) {
        queue->hosted = true;
        queue->event_fd = loop_wake_fd;
        return 0;
    }
    queue->event_fd = sys->event_open();
    if (queue->event_fd < 0)
        return queue->event_fd;
    queue->epoll_fd = sys->epoll_open();
    if (queue->epoll_fd < 0)
        return queue->epoll_fd;
    status = sys->epoll_set(queue->epoll_fd, EPOLL_CTL_ADD, queue->event_fd, EPOLLIN, 0);
    if (status == 0 && overflow_fd >= 0)
        status = sys->epoll_set(queue->epoll_fd, EPOLL_CTL_ADD, overflow_fd,
                                EPOLLIN | EPOLLEXCLUSIVE, 1);
    return status;
}

void queue_deinit(struct queue *queue)
{
    if (!queue->sys)
        return;
    while (!list_empty(&queue->items)) {
        struct call *call = list_entry(list_take_first(&queue->items), struct call, link);

        if (call->request.kind == UWO_REQUEST)
            call_free(call);
    }
    if (queue->event_fd >= 0 && !queue->hosted)
        queue->sys->close(queue->event_fd);
    if (queue->epoll_fd >= 0)
        queue->sys->close(queue->epoll_fd);
    pthread_mutex_destroy(&queue->lock);
    queue->sys = NULL;
}

/* Under the lock, which this releases. */
static void queue_unlock_and_signal(struct queue *queue)
{
    bool signal = queue->idle > 0 && !queue->hosted;

    pthread_mutex_unlock(&queue->lock);
    if (signal)
        queue->sys->event_signal(queue->event_fd);
}

bool queue_put(struct queue *queue, struct call *call, bool always)
{
    pthread_mutex_lock(&queue->lock);
    if (!always && queue->count >= queue->idle) {
        pthread_mutex_unlock(&queue->lock);
        return false;
    }
    list_append(&queue->items, &call->link);
    queue->count++;
    queue_unlock_and_signal(queue);
    return true;
}

void queue_put_room(struct queue *queue, struct call *call)
{
    pthread_mutex_lock(&queue->lock);
    if (call->in_queue) {
        pthread_mutex_unlock(&queue->lock);
        return;
    }
    call->in_queue = true;
    list_append(&queue->items, &call->link);
    queue_unlock_and_signal(queue);
}

void queue_forget(struct queue *queue, struct call *call)
{
    pthread_mutex_lock(&queue->lock);
    if (call->in_queue)
        list_remove(&call->link);
    call->in_queue = false;
    pthread_mutex_unlock(&queue->lock);
}

struct call *queue_surplus(struct queue *queue)
{
    struct call *found = NULL;

    pthread_mutex_lock(&queue->lock);
    if (queue->count > queue->idle) {
        for (struct list *at = queue->items.previous; at != &queue->items && !found;
             at = at->previous) {
            struct call *call = list_entry(at, struct call, link);

            if (!call->in_queue && !call->stays)
                found = call;
        }
        if (found) {
            list_remove(&found->link);
            queue->count--;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return found;
}

struct call *queue_next(struct queue *queue)
{
    struct list *first;
    struct call *call = NULL;

    pthread_mutex_lock(&queue->lock);
    first = list_take_first(&queue->items);
    if (first) {
        call = list_entry(first, struct call, link);
        if (call->in_queue) {
            call->in_queue = false;
        } else {
            queue->count--;
            queue->busy++;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return call;
}

int queue_wait(struct queue *queue, int timeout_ms)
{
    struct epoll_event event;
    int found;

    pthread_mutex_lock(&queue->lock);
    if (queue->wakes > 0 || !list_empty(&queue->items)) {
        bool woken = list_empty(&queue->items);

        if (woken)
            queue->wakes--;
        pthread_mutex_unlock(&queue->lock);
        return woken ? 0 : 1;
    }
    queue->idle++;
    pthread_mutex_unlock(&queue->lock);
    found = queue->sys->epoll_wait(queue->epoll_fd, &event, 1, timeout_ms);
    pthread_mutex_lock(&queue->lock);
    queue->idle--;
    if (found > 0 && event.data.u64 == 0)
        queue->sys->event_clear(queue->event_fd);
    /* One signal may have stood for several: whoever else waits must look too. */
    if (queue->idle > 0 && (queue->wakes > 0 || !list_empty(&queue->items)))
        queue->sys->event_signal(queue->event_fd);
    pthread_mutex_unlock(&queue->lock);
    return found > 0 ? 1 : found;
}

void queue_set_free(struct queue *queue, bool is_free)
{
    pthread_mutex_lock(&queue->lock);
    queue->idle = is_free;
    pthread_mutex_unlock(&queue->lock);
}

bool queue_calls(struct queue *queue)
{
    bool calls;

    pthread_mutex_lock(&queue->lock);
    calls = queue->wakes > 0 || !list_empty(&queue->items);
    pthread_mutex_unlock(&queue->lock);
    return calls;
}

bool queue_take_wake(struct queue *queue)
{
    bool woken;

    pthread_mutex_lock(&queue->lock);
    woken = queue->wakes > 0;
    queue->wakes -= woken;
    pthread_mutex_unlock(&queue->lock);
    return woken;
}

void queue_wake(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->wakes++;
    pthread_mutex_unlock(&queue->lock);
    queue->sys->event_signal(queue->event_fd);
}

void queue_answered(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->busy--;
    pthread_mutex_unlock(&queue->lock);
}

void queue_adopted(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->busy++;
    pthread_mutex_unlock(&queue->lock);
}

uint32_t queue_waiting(struct queue *queue)
{
    uint32_t count;

    pthread_mutex_lock(&queue->lock);
    count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

uint32_t queue_busy(struct queue *queue)
{
    uint32_t busy;

    pthread_mutex_lock(&queue->lock);
    busy = queue->busy;
    pthread_mutex_unlock(&queue->lock);
    return busy;
}
