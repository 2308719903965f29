/* table: what csrc/sys answers when things go wrong, each function by itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "play.h"
#include "sys/sys.h"

static const struct sys *const sys = &sys_linux;

/* Sanitizers need address space of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

/* Counters of a coverage build, which a forked child that ends by _exit would lose. */
extern void __gcov_dump(void) __attribute__((weak));

/* Run it in a child of its own.  True when it said so. */
static bool in_child(bool (*holds)(void))
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        bool good = holds();

        if (__gcov_dump)
            __gcov_dump();
        _exit(good ? 0 : 1);
    }
    waitpid(child, &status, 0);
    return status == 0;
}

static void claim_bad_descriptor(void)
{
    enum { BAD = 9999 };
    struct sys_file file;
    struct sys_socket socket;
    char byte = 0;
    int fds[2];

    CLAIM(sys->epoll_set(BAD, EPOLL_CTL_ADD, BAD, 0, 0) == -EBADF &&
              sys->epoll_wait(BAD, &(struct epoll_event){ 0 }, 1, 0) == -EBADF &&
              sys->event_clear(BAD) == -EBADF,
          "waiting says EBADF");
    sys->event_signal(BAD); /* nobody can be told */
    CLAIM(sys->file_info(BAD, &file) == -EBADF && sys->socket_info(BAD, &socket) == -EBADF &&
              sys->duplicate(BAD) == -EBADF && sys->nonblocking(BAD, true) == -EBADF,
          "descriptors say EBADF");
    CLAIM(sys->send(BAD, &byte, 1, false) == -EBADF && sys->receive(BAD, &byte, 1) == -EBADF &&
              sys->peek(BAD, &byte, 1) == -EBADF && sys->shutdown(BAD, SYS_SHUT_WRITE) == -EBADF &&
              sys->shutdown(BAD, SYS_SHUT_BOTH) == -EBADF,
          "sockets say EBADF");
    CLAIM(sys->unsent(BAD) == -EBADF && sys->unread(BAD) == -EBADF &&
              sys->cork(BAD, SYS_CORK_IN) == -EBADF && sys->push(BAD) == -EBADF &&
              sys->error(BAD) == EBADF,
          "questions say EBADF");
    sys->reset(BAD);
    CLAIM(sys->send_file(BAD, BAD, 0, 1) == -EBADF && sys->splice(BAD, BAD, 1, true) == -EBADF,
          "moving says EBADF");
    CLAIM(sys->file_cached(BAD, 0, 1) == 0 && sys->file_size(BAD) == -EBADF &&
              sys->read_at(BAD, &byte, 1, 0) == -EBADF &&
              sys->write_at(BAD, &byte, 1, 0) == -EBADF && sys->resize(BAD, 1) == -EBADF &&
              !sys->map(BAD, 4096),
          "files say EBADF");
    CLAIM(sys->pipe_open(fds, -1) < 0, "a pipe of an impossible size is refused");
    CLAIM(!sys->arena_map(SIZE_MAX / 2), "an arena of an impossible size is refused");
}

static bool no_descriptors(void)
{
    struct rlimit limit;
    int fds[2];

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &limit);

    bool good = sys->pipe_open(fds, 65536) == -EMFILE && sys->epoll_open() == -EMFILE &&
                sys->event_open() == -EMFILE && sys->memory_file("x") == -EMFILE &&
                sys->open_file("/tmp") < 0;

    limit.rlim_cur = limit.rlim_max; /* for what the sanitizers write at the end */
    setrlimit(RLIMIT_NOFILE, &limit);
    return good;
}

static void *run_nothing(void *argument)
{
    return argument;
}

static bool no_threads(void)
{
    struct rlimit limit;
    pthread_t thread;
    int status;

    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = 1 << 20; /* less than there is: no stack to be had */
    setrlimit(RLIMIT_AS, &limit);
    status = sys->thread_start(&thread, "never", run_nothing, NULL);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_AS, &limit);
    return status == -EAGAIN;
}

static bool file_too_large(void)
{
    struct rlimit limit = { .rlim_cur = 4096, .rlim_max = RLIM_INFINITY };
    int fd = sys->memory_file("large");
    int status;

    signal(SIGXFSZ, SIG_DFL);
    setrlimit(RLIMIT_FSIZE, &limit);
    status = sys->resize(fd, 1 << 20);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    return status == -EFBIG;
}

