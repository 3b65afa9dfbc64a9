/* SPDX-License-Identifier: MIT */
/*
 * Muon (keras/src/optimizers/muon.py): a matrix moves by its momentum made nearly orthogonal, by ns_steps of Newton and Schulz's iteration
 *   X = G / |G|;  A = X X^T;  X = a X + (b A + c A A) X
 * on the wide way of the matrix. Everything else, and embeddings, takes Adam's steps (adam.c).
 */
#include "math/gemm.h"
#include "math/tree.h"
#include "optim/update.h"

/* Scratch: X [rows, columns], the product with it, A and A A [rows, rows]; rows is the smaller side. */
typedef struct iteration {
  size_t rows, columns;
  float *x, *product, *square, *fourth;
} iteration;

static iteration arrange(const lsi_optim_tensor *t, float *scratch) {
  iteration i = {.rows = t->rows < t->columns ? t->rows : t->columns, .columns = t->rows < t->columns ? t->columns : t->rows, .x = scratch};
  if (!scratch)
    return i;
  i.product = i.x + t->count;
  i.square = i.product + t->count;
  i.fourth = i.square + i.rows * i.rows;
  return i;
}

ls_status lsi_muon_prepare(const lsi_optim_tensor *t, size_t *scratch) {
  iteration i = arrange(t, NULL);
  *scratch = 2 * t->count + 2 * i.rows * i.rows;
  return lsi_gemm_reserve(i.rows, i.columns, i.columns);
}

/* The momentum's next value, and what the step goes along. */
LSI_CLONES static void gather(size_t n, const float *restrict g, float *restrict m, float *restrict out, float momentum, float less, bool nesterov) {
  for (size_t k = 0; k < n; k++) {
    m[k] += g[k] + m[k] * less;
    out[k] = nesterov ? g[k] + momentum * m[k] : m[k];
  }
}

static void transpose(size_t rows, size_t columns, const float *restrict in, float *restrict out) {
  enum { TILE = 32 };
  for (size_t r = 0; r < rows; r += TILE)
    for (size_t c = 0; c < columns; c += TILE)
      for (size_t i = r; i < rows && i < r + TILE; i++)
        for (size_t j = c; j < columns && j < c + TILE; j++)
          out[j * rows + i] = in[i * columns + j];
}

LSI_CLONES static void scale(size_t n, float divisor, float *restrict x) {
  for (size_t k = 0; k < n; k++)
    x[k] /= divisor;
}

LSI_CLONES static void blend(size_t n, float a, float *restrict x, float c, const float *restrict y) {
  for (size_t k = 0; k < n; k++)
    x[k] = a * x[k] + c * y[k];
}

static void orthogonalize(const lsi_object *object, const iteration *i) {
  float a = (float)lsi_object_get(object, "muon_a"), b = (float)lsi_object_get(object, "muon_b"), c = (float)lsi_object_get(object, "muon_c");
  size_t n = i->rows * i->columns;
  scale(n, (float)sqrt(lsi_sum_squares(i->x, n)) + 1e-7f, i->x);
  for (int step = 0; step < (int)lsi_object_get(object, "ns_steps"); step++) {
    lsi_gemm_input_grad(i->rows, i->rows, i->columns, i->x, i->x, i->square);
    lsi_gemm_forward(i->rows, i->rows, i->rows, i->square, i->square, i->fourth);
    blend(i->rows * i->rows, b, i->square, c, i->fourth);
    lsi_gemm_forward(i->rows, i->columns, i->rows, i->square, i->x, i->product);
    blend(n, a, i->x, 1.0f, i->product);
  }
}

LSI_CLONES static void move(size_t n, const float *restrict along, float *restrict w, float rate, float reach, float decay) {
  for (size_t k = 0; k < n; k++)
    w[k] = lsi_decayed(w[k], decay, rate) - along[k] * rate * reach;
}

static void move_matrix(const lsi_optimizer *optimizer, const lsi_update *u, const lsi_optim_tensor *t) {
  const lsi_object *object = &optimizer->object;
  double momentum = lsi_object_get(object, "momentum"), rms = lsi_object_get(object, "rms_rate");
  iteration i = arrange(t, u->scratch);
  bool tall = t->rows > t->columns;
  gather(t->count, u->grad, u->slots[0], tall ? i.product : i.x, (float)momentum, (float)(momentum - 1.0), lsi_object_get(object, "nesterov") != 0);
  if (tall)
    transpose(t->rows, t->columns, i.product, i.x);
  orthogonalize(object, &i);
  if (tall)
    transpose(t->columns, t->rows, i.x, i.product);
  float reach = isnan(rms) ? 1.0f : sqrtf((float)i.columns) * (float)rms;
  move(t->count, tall ? i.product : i.x, u->params, u->rate, reach, u->decay);
}

void lsi_update_muon(const lsi_optimizer *optimizer, const lsi_update *u, const lsi_optim_tensor *t) {
  if (t->by_matrix) {
    move_matrix(optimizer, u, t);
    return;
  }
  lsi_update vector = *u;
  double decay = lsi_object_get(&optimizer->object, "adam_weight_decay");
  vector.decay = isnan(decay) ? 0.0f : (float)decay;
  lsi_update_slices(lsi_update_muon_vector, optimizer, &vector);
}
