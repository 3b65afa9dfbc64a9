/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_MODEL_FILE_H
#define LSI_CKPT_MODEL_FILE_H
/*
 * model.h5: Keras's legacy whole-model layout, which real Keras opens, plus a group /lockstep of our own that its readers
 * ignore:
 *
 *   /                         attrs keras_version, backend, model_config, training_config
 *   /model_weights            attrs layer_names, backend, keras_version
 *   /model_weights/L          attr weight_names = ["L/kernel:0", ...], one group a layer
 *   /model_weights/L/L/kernel:0   contiguous float32, C order
 *   /lockstep                 attrs format_version, version, kernels, config, digest (of the weights, lsi_net_digest),
 *                             origin (Keras 3's config the model came from), text_digest (of the three texts)
 *
 * There is no /optimizer_weights: Keras 3 breaks on it. The digests, and the seal over the whole file (model_seal.h),
 * are verified on reading when they are there.
 */
#include "nn/compile.h"
#include "nn/net.h"

typedef struct lsi_model_extra {
  const char *config_text; /* resolved config of the run, or NULL */
  const char *kernels;     /* "BLIS 0.9.0 zen3" */
} lsi_model_extra;

struct lsi_optimizer;

/* Durable and atomic. compile NULL: not compiled. Not collective. */
ls_status lsi_model_file_write(const char *path, const lsi_net *net, const float *params, const lsi_compile *compile,
                               const lsi_model_extra *extra);
/* The same as Keras 3's .keras (archive) or .weights.h5, with the optimizer's state; optimizer NULL: without. Our own group
   /lockstep is in the HDF5 file, too. */
ls_status lsi_keras_archive_write(const char *path, const lsi_net *net, const float *params, const lsi_compile *compile,
                                  const struct lsi_optimizer *optimizer, const lsi_model_extra *extra);
ls_status lsi_keras_weights_write(const char *path, const lsi_net *net, const float *params, const struct lsi_optimizer *optimizer,
                                  const lsi_model_extra *extra);

typedef struct lsi_model_file lsi_model_file;
/* A model in HDF5, in a .keras file, or (architecture alone) in JSON. Not a model: LS_ERR_FORMAT says what it is instead. */
ls_status lsi_model_file_open(const char *path, lsi_model_file **out);
/* Also a file of weights alone, which has no model_json. */
ls_status lsi_model_file_open_weights(const char *path, lsi_model_file **out);
void lsi_model_file_close(lsi_model_file **file);
const char *lsi_model_file_model_json(const lsi_model_file *file);
const char *lsi_model_file_training_json(const lsi_model_file *file); /* NULL: not compiled */
/* What /lockstep says, or NULL: "version", "kernels", "config", "digest"; "keras_version" and "backend" of Keras's own. */
const char *lsi_model_file_text(const lsi_model_file *file, const char *name);
bool lsi_model_file_has_weights(const lsi_model_file *file);
/* Parameters that a file of its size can hold; SIZE_MAX for an architecture alone. */
size_t lsi_model_file_most_weights(const lsi_model_file *file);
/* Fill net->params (built by this) and set has_weights. Positional matching as Keras's, shapes checked. */
ls_status lsi_model_file_read_weights(lsi_model_file *file, lsi_net *net);
bool lsi_model_file_has_optimizer(const lsi_model_file *file);
/* The saved state into a fresh optimizer; every variable must match. */
ls_status lsi_model_file_read_optimizer(lsi_model_file *file, const lsi_net *net, struct lsi_optimizer *optimizer);
#endif
