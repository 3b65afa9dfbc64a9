/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_LAYERS_H
#define LSI_NN_LAYERS_H
/* The layers' ops, and what their implementations share. */
#include "nn/layer.h"
#include "nn/net.h"

extern const lsi_layer_ops lsi_input_ops, lsi_flatten_ops, lsi_dense_ops, lsi_activation_ops, lsi_dropout_ops,
    lsi_batch_normalization_ops, lsi_layer_normalization_ops, lsi_rescaling_ops, lsi_normalization_ops, lsi_relu_ops, lsi_leaky_relu_ops, lsi_elu_ops, lsi_prelu_ops,
    lsi_softmax_ops, lsi_gaussian_noise_ops, lsi_gaussian_dropout_ops, lsi_alpha_dropout_ops, lsi_reshape_ops, lsi_identity_ops,
    lsi_activity_regularization_ops, lsi_unit_normalization_ops, lsi_rms_normalization_ops, lsi_permute_ops, lsi_repeat_vector_ops, lsi_group_normalization_ops;

/* Add "<layer>/<variable>" to the layout; a frozen layer's tensors are not trainable. regularizer may be NULL. */
ls_status lsi_layer_add_tensor(const lsi_layer *layer, int index, lsi_layout *layout, const char *variable,
                               int rank, const int64_t *dims, bool trainable,
                               const lsi_object *initializer, const lsi_object *regularizer);
/* Constrain the tensor added last; info NULL: not at all. */
ls_status lsi_layer_constrain(lsi_layout *layout, const lsi_object *constraint);
/* The factor and offset of the last axis that `norm` asks for. */
ls_status lsi_layer_add_gamma_and_beta(const lsi_layer *layer, int index, lsi_layout *layout);
/* The penalty of a layer's outputs as factors of |y| and y^2; both 0: none. */
void lsi_layer_activity(const lsi_layer *layer, double *l1, double *l2);
/* Add it to the pass's leaves, divided by the batch size as Keras does; and its gradient to dy. */
void lsi_pass_add_activity(const lsi_layer *layer, const lsi_pass *pass, const float *y);
void lsi_pass_add_activity_gradient(const lsi_layer *layer, const lsi_pass *pass, const float *y, float *dy);
/* By variable name; NULL when the layer has none. */
const lsi_tensor *lsi_layer_tensor(const lsi_layer *layer, const char *variable);
/* layer->place: the sum of index times stride over the output's dimensions; and its end. */
ls_status lsi_layer_set_places(lsi_layer *layer, const int64_t *strides);
void lsi_layer_free_places(lsi_layer *layer);
/* out = in. */
void lsi_layer_keep_shape(lsi_layer *layer);

/* This rank's rows in this pass, and the size of the last axis. */
static inline size_t lsi_pass_rows(const lsi_pass *pass) {
  return (size_t)(pass->plan->row_end - pass->plan->row_begin);
}
static inline size_t lsi_layer_width(const lsi_layer *layer) {
  return (size_t)layer->out.dims[layer->out.rank - 1];
}

/* What Normalization computes with, [n] each: y = (x - shift) * factor, or x * factor + shift when inverted. */
void lsi_normalization_constants(const lsi_layer *layer, const float *params, float *shift, float *factor);

/* Row offsets of this rank's leaves in units of the last axis' rows (lead rows a sample). */
const int64_t *lsi_pass_leaf_rows(const lsi_pass *pass, size_t lead);

/* Tree-sum of a [rows * lead, n] array's columns into the canonical partials of `tensor`: a bias gradient. */
void lsi_pass_column_sums(const lsi_pass *pass, size_t lead, size_t n, const float *values, const lsi_tensor *tensor,
                          float *const *partials);

/* A gradient that is already the global sum goes into the tree exactly once: in the first canonical partial of the rank that owns
   leaf 0, zeros elsewhere; never -0.0, so that adding those zeros changes nothing. */
void lsi_pass_put_global(const lsi_pass *pass, const double *sums, const lsi_tensor *tensor, float *const *partials);
#endif
