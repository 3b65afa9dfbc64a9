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
  double alpha, beta, gamma, q;
  bool balance;    /* focal: weigh the two classes by alpha */
  bool is_sum;     /* a row's value is the sum of its elements, not their mean */
  bool has_ignored;
  int32_t ignored; /* ignore_class */
  double factor;   /* of every row's weight */
  const lsi_loss_batch *batch; /* NULL: no sums over the batch are needed */
} lsi_loss_pass;

/* Losses that add up over a row's elements: values in double and slopes in float of n elements. */
typedef void lsi_loss_elements(const lsi_loss_pass *pass, size_t n, const float *in, const float *target, double *restrict term,
                               float *restrict slope);
lsi_loss_elements *lsi_loss_elements_of(const lsi_loss_pass *pass);

/* Keras's backend.epsilon(), and 1 - epsilon() rounded to float. */
#define LSI_EPSILON          1e-7f
#define LSI_ONE_LESS_EPSILON 0.9999999f

void lsi_loss_softmax_logits(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_probabilities(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_elementwise(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_cosine(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_categorical_hinge(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_categorical_focal(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_generalized(const lsi_loss_pass *pass, size_t first, size_t end);
void lsi_loss_overlap(const lsi_loss_pass *pass, size_t first, size_t end); /* Dice, Tversky */
/* What a row adds to the sums over the batch that Dice and Tversky need: t p, t, p. */
void lsi_loss_overlap_sums(const float *in, const float *target, size_t n, double sums[3]);

static inline double lsi_loss_weight(const lsi_loss_pass *pass, size_t row) {
  return pass->weight ? (double)pass->weight[row] * pass->factor : pass->factor;
}

/* The class of a row; that of an ignored row does not matter, its value and gradient are dropped afterwards. */
static inline bool lsi_loss_is_ignored(const lsi_loss_pass *pass, size_t row) {
  return pass->has_ignored && pass->label[row] == pass->ignored;
}
static inline size_t lsi_loss_label(const lsi_loss_pass *pass, size_t row) {
  return lsi_loss_is_ignored(pass, row) ? 0 : (size_t)pass->label[row];
}

/* pred = in, for rows whose prediction is the input. Before grad is written: it may be `in`. */
static inline void lsi_loss_copy_pred(const lsi_loss_pass *pass, size_t first, size_t end) {
  if (pass->pred && !pass->linked && pass->pred != pass->in)
    memcpy(pass->pred + first * pass->n, pass->in + first * pass->n,
           (end - first) * pass->n * sizeof *pass->pred);
}
#endif
