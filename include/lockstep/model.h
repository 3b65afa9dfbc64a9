/* SPDX-License-Identifier: MIT */
#ifndef LOCKSTEP_MODEL_H
#define LOCKSTEP_MODEL_H
/**
 * A Sequential model: create, add layers, compile; then train it with lockstep/trainer.h.
 *
 * Objects with arguments (initialisers, regularisers, optimizers, losses, metrics, schedules,
 * callbacks) are written as Keras writes them: "adam", "SGD(learning_rate=0.1, momentum=0.9)",
 * "RandomNormal(stddev=0.02)", "L2(0.001)", "Adam(CosineDecay(0.001, decay_steps=5000))".
 * Positional arguments come first, in Keras's order; both the class name and the snake_case name work.
 *
 * Calls on a model are logically collective: all ranks make the same calls with the same arguments. The readers
 * (summary, weight_count, weight_info, get_weights, digest) need no other rank. A model is the caller's: ls_model_destroy,
 * before the context's end. Specs, arrays and strings are read during the call only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <lockstep/context.h>
#include <lockstep/limits.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ls_model ls_model;

/** An empty Sequential model. name NULL: "sequential". */
LS_API ls_status ls_model_create(ls_context *context, const char *name, ls_model **out);
/** Not collective. NULL is fine; clears the pointer. */
LS_API void ls_model_destroy(ls_model **model);

/* Fields left zero take Keras's default; strings are copied. `name` NULL: dense, dense_1, ... */
typedef struct ls_dense_spec {
  int64_t units;
  const char *activation;           /* NULL: linear */
  bool no_bias;                     /* use_bias=False */
  const char *kernel_initializer;   /* NULL: "glorot_uniform" */
  const char *bias_initializer;     /* NULL: "zeros" */
  const char *kernel_regularizer;   /* NULL: none */
  const char *bias_regularizer;
  const char *activity_regularizer;
  const char *kernel_constraint;    /* NULL: none; "max_norm", "MaxNorm(3.0)" */
  const char *bias_constraint;
  const char *name;
  bool frozen;                      /* trainable=False */
} ls_dense_spec;

typedef struct ls_batch_normalization_spec {
  double momentum;  /* 0: 0.99 */
  bool no_momentum; /* momentum=0: the moving statistics are the latest batch's */
  double epsilon;   /* 0: 0.001 */
  bool no_center, no_scale;
  const char *beta_initializer, *gamma_initializer, *moving_mean_initializer, *moving_variance_initializer;
  const char *beta_regularizer, *gamma_regularizer;
  const char *beta_constraint, *gamma_constraint;
  const char *name;
  bool frozen;
} ls_batch_normalization_spec;

typedef struct ls_layer_normalization_spec {
  double epsilon; /* 0: 0.001 */
  bool no_center, no_scale;
  const char *beta_initializer, *gamma_initializer;
  const char *beta_regularizer, *gamma_regularizer;
  const char *beta_constraint, *gamma_constraint;
  const char *name;
  bool frozen;
} ls_layer_normalization_spec;

typedef struct ls_normalization_spec {
  const double *mean, *variance; /* [n], both or neither; neither: adapted to the training set before the first fit */
  int64_t n;                     /* 1, or the size of the last axis */
  bool invert;
  const char *name;
} ls_normalization_spec;

/** The input's shape without the batch dimension. The first layer of every model. */
LS_API ls_status ls_model_add_input(ls_model *model, int rank, const int64_t *shape);
LS_API ls_status ls_model_add_flatten(ls_model *model, const char *name);
LS_API ls_status ls_model_add_dense(ls_model *model, const ls_dense_spec *spec);
/** activation by Keras name; "softmax", "relu", ... */
LS_API ls_status ls_model_add_activation(ls_model *model, const char *activation, const char *name);
/** 0 <= rate < 1; seed 0: derived from the run's seed and the layer's place. */
LS_API ls_status ls_model_add_dropout(ls_model *model, double rate, uint64_t seed, const char *name);
LS_API ls_status ls_model_add_batch_normalization(ls_model *model, const ls_batch_normalization_spec *spec);
LS_API ls_status ls_model_add_layer_normalization(ls_model *model, const ls_layer_normalization_spec *spec);
LS_API ls_status ls_model_add_rescaling(ls_model *model, double scale, double offset, const char *name);
LS_API ls_status ls_model_add_normalization(ls_model *model, const ls_normalization_spec *spec);

