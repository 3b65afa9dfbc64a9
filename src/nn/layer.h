/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_LAYER_H
#define LSI_NN_LAYER_H
/* One layer: what the user asked for (its config), its shapes, and its arithmetic (its ops). */
#include <stdbool.h>
#include <stdint.h>
#include <lockstep/limits.h> /* LS_MAX_RANK */
#include "math/leaf_plan.h"
#include "nn/activation.h"
#include "nn/layout.h"

typedef struct lsi_shape {
  int rank; /* without the batch dimension */
  int64_t dims[LS_MAX_RANK];
} lsi_shape;
size_t lsi_shape_size(const lsi_shape *shape);

typedef enum lsi_layer_kind {
  LSI_LAYER_INPUT, LSI_LAYER_FLATTEN, LSI_LAYER_DENSE, LSI_LAYER_ACTIVATION, LSI_LAYER_DROPOUT,
  LSI_LAYER_BATCH_NORMALIZATION, LSI_LAYER_LAYER_NORMALIZATION, LSI_LAYER_RESCALING, LSI_LAYER_NORMALIZATION,
  LSI_LAYER_RELU, LSI_LAYER_LEAKY_RELU, LSI_LAYER_ELU, LSI_LAYER_PRELU, LSI_LAYER_SOFTMAX, LSI_LAYER_GAUSSIAN_NOISE,
  LSI_LAYER_GAUSSIAN_DROPOUT, LSI_LAYER_ALPHA_DROPOUT, LSI_LAYER_RESHAPE, LSI_LAYER_IDENTITY, LSI_LAYER_ACTIVITY_REGULARIZATION,
  LSI_LAYER_UNIT_NORMALIZATION, LSI_LAYER_RMS_NORMALIZATION,
  LSI_LAYER_PERMUTE, LSI_LAYER_REPEAT_VECTOR, LSI_LAYER_GROUP_NORMALIZATION,
  LSI_LAYER_KINDS
} lsi_layer_kind;

typedef struct lsi_dense {
  int64_t units;
  lsi_activation activation;
  bool use_bias;
  lsi_object kernel_initializer, bias_initializer;
  lsi_object kernel_regularizer, bias_regularizer; /* info NULL: none */
  lsi_object kernel_constraint, bias_constraint;
} lsi_dense;

typedef struct lsi_norm { /* BatchNormalization, LayerNormalization, GroupNormalization, and epsilon of RMSNormalization */
  double momentum, epsilon;
  int64_t groups; /* GroupNormalization's; -1: as many as values */
  bool center, scale;
  lsi_object beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer;
  lsi_object beta_regularizer, gamma_regularizer;
  lsi_object beta_constraint, gamma_constraint;
} lsi_norm;

typedef struct lsi_relu { /* ReLU and LeakyReLU */
  double max_value; /* NAN: none */
  double negative_slope, threshold;
} lsi_relu;

typedef struct lsi_prelu {
  lsi_object alpha_initializer, alpha_regularizer, alpha_constraint;
  lsi_shape shared_axes; /* counted from 1, as dims */
} lsi_prelu;

typedef struct lsi_activity { /* ActivityRegularization: l1 and l2 of what passes */
  double l1, l2;
} lsi_activity;

typedef struct lsi_dropout { /* and the other layers of noise: GaussianNoise's stddev is the rate */
  double rate;
  uint64_t seed; /* 0: the run's */
} lsi_dropout;

typedef struct lsi_rescaling {
  double scale, offset;
} lsi_rescaling;

typedef struct lsi_normalization {
  int64_t n;       /* length of mean and variance given by the user; 0: adapted, three weights instead */
  double *mean;    /* owned, [n] */
  double *variance;
  bool invert;
} lsi_normalization;

struct lsi_layer;
struct lsi_pass;

/* What a layer may use in one pass over this rank's rows of a batch. All arrays hold `rows` rows. */
typedef struct lsi_layer_io {
  const float *x;    /* [rows, in_size] */
  float *y;          /* [rows, out_size]; == x for layers that alias */
  void *aux;         /* aux_bytes(layer, max_rows) of the layer's own, kept from forward to backward */
  bool skip_activation; /* the loss is fused with this layer's activation: y is the logits, dy their gradient */
  float *dy;         /* backward: [rows, out_size], may be overwritten */
  float *dx;         /* backward: [rows, in_size], NULL when nobody below needs it; == dy when dx_in_place */
  float *const *partials; /* backward: gradient arenas of the canonical nodes, [plan->n_nodes] of [n_trainable] */
} lsi_layer_io;

typedef struct lsi_layer_ops {
  const char *class_name; /* Keras's */
  const char *base_name;  /* automatic names: "dense", "dense_1", ... */
  /* REQUIRED: out shape; add the layer's tensors to the layout. Errors say which layer and both shapes. */
  ls_status (*build)(struct lsi_layer *layer, int index, lsi_layout *layout);
  ls_status (*forward)(const struct lsi_layer *layer, const struct lsi_pass *pass, const lsi_layer_io *io);
  ls_status (*backward)(const struct lsi_layer *layer, const struct lsi_pass *pass, const lsi_layer_io *io);
  /* OPTIONAL; NULL means 0 / false / nothing to free */
  /* dx alone, after `backward` with dx NULL and the same io: for layers where it costs enough to send the weights' gradients first */
  ls_status (*input_gradient)(const struct lsi_layer *layer, const struct lsi_pass *pass, const lsi_layer_io *io);
  size_t (*aux_bytes)(const struct lsi_layer *layer, size_t max_rows);
  size_t (*reduce_values)(const struct lsi_layer *layer); /* doubles a leaf it sums over the global batch in one go */
  bool (*aliases)(const struct lsi_layer *layer, bool training); /* forward leaves x untouched as y: no copy */
  bool dx_in_place;       /* dx may be dy's memory (elementwise or untouched) */
  void (*destroy)(struct lsi_layer *layer);
} lsi_layer_ops;

typedef struct lsi_layer {
  const lsi_layer_ops *ops;
  lsi_layer_kind kind;
  char name[64];
  int index;           /* place in the net */
  bool frozen;         /* trainable=False */
  lsi_object activity_regularizer; /* of what it gives; info NULL: none */
  lsi_shape in, out;
  size_t in_size, out_size; /* floats a sample */
  size_t lead;         /* rows of the last axis a sample holds: out_size / last dimension */
  const lsi_tensor *tensors; /* of this layer, in the net's layout; set when the layout is finished */
  int n_tensors;
  size_t *place;       /* owned, of some layers, [out_size]: which value or weight each value of a sample goes with */
  union {
    lsi_dense dense;
    lsi_activation activation;
    lsi_norm norm;
    lsi_dropout dropout;
    lsi_rescaling rescaling;
    lsi_normalization normalization;
    lsi_relu relu;
    lsi_prelu prelu;
    double elu_alpha;
    lsi_shape target; /* Reshape's, one size may be -1: what is left; Permute's dims */
    int64_t repeats;  /* RepeatVector's n */
    lsi_activity activity;
  };
} lsi_layer;

extern const lsi_layer_ops *const lsi_layer_table[LSI_LAYER_KINDS]; /* by kind */

/* A layer of `kind` with Keras's defaults, not yet in a net. `name` NULL or "": automatic. */
ls_status lsi_layer_init(lsi_layer *layer, lsi_layer_kind kind, const char *name);
/* Kind by class name ("Dense"); LS_ERR_UNSUPPORTED with the nearest. */
ls_status lsi_layer_kind_find(const char *class_name, lsi_layer_kind *kind);
#endif
