/* SPDX-License-Identifier: MIT */
#ifndef LSI_MATH_GEMM_H
#define LSI_MATH_GEMM_H
/*
 * Matrix products of a dense layer. gemm.c and kernels.c are the only users of BLIS (roofline.c
 * measures it). All matrices are row-major float32. Every product's bits are independent of the
 * number of threads and of how the rows of the batch are grouped into calls (leaves, ranks): see
 * src/README.md, "The contract".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

/* y [rows, n] = x [rows, k] * w [k, n]. Threads as lsi_team_for decides. */
void lsi_gemm_forward(size_t rows, size_t n, size_t k, const float *x, const float *w, float *y);

/* dx [rows, k] = dy [rows, n] * transpose(w [k, n]). */
void lsi_gemm_input_grad(size_t rows, size_t k, size_t n, const float *dy, const float *w,
                         float *dx);

/*
 * Weight gradient summed over samples in leaf-tree order:
 *   dw [k, n] = tree-sum over leaves l of  transpose(x[r_l : r_{l+1}, :]) * dy[r_l : r_{l+1}, :]
 *   db [n]    = the same with a column of ones for x   (skipped when db is NULL; dw NULL skips dw)
 * leaf_row has n_leaves + 1 entries, rows of x and dy; the leaves are those of one canonical node
 * (they start at a multiple of the node's size, so the tree over local indices is the global one).
 * Per element: within a leaf, fused multiply-adds in row order starting from -0 (so the first is a
 * plain multiplication); then the tree of math/tree.h over leaves. Each element's order depends on
 * leaf_row only.
 * Overwrites dw and db. `leaf_row` differences are > 0.
 */
void lsi_gemm_weight_grad(size_t k, size_t n, int n_leaves, const int64_t *leaf_row, const float *x,
                          const float *dy, float *dw, float *db);

/*
 * false: plain BLIS for the weight gradient of large layers when it has one leaf, whatever that does
 * to the order of its sums.
 * For measuring what the contract costs; true at the start. Process-wide; between products.
 */
void lsi_gemm_set_reproducible(bool on);

/* Scratch of the products above grows on demand; call once with the largest sizes so that the step
   never allocates. Not thread-safe against the products. */
ls_status lsi_gemm_reserve(size_t max_rows, size_t max_k, size_t max_n);
void lsi_gemm_release(void);

/* Chooses BLIS's kernel set before its first use: `kernels` NULL or "auto" for the table's choice
   for this CPU (a pure function of CPU features and BLIS version), else a BLIS sub-configuration
   name ("haswell", "skx", "zen3", "generic"...). Call before any product; later calls with another
   name fail (LS_ERR_STATE). A BLIS_ARCH_TYPE already in the environment wins over "auto". Unknown
   names: LS_ERR_ARG with the nearest. */
ls_status lsi_gemm_select_kernels(const char *kernels);

typedef struct lsi_kernel_info {
  char blis_version[32];
  char blis_kernels[32]; /* the sub-configuration in use, e.g. "zen3" */
  char own_kernels[32]; /* ISA level of our own kernels: "avx512", "avx2", "portable"; never changes
                           bits */
  char reason[160];     /* why this set was chosen, one sentence */
} lsi_kernel_info;
void lsi_gemm_kernel_info(lsi_kernel_info *info);

/* The contract's self-check on this machine and kernel set: random shapes through the three
   products, over row groupings and thread counts 1..max_threads, compared bit for bit; and
   weight_grad against its definition. *n_cases counts comparisons; fails with LS_ERR_DIFFERENT
   naming the first shape that differs. */
ls_status lsi_gemm_self_check(uint64_t seed, int n_shapes, int max_threads, int *n_cases);
#endif
