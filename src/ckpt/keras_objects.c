/* SPDX-License-Identifier: MIT */
#include "ckpt/keras_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "optim/schedule.h"

/* ---- writing ---- */

/* Counts (a schedule's boundaries) stay integers: Keras compares them with an integer step. */
static json_t *write_number(const lsi_param_info *param, double value) {
  bool integer = param->type == LSI_PARAM_INT || (param->type == LSI_PARAM_LIST && param->max == LSI_MAX_COUNT);
  if (isnan(value)) return json_null();
  if (integer && value == floor(value)) return json_integer((json_int_t)value);
  return json_real(value);
}

static json_t *write_list(const lsi_param_info *param, const double *list, int n) {
  if (n == 1 && param->default_text) return write_number(param, list[0]); /* LSI_OR_NUMBER */
  json_t *array = json_array();
  int failed = 0;
  for (int i = 0; i < n; i++) failed |= json_array_append_new(array, write_number(param, list[i]));
  if (!failed) return array;
  json_decref(array);
  return NULL;
}

/* Keras looks schedules up by module. One it does not have becomes the rate it ends in. */
static json_t *write_schedule(const lsi_object *object) {
  lsi_object schedule;
  lsi_object_nested(object, &schedule);
  if (schedule.info->kind == LSI_SCHEDULE_CONSTANT) return json_real(lsi_object_get(&schedule, "learning_rate"));
  if (schedule.info->kind == LSI_SCHEDULE_LINEAR_WARMUP) return json_real(lsi_object_get(&schedule, "target"));
  json_t *envelope = lsi_keras_object_write(&schedule, true), *config = json_object_get(envelope, "config");
  /* Keras before 2.13 does not know the arguments of a warm-up, which nobody needs when there is none. */
  json_object_del(config, "name"); /* its default: None to Keras 2, the class to Keras 3 */
  if (json_is_integer(json_object_get(config, "warmup_steps")) && json_integer_value(json_object_get(config, "warmup_steps")) == 0)
    json_object_del(config, "warmup_steps");
  if (json_object_set_new(envelope, "module", json_string("keras.optimizers.schedules")) == 0 &&
      json_object_set_new(envelope, "registered_name", json_null()) == 0)
    return envelope;
  json_decref(envelope);
  return NULL;
}

static bool is_none(const lsi_object *object, int i) {
  if (object->info->params[i].type == LSI_PARAM_SCHEDULE && object->nested) return false;
  bool empty = object->info->params[i].type == LSI_PARAM_LIST && object->n_list[(int)object->value[i]] == 0;
  return isnan(object->value[i]) || empty;
}

static json_t *write_value(const lsi_object *object, int i) {
  const lsi_param_info *param = &object->info->params[i];
  double value = object->value[i];
  if (is_none(object, i)) return json_null();
  switch (param->type) {
  case LSI_PARAM_BOOL: return json_boolean(value != 0);
  case LSI_PARAM_LIST: return write_list(param, object->list[(int)value], object->n_list[(int)value]);
  case LSI_PARAM_TEXT: return json_string(object->text[(int)value]);
  case LSI_PARAM_SCHEDULE: return object->nested ? write_schedule(object) : json_real(value);
  default: return write_number(param, value);
  }
}

/* None by default, too, so that a key that is left out means it. */
static bool is_none_anyway(const lsi_object *object, int i) {
  const lsi_param_info *param = &object->info->params[i];
  return is_none(object, i) && (param->type != LSI_PARAM_FLOAT || isnan(param->default_value));
}

/* Arguments that not every Keras knows are written when they say something. */
static bool is_idle(const lsi_object *object, int i) {
  const lsi_param_info *param = &object->info->params[i];
  bool off = lsi_object_get(object, "use_ema") == 0.0; /* Keras 2's RMSprop says how often all the same */
  return off && (strcmp(param->name, "use_ema") == 0 || strncmp(param->name, "ema_", 4) == 0);
}

json_t *lsi_keras_object_write(const lsi_object *object, bool skip_none) {
  if (!object->info) return json_null();
  json_t *config = json_object(), *whole = json_object();
  int failed = 0;
  for (int i = 0; i < object->info->n_params; i++)
    if (!(skip_none && (is_none_anyway(object, i) || is_idle(object, i))))
      failed |= json_object_set_new(config, object->info->params[i].name, write_value(object, i));
  failed |= json_object_set_new(whole, "class_name", json_string(object->info->class_name));
  failed |= json_object_set_new(whole, "config", config);
  if (!failed) return whole;
  json_decref(whole);
  return NULL;
}

/* ---- reading ---- */

