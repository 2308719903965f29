#include "engine/disk.h"

#include "engine/look.h"

/* Read the range for its side effect: afterwards it is in the page cache. */
static int64_t disk_read(const struct sys *sys, const struct disk_job *job, void *piece)
{
    uint64_t at = 0;

    while (at < job->length) {
        uint64_t left = job->length - at;
        int64_t got = sys->read_at(job->fd, piece, left < DISK_PIECE ? left : DISK_PIECE,
                                   job->offset + (int64_t)at);

        if (got == -EINTR)
            continue;
        if (got < 0)
            return got;
        if (got == 0) /* the file has shrunk: sending it will find that out */
            break;
        at += (uint64_t)got;
    }
    return (int64_t)at;
}

static int64_t disk_write(const struct sys *sys, const struct disk_job *job)
{
    int64_t written;

    do
        written = sys->write_at(job->fd, job->data, job->length, job->offset);
    while (written == -EINTR);
    return written;
}

/* All of it: 0, or -errno. */
static int64_t disk_spool(const struct sys *sys, struct disk_job *job)
{
    uint64_t done = 0;

    if (job->fd < 0)
        job->fd = sys->spool(job->path);
    if (job->fd < 0) {
        int error = job->fd;

        job->fd = -1;
        return error;
    }
    while (done < job->length) {
        int64_t written = sys->write_at(job->fd, (const char *)job->data + done, job->length - done,
                                        job->offset + (int64_t)done);

        if (written == -EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? written : -EIO;
        done += (uint64_t)written;
    }
    return 0;
}

static int64_t disk_carry_out(const struct sys *sys, struct disk_job *job, void *piece)
{
    switch (job->kind) {
    case DISK_READ:
        return disk_read(sys, job, piece);
    case DISK_WRITE:
        return disk_write(sys, job);
    case DISK_SPOOL:
        return disk_spool(sys, job);
    case DISK_LOOK:
        sys->look(job->look->site->roots[job->look->root], job->look->path, false,
                  &job->look->found);
        return 0;
    default:
        sys->close_file(job->fd);
        return 0;
    }
}

static struct disk_job *disk_take(struct disk *disk)
{
    struct disk_job *job;

    pthread_mutex_lock(&disk->lock);
    while (!disk->first && !disk->stopping)
        pthread_cond_wait(&disk->changed, &disk->lock);
    job = disk->first;
    if (job) {
        disk->first = job->next;
        if (!disk->first)
            disk->last = NULL;
    }
    pthread_mutex_unlock(&disk->lock);
    return job;
}

static void *disk_run(void *argument)
{
    struct disk *disk = argument;
    char piece[DISK_PIECE];
    struct disk_job *job;

    while ((job = disk_take(disk))) {
        job->result = disk_carry_out(disk->sys, job, piece);
        disk->done(disk->context, job);
    }
    return NULL;
}

int disk_start(struct disk *disk, const struct sys *sys, uint32_t threads,
               void (*done)(void *context, struct disk_job *job), void *context)
{
    *disk = (struct disk){ .sys = sys, .done = done, .context = context };
    pthread_mutex_init(&disk->lock, NULL);
    pthread_cond_init(&disk->changed, NULL);
    while (disk->thread_count < threads) {
        int status = sys->thread_start(&disk->threads[disk->thread_count], "uwo-disk", disk_run,
                                       disk);

        if (status < 0) {
            disk_stop(disk, false);
            return status;
        }
        disk->thread_count++;
    }
    return 0;
}

void disk_submit(struct disk *disk, struct disk_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&disk->lock);
    if (disk->last)
        disk->last->next = job;
    else
        disk->first = job;
    disk->last = job;
    pthread_cond_signal(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
}

void disk_stop(struct disk *disk, bool stuck)
{
    if (!disk->sys)
        return;
    pthread_mutex_lock(&disk->lock);
    disk->stopping = true;
    pthread_cond_broadcast(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
    for (uint32_t i = 0; i < disk->thread_count; i++) {
        if (stuck)
            pthread_detach(disk->threads[i]);
        else
            pthread_join(disk->threads[i], NULL);
    }
    disk->thread_count = 0;
    if (!stuck) {
        pthread_cond_destroy(&disk->changed);
        pthread_mutex_destroy(&disk->lock);
        disk->sys = NULL;
    }
}
