/* arith: what a rule needs of analysis, without libm: the same bits on every machine. */
#ifndef CHEAPER_ARITH_H
#define CHEAPER_ARITH_H

#include <stdint.h>
#include <string.h>

/* A better guess at 1 / root(2 half), by Newton: no division, so that several overlap. */
static inline double arith_closer(double half, double reciprocal)
{
    return reciprocal * (1.5 - half * (reciprocal * reciprocal));
}

/* The square root of x, to 1e-9 of itself; 0 for what is not above 0. */
static inline double arith_root(double x)
{
    uint64_t bits;
    double reciprocal, half = 0.5 * x;

    if (!(x > 1e-300))
        return 0;
    memcpy(&bits, &x, sizeof bits);
    bits = UINT64_C(0x5fe6eb50c7b537a9) - (bits >> 1);
    memcpy(&reciprocal, &bits, sizeof reciprocal);
    reciprocal = arith_closer(half, reciprocal);
    reciprocal = arith_closer(half, reciprocal);
    return x * arith_closer(half, reciprocal);
}

/* exp(-x) for x >= 0, to 1e-9: the series at x / 64, squared six times.  Its terms are taken in
 * pairs, which do not wait for each other. */
static inline double arith_decay(double x)
{
    double y = x * (1.0 / 64), y2 = y * y, e;

    if (!(x < 64))
        return 0;
    e = (1 - y) + y2 * (1.0 / 2 - y * (1.0 / 6)) +
        y2 * y2 * ((1.0 / 24 - y * (1.0 / 120)) + y2 * (1.0 / 720 - y * (1.0 / 5040)));
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