bool lsi_keras_is_off(const json_t *value) {
  return json_is_null(value) || json_is_false(value) || (json_is_array(value) && json_array_size(value) == 0) || (json_is_number(value) && json_number_value(value) == 0);
}

/* Keys that describe how Keras runs or names an object, not what it computes. */
static bool has_no_effect(const char *key, const json_t *value) {
  static const char *const keys[] = {"name", "jit_compile", "is_legacy_optimizer"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (strcmp(key, keys[i]) == 0) return true;
  const char *text = json_string_value(value);
  if (strcmp(key, "reduction") == 0) /* Keras 2's "auto" is the same here */
    return text && (strcmp(text, "sum_over_batch_size") == 0 || strcmp(text, "auto") == 0);
  if (strcmp(key, "dtype") == 0) {
    if (json_is_object(value)) text = json_string_value(json_object_get(json_object_get(value, "config"), "name"));
    return text && strcmp(text, "float32") == 0;
  }
  return strcmp(key, "axis") == 0 && json_is_integer(value) && json_integer_value(value) == -1;
}

static ls_status append(char *text, size_t size, size_t *used, const char *part) {
  size_t n = strlen(part);
  LSI_CHECK(*used + n < size, LS_ERR_UNSUPPORTED, NULL, "a value is longer than %zu characters", size - 1);
  memcpy(text + *used, part, n + 1);
  *used += n;
  return LS_OK;
}

/* A JSON scalar or list of numbers in the call notation, which lsi_object_set checks against the table. */
static ls_status scalar_text(const json_t *value, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  if (json_is_null(value)) return append(text, size, &used, "None");
  if (json_is_boolean(value)) return append(text, size, &used, json_is_true(value) ? "True" : "False");
  if (json_is_number(value)) {
    char number[40];
    lsi_format_double(json_number_value(value), number, sizeof number);
    return append(text, size, &used, number);
  }
  LSI_TRY(append(text, size, &used, "'"));
  for (const char *c = json_string_value(value); *c; c++) {
    if (*c == '\'' || *c == '\\') LSI_TRY(append(text, size, &used, "\\"));
    LSI_TRY(append(text, size, &used, (char[]){*c, '\0'}));
  }
  return append(text, size, &used, "'");
}

static ls_status list_text(const json_t *list, char *text, size_t size) {
  size_t used = 0, i;
  const json_t *item;
  LSI_TRY(append(text, size, &used, "["));
  json_array_foreach((json_t *)list, i, item) {
    char number[40];
    LSI_CHECK(json_is_number(item), LS_ERR_UNSUPPORTED, NULL, "element %zu of the list is not a number", i);
    lsi_format_double(json_number_value(item), number, sizeof number);
    if (i) LSI_TRY(append(text, size, &used, ", "));
    LSI_TRY(append(text, size, &used, number));
  }
  return append(text, size, &used, "]");
}

static ls_status value_text(const lsi_family *family, const json_t *value, char *text, size_t size) {
  if (json_is_array(value)) return list_text(value, text, size);
  if (!json_is_object(value)) return scalar_text(value, text, size);
  LSI_CHECK(family->schedules, LS_ERR_UNSUPPORTED, NULL, "an object is not expected here");
  lsi_object schedule;
  LSI_TRY(lsi_keras_object_read(family->schedules, value, &schedule));
  return lsi_object_print(&schedule, false, text, size);
}

static ls_status read_argument(const lsi_family *family, const char *key, const json_t *value, lsi_object *object) {
  char text[2048];
  if (strcmp(key, "lr") == 0) key = "learning_rate"; /* Keras 2 before 2.3 */
  bool checked_here = strcmp(key, "reduction") == 0 || (strcmp(key, "dtype") == 0 && json_is_object(value));
  if (checked_here && has_no_effect(key, value)) return LS_OK;
  int i = lsi_object_param_index(object->info, key);
  if (i < 0) {
    if (lsi_keras_is_off(value) || has_no_effect(key, value)) return LS_OK;
    lsi_keras_json_sample(value, text, 60);
    LSI_FAIL(LS_ERR_UNSUPPORTED, NULL, "argument '%.80s' = %s is not supported", key, text);
  }
  LSI_TRY(value_text(family, value, text, sizeof text));
  return lsi_object_set(family, object, key, text);
}

static ls_status read_arguments(const lsi_family *family, const json_t *config, lsi_object *object) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)config, key, value) {
    ls_status status = read_argument(family, key, value, object);
    if (status != LS_OK) lsi_error_prefix("%s %s, '%.80s'", family->what, object->info->class_name, key);
    LSI_TRY(status);
  }
  return lsi_object_check(family, object);
}

