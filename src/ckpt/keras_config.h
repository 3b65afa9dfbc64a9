/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS_CONFIG_H
#define LSI_CKPT_KERAS_CONFIG_H
/* Architecture and training configuration as Keras writes them in JSON (the legacy whole-model profile: opened by Keras 2 and 3). */
#include "nn/compile.h"
#include "nn/net.h"

/* model_config JSON of a net; malloc'd (lsi_free). */
ls_status lsi_keras_model_json(const lsi_net *net, char **text);
/* The same for a file: a model that was Functional stays so. */
ls_status lsi_keras_model_file_json(const lsi_net *net, char **text);
/* training_config JSON. */
ls_status lsi_keras_training_json(const lsi_compile *compile, char **text);
/* Can Keras be told this metric? Not "crossentropy", before data have told which one it is. */
bool lsi_keras_has_metric(const lsi_compile *compile, const char *text);
/* Back. What we do not support is refused by name and place ("layers[3] (conv2d, class Conv2D)"). Depth and size are limited. */
ls_status lsi_keras_model_parse(const char *text, lsi_net **net);
/* The same for a text from a file that can hold no more than `most` parameters: memory is taken for no more. */
ls_status lsi_keras_model_parse_within(const char *text, size_t most, lsi_net **net);
ls_status lsi_keras_training_parse(const char *text, lsi_compile *compile);
#endif
