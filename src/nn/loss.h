/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_LOSS_H
#define LSI_NN_LOSS_H
/*
 * Keras 3's losses: per-row values and dL/d(input) in one pass.
 *
 * Fused: when the model ends in softmax (or sigmoid) and the loss is the matching cross-entropy,
 * the loss takes the logits, returns the probabilities for the metrics, and the gradient is
 * p - t: unbounded and stable, as Keras on TensorFlow does. from_logits=True takes that way with a linear last layer.
 */
#include <stdint.h>
#include "nn/activation.h"
#include "nn/object.h"

typedef enum lsi_loss_kind {
  LSI_LOSS_CATEGORICAL_CROSSENTROPY,        /* from_logits, label_smoothing, axis (-1 only) */
  LSI_LOSS_SPARSE_CATEGORICAL_CROSSENTROPY, /* from_logits, ignore_class */
  LSI_LOSS_BINARY_CROSSENTROPY,             /* from_logits, label_smoothing */
  LSI_LOSS_BINARY_FOCAL_CROSSENTROPY,       /* and apply_class_balancing, alpha, gamma */
  LSI_LOSS_CATEGORICAL_FOCAL_CROSSENTROPY,  /* from_logits, label_smoothing, alpha, gamma */
  LSI_LOSS_GENERALIZED_CROSSENTROPY,        /* q; by label */
  LSI_LOSS_MEAN_SQUARED_ERROR, LSI_LOSS_MEAN_ABSOLUTE_ERROR, LSI_LOSS_MEAN_ABSOLUTE_PERCENTAGE_ERROR,
  LSI_LOSS_MEAN_SQUARED_LOGARITHMIC_ERROR, LSI_LOSS_COSINE_SIMILARITY,
  LSI_LOSS_HUBER,                           /* delta */
  LSI_LOSS_LOG_COSH,
  LSI_LOSS_HINGE, LSI_LOSS_SQUARED_HINGE,   /* targets -1 and 1; 0 counts as -1 */
  LSI_LOSS_CATEGORICAL_HINGE, LSI_LOSS_KL_DIVERGENCE, LSI_LOSS_POISSON,
  LSI_LOSS_DICE, LSI_LOSS_TVERSKY,          /* alpha, beta; axis None: one value for the batch, -1: one a row */
  LSI_LOSS_CROSSENTROPY_AUTO,               /* "crossentropy", "ce": resolved by lsi_loss_resolve */
  LSI_LOSS_KINDS
} lsi_loss_kind;

extern const lsi_family lsi_losses;

typedef struct lsi_loss {
  lsi_object object;
  bool on_logits;           /* input is logits: from_logits, or fused with the last activation */
  lsi_activation link;      /* what turns the input into the prediction the metrics see: softmax or sigmoid when fused;
                               linear else (metrics see logits with from_logits=True, as in Keras) */
} lsi_loss;

/* How the trainer must deliver the targets. */
typedef enum lsi_target_form { LSI_TARGET_LABEL /* int32 [rows] */, LSI_TARGET_VALUES /* float [rows, n] */ } lsi_target_form;

/* The loss itself, or the cross-entropy that "crossentropy" means for these outputs and targets, as Keras resolves it. */
void lsi_loss_resolve(const lsi_object *loss, int64_t n_outputs, bool by_label, lsi_object *out);

/* What the loss does with a last layer of `last_activation` and n outputs. Sets on_logits and link. from_logits=True
   goes with a linear last layer only (LS_ERR_ARG); categorical losses want two outputs or more (LS_ERR_SHAPE).
   A loss that is not fused with the last activation takes its output: probabilities are clipped to
   [1e-7, 1 - 1e-7] and have no gradient outside, as in Keras on JAX and PyTorch. */
ls_status lsi_loss_init(lsi_loss *loss, const lsi_object *object, lsi_activation last_activation, int64_t n_outputs);
lsi_target_form lsi_loss_target_form(const lsi_loss *loss);

/*
 * Do the data's targets fit the loss and the outputs? A shape that cannot fit is LS_ERR_SHAPE with both shapes, and the
 * advice names the loss that would fit. What the trainer does with integer labels:
 *   target form LABEL               hands them on as they are
 *   target form VALUES, *one_hot    encodes them as float [rows, n_outputs] (categorical_crossentropy)
 *   target form VALUES, !*one_hot   casts them to float [rows, 1]; n_outputs is 1 then
 */
ls_status lsi_loss_check_targets(const lsi_loss *loss, int64_t n_outputs, bool y_is_label, int64_t n_targets, bool *one_hot);

/*
 * One pass over `rows` rows of n inputs.
 *   in      [rows, n] logits (on_logits) or predictions
 *   label   int32 [rows] or NULL; target float [rows, n] or NULL (one of the two)
 *   weight  [rows] sample weights or NULL
 *   scale   lsi_loss_scale of the global batch's rows (times loss weight)
 *   value   [rows] out: weighted per-row loss in double (not scaled)
 *   label goes with target form LABEL, target with VALUES
 *   pred    [rows, n] out, or NULL: the prediction for metrics (== in allowed when link is linear)
 *   grad    [rows, n] out, or NULL: scale * weight * dL/d(in); pred and grad may not alias; grad may alias in
 * Labels out of [0, n) are LS_ERR_ARG: *bad_row is the row (the caller names the sample); nothing is promised about outputs then.
 */
ls_status lsi_loss_rows(const lsi_loss *loss, size_t rows, size_t n, const float *in, const int32_t *label,
                        const float *target, const float *weight, double scale, double *value, float *pred,
                        float *grad, int64_t *bad_row);

/* What the batch's sum of values is multiplied by: 1 / rows, or 1 with reduction="sum". `weighted`: there are sample weights. */
double lsi_loss_scale(const lsi_loss *loss, bool weighted, double rows);
/* Does the value of an epoch depend on how it was cut into batches? */
bool lsi_loss_minds_batches(const lsi_loss *loss);

/*
 * Some losses need sums over the global batch before any row's value: the rows that ignore_class leaves, the weights that
 * reduction="mean_with_sample_weight" divides by, the overlap that Dice and Tversky measure. Each row's part is `sums` [rows, k],
 * k = lsi_loss_batch_sums (0: nothing is needed); their totals go to lsi_loss_batch_rows, which is lsi_loss_rows otherwise.
 */
enum { LSI_LOSS_MAX_BATCH_SUMS = 4 };
typedef struct lsi_loss_batch {
  double rows;                            /* of the global batch */
  double totals[LSI_LOSS_MAX_BATCH_SUMS];
} lsi_loss_batch;
int lsi_loss_batch_sums(const lsi_loss *loss, bool weighted);
void lsi_loss_row_sums(const lsi_loss *loss, size_t rows, size_t n, const float *in, const int32_t *label, const float *target,
                       const float *weight, double *sums);
ls_status lsi_loss_batch_rows(const lsi_loss *loss, const lsi_loss_batch *batch, size_t rows, size_t n, const float *in,
                              const int32_t *label, const float *target, const float *weight, double scale, double *value,
                              float *pred, float *grad, int64_t *bad_row);
#endif
