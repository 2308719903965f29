/* serving: the calls of the table that only a front needs. */
#ifndef SYS_SERVING_H
#define SYS_SERVING_H

#include "sys/sys.h"

int serving_accept(int listen_fd, struct sys_peer *peer);
void serving_look(int root_fd, const char *path, bool cached, struct sys_found *found);
int serving_open_root(const char *path, bool *directory);
int serving_file_stamp(int fd, uint64_t *size, int64_t *mtime_ns);
int64_t serving_read_now(int fd, void *data, size_t length, int64_t offset);
int serving_spool(const char *directory);
int64_t serving_wall_us(void);
int64_t serving_write_log(int fd, const void *data, size_t length);
int serving_listening(int fd, bool *tcp);
int serving_random(uint64_t *number);
int64_t serving_send_message(int fd, const struct sys_part *parts, int count, const int *fds,
                             int fd_count);
int64_t serving_receive_message(int fd, void *data, size_t size, int *fds, int *fd_count);

#endif
