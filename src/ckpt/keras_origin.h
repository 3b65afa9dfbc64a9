/* SPDX-License-Identifier: MIT */
#ifndef LSI_CKPT_KERAS_ORIGIN_H
#define LSI_CKPT_KERAS_ORIGIN_H
/*
 * Keras says more about a model than a net holds: that it is Functional, how compile() spelled a metric, how to run. The JSON a net was
 * read from is kept with it (lsi_net.origin) and written back as long as the net, and what compile() was told, are what it says.
 */
#include <jansson.h>
#include "nn/compile.h"
#include "nn/net.h"

/* A new reference to Keras 3's config of the model in its own words, with a compile_config when that still holds, and only with keys that
   every Keras 3 takes; NULL when there are no such words. */
ls_status lsi_keras_origin_config(const lsi_net *net, const lsi_compile *compile, json_t **out);
/* The text itself when it still holds and is Keras 3's; NULL otherwise. Borrowed. */
ls_status lsi_keras_origin_text(const lsi_net *net, const char **out);
/* That text, or else lsi_keras_model_json's: what to keep of a net in a checkpoint. malloc'd (lsi_free). */
ls_status lsi_keras_model_text(const lsi_net *net, char **text);
/* Was it a Functional model? */
bool lsi_keras_origin_is_functional(const lsi_net *net);
#endif
