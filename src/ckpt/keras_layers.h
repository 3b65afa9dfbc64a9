/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS_LAYERS_H
#define LSI_CKPT_KERAS_LAYERS_H
/* One layer's config in Keras's JSON, both ways, from one table a class. */
#include <jansson.h>
#include "nn/layer.h"

/* {"class_name", "config"}; a new reference, or NULL when memory is short or a number is not finite. */
json_t *lsi_keras_layer_write(const lsi_layer *layer);

/* A layer of `kind` from its config. `in_rank`: dimensions of its input (for axis); 0 for an Input. The caller names the layer
   in errors. What `layer` owns is freed by this on failure. */
ls_status lsi_keras_layer_read(lsi_layer_kind kind, const json_t *config, int in_rank, lsi_layer *layer);

/* [null, 28, 28] -> 28 x 28. */
ls_status lsi_keras_shape_read(const json_t *shape, lsi_shape *out);
#endif
