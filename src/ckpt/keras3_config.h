/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS3_CONFIG_H
#define LSI_CKPT_KERAS3_CONFIG_H
/* config.json of a .keras file: the keys every Keras 3 accepts. lsi_keras_model_parse reads its architecture. */
#include "nn/compile.h"
#include "nn/net.h"

/* compile NULL: not compiled. malloc'd (lsi_free). */
ls_status lsi_keras3_config_json(const lsi_net *net, const lsi_compile *compile, char **text);
/* Its compile_config as a text for lsi_keras_training_parse; *text = NULL when it is not compiled. */
ls_status lsi_keras3_training_json(const char *config, char **text);
/* "3.15.1" of metadata.json; *version = NULL when it does not say. */
ls_status lsi_keras3_version(const char *metadata, char **version);
#endif
