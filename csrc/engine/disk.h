/* disk: a few helper threads for whatever may wait for a disk, so that no loop ever does.
 *
 * A job lives in its transfer, which has at most one under way: the queue cannot overflow.  From
 * disk_submit until `done` is called (in the helper) the job and what it points to belong to the
 * helper. */
#ifndef ENGINE_DISK_H
#define ENGINE_DISK_H

#include "sys/sys.h"

struct look;

enum disk_kind {
    DISK_READ,  /* bring a range into memory */
    DISK_WRITE, /* a buffer into a file */
    DISK_SPOOL, /* a buffer into a file without a name, which is made when fd is -1 */
    DISK_LOOK,  /* look a file up */
    DISK_CLOSE, /* close a file: a network file system may write now */
};

enum { DISK_THREADS_MAX = 64, DISK_PIECE = 32 << 10 };

struct disk_job {
    struct disk_job *next;
    void *owner;  /* for `done` */
    uint8_t kind; /* enum disk_kind */
    int fd;
    int64_t offset;
    uint64_t length;
    union {
        const void *data;  /* DISK_WRITE, DISK_SPOOL */
        struct look *look; /* DISK_LOOK */
    };
    const char *path; /* DISK_SPOOL: the directory */
    int64_t result;   /* bytes, or -errno */
};

struct disk {
    const struct sys *sys;
    void (*done)(void *context, struct disk_job *job); /* called in the helper, as its last act */
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct disk_job *first;
    struct disk_job *last;
    bool stopping;
    uint32_t thread_count;
    pthread_t threads[DISK_THREADS_MAX];
};

/* Start the helpers.  Returns 0 or -errno, with none left running. */
int disk_start(struct disk *disk, const struct sys *sys, uint32_t threads,
               void (*done)(void *context, struct disk_job *job), void *context);

/* Queue a job.  Never fails.  Thread: any. */
void disk_submit(struct disk *disk, struct disk_job *job);

/* End the helpers after the jobs that are queued, and wait for them; or leave them behind when
 * `stuck`: the disk and what its jobs point to must then stay for ever. */
void disk_stop(struct disk *disk, bool stuck);

#endif
