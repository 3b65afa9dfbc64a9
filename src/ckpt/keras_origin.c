/* SPDX-License-Identifier: MIT */
#include "ckpt/keras_origin.h"

#include <string.h>

#include "base/memory.h"
#include "ckpt/keras3_config.h"
#include "ckpt/keras_config.h"
#include "ckpt/keras_objects.h"
#include "ckpt/keras_portable.h"

/* Keras 3's whole config; its .h5 files and Keras 2 have texts of another kind. */
static bool is_keras3(const json_t *json) {
  return json_is_string(json_object_get(json, "module"));
}

static ls_status says_same_net(const lsi_net *net, bool *same) {
  lsi_net *told = NULL;
  char *ours = NULL, *theirs = NULL;
  *same = false;
  LSI_TRY(lsi_keras_model_parse(net->origin, &told));
  ls_status status = lsi_keras_model_json(net, &ours);
  if (status == LS_OK) status = lsi_keras_model_json(told, &theirs);
  if (status == LS_OK) *same = strcmp(ours, theirs) == 0;
  lsi_free(theirs);
  lsi_free(ours);
  lsi_net_destroy(&told);
  return status;
}

static ls_status says_same_training(const lsi_net *net, const lsi_compile *compile, bool *same) {
  char *config = NULL, *ours = NULL, *theirs = NULL;
  lsi_compile told;
  *same = false;
  LSI_TRY(lsi_keras3_training_json(net->origin, &config));
  if (!config || !compile) {
    *same = !config && !compile;
    lsi_free(config);
    return LS_OK;
  }
  ls_status status = lsi_keras_training_parse(config, &told);
  if (status == LS_OK) status = lsi_keras_training_json(&told, &theirs);
  if (status == LS_OK) status = lsi_keras_training_json(compile, &ours);
  if (status == LS_OK) *same = strcmp(ours, theirs) == 0;
  lsi_free(theirs);
  lsi_free(ours);
  lsi_free(config);
  return status;
}

ls_status lsi_keras_origin_config(const lsi_net *net, const lsi_compile *compile, json_t **out) {
  json_t *json;
  bool same = false;
  *out = NULL;
  if (!net->origin) return LS_OK;
  LSI_TRY(lsi_keras_json_parse("config.json", net->origin, &json));
  ls_status status = is_keras3(json) ? says_same_net(net, &same) : LS_OK;
  if (status == LS_OK && same) {
    bool same_training;
    status = says_same_training(net, compile, &same_training);
    if (!same_training) json_object_del(json, "compile_config");
  }
  if (status == LS_OK && same) status = lsi_keras_make_portable(json);
  if (status == LS_OK && same)
    *out = json;
  else
    json_decref(json);
  return status;
}

ls_status lsi_keras_origin_text(const lsi_net *net, const char **out) {
  json_t *json;
  bool same = false;
  *out = NULL;
  if (!net->origin) return LS_OK;
  LSI_TRY(lsi_keras_json_parse("config.json", net->origin, &json));
  if (is_keras3(json)) LSI_TRY(says_same_net(net, &same));
  json_decref(json);
  if (same) *out = net->origin;
  return LS_OK;
}

ls_status lsi_keras_model_text(const lsi_net *net, char **text) {
  const char *origin;
  LSI_TRY(lsi_keras_origin_text(net, &origin));
  return origin ? lsi_strdup(origin, text) : lsi_keras_model_json(net, text);
}

bool lsi_keras_origin_is_functional(const lsi_net *net) {
  json_t *json;
  if (!net->origin || lsi_keras_json_parse("model_config", net->origin, &json) != LS_OK) return false;
  const char *class_name = json_string_value(json_object_get(json, "class_name"));
  bool functional = class_name && strcmp(class_name, "Sequential") != 0;
  json_decref(json);
  return functional;
}
