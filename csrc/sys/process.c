/* What concerns the whole process: forks, SIGPIPE, the kernel's abilities, error texts. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sys/sys.h"

static atomic_uint generation;
static atomic_uint forks;
static pthread_once_t watching = PTHREAD_ONCE_INIT;
static int watch_error;

static void process_forked(void)
{
    atomic_fetch_add(&generation, 1);
}

static void process_has_forked(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void process_watch(void)
{
    watch_error = pthread_atfork(NULL, process_has_forked, process_forked);
}

unsigned sys_forks(void)
{
    return atomic_load_explicit(&forks, memory_order_relaxed);
}

unsigned sys_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

int sys_watch_forks(void)
{
    pthread_once(&watching, process_watch);
    return -watch_error;
}

void sys_signal_block(struct sys_signal *before, int number)
{
    struct sigaction action;
    sigset_t pending;
    sigset_t set;
    sigset_t mask;

    before->number = 0;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
        return;
    before->number = number;
    sigpending(&pending);
    before->was_pending = sigismember(&pending, number) == 1;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_BLOCK, &set, &mask);
    before->was_blocked = sigismember(&mask, number) == 1;
}

void sys_signal_restore(const struct sys_signal *before)
{
    static const struct timespec at_once;
    sigset_t set;

    if (!before->number)
        return;
    sigemptyset(&set);
    sigaddset(&set, before->number);
    if (!before->was_pending)
        sigtimedwait(&set, NULL, &at_once);
    if (!before->was_blocked)
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* openat2 with RESOLVE_CACHED is the youngest call of the product: Linux 5.12.  An older kernel
 * finds the flag unknown before it finds the path empty.  Where openat2 is forbidden, as in some
 * containers, nothing can be told, and the engine does without. */
const char *sys_kernel_lacks(void)
{
    struct {
        uint64_t flags, mode, resolve;
    } how = { .flags = O_PATH | O_CLOEXEC, .resolve = 0x20 /* RESOLVE_CACHED */ };

    if (syscall(SYS_openat2, AT_FDCWD, "", &how, sizeof how) < 0 && errno == EINVAL)
        return "Linux 5.12 or newer is needed: this kernel does not know RESOLVE_CACHED";
    return NULL;
}

const char *sys_error_text(int error)
{
    static const struct {
        int error;
        const char *text;
    } texts[] = {
        { EACCES, "permission denied (EACCES)" },
        { EAGAIN, "resource not available now (EAGAIN)" },
        { EBADF, "not an open descriptor (EBADF)" },
        { EBUSY, "busy (EBUSY)" },
        { ECANCELED, "cancelled (ECANCELED)" },
        { ECONNABORTED, "connection aborted (ECONNABORTED)" },
        { ECONNRESET, "connection reset by the peer (ECONNRESET)" },
        { EDQUOT, "disk quota exceeded (EDQUOT)" },
        { EEXIST, "already there (EEXIST)" },
        { EFBIG, "file too large (EFBIG)" },
        { EHOSTUNREACH, "no route to the host (EHOSTUNREACH)" },
        { EINTR, "interrupted by a signal (EINTR)" },
        { EINVAL, "invalid argument (EINVAL)" },
        { EIO, "input/output error (EIO)" },
        { EISDIR, "is a directory (EISDIR)" },
        { EMFILE, "too many open files in this process (EMFILE)" },
        { ENETDOWN, "network is down (ENETDOWN)" },
        { ENETUNREACH, "network is unreachable (ENETUNREACH)" },
        { ENFILE, "too many open files in the system (ENFILE)" },
        { ENOBUFS, "no buffer space (ENOBUFS)" },
        { ENODATA, "ended before its count (ENODATA)" },
        { ENOENT, "no such file (ENOENT)" },
        { ENOMEM, "out of memory (ENOMEM)" },
        { ENOSPC, "no space left on the device (ENOSPC)" },
        { ENOTCONN, "not connected (ENOTCONN)" },
        { ENOTSOCK, "not a socket (ENOTSOCK)" },
        { EPERM, "not permitted (EPERM)" },
        { EPIPE, "the peer has closed (EPIPE)" },
        { EROFS, "read-only file system (EROFS)" },
        { ESPIPE, "cannot seek (ESPIPE)" },
        { ETIMEDOUT, "timed out (ETIMEDOUT)" },
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].error == error)
            return texts[i].text;
    }
    return "system error";
}
