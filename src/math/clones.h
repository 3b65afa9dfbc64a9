/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_CLONES_H
#define LSI_MATH_CLONES_H
/*
 * LSI_CLONES in front of a function definition compiles it once per x86-64 level and lets the
 * loader pick at start (an ifunc), so that one portable build is fast everywhere:
 *
 *     LSI_CLONES void lsi_relu(size_t n, const float *x, float *y) { for (...) ... }
 *
 * The levels never change a result's bits, provided that the function keeps to element-wise
 * loops with explicit fmaf/fma (see elementary.h) and no float reduction. The "default" level has
 * no FMA instruction; there fmaf is libm's, correctly rounded and slow.
 *
 * Empty where the compiler has no such clones, and, as a precaution, under sanitizers: a resolver
 * runs before their start-up code (a small case did run under GCC 12's address, thread and
 * undefined). A clone must not be `inline`. An OpenMP region inside a clone is cloned with it
 * (checked on GCC 12).
 */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(LS_SANITIZED)
#define LSI_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LSI_CLONES
#endif

/* For helpers of a clone: inlined into it, and so compiled for its level. */
#define LSI_INLINE static inline __attribute__((always_inline, unused))
#endif