/* There is a descriptor for the handle, and none for the file. */
static bool one_descriptor(void)
{
    bool directory;
    int root = sys->open_root("/etc", &directory);
    struct sys_found found = { .fd = -1 };
    struct rlimit limit;
    int free_fd = dup(root);
    bool closed;

    if (root < 0 || free_fd < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    limit.rlim_cur = (rlim_t)free_fd + 1;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    close(free_fd);
    sys->look(root, "passwd", false, &found);
    closed = dup(root) == free_fd; /* the handle is */
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return closed && found.fd == -1 && found.error == EMFILE;
}

static void claim_exhaustion(void)
{
    CLAIM(in_child(one_descriptor), "a descriptor for the look, none for the file: EMFILE");
    CLAIM(in_child(no_descriptors), "without descriptors: EMFILE");
    CLAIM(SANITIZED || in_child(no_threads), "without memory for a stack: EAGAIN, no thread");
    CLAIM(in_child(file_too_large), "a file beyond the limit: EFBIG, and no signal");
}

/* ---- signals that a call raises ---- */

static bool blocked(int number)
{
    sigset_t set;

    pthread_sigmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, number) == 1;
}

static bool pending(int number)
{
    sigset_t set;

    sigpending(&set);
    return sigismember(&set, number) == 1;
}

static void block(int number, bool on)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static bool raised_meanwhile(void)
{
    struct sys_signal before;

    signal(SIGPIPE, SIG_DFL);
    sys_signal_block(&before, SIGPIPE);
    raise(SIGPIPE);
    sys_signal_restore(&before);
    return !blocked(SIGPIPE) && !pending(SIGPIPE);
}

static bool pending_before(void)
{
    struct sys_signal before;
    bool still;

    signal(SIGPIPE, SIG_DFL);
    block(SIGPIPE, true);
    raise(SIGPIPE);
    sys_signal_block(&before, SIGPIPE);
    sys_signal_restore(&before);
    still = blocked(SIGPIPE) && pending(SIGPIPE);
    signal(SIGPIPE, SIG_IGN);
    return still;
}

static bool ignored_anyway(void)
{
    struct sys_signal before;

    signal(SIGPIPE, SIG_IGN);
    sys_signal_block(&before, SIGPIPE);
    raise(SIGPIPE);
    sys_signal_restore(&before);
    return !blocked(SIGPIPE) && !pending(SIGPIPE);
}

static void claim_signals(void)
{
    CLAIM(in_child(raised_meanwhile), "a signal raised meanwhile is swallowed");
    CLAIM(in_child(pending_before), "one that was pending before stays, and stays blocked");
    CLAIM(in_child(ignored_anyway), "one that is ignored is left alone");
}

/* ---- sockets ---- */

static void claim_cork_and_push(void)
{
    char buffer[10];
    int fds[2];
    int unix_fds[2];

    play_sockets(true, fds);
    play_sockets(false, unix_fds);
    CLAIM(sys->cork(fds[0], SYS_CORK_IN) == 0 && sys->cork(fds[0], SYS_CORK_IN) == 1,
          "a cork that is in already is somebody else's");
    sys->send(fds[0], "hello", 5, false);
    CLAIM(recv(fds[1], buffer, sizeof buffer, MSG_DONTWAIT) < 0, "corked bytes stay");
    CLAIM(sys->cork(fds[0], SYS_CORK_OUT) == 0 && recv(fds[1], buffer, sizeof buffer, 0) == 5,
          "without the cork they go");
    sys->send(fds[0], "hello", 5, true);
    CLAIM(sys->push(fds[0]) == 0 && recv(fds[1], buffer, sizeof buffer, 0) == 5,
          "push lets out what `more` held back");
    CLAIM(sys->push(fds[0]) == 0, "push again");
    CLAIM(sys->push(fds[1]) == 0, "push where Nagle is off already");
    CLAIM(sys->push(unix_fds[0]) == 0, "a UNIX socket holds nothing back");
    CLAIM(sys->cork(unix_fds[0], SYS_CORK_IN) < 0, "nor is there a cork for it");
    for (int i = 0; i < 2; i++) {
        close(fds[i]);
        close(unix_fds[i]);
    }
}

static void claim_ends(void)
{
    char byte;
    int fds[2];

    play_sockets(true, fds);
    CLAIM(sys->shutdown(fds[0], SYS_SHUT_BOTH) == 0 && recv(fds[1], &byte, 1, 0) == 0,
          "both ways shut: the peer sees the end");
    close(fds[0]);
    close(fds[1]);
    for (int tcp = 0; tcp < 2; tcp++) {
        play_sockets(tcp, fds);
        sys->reset(fds[0]);
        CLAIM(recv(fds[1], &byte, 1, 0) == (tcp ? -1 : 0), "reset cuts a %s connection",
              tcp ? "TCP" : "UNIX");
        close(fds[0]);
        close(fds[1]);
    }
}

