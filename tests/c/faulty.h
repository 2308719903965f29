/* faulty: the system-call table of Linux, made to count and, on demand, to fail.
 *
 * One fault is armed at a time: call number N of one function fails with an errno, or moves fewer
 * bytes than asked, once, for a while, or for ever.  Beside that a test may hold the disk calls on
 * one file at a gate, let the clock of the engine's threads lag, and be called before each call.
 *
 * Legal behaviour only.  EAGAIN is answered where a later edge is certain: the descriptor is armed
 * in epoll again, which reports it anew.  A short count really moves that many bytes. */
#ifndef FAULTY_H
#define FAULTY_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/sys.h"

/* Every function of the table, in its order. */
#define FAULTY_CALLS(CALL) \
    CALL(alloc)            \
    CALL(alloc_aligned)    \
    CALL(release)          \
    CALL(arena_map)        \
    CALL(arena_trim)       \
    CALL(arena_unmap)      \
    CALL(now_us)           \
    CALL(thread_start)     \
    CALL(epoll_open)       \
    CALL(epoll_set)        \
    CALL(epoll_wait)       \
    CALL(event_open)       \
    CALL(event_signal)     \
    CALL(event_clear)      \
    CALL(event_wait)       \
    CALL(file_info)        \
    CALL(socket_info)      \
    CALL(duplicate)        \
    CALL(nonblocking)      \
    CALL(close)            \
    CALL(send)             \
    CALL(receive)          \
    CALL(peek)             \
    CALL(shutdown)         \
    CALL(unsent)           \
    CALL(unread)           \
    CALL(cork)             \
    CALL(push)             \
    CALL(error)            \
    CALL(reset)            \
    CALL(send_file)        \
    CALL(splice)           \
    CALL(pipe_open)        \
    CALL(file_cached)      \
    CALL(file_size)        \
    CALL(file_name)        \
    CALL(read_at)          \
    CALL(write_at)         \
    CALL(close_file)       \
    CALL(accept)           \
    CALL(look)             \
    CALL(open_root)        \
    CALL(file_stamp)       \
    CALL(read_now)         \
    CALL(spool)            \
    CALL(wall_us)          \
    CALL(write_log)        \
    CALL(listening)        \
    CALL(random)           \
    CALL(send_message)     \
    CALL(receive_message)  \
    CALL(memory_file)      \
    CALL(open_file)        \
    CALL(resize)           \
    CALL(map)

enum call {
#define CALL(name) CALL_##name,
    FAULTY_CALLS(CALL)
#undef CALL
        CALL_COUNT,
};

/* Instead of an errno: the call moves less than asked. */
enum { SHORT_ONE = -1, SHORT_LESS = -2, SHORT_NONE = -3 }; /* one byte; all but one; none */

#define FAULT_FOR_EVER UINT64_MAX

struct fault {
    enum call call;
    uint64_t number; /* the first one to fail: 1, 2, ... since faulty_arm */
    uint64_t times;
    int error; /* errno, or SHORT_... */
};

struct faulty_trouble {
    uint64_t bad_closes; /* closes of what was not open */
    int64_t memory;      /* allocated and not released */
    int64_t mappings;
};

/* Make new engines use this table. */
void faulty_install(void);

/* Count from zero, and fail as told; NULL: only count. */
void faulty_arm(const struct fault *fault);

/* Fail no more, and remember the counts, unless that has been done.  Returns how many calls failed
 * by us since faulty_arm. */
uint64_t faulty_disarm(void);

/* How many have failed by us so far. */
uint64_t faulty_hits(void);

/* Calls of one function from the last faulty_arm to the last faulty_disarm. */
uint64_t faulty_calls(enum call call);

/* What is not balanced since the program began. */
struct faulty_trouble faulty_trouble(void);

const char *faulty_call_name(enum call call);

/* The errno and SHORT_... values that a function may give, ended by 0. */
const int *faulty_errors(enum call call);

/* True when the engine must carry on as if nothing had happened. */
bool faulty_is_harmless(const struct fault *fault);

/* One is armed; and one of which that is not true. */
bool faulty_is_armed(void);
bool faulty_may_harm(void);

/* Any mix of the two transparent faults on every call that may have them, at random: one in
 * `one_in`; 0 for none. */
void faulty_at_random(uint32_t one_in);

/* ---- one slow file ---- */

/* From now on calls of this function on that file wait at the gate, and it counts as cold. */
void faulty_hold(enum call call, int fd);

/* Wait until that many calls stand at the gate; false after ten seconds. */
bool faulty_held(unsigned count);

/* Open the gate. */
void faulty_let_go(void);

/* Every file counts as cold, and every name: look-ups go to a helper; or as it is. */
void faulty_cold(bool cold);

/* Pipes get a page, as when the user's budget for them is spent. */
void faulty_small_pipes(bool small);

/* ---- odds and ends ---- */

/* The clock of the engine's threads is that much behind that of their callers. */
void faulty_lag(uint64_t behind_us);

/* Time runs that many times faster for the engine, its time-outs included; 1 by default.  Set it
 * while there is no engine. */
void faulty_hurry(uint32_t times);

/* Have this called before every call, with the descriptor it is about, or -1.  NULL: none. */
void faulty_before(void (*before)(enum call call, int fd, void *context), void *context);

#endif
