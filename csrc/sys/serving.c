#define _GNU_SOURCE
#include "sys/serving.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* <linux/openat2.h> is missing in older installations. */
enum {
    RESOLVE_NO_MAGICLINKS_ = 0x02,
    RESOLVE_BENEATH_ = 0x08,
    RESOLVE_CACHED_ = 0x20,
};

static int64_t result(int64_t value)
{
    return value < 0 ? -errno : value;
}

static void serving_peer(const struct sockaddr_storage *from, struct sys_peer *peer)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)from;

    peer->family = 0;
    if (from->ss_family == AF_INET) {
        peer->family = 4;
        peer->port = ntohs(four->sin_port);
        memcpy(peer->address, &four->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        peer->family = 6;
        peer->port = ntohs(six->sin6_port);
        memcpy(peer->address, &six->sin6_addr, 16);
    }
}

int serving_accept(int listen_fd, struct sys_peer *peer)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    int fd;

    from.ss_family = AF_UNSPEC;
    fd = accept4(listen_fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return -errno;
    serving_peer(&from, peer);
    return fd;
}

static size_t serving_number(char *out, unsigned number)
{
    size_t used = 0;

    if (number >= 100)
        out[used++] = (char)('0' + number / 100);
    if (number >= 10)
        out[used++] = (char)('0' + number / 10 % 10);
    out[used++] = (char)('0' + number % 10);
    return used;
}

size_t sys_peer_text(const struct sys_peer *peer, char *out)
{
    size_t used = 0;

    if (peer->family == 6 && inet_ntop(AF_INET6, peer->address, out, SYS_PEER_SIZE))
        return strlen(out);
    for (int i = 0; peer->family == 4 && i < 4; i++) { /* for every line of a log: by hand */
        if (i > 0)
            out[used++] = '.';
        used += serving_number(out + used, peer->address[i]);
    }
    out[used] = '\0';
    return used;
}

static int serving_openat2(int root_fd, const char *path, uint64_t flags, uint64_t resolve)
{
    struct {
        uint64_t flags, mode, resolve;
    } how = { .flags = flags | O_CLOEXEC, .resolve = resolve };
    const char *name = *path ? path : ".";

    return (int)result(syscall(SYS_openat2, root_fd, name, &how, sizeof how));
}

static void serving_fill(const struct stat *info, struct sys_found *found)
{
    found->directory = S_ISDIR(info->st_mode);
    found->device = info->st_dev;
    found->inode = info->st_ino;
    found->size = (uint64_t)info->st_size;
    found->mtime_ns = info->st_mtim.tv_sec * INT64_C(1000000000) + info->st_mtim.tv_nsec;
}

/* First a handle that opens nothing, for opening a FIFO or device can hang or do things; then, when
 * it is a regular file, the file itself. */
void serving_look(int root_fd, const char *path, bool cached, struct sys_found *found)
{
    uint64_t resolve = RESOLVE_BENEATH_ | RESOLVE_NO_MAGICLINKS_ |
                       (cached ? (uint64_t)RESOLVE_CACHED_ : 0);
    int handle = serving_openat2(root_fd, path, O_PATH, resolve);
    struct stat info;

    *found = (struct sys_found){ .fd = -1 };
    if (handle < 0) {
        found->error = -handle;
        return;
    }
    if (fstat(handle, &info) < 0)
        found->error = errno;
    else if (S_ISREG(info.st_mode))
        found->fd = serving_openat2(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, resolve);
    else
        serving_fill(&info, found);
    close(handle);
    if (found->error || !S_ISREG(info.st_mode))
        return;
    if (found->fd < 0) {
        found->error = -found->fd;
        found->fd = -1;
    } else if (fstat(found->fd, &info) < 0 || !S_ISREG(info.st_mode)) { /* it was exchanged */
        close(found->fd);
        found->fd = -1;
        found->error = ENOENT;
    } else {
        serving_fill(&info, found);
    }
}

int serving_open_root(const char *path, bool *directory)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat info;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &info) < 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    *directory = S_ISDIR(info.st_mode);
    return fd;
}

int serving_file_stamp(int fd, uint64_t *size, int64_t *mtime_ns)
{
    struct stat info;
    struct sys_found found;

    if (fstat(fd, &info) < 0)
        return -errno;
    serving_fill(&info, &found);
    *size = found.size;
    *mtime_ns = found.mtime_ns;
    return 0;
}

/* Where the file system knows no RWF_NOWAIT it is in memory (tmpfs), or may wait: then EAGAIN. */
int64_t serving_read_now(int fd, void *data, size_t length, int64_t offset)
{
    struct iovec piece = { .iov_base = data, .iov_len = length };
    int64_t got = result(preadv2(fd, &piece, 1, offset, RWF_NOWAIT));

    return got == -EOPNOTSUPP || got == -ENOSYS ? -EAGAIN : got;
}

int serving_spool(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char name[4096];

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return (int)result(fd);
    if (strlen(directory) > sizeof name - 32)
        return -ENAMETOOLONG;
    strcpy(name, directory);
    strcat(name, "/uwoffload-XXXXXX");
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(name);
    return fd;
}

int64_t serving_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* The log may be a pipe that somebody made non-blocking: then it waits here, in its own thread. */
int64_t serving_write_log(int fd, const void *data, size_t length)
{
    ssize_t written = write(fd, data, length);

    if (written < 0 && errno == EAGAIN) {
        struct pollfd wait = { .fd = fd, .events = POLLOUT };

        poll(&wait, 1, 100);
        return -EINTR;
    }
    return result(written);
}

int serving_listening(int fd, bool *tcp)
{
    int listens = 0;
    int domain = 0;
    socklen_t size = sizeof listens;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0)
        return -errno;
    size = sizeof domain;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
        return -errno;
    *tcp = domain == AF_INET || domain == AF_INET6;
    return listens ? 0 : -EINVAL;
}

int serving_random(uint64_t *number)
{
    return getrandom(number, sizeof *number, GRND_NONBLOCK) == sizeof *number ? 0 : -EAGAIN;
}

/* ---- messages ---- */

union fd_space {
    char data[CMSG_SPACE(SYS_MESSAGE_FDS * sizeof(int))];
    struct cmsghdr align;
};

int64_t serving_send_message(int fd, const struct sys_part *parts, int count, const int *fds,
                             int fd_count)
{
    struct iovec pieces[SYS_MESSAGE_PARTS];
    union fd_space space = { .data = { 0 } };
    struct msghdr message = { .msg_iov = pieces, .msg_iovlen = (size_t)count };

    for (int i = 0; i < count; i++)
        pieces[i] = (struct iovec){ (void *)(uintptr_t)parts[i].data, parts[i].size };
    if (fd_count > 0) {
        size_t size = (size_t)fd_count * sizeof(int);
        struct cmsghdr *header;

        message.msg_control = space.data;
        message.msg_controllen = CMSG_SPACE(size);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), fds, size);
    }
    return result(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int64_t serving_receive_message(int fd, void *data, size_t size, int *fds, int *fd_count)
{
    struct iovec piece = { .iov_base = data, .iov_len = size };
    union fd_space space;
    struct msghdr message = { .msg_iov = &piece,
                              .msg_iovlen = 1,
                              .msg_control = space.data,
                              .msg_controllen = sizeof space.data };
    int64_t got = result(recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));

    *fd_count = 0;
    if (got < 0)
        return got;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
            size_t bytes = header->cmsg_len - CMSG_LEN(0);

            *fd_count = (int)(bytes / sizeof(int));
            memcpy(fds, CMSG_DATA(header), bytes);
        }
    }
    return got;
}
