/* SPDX-License-Identifier: MIT */
#include "ckpt/keras_portable.h"

#include <stdbool.h>
#include <string.h>

/* Keras's constructors refuse keys they do not know, and newer versions do not need these: {key, its default as JSON}. Source: the
   constructors of Keras 3.0 to 3.16. */
static const struct {
  const char *key, *value;
} defaults[] = {{"quantization_config", "null"},
                {"input_axes", "null"},
                {"output_axes", "null"},
                {"optional", "false"},
                {"ragged", "false"},
                {"rms_scaling", "false"},
                {"renorm", "false"},
                {"renorm_clipping", "null"},
                {"renorm_momentum", "0.99"},
                {"synchronized", "false"},
                {"activity_regularizer", "null"},
                {"loss_scale_factor", "null"},
                {"gradient_accumulation_steps", "null"}};

static bool is_default(const char *key, const json_t *value) {
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
    if (strcmp(defaults[i].key, key) != 0) continue;
    json_t *usual = json_loads(defaults[i].value, JSON_DECODE_ANY, NULL);
    bool same = json_equal(value, usual);
    json_decref(usual);
    return same;
  }
  return strcmp(key, "shared_object_id") == 0;
}

static bool starts_with(const char *text, const char *start) {
  return text && strncmp(text, start, strlen(start)) == 0;
}

/* "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}, since 3.6: just its name. */
static int simplify_dtype(json_t *object) {
  json_t *policy = json_object_get(object, "dtype");
  const char *class_name = json_string_value(json_object_get(policy, "class_name"));
  json_t *name = json_object_get(json_object_get(policy, "config"), "name");
  if (!class_name || strcmp(class_name, "DTypePolicy") != 0 || !json_is_string(name)) return 0;
  return json_object_set(object, "dtype", name);
}

/* The torch backend's optimizers say where they live. */
static int simplify_module(json_t *object) {
  if (!starts_with(json_string_value(json_object_get(object, "module")), "keras.src.backend.")) return 0;
  return json_object_set_new(object, "module", json_string("keras.optimizers")) |
         json_object_set_new(object, "registered_name", json_null());
}

/* The loss's constructor has an axis only in newer versions. */
static void drop_usual_axis(json_t *object) {
  const char *class_name = json_string_value(json_object_get(object, "class_name"));
  json_t *config = json_object_get(object, "config"), *axis = json_object_get(config, "axis");
  if (class_name && strcmp(class_name, "SparseCategoricalCrossentropy") == 0 && json_integer_value(axis) == -1) json_object_del(config, "axis");
}

/* Recursion is as deep as the text, which the parser bounds. */
static int simplify(json_t *json) {
  const char *key;
  json_t *value;
  size_t i;
  void *next;
  int failed = 0;
  drop_usual_axis(json);
  if (json_is_object(json)) failed |= simplify_dtype(json) | simplify_module(json);
  json_object_foreach_safe(json, next, key, value) {
    if (is_default(key, value)) json_object_del(json, key);
    else failed |= simplify(value);
  }
  json_array_foreach(json, i, value) failed |= simplify(value);
  return failed;
}

ls_status lsi_keras_make_portable(json_t *config) {
  LSI_CHECK(simplify(config) == 0, LS_ERR_MEMORY, NULL, "config.json: no memory");
  return LS_OK;
}
