/* ensure: a condition that only a bug can break.  Stays on in every build, and is
 * never used for input or I/O. */
#ifndef BASE_ENSURE_H
#define BASE_ENSURE_H

/* Say what broke and where on stderr, then abort. */
_Noreturn void ensure_failed(const char *condition, const char *file, int line);

#define ensure(condition) ((condition) ? (void)0 : ensure_failed(#condition, __FILE__, __LINE__))

#endif
