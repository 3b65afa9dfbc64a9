/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_FINITE_H
#define LSI_MATH_FINITE_H
#include <stdbool.h>
#include <stddef.h>

/* Is none of n values infinite or NaN? By as many threads as it is worth. */
bool lsi_all_finite(const float *x, size_t n);
#endif
