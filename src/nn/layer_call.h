/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_LAYER_CALL_H
#define LSI_NN_LAYER_CALL_H
/* Layers of few arguments in Keras's call notation: "LeakyReLU(negative_slope=0.1)", "Reshape([4, 7], name='rows')". */
#include "nn/layer.h"

extern const lsi_family lsi_layer_calls;

ls_status lsi_layer_from_call(const char *text, lsi_layer *out);
#endif
