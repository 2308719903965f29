#define _GNU_SOURCE
#include "build.h"

#include <fcntl.h>
#include <unistd.h>

static struct uwo_instruction *build_next(struct build *build, uint32_t kind, int64_t count)
{
    struct uwo_instruction *next = &build->list[build->count++];

    *next = (struct uwo_instruction){
        .size = sizeof *next, .kind = kind, .fd = -1, .count = count
    };
    return next;
}

void build_send(struct build *build, size_t size)
{
    build_next(build, UWO_SEND, (int64_t)size)->data = play_bytes(build->at + size) + build->at;
    build->at += size;
}

void build_file(struct build *build, struct play *play, size_t size, bool keep)
{
    struct uwo_instruction *next = build_next(build, UWO_SEND_FILE, (int64_t)size);

    next->offset = (int64_t)build->at;
    next->fd = play_file(play_bytes(build->at + size + 10), build->at + size + 10);
    next->flags = keep ? UWO_KEEP_FD : 0;
    if (keep)
        play->kept_fds[play->kept_count++] = next->fd;
    else
        play->source_fds[play->source_count++] = next->fd;
    build->at += size;
}

void build_splice(struct build *build, struct play *play, enum source source, size_t size,
                  bool to_the_end)
{
    int fds[2];

    if (source == PIPE_SOURCE) {
        if (pipe2(fds, O_CLOEXEC) < 0)
            play_give_up("pipe2");
    } else {
        play_sockets(source == TCP_SOURCE, fds);
        fcntl(fds[0], F_SETFL, O_NONBLOCK);
    }
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    build_next(build, UWO_SPLICE, to_the_end ? UWO_TO_THE_END : (int64_t)size)->fd = fds[0];
    play->source_fds[play->source_count++] = fds[0];
    play->feed_fd = fds[1];
    play->feed = play_bytes(build->at + size) + build->at;
    play->feed_size = size;
    build->at += size;
}

void build_receive(struct build *build, struct play *play, size_t size, size_t leftover)
{
    struct uwo_instruction *next = build_next(build, UWO_RECEIVE_FILE, (int64_t)size);

    next->fd = play_file(NULL, 0);
    play->source_fds[play->source_count++] = next->fd;
    play->file_fd = fcntl(next->fd, F_DUPFD_CLOEXEC, 3);
    play->file = play_bytes(size);
    play->file_size = size;
    play->leftover = play_bytes(leftover);
    play->leftover_size = leftover;
    play->upload = play_bytes(size) + leftover;
    play->upload_size = size > leftover ? size - leftover : 0;
    play->leftover_back = leftover > size ? leftover - size : 0;
}

struct uwo_transfer build_wanted(const struct play *play)
{
    return (struct uwo_transfer){
        .size = sizeof(struct uwo_transfer),
        .deadline_ms = PLAY_DEADLINE_MS,
        .leftover = play->leftover,
        .leftover_size = play->leftover_size,
    };
}

void build_submit(const struct build *build, struct play *play, const struct uwo_transfer *wanted)
{
    struct uwo_program program = { .size = sizeof program,
                                   .instructions = build->list,
                                   .count = build->count };

    play->wanted = play_bytes(build->at);
    play->wanted_size = build->at;
    play_submit(play, &program, wanted);
}

void build_go(const struct build *build, struct play *play, uint32_t flags, uint32_t after)
{
    struct uwo_transfer wanted = build_wanted(play);

    wanted.flags = flags;
    wanted.after = after;
    build_submit(build, play, &wanted);
}
