/* check: every wrong argument is found here, before anything is taken. */
#ifndef API_CHECK_H
#define API_CHECK_H

#include "engine/submit.h"

enum { CHECK_INSTRUCTIONS_MAX = 1024 };

/* Fill in an error, if the caller wants one, and return UWO_E_INVALID (or `status`). */
int check_fail(struct uwo_error *error, int index, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Options with every default filled in.  Returns 0 or UWO_E_INVALID. */
int check_options(const struct uwo_engine_options *given, struct uwo_engine_options *complete,
                  struct uwo_error *error);

/* The common part of a transfer with every default filled in.  given may be NULL. */
int check_transfer(const struct uwo_transfer *given, struct uwo_transfer *complete,
                   struct uwo_error *error);

/* A connected stream socket; stream: the caller vouches for that.  Sets *tcp. */
int check_client(const struct sys *sys, int client_fd, bool stream, bool *tcp,
                 struct uwo_error *error);

/* A program for this client (-1: not known), with what was found out about each instruction.
 * shared: it is for several transfers, so no descriptor can move. */
int check_program(const struct sys *sys, const struct uwo_program *program, int client_fd,
                  bool shared, struct checked *checked, struct uwo_error *error);

#endif
