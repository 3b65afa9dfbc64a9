/* SPDX-License-Identifier: MIT */
/*
 * Categorical cross-entropy of logits z: with d = z - max z, s = sum exp(d) and T = sum t,
 *   loss = T log s - sum t d        dL/dz = T exp(d) / s - t
 * Neither overflows nor cancels for any finite logits.
 */
#include "nn/loss_pass.h"
#include "nn/rows_exp.h"

enum { BLOCK_ROWS = 256 };

typedef struct row_part {
  double dot;  /* sum t d */
  float total; /* T */
  float
      broken; /* 0, or NaN when a logit is not finite: an infinite one could drop out of the sums */
} row_part;

LSI_INLINE row_part label_part(const lsi_loss_pass *p, size_t r, const float *z, float most) {
  float check[LSI_LANES] = {0}, broken = 0.0f;
  size_t j = 0;
  for (; j + LSI_LANES <= p->n; j += LSI_LANES)
    for (int i = 0; i < LSI_LANES; i++)
      check[i] += (z[j + i] - most) * 0.0f;
  for (; j < p->n; j++)
    broken += (z[j] - most) * 0.0f;
  broken += lsi_lanes_sum(check);
  return (row_part){.dot = (double)(z[lsi_loss_label(p, r)] - most), .total = 1.0f, .broken = broken};
}

/* Here 0 t is NaN by itself for what is not finite. */
LSI_INLINE row_part target_part(const lsi_loss_pass *p, size_t r, const float *z, float most) {
  enum { PIECE = 256 };
  const float *target = p->target + r * p->n;
  double product[PIECE], lane[LSI_LANES] = {0}, dot = 0.0;
  float t[PIECE], total_lane[LSI_LANES] = {0}, total = 0.0f;
  for (size_t first = 0; first < p->n; first += PIECE) {
    size_t m = p->n - first < PIECE ? p->n - first : PIECE;
    for (size_t j = 0; j < m; j++) {
      t[j] = target[first + j] * p->keep + p->add;
      product[j] = (double)t[j] * (double)(z[first + j] - most);
    }
    if (p->n <= LSI_LANES)
      return (row_part){.dot = lsi_row_sum64(m, product), .total = lsi_row_sum(m, t)};
    lsi_lanes_add64(m, product, lane);
    lsi_lanes_add(m, t, total_lane);
  }
  dot = lsi_lanes_sum64(lane);
  total = lsi_lanes_sum(total_lane);
  return (row_part){.dot = dot, .total = total};
}

LSI_INLINE void put_value(const lsi_loss_pass *p, size_t r, row_part part, float sum) {
  double loss = (double)part.total * lsi_log((double)sum) - part.dot + (double)part.broken;
  p->value[r] = lsi_loss_weight(p, r) * loss;
}

/* e = exp(d) of row r -> its probabilities and gradient; e may be either. */
LSI_INLINE void finish_row(const lsi_loss_pass *p, size_t r, const float *e, float sum,
                           float total) {
  size_t n = p->n, at = r * n;
  float factor = (float)(p->scale * lsi_loss_weight(p, r));
  if (p->pred && p->linked) {
    float *pred = p->pred + at;
#pragma GCC ivdep
    for (size_t j = 0; j < n; j++)
      pred[j] = e[j] / sum;
  }
  if (!p->grad)
    return;
  float *grad = p->grad + at;
  if (p->label) {
    size_t label = lsi_loss_label(p, r);
    float own = (e[label] / sum - 1.0f) * factor;
#pragma GCC ivdep
    for (size_t j = 0; j < n; j++)
      grad[j] = e[j] / sum * factor;
    grad[label] = own;
  } else {
    const float *target = p->target + at;
#pragma GCC ivdep
    for (size_t j = 0; j < n; j++)
      grad[j] = (e[j] / sum * total - (target[j] * p->keep + p->add)) * factor;
  }
}

/* `work` holds the block's exponentials and is grad or pred. */
LSI_CLONES static void block(const lsi_loss_pass *p, size_t first, size_t rows, float *work) {
  row_part part[BLOCK_ROWS];
  size_t n = p->n;
  float *e = work + first * n;
  for (size_t i = 0; i < rows; i++) {
    const float *z = p->in + (first + i) * n;
    float most = lsi_row_max(n, z), *d = e + i * n;
    part[i] = p->label ? label_part(p, first + i, z, most) : target_part(p, first + i, z, most);
#pragma GCC ivdep
    for (size_t j = 0; j < n; j++)
      d[j] = z[j] - most;
  }
  for (size_t i = 0; i < rows * n; i++)
    e[i] = lsi_expf(e[i]);
  for (size_t i = 0; i < rows; i++) {
    float sum = lsi_row_sum(n, e + i * n);
    put_value(p, first + i, part[i], sum);
    finish_row(p, first + i, e + i * n, sum, part[i].total);
  }
}

/* The value alone: nothing to keep the exponentials in, and nobody to read them. */
LSI_CLONES static void value_only(const lsi_loss_pass *p, size_t first, size_t end) {
  for (size_t r = first; r < end; r++) {
    const float *z = p->in + r * p->n;
    float most = lsi_row_max(p->n, z);
    row_part part = p->label ? label_part(p, r, z, most) : target_part(p, r, z, most);
    put_value(p, r, part, lsi_row_sum_exp(p->n, z, most));
  }
}

void lsi_loss_softmax_logits(const lsi_loss_pass *p, size_t first, size_t end) {
  lsi_loss_copy_pred(p, first, end);
  float *work = p->grad ? p->grad : p->linked ? p->pred : NULL;
  if (!work) {
    value_only(p, first, end);
    return;
  }
  size_t step = lsi_rows_per_block(p->n);
  if (step > BLOCK_ROWS)
    step = BLOCK_ROWS;
  for (; first < end; first += step)
    block(p, first, end - first < step ? end - first : step, work);
}
