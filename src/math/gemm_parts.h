/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_GEMM_PARTS_H
#define LSI_MATH_GEMM_PARTS_H
/*
 * Between gemm.c and its parts. Functions with n_threads are the products of math/gemm.h with the
 * number of threads given instead of chosen; the self-check and the tests call them so.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* kernels.c: BLIS is initialised, with the table's kernels if nobody chose others. Idempotent. */
void lsi_blis_ready(void);

/* gemm.c */
void lsi_forward_on(int n_threads, size_t rows, size_t n, size_t k, const float *x, const float *w,
                    float *y);
void lsi_input_grad_on(int n_threads, size_t rows, size_t k, size_t n, const float *dy,
                       const float *w, float *dx);

/* chain_gemm.c */
void lsi_chain_forward(int n_threads, size_t rows, size_t n, size_t k, const float *x,
                       const float *w, float *y);
void lsi_chain_input_grad(int n_threads, size_t rows, size_t k, size_t n, const float *dy,
                          const float *w, float *dx);
/* `max_weights`: of a layer that comes here. */
size_t lsi_chain_scratch_floats(int n_threads, size_t max_rows, size_t max_width, size_t max_weights);

/* leaf_gemm.c */
void lsi_weight_grad_on(int n_threads, size_t k, size_t n, int n_leaves, const int64_t *leaf_row,
                        const float *x, const float *dy, float *dw, float *db);
size_t lsi_leaf_scratch_floats(int n_threads, size_t max_rows, size_t max_k, size_t max_n);

/* lsi_gemm_weight_grad as its contract defines it, element by element with fmaf: the reference of
   the self-check, and the way out when there is no memory for packing. */
void lsi_weight_grad_definition(size_t k, size_t n, int n_leaves, const int64_t *leaf_row,
                                const float *x, const float *dy, float *dw, float *db);

/* The products' common scratch: at least n_floats, grown if need be; NULL when there is no memory.
 */
float *lsi_gemm_scratch(size_t n_floats);
#endif
