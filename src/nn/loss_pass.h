/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_LOSS_PASS_H
#define LSI_NN_LOSS_PASS_H
/* lsi_loss_rows' arguments, and its arithmetic by kind. Each works on rows [first, end), which are
 * independent. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "nn/loss.h"

typedef struct lsi_loss_pass {
  lsi_loss_kind kind;
  bool on_logits;
  bool linked; /* pred is softmax or sigmoid of in, else in itself */
  size_t n;
  const float *in;
  const int32_t *label;
  const float *target, *weight;
  double scale;
  double *value;
  float *pred, *grad;
  float keep, add; /* label smoothing: t keep + add */
  float delta;     /* Huber's */
} lsi_loss_pass;

/* Keras's backend.epsilon(), and 1 - epsilon() rounded to float. */
#define LSI_EPSILON          1e-7f
#define LSI_ONE_LESS_EPSILON 0.9999999f

void lsi_loss_softmax_logits(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_probabilities(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_elementwise(const lsi_loss_pass *pass, size_t first, size_t end);

static inline double lsi_loss_weight(const lsi_loss_pass *pass, size_t row) {
  return pass->weight ? (double)pass->weight[row] : 1.0;
}

/* pred = in, for rows whose prediction is the input. Before grad is written: it may be `in`. */
static inline void lsi_loss_copy_pred(const lsi_loss_pass *pass, size_t first, size_t end) {
  if (pass->pred && !pass->linked && pass->pred != pass->in)
    memcpy(pass->pred + first * pass->n, pass->in + first * pass->n,
           (end - first) * pass->n * sizeof *pass->pred);
}
#endif