static void claim_socket_info(void)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sys_socket info;
    socklen_t size = sizeof address;
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fds[2];

    if (bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
        listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&address, &size) == 0 &&
        connect(client, (struct sockaddr *)&address, size) == 0) {
        CLAIM(sys->socket_info(client, &info) == 0 && info.connected && info.tcp,
              "IPv6 is TCP too");
    } else {
        printf("ok without IPv6: not asked\n");
    }
    CLAIM(sys->socket_info(listener, &info) == 0 && !info.connected, "a listener has no peer");
    close(listener);
    close(client);
    play_sockets(false, fds);
    CLAIM(sys->socket_info(fds[0], &info) == 0 && info.connected && !info.tcp,
          "a UNIX socket is no TCP socket");
    close(fds[0]);
    close(fds[1]);
}

/* ---- files ---- */

/* The pages of a stranger's file may not be counted since Linux 6.14; then the probes decide. */
static bool of_a_stranger(void)
{
    enum { SIZE = 3 << 20, NOBODY = 65534 };
    char path[] = "uwoffload-table-XXXXXX";
    int fd = mkstemp(path);
    int read_fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = write(fd, play_bytes(SIZE), SIZE) == SIZE && fsync(fd) == 0;

    unlink(path);
    if (getuid() == 0 && seteuid(NOBODY) < 0)
        return false;
    good = good && sys->file_cached(read_fd, 0, SIZE) == 1;
    posix_fadvise(read_fd, 0, 0, POSIX_FADV_DONTNEED);
    good = good && sys->file_cached(read_fd, 0, SIZE) == 0;
    return seteuid(getuid()) == 0 && good;
}

static void claim_cached(void)
{
    enum { SIZE = 3 << 20 };
    char path[] = "uwoffload-table-XXXXXX"; /* here, for a file system with a disk */
    int fd = mkstemp(path);
    int pseudo = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    uint8_t *bytes = calloc(1, SIZE);
    struct sys_file info;

    unlink(path);
    if (fd < 0 || write(fd, bytes, SIZE) != SIZE || fsync(fd) < 0)
        play_give_up(path);
    CLAIM(sys->file_cached(fd, 0, SIZE) == 1 && sys->file_cached(fd, 10, 1) == 1 &&
              sys->file_cached(fd, 4095, 2) == 1 && sys->file_cached(fd, 5000, 200000) == 1,
          "what was just written is in memory");
    CLAIM(sys->file_cached(fd, 0, SIZE + (1 << 20)) == 0, "what lies beyond the end is not");
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    CLAIM(sys->file_cached(fd, 0, SIZE) == 0, "what was dropped is not");
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* asking may have read ahead */
    CLAIM(sys->file_cached(fd, 1 << 20, 1) == 0, "not one byte of it");
    if (pread(fd, bytes, SIZE, 0) != SIZE)
        play_give_up(path);
    posix_fadvise(fd, 1 << 20, 1 << 20, POSIX_FADV_DONTNEED);
    CLAIM(sys->file_cached(fd, 0, SIZE) == 0, "with a hole in the middle it is not all of it");
    CLAIM(in_child(of_a_stranger), "the same of a file of somebody else");
    CLAIM(sys->file_cached(pseudo, 0, 100) <= 0, "of a pseudo file nothing is known");
    CLAIM(sys->file_info(pseudo, &info) == 0 && info.access == SYS_READ, "it can be read");
    free(bytes);
    close(fd);
    close(pseudo);
}

static void claim_modes(void)
{
    int fds[2];

    play_sockets(false, fds);
    CLAIM(sys->nonblocking(fds[0], true) == 0 && sys->nonblocking(fds[0], true) == 1 &&
              sys->nonblocking(fds[0], false) == 1 && sys->nonblocking(fds[0], false) == 0,
          "the mode before is told");
    close(fds[0]);
    close(fds[1]);
}

static void claim_texts(void)
{
    bool all = true;

    for (int error = 1; error < 140; error++)
        all = all && sys_error_text(error)[0];
    CLAIM(all && strcmp(sys_error_text(12345), "system error") == 0, "every errno has a text");
    CLAIM(!sys_kernel_lacks(), "this kernel has all that is needed");
}

