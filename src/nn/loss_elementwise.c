/* SPDX-License-Identifier: MIT */
/*
 * Losses that are a mean or a sum over a row of a function of (prediction, target), loss_elements.c.
 */
#include "math/elementary.h"
#include "nn/loss_pass.h"
#include "nn/rows.h"

LSI_CLONES static void sigmoid(size_t n, const float *in, float *restrict pred) {
  for (size_t i = 0; i < n; i++)
    pred[i] = lsi_sigmoidf(in[i]);
}

LSI_CLONES static void scaled(size_t n, const float *slope, float factor, float *restrict grad) {
  for (size_t i = 0; i < n; i++)
    grad[i] = slope[i] * factor;
}

static double row_divisor(const lsi_loss_pass *p) {
  return p->is_sum ? 1.0 : (double)p->n;
}

/* The row's mean: value, and what its slopes are multiplied by. */
static float row_factor(const lsi_loss_pass *p, size_t r) {
  return (float)(p->scale * lsi_loss_weight(p, r) / row_divisor(p));
}

/* `rows` whole rows that fit one block. */
static void short_rows(const lsi_loss_pass *p, lsi_loss_elements *function, size_t first, size_t rows) {
  double term[LSI_ROW_BLOCK];
  float slope[LSI_ROW_BLOCK];
  size_t n = p->n, at = first * n;
  function(p, rows * n, p->in + at, p->target + at, term, slope);
  if (p->pred && p->linked)
    sigmoid(rows * n, p->in + at, p->pred + at);
  for (size_t i = 0; i < rows; i++) {
    size_t r = first + i;
    p->value[r] = lsi_loss_weight(p, r) * (lsi_row_sum64(n, term + i * n) / row_divisor(p));
    if (p->grad)
      scaled(n, slope + i * n, row_factor(p, r), p->grad + r * n);
  }
}

/* One row longer than a block, piece by piece; the sum's order is lsi_row_sum64's. */
static void long_row(const lsi_loss_pass *p, lsi_loss_elements *function, size_t r) {
  double term[LSI_ROW_BLOCK], lane[LSI_LANES] = {0};
  float slope[LSI_ROW_BLOCK];
  for (size_t done = 0; done < p->n; done += LSI_ROW_BLOCK) {
    size_t m = p->n - done < LSI_ROW_BLOCK ? p->n - done : LSI_ROW_BLOCK, at = r * p->n + done;
    function(p, m, p->in + at, p->target + at, term, slope);
    if (p->pred && p->linked)
      sigmoid(m, p->in + at, p->pred + at);
    lsi_lanes_add64(m, term, lane);
    if (p->grad)
      scaled(m, slope, row_factor(p, r), p->grad + at);
  }
  p->value[r] = lsi_loss_weight(p, r) * (lsi_lanes_sum64(lane) / row_divisor(p));
}

void lsi_loss_elementwise(const lsi_loss_pass *p, size_t first, size_t end) {
  lsi_loss_elements *function = lsi_loss_elements_of(p);
  lsi_loss_copy_pred(p, first, end);
  size_t step = lsi_rows_per_block(p->n);
  for (; first < end; first += step) {
    if (p->n > LSI_ROW_BLOCK)
      long_row(p, function, first);
    else
      short_rows(p, function, first, end - first < step ? end - first : step);
  }
}
