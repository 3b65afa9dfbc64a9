/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_ROOFLINE_H
#define LSI_MATH_ROOFLINE_H
/* How long a matrix product takes alone, by plain BLIS with the kernel set in use: what a layer
 * cannot be faster than. For reports. */
#include <stddef.h>
#include "base/status.h"

typedef enum lsi_product_kind {
  LSI_PRODUCT_FORWARD,
  LSI_PRODUCT_WEIGHT_GRAD,
  LSI_PRODUCT_INPUT_GRAD
} lsi_product_kind;

/* Seconds of one product of a layer of k inputs and n units on `rows` rows, the best over numbers
   of threads and BLIS's paths, measured for some hundredths of a second. Allocates what it needs.
 */
ls_status lsi_product_alone(lsi_product_kind kind, size_t rows, size_t n, size_t k,
                            double *seconds);
#endif