/* "keras", or below it */
static bool is_module(const char *module, const char *root) {
  size_t n = strlen(root);
  return strncmp(module, root, n) == 0 && (module[n] == '.' || module[n] == '\0');
}

ls_status lsi_keras_check_origin(const json_t *json) {
  static const char *const known[] = {"keras", "tf_keras", "tensorflow", "builtins"};
  const char *module = json_string_value(json_object_get(json, "module"));
  const char *registered = json_string_value(json_object_get(json, "registered_name"));
  const char *name = json_string_value(json_object_get(json, "class_name"));
  bool own = !module && !registered; /* Keras leaves the module out when it is the user's script */
  for (size_t i = 0; module && i < sizeof known / sizeof *known; i++) own = own || is_module(module, known[i]);
  LSI_CHECK(own, LS_ERR_UNSUPPORTED, "only Keras's own classes are read", "'%.80s' (module %.80s, registered as %.80s) is a custom object",
            name ? name : "?", module ? module : "none", registered ? registered : "nothing");
  return LS_OK;
}

ls_status lsi_keras_object_read(const lsi_family *family, const json_t *json, lsi_object *out) {
  memset(out, 0, sizeof *out);
  if (!json || json_is_null(json)) return LS_OK;
  const json_t *config = json_object_get(json, "config");
  const char *name = json_is_string(json) ? json_string_value(json) : json_string_value(json_object_get(json, "class_name"));
  LSI_TRY(lsi_keras_check_origin(json));
  if (!name || (config && !json_is_object(config))) {
    char sample[120];
    lsi_keras_json_sample(json, sample, sizeof sample);
    LSI_FAIL(LS_ERR_UNSUPPORTED, "only Keras's own are read", "%s %s: expected a name or an object with class_name and config", family->what, sample);
  }
  const char *package_end = strncmp(name, "Custom>", 7) == 0 ? name + 6 : NULL; /* so Keras 2.11 writes its own optimizers */
  lsi_object object;
  const lsi_class_info *info;
  LSI_TRY(lsi_family_find(family, package_end ? package_end + 1 : name, &info));
  lsi_object_default(info, &object);
  LSI_TRY(read_arguments(family, config, &object));
  *out = object;
  return LS_OK;
}

/* ---- texts ---- */

void lsi_keras_json_sample(const json_t *value, char *text, size_t size) {
  char *dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
  snprintf(text, size, "%s", dump ? dump : "?");
  if (dump && strlen(dump) >= size && size > 3) memcpy(text + size - 4, "...", 4);
  free(dump);
}

/* Brackets open at once, outside strings: the parser recurses that deep. */
static int nesting(const char *text) {
  int depth = 0, deepest = 0;
  bool quoted = false;
  for (; *text; text++) {
    if (quoted && *text == '\\' && text[1]) text++;
    else if (*text == '"') quoted = !quoted;
    else if (!quoted && (*text == '{' || *text == '[')) deepest = ++depth > deepest ? depth : deepest;
    else if (!quoted && (*text == '}' || *text == ']')) depth--;
  }
  return deepest;
}

ls_status lsi_keras_json_parse(const char *what, const char *text, json_t **out) {
  enum { MAX_BYTES = 64 << 20, MAX_DEPTH = 64 };
  size_t n = strlen(text);
  LSI_CHECK(n <= MAX_BYTES, LS_ERR_UNSUPPORTED, NULL, "%s: %zu bytes of JSON; at most %d are read", what, n,
            (int)MAX_BYTES);
  int depth = nesting(text);
  LSI_CHECK(depth <= MAX_DEPTH, LS_ERR_UNSUPPORTED, NULL, "%s: JSON nested %d deep; at most %d are read", what, depth,
            (int)MAX_DEPTH);
  json_error_t error;
  json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  LSI_CHECK(json, LS_ERR_FORMAT, "the file is damaged, or not written by Keras or Lockstep",
            "%s: not valid JSON: %s at character %d", what, error.text, error.position);
  if (!json_is_object(json)) {
    json_decref(json);
    LSI_FAIL(LS_ERR_FORMAT, NULL, "%s: expected a JSON object", what);
  }
  *out = json;
  return LS_OK;
}

ls_status lsi_keras_json_print(const char *what, json_t *json, char **text) {
  char *dump = json ? json_dumps(json, JSON_ENSURE_ASCII) : NULL;
  json_decref(json);
  LSI_CHECK(dump, LS_ERR_MEMORY, "check for infinite or NaN arguments, and free memory",
            "%s: cannot be written as JSON", what);
  ls_status status = lsi_strdup(dump, text);
  free(dump);
  return status;
}
