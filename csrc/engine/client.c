#include "engine/client.h"

enum operated client_send(const struct sys *sys, struct transfer *transfer, const struct op *op,
                          struct op_result *result)
{
    size_t length = operated_at_most(op->length, INT32_MAX);
    int64_t sent = sys->send(transfer->client_fd, op->data, length, op->more);

    if (sent < 0)
        return operated_failed(sent, END_CLIENT, result);
    result->bytes_in = result->bytes_out = (uint64_t)sent;
    return (size_t)sent < length ? OPERATED_FULL : OPERATED_RESULT;
}

/* Less was sent than asked: the socket is full, or the file ended at `end`.  The file is asked once
 * in each window; should it shrink after that, no edge comes, and the transfer, unsure, finds out
 * when it is looked at next (UNSURE_US). */
static enum operated client_short(const struct sys *sys, struct transfer *transfer, int64_t end,
                                  struct op_result *result)
{
    if (!transfer->sized && end >= sys->file_size(operated_instruction(transfer)->fd)) {
        result->side = END_FILE;
        return OPERATED_RESULT;
    }
    transfer->sized = true;
    return OPERATED_FULL;
}

enum operated client_send_file(const struct sys *sys, struct transfer *transfer,
                               const struct op *op, struct op_result *result)
{
    int fd = operated_instruction(transfer)->fd;
    size_t length = operated_at_most(op->length, INT32_MAX);
    int64_t sent = sys->send_file(transfer->client_fd, fd, op->offset, length);

    if (sent < 0)
        return operated_failed(sent, END_FILE, result);
    result->bytes_in = result->bytes_out = (uint64_t)sent;
    if ((size_t)sent == length)
        return OPERATED_RESULT;
    if (sent == 0) {
        result->side = END_FILE;
        return OPERATED_RESULT;
    }
    return client_short(sys, transfer, op->offset + sent, result);
}

static bool client_all_acked(const struct sys *sys, struct transfer *transfer)
{
    return transfer_acked(sys, transfer) >= atomic_load(&transfer->bytes_queued);
}

enum operated client_shutdown(const struct sys *sys, struct transfer *transfer,
                              struct op_result *result)
{
    int status = 0;

    if (!atomic_load(&transfer->shut))
        status = sys->shutdown(transfer->client_fd, SYS_SHUT_WRITE);
    if (status == 0) {
        atomic_store(&transfer->shut, true);
        return OPERATED_RESULT;
    }
    if (transfer->tcp && client_all_acked(sys, transfer)) /* it took everything and reset */
        return OPERATED_RESULT;
    return operated_failed(status, END_CLIENT, result);
}

/* A UNIX peer that closes with bytes unread leaves an error, set before they are dropped: no error
 * after nothing is held means that it has read them all. */
static enum operated client_settle_unix(const struct sys *sys, struct transfer *transfer,
                                        struct op_result *result)
{
    int unsent = transfer_unsent(sys, transfer);
    int error = transfer_lost(sys, transfer);

    if (error) {
        result->error = error;
        result->side = END_CLIENT;
    } else if (unsent > 0) {
        return OPERATED_BLOCKED;
    } else {
        atomic_store(&transfer->bytes_acked, atomic_load(&transfer->bytes_queued));
    }
    return OPERATED_RESULT;
}

/* Everything acknowledged?  The acknowledgement of our FIN makes an edge, so waiting for the
 * last byte needs no polling (TCP: FIN_WAIT1 to FIN_WAIT2 wakes whoever polls). */
enum operated client_settle(const struct sys *sys, struct transfer *transfer,
                            struct op_result *result)
{
    int error;

    if (!transfer->tcp)
        return client_settle_unix(sys, transfer, result);
    if (client_all_acked(sys, transfer))
        return OPERATED_RESULT;
    error = transfer->hung ? sys->error(transfer->client_fd) : 0;
    if (!error)
        return OPERATED_BLOCKED;
    result->error = error;
    result->side = END_CLIENT;
    return OPERATED_RESULT;
}

/* Take the socket out of epoll and of the transfer; the caller owns it now. */
static int client_take(struct uwo_engine *engine, struct transfer *transfer)
{
    const struct sys *sys = engine->sys;
    int fd = transfer->client_fd;

    if (fd < 0)
        return fd;
    if (transfer->registered)
        sys->epoll_set(engine->loops[transfer->thread].epoll_fd, EPOLL_CTL_DEL, fd, 0, 0);
    transfer->registered = false;
    if (!transfer->no_settle || !transfer->serves)
        transfer_acked(sys, transfer);
    pthread_mutex_lock(&engine->lock); /* uwo_transfer_progress may be asking it */
    transfer_disown(engine, fd);
    transfer->client_fd = -1;
    pthread_mutex_unlock(&engine->lock);
    return fd;
}

void client_close(struct uwo_engine *engine, struct transfer *transfer, bool abort)
{
    int fd = client_take(engine, transfer);

    if (fd < 0)
        return;
    if (abort)
        engine->sys->reset(fd);
    engine->sys->close(fd);
}

void client_cork(const struct sys *sys, struct transfer *transfer)
{
    enum sys_cork how = transfer->serves ? SYS_CORK_OURS : SYS_CORK_IN;

    if (transfer->tcp && !transfer->corked)
        transfer->corked = sys->cork(transfer->client_fd, how) == 0;
}

/* Let out what is held back.  An error here says that the client is gone, which the program's
 * outcome or the next owner's first call will say better. */
void client_push(const struct sys *sys, struct transfer *transfer)
{
    if (transfer->corked)
        sys->cork(transfer->client_fd, SYS_CORK_OUT);
    transfer->corked = false;
    if (transfer->tcp && atomic_load(&transfer->bytes_queued) > 0)
        sys->push(transfer->client_fd);
}

/* The socket as it was; it leaves the transfer when the DONE event is reaped. */
void client_return(struct uwo_engine *engine, struct transfer *transfer)
{
    const struct sys *sys = engine->sys;

    if (transfer->registered)
        sys->epoll_set(engine->loops[transfer->thread].epoll_fd, EPOLL_CTL_DEL, transfer->client_fd,
                       0, 0);
    transfer->registered = false;
    transfer_acked(sys, transfer);
    if (!transfer->was_nonblocking)
        sys->nonblocking(transfer->client_fd, false);
}

/* So few bytes go at once, or not at all: then the client has waited long enough by itself. */
void client_continue(const struct sys *sys, struct transfer *transfer)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const size_t size = sizeof text - 1;
    size_t done = 0;
    int64_t sent;

    do {
        sent = sys->send(transfer->client_fd, text + done, size - done, false);
        if (sent > 0)
            done += (size_t)sent;
    } while (done < size && (sent > 0 || sent == -EINTR));
    atomic_fetch_add(&transfer->bytes_queued, done);
    if (done > 0 && done < size) /* nothing that follows could be understood */
        sys->reset(transfer->client_fd);
}

int64_t client_there(const struct sys *sys, int fd)
{
    int64_t there = sys->unread(fd);
    char byte;

    return there > 0 ? there : sys->peek(fd, &byte, 1);
}
