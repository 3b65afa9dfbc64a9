/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_NET_H
#define LSI_NN_NET_H
/* A chain of layers over one parameter arena, and its passes. Arithmetic only: sums over the global batch go through `reducer`. */
#include <stdio.h>
#include "nn/layer.h"

typedef struct lsi_net {
  char name[64];
  int n_layers;
  lsi_layer **layers; /* owned; layers[0] is the Input */
  lsi_layout layout;  /* valid once built */
  float *params;      /* owned, [layout.size]; NULL until built */
  float *scratch;     /* owned, of the penalties that need some; NULL: none does */
  bool built;
  bool has_weights;   /* initialised, loaded or set */
  char *origin;       /* owned: the text the net was read from, for those who write it again; NULL: none */
} lsi_net;

ls_status lsi_net_create(const char *name, lsi_net **out);
void lsi_net_destroy(lsi_net **net);

/* Add a layer: copies *layer and takes over what it owns (also on failure). Names must be unique; shapes are checked at once. */
ls_status lsi_net_add(lsi_net *net, lsi_layer *layer);

/* A penalty of what the layer added last gives. */
ls_status lsi_net_regularize_last(lsi_net *net, const lsi_object *regularizer);

/* Lay out and allocate the arena (all zero). Idempotent. At least one layer besides the Input. */
ls_status lsi_net_build(lsi_net *net);
/* Draw every tensor; builds if needed. */
ls_status lsi_net_initialize(lsi_net *net, uint64_t seed);

const lsi_shape *lsi_net_input_shape(const lsi_net *net);
const lsi_layer *lsi_net_last(const lsi_net *net);
size_t lsi_net_output_size(const lsi_net *net); /* floats a sample */
size_t lsi_net_output_width(const lsi_net *net); /* of the last axis */
/* The activation the last layer ends in (Dense's, or an Activation layer's). */
lsi_activation lsi_net_last_activation(const lsi_net *net);
size_t lsi_net_reduce_values(const lsi_net *net); /* largest of the layers */

/* Sum over all leaves of the global batch, see par/leaf_reduce.h; a one-process version is lsi_reducer_local. */
typedef struct lsi_reducer {
  ls_status (*sum)(void *self, const lsi_leaf_plan *plan, double *leaf_values, size_t n, double *out);
  void *self;
} lsi_reducer;
extern const lsi_reducer lsi_reducer_local;

/* One pass over this rank's rows of a global batch. */
typedef struct lsi_pass {
  const lsi_leaf_plan *plan;
  const int64_t *leaf_row;    /* [local leaves + 1] row offsets among this rank's rows */
  int64_t *leaf_row_scaled;   /* scratch of the same length */
  bool training;
  bool logits;                /* leave out the last activation (fused with the loss) */
  uint64_t seed;
  int64_t iteration;
  float *params;              /* the arena; forward in training updates moving statistics in it */
  const lsi_reducer *reducer;
  double *leaf_values;        /* scratch [local leaves, reduce_values] */
  double *totals;             /* scratch [reduce_values] */
  double *leaf_penalty;       /* [local leaves]: activity regularisation, added to by forward; NULL: not wanted */
} lsi_pass;

/* Buffers for passes over up to max_rows rows and max_leaves leaves: made for training passes or for inference
   passes, not for both. */
typedef struct lsi_workspace {
  size_t max_rows;
  int max_leaves;
  float *x;           /* [max_rows, input size]: the loader fills it */
  float **outputs;    /* per layer, [max_rows, out_size]; aliases for in-place layers */
  void **aux;         /* per layer */
  float *deltas[2];   /* [max_rows, largest layer]; NULL when made for inference */
  int64_t *leaf_row, *leaf_row_scaled;
  double *leaf_values, *totals, *leaf_penalty;
  void *block[2];     /* what is freed */
} lsi_workspace;
ls_status lsi_workspace_create(const lsi_net *net, size_t max_rows, int max_leaves, bool training, lsi_workspace **out);
void lsi_workspace_destroy(lsi_workspace **workspace);

/* Prepare `pass` for a plan: leaf rows, scratch pointers. */
void lsi_pass_begin(lsi_pass *pass, const lsi_net *net, lsi_workspace *workspace, const lsi_leaf_plan *plan,
                    const lsi_reducer *reducer, bool training);

/* workspace->x -> output; *out [rows, output size] (logits when pass->logits). */
ls_status lsi_net_forward(const lsi_net *net, const lsi_pass *pass, lsi_workspace *workspace, float **out);

/* The layers whose gradients are wanted, last first: [lsi_net_lowest_trainable, n_layers). */
int lsi_net_lowest_trainable(const lsi_net *net);
/*
 * Back through layers (from, to], from > to, so that their weights' gradients are in `partials`. *delta is dL/d(output of layer
 * `from`) and becomes dL/d(output of layer `to`), unless the last of the layers can do without: then it is left for
 * lsi_net_backward_on(to), which the caller calls before he goes on below `to`, when the gradients are on their way.
 */
ls_status lsi_net_backward(const lsi_net *net, const lsi_pass *pass, lsi_workspace *workspace, int from, int to,
                           float *const *partials, float **delta);
ls_status lsi_net_backward_on(const lsi_net *net, const lsi_pass *pass, lsi_workspace *workspace, int to, float **delta);

/* Penalties of the weights, and their gradient added to the summed gradient. */
bool lsi_net_has_regularizers(const lsi_net *net);
double lsi_net_penalty(const lsi_net *net, const float *params);
void lsi_net_add_penalty_gradient(const lsi_net *net, const float *params, float *grad);

/* Constraints on the trainable tensors, after an update. */
bool lsi_net_has_constraints(const lsi_net *net);
void lsi_net_constrain(const lsi_net *net, float *params);

/* Keras 3's summary table at 80 columns. n_optimizer_params < 0: not built, the line is left out. */
ls_status lsi_net_summary(const lsi_net *net, bool with_input, int64_t n_optimizer_params, FILE *out);

/* Hash of all tensors' bits in layer order. */
ls_status lsi_net_digest(const lsi_net *net, const float *params, char hex[33]);
#endif
