/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS_FUNCTIONAL_H
#define LSI_CKPT_KERAS_FUNCTIONAL_H
#include <jansson.h>
#include "nn/net.h"

/* A Sequential's config, of either generation, into that of a Functional model whose layers form the same chain. Not 0: no memory. */
int lsi_keras_make_functional(const lsi_net *net, json_t *model);
#endif