/**
 * Any other layer, as Keras writes it: ReLU, LeakyReLU, ELU, PReLU, Softmax, GaussianNoise, GaussianDropout, AlphaDropout, Reshape, Identity,
 * ActivityRegularization, UnitNormalization, RMSNormalization. For example "LeakyReLU(negative_slope=0.1)", "Reshape([4, 7], name='rows')".
 */
LS_API ls_status ls_model_add(ls_model *model, const char *layer);
/** A penalty of what the layer added last gives, "L2(0.01)", as every Keras layer takes one (NULL: none). */
LS_API ls_status ls_model_set_activity_regularizer(ls_model *model, const char *regularizer);

typedef struct ls_compile_spec {
  const char *optimizer;          /* NULL: "rmsprop" */
  const char *loss;               /* required for fit and evaluate */
  const char *const *metrics;     /* e.g. {"accuracy"} */
  int n_metrics;
  const char *const *weighted_metrics; /* metrics that sample weights count in */
  int n_weighted_metrics;
  const double *loss_weights;     /* NULL, or one number for the one output: loss and gradient are multiplied by it, penalties are not */
  int n_loss_weights;
} ls_compile_spec;

/** Choose optimizer, loss and metrics; no layer can be added any more. Weights are kept; the optimizer starts fresh. */
LS_API ls_status ls_model_compile(ls_model *model, const ls_compile_spec *spec);

/** Draw the weights from `seed`: each value is a function of (seed, tensor, element) only. Done by the first fit (with its
    seed), evaluate or predict (with seed 0) when nothing has set the weights before. */
LS_API ls_status ls_model_initialize(ls_model *model, uint64_t seed);

/** Keras's table: layer (type), output shape, Param #, totals. Prints on the calling rank. */
LS_API ls_status ls_model_summary(const ls_model *model, FILE *out);

/** Number of weight tensors, in layer order, and what each is. Pointers live as long as the model. */
typedef struct ls_weight_info {
  const char *name; /* "dense/kernel" */
  int rank;
  int64_t shape[LS_MAX_WEIGHT_RANK];
  size_t count;
  bool trainable;
} ls_weight_info;
LS_API int ls_model_weight_count(const ls_model *model);
LS_API ls_status ls_model_weight_info(const ls_model *model, int index, ls_weight_info *info);
/** Copy one tensor out or in, C order float32; `count` must be the tensor's. */
LS_API ls_status ls_model_get_weights(const ls_model *model, const char *name, float *values, size_t count);
LS_API ls_status ls_model_set_weights(ls_model *model, const char *name, const float *values, size_t count);

/** Hash of all parameter values' bits in layer order, as 32 hex digits and NUL. Not collective. */
LS_API ls_status ls_model_digest(const ls_model *model, char hex[33]);

/**
 * Write the model; the name's ending decides how, and real Keras opens each:
 * ".keras" is Keras 3's whole model and ".weights.h5" its weights, both with the optimizer's state; any other name is Keras's older whole-model
 * HDF5 layout (".h5"), which has no place for that state.
 * Collective; rank 0 writes, atomically: a temporary file, fsync, rename.
 */
LS_API ls_status ls_model_save(const ls_model *model, const char *path);
/** Write the model at inference as ONNX (opset 17, free batch dimension; dropout leaves no trace), for onnxruntime and its
    like. At most 2 GiB. Collective; rank 0 writes, atomically. */
LS_API ls_status ls_model_export_onnx(const ls_model *model, const char *path);
/**
 * Read a model, by content: .keras or .h5 of Keras or ours, a checkpoint of a run, or model.to_json() (the architecture alone: no weights).
 * Compiled when the file says how, and its optimizer goes on where it was when the file holds its state. What is not supported is refused by name
 * and place; a variable that does not match is an error. Collective; rank 0 reads and broadcasts.
 */
LS_API ls_status ls_model_load(ls_context *context, const char *path, ls_model **out);
/** Weights for a model whose layers are there: any file of ls_model_load that has them, or .weights.h5. When the model is compiled and the file
    has its optimizer's state, that is taken, too; another optimizer's is left, with a warning. Collective. */
LS_API ls_status ls_model_load_weights(ls_model *model, const char *path);
/** Updates the optimizer has made since it began, 0 for a fresh one. */
LS_API int64_t ls_model_iteration(const ls_model *model);

#ifdef __cplusplus
}
#endif
#endif
