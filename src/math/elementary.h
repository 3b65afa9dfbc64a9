/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_ELEMENTARY_H
#define LSI_MATH_ELEMENTARY_H
/*
 * Elementary functions of our own, so that their bits depend on no libm and no CPU. Each is a
 * static inline function of one float made of IEEE add, multiply, divide, sqrt and explicit fmaf,
 * without branches, so plain loops over arrays vectorise under target_clones and every ISA level
 * gives the same bits. Stated bounds are checked against long double references in
 * tests/unit/math/test_elementary.c.
 *
 *   lsi_expf(x)      <= 2 ulp; 0 below about -103.97 (denormals as IEEE), inf above 88.73; NaN passes
 *   lsi_logf(x)      <= 2 ulp for x > 0 (denormals too); -inf at 0, NaN below
 *   lsi_log1pf(x)    <= 3 ulp for x > -1
 *   lsi_tanhf(x)     <= 4 ulp
 *   lsi_sigmoidf(x)  <= 4 ulp; 1 / (1 + exp(-x)) without overflow
 *   lsi_erff(x)      <= 4 ulp
 *   lsi_log(x), lsi_exp(x), lsi_cos_pi(x) doubles for initialisers, schedules and loss sums
 *                    (log, exp <= 2 ulp; cos_pi(x) = cos(pi x) <= 4 ulp); lsi_pow(x, y) for x > 0
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#endif
