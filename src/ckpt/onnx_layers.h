/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_ONNX_LAYERS_H
#define LSI_CKPT_ONNX_LAYERS_H
/* What each layer and activation is in ONNX operators of opset 17. */
#include "ckpt/onnx_graph.h"

enum { LSI_ONNX_OPSET = 17 };

/* The layer at inference, on graph->value; what it gives is graph->value then. */
void lsi_onnx_add_layer(lsi_onnx_graph *graph, const lsi_layer *layer);
/* Nodes of act(x) within a layer, `width` values on the last axis; linear adds none. */
void lsi_onnx_add_activation(lsi_onnx_graph *graph, lsi_activation activation, size_t width, const char *x);
#endif
