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
  LSI_LOSS_MEAN_SQUARED_ERROR,
  LSI_LOSS_MEAN_ABSOLUTE_ERROR,
  LSI_LOSS_HUBER,                           /* delta */
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
 *   scale   1 / rows of the global batch (times loss weight)
 *   value   [rows] out: weighted per-row loss in double (not scaled)
 *   label goes with sparse_categorical_crossentropy, target with all others
 *   pred    [rows, n] out, or NULL: the prediction for metrics (== in allowed when link is linear)
 *   grad    [rows, n] out, or NULL: scale * weight * dL/d(in); pred and grad may not alias; grad may alias in
 * Labels out of [0, n) are LS_ERR_ARG: *bad_row is the row (the caller names the sample); nothing is promised about outputs then.
 */
ls_status lsi_loss_rows(const lsi_loss *loss, size_t rows, size_t n, const float *in, const int32_t *label,
                        const float *target, const float *weight, double scale, double *value, float *pred,
                        float *grad, int64_t *bad_row);
#endif
