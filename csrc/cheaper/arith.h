/* arith: what a rule needs of analysis, without libm: the same bits on every machine. */
#ifndef CHEAPER_ARITH_H
#define CHEAPER_ARITH_H

#include <stdint.h>
#include <string.h>

/* The square root of x, to 1e-9 of itself; 0 for what is not above 0.  Newton on its reciprocal:
 * no division, so that several overlap. */
static inline double arith_root(double x)
{
    uint64_t bits;
    double reciprocal;

    if (!(x > 1e-300))
        return 0;
    memcpy(&bits, &x, sizeof bits);
    bits = UINT64_C(0x5fe6eb50c7b537a9) - (bits >> 1);
    memcpy(&reciprocal, &bits, sizeof reciprocal);
    for (int i = 0; i < 3; i++)
        reciprocal *= 1.5 - 0.5 * x * reciprocal * reciprocal;
    return x * reciprocal;
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