static void claim_serving_refuses(void)
{
    enum { BAD = 9999 };
    struct sys_found found;
    struct sys_peer peer;
    uint64_t size;
    int64_t mtime_ns;
    bool flag;
    char byte;
    int fds[2];
    int count;

    sys->look(BAD, "x", false, &found);
    CLAIM(found.error == EBADF && found.fd == -1, "a look-up below nothing");
    CLAIM(sys->accept(BAD, &peer) == -EBADF && sys->file_stamp(BAD, &size, &mtime_ns) == -EBADF &&
              sys->read_now(BAD, &byte, 1, 0) == -EBADF && sys->write_log(BAD, "x", 1) == -EBADF &&
              sys->listening(BAD, &flag) == -EBADF && sys->open_root("/nowhere", &flag) == -ENOENT,
          "serving says EBADF");
    CLAIM(sys->send_message(BAD, NULL, 0, NULL, 0) == -EBADF &&
              sys->receive_message(BAD, &byte, 1, fds, &count) == -EBADF && count == 0,
          "messages say EBADF");
    CLAIM(sys->spool("/nowhere") == -ENOENT, "no directory, no file");
    CLAIM(sys->spool("/proc/self") < 0 && sys->spool("/sys") < 0,
          "nor where no files can be made, with a name or without");
    fds[0] = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    CLAIM(sys->read_now(fds[0], &byte, 1, 0) == -EAGAIN,
          "a file that cannot be read without waiting");
    close(fds[0]);
    count = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CLAIM(sys->listening(count, &flag) == -ENOTSOCK, "a file does not listen");
    close(count);
}

static void claim_serving_works(void)
{
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    const struct sys_part parts[] = { { "ab", 2 }, { "c", 1 } };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sys_peer peer = { .family = 0 };
    struct sys_found found;
    char bytes[8];
    uint64_t number = 0;
    bool flag = false;
    int pair[2];
    int fds[2];
    int count = 0;
    int root;
    int fd = -1;

    if (bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&address, &size) == 0 &&
        connect(client, (struct sockaddr *)&address, size) == 0) {
        CLAIM(sys->listening(listener, &flag) == 0 && flag && sys->listening(client, &flag) < 0,
              "who listens, and who does not");
        fd = sys->accept(listener, &peer);
        CLAIM(fd >= 0 && peer.family == 6 && peer.address[15] == 1 && peer.port > 0,
              "who connected over IPv6");
        close(fd);
    }
    close(listener);
    close(client);
    root = sys->open_root("/", &flag);
    CLAIM(root >= 0 && flag, "a root");
    sys->look(root, "", false, &found);
    CLAIM(found.error == 0 && found.directory && found.fd == -1, "the root itself");
    sys->look(root, "dev/null", false, &found);
    CLAIM(found.error == 0 && !found.directory && found.fd == -1, "a device is not opened");
    sys->look(root, "../etc", false, &found);
    sys->look(root, "proc/self/root/etc", false, &found);
    CLAIM(found.error != 0, "a magic link is not followed: %d", found.error);
    close(root);
    CLAIM(sys->random(&number) == 0 && number != 0 && sys->wall_us() > 0, "luck and the time");
    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
    fd = play_file(play_bytes(10), 10);
    CLAIM(sys->send_message(pair[0], parts, 2, &fd, 1) == 3 &&
              sys->send_message(pair[0], parts, 1, NULL, 0) == 2,
          "messages with and without a descriptor");
    CLAIM(sys->receive_message(pair[1], bytes, 8, fds, &count) == 3 && count == 1 &&
              memcmp(bytes, "abc", 3) == 0 && sys->read_now(fds[0], bytes, 4, 0) != 0,
          "arrive in one piece");
    close(fds[0]);
    CLAIM(sys->receive_message(pair[1], bytes, 8, fds, &count) == 2 && count == 0 &&
              sys->receive_message(pair[1], bytes, 8, fds, &count) == -EAGAIN,
          "and none is left");
    count = 1;
    setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &count, sizeof count);
    CLAIM(sys->send_message(pair[0], parts, 1, NULL, 0) == 2 &&
              sys->receive_message(pair[1], bytes, 8, fds, &count) == 2 && count == 0,
          "what else comes with a message is no descriptor");
    close(fd);
    close(pair[0]);
    close(pair[1]);
    fd = sys->spool("/tmp");
    CLAIM(fd >= 0 && sys->write_at(fd, "x", 1, 0) == 1, "a file without a name");
    close(fd);
    fd = sys->spool("/dev/shm"); /* tmpfs */
    CLAIM(fd >= 0 || errno != 0, "perhaps there, too");
    if (fd >= 0)
        close(fd);
    pipe2(pair, O_CLOEXEC | O_NONBLOCK);
    while (write(pair[1], play_bytes(4096), 4096) > 0)
        ;
    CLAIM(sys->write_log(pair[1], "x", 1) == -EINTR, "a full log is waited for, then tried again");
    close(pair[0]);
    CLAIM(sys->write_log(pair[1], "x", 1) == -EPIPE, "one that nobody reads has failed");
    close(pair[1]);
}

int main(void)
{
    play_prepare();
    claim_bad_descriptor();
    claim_exhaustion();
    claim_signals();
    claim_cork_and_push();
    claim_ends();
    claim_socket_info();
    claim_cached();
    claim_modes();
    claim_texts();
    claim_serving_refuses();
    claim_serving_works();
    printf("%s\n", play_failed() ? "FAIL" : "ok: all of it");
    return play_failed() ? 1 : 0;
}
