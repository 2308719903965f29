/* arith: what a rule needs of analysis, without libm: the same bits on every x86-64 and 64-bit ARM.
 * ARITH_PORTABLE: as on all others. */
#ifndef CHEAPER_ARITH_H
#define CHEAPER_ARITH_H

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__) && !defined(ARITH_PORTABLE)
#include <emmintrin.h>
#elif defined(__aarch64__) && !defined(ARITH_PORTABLE)
#include <arm_neon.h>
#endif

/* The square root of x; 0 for what is not above 0.  In hardware it is exact to the last bit, and
 * the compiler uses that without a call of libm only when it is asked by name; elsewhere Newton on
 * the reciprocal, to 1e-15 of itself. */
static inline double arith_root(double x)
{
    if (!(x > 1e-300))
        return 0;
#if defined(__SSE2__) && !defined(ARITH_PORTABLE)
    return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(x)));
#elif defined(__aarch64__) && !defined(ARITH_PORTABLE)
    return vget_lane_f64(vsqrt_f64(vdup_n_f64(x)), 0);
#else
    uint64_t bits;
    double reciprocal;

    memcpy(&bits, &x, sizeof bits);
    bits = UINT64_C(0x5fe6eb50c7b537a9) - (bits >> 1);
    memcpy(&reciprocal, &bits, sizeof reciprocal);
    for (int i = 0; i < 4; i++)
        reciprocal *= 1.5 - 0.5 * x * reciprocal * reciprocal;
    return x * reciprocal;
#endif
}

/* exp(-x) for x >= 0, to 1e-9: the series at x / 64, squared six times. */
static inline double arith_decay(double x)
{
    double y = x * (1.0 / 64), e;

    if (!(x < 64))
        return 0;
    e = 1 - y * (1 - y * (1.0 / 2) *
                         (1 - y * (1.0 / 3) *
                                  (1 - y * (1.0 / 4) *
                                           (1 - y * (1.0 / 5) *
                                                    (1 - y * (1.0 / 6) * (1 - y * (1.0 / 7)))))));
    for (int i = 0; i < 6; i++)
        e *= e;
    return e;
}

static inline double arith_max(double a, double b)
{
    return a > b ? a : b;
}

static inline double arith_min(double a, double b)
{
    return a < b ? a : b;
}

#endif
