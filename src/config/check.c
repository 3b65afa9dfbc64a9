/* SPDX-License-Identifier: MIT */
/* What libcyaml does not look at: numbers with something behind them, ranges, choices, required
   keys, and rules between keys. Walks the tree, so that every error has its line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/document.h"

static ls_status bad_value(const ls_config *config, const char *path, const lsi_key *key,
                           const char *text) {
  char expected[160];
  lsi_key one = *key; /* an entry of a list is judged as a single value */
  if (one.type == LSI_KEY_INTS)
    one.type = LSI_KEY_INT;
  if (one.type == LSI_KEY_FLOATS)
    one.type = LSI_KEY_FLOAT;
  lsi_key_expected(&one, expected, sizeof expected);
  return lsi_config_fail(config, path, NULL, "found '%.100s'; expected %s", text, expected);
}

static bool is_choice(const char *choices, const char *word) {
  size_t length = strlen(word);
  for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
    if (strcspn(p, "|") == length && strncmp(p, word, length) == 0)
      return true;
  return false;
}

static ls_status check_scalar(const ls_config *config, const char *path, const lsi_key *key,
                              const char *text) {
  int64_t integer;
  double number;
  bool good = true;
  switch (key->type) {
  case LSI_KEY_INT:
  case LSI_KEY_INTS:
    good = lsi_parse_int(text, &integer) && lsi_limits_hold(key->limits, (double)integer);
    break;
  case LSI_KEY_FLOAT:
  case LSI_KEY_FLOATS:
    good = lsi_parse_float(text, &number) && lsi_limits_hold(key->limits, number);
    break;
  case LSI_KEY_RATE:
    good = lsi_parse_float(text, &number) ? lsi_limits_hold(key->limits, number)
                                          : strchr(text, '(') != NULL;
    break;
  case LSI_KEY_CHOICE:
    good = is_choice(key->limits, text);
    break;
  default:
    break;
  }
  return good ? LS_OK : bad_value(config, path, key, text);
}

static ls_status check_map(const ls_config *config, const char *path, const lsi_map *map,
                           const lsi_node *node);

static ls_status check_item(const ls_config *config, const char *path, const lsi_map *classes,
                            const lsi_node *item) {
  if (item->kind != LSI_NODE_MAP || item->n != 1)
    return lsi_config_fail(config, path,
                           "begin each entry with its own '- '; indent its arguments below it",
                           "an entry has %d names; expected one %s with its arguments",
                           item->kind == LSI_NODE_MAP ? item->n : 0, classes->what);
  char inner[LSI_TREE_PATH];
  snprintf(inner, sizeof inner, "%s.%s", path, item->keys[0]);
  return check_map(config, inner, lsi_map_find(classes, item->keys[0])->map, item->items[0]);
}

static ls_status check_list(const ls_config *config, const char *path, const lsi_key *key,
                            const lsi_node *list) {
  for (int i = 0; i < list->n; i++) {
    char inner[LSI_TREE_PATH];
    snprintf(inner, sizeof inner, "%s[%d]", path, i);
    if (key->type == LSI_KEY_ITEMS)
      LSI_TRY(check_item(config, inner, key->map, list->items[i]));
    else
      LSI_TRY(check_scalar(config, inner, key, list->items[i]->text));
  }
  return LS_OK;
}

static ls_status check_value(const ls_config *config, const char *path, const lsi_key *key,
                             const lsi_node *node) {
  if (node->kind == LSI_NODE_LIST)
    return check_list(config, path, key, node);
  if (node->kind == LSI_NODE_MAP)
    return check_map(config, path, key->map, node);
  return check_scalar(config, path, key, node->text);
}

/* Layers, and what compile() was told, come with the file of model.from. */
static bool comes_with_file(const ls_config *config, const char *path) {
  const lsi_node *model = lsi_node_get(config->root, "model"),
                 *compile = lsi_node_get(config->root, "compile");
  if (lsi_node_is_null(lsi_node_get(model, "from")))
    return false;
  bool nothing = !compile || compile->kind != LSI_NODE_MAP || compile->n == 0;
  return strcmp(path, "model.layers") == 0 || strcmp(path, "compile") == 0 ||
         (strcmp(path, "compile.loss") == 0 && nothing);
}

/* Every given key holds; every required key is given. */
static ls_status check_map(const ls_config *config, const char *path, const lsi_map *map,
                           const lsi_node *node) {
  for (int i = 0; i < map->n; i++) {
    const lsi_key *key = &map->keys[i];
    const lsi_node *value = lsi_node_get(node, key->name);
    char inner[LSI_TREE_PATH];
    snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", key->name);
    if (!lsi_node_is_null(value)) {
      LSI_TRY(check_value(config, inner, key, value));
    } else if (key->required && !comes_with_file(config, inner)) {
      char advice[256];
      snprintf(advice, sizeof advice, "%s: %s", key->name, key->doc);
      return lsi_config_fail(config, path, advice, "'%s' is missing", key->name);
    }
  }
  return LS_OK;
}

/* ---- rules between keys ---- */

static ls_status check_layers(const ls_config *config) {
  const lsi_node *model = lsi_node_get(config->root, "model"),
                 *layers = lsi_node_get(model, "layers");
  if (!lsi_node_is_null(lsi_node_get(model, "from")))
    return !layers || lsi_node_is_null(layers) || layers->n == 0
               ? LS_OK
               : lsi_config_fail(config, "model.from", "keep one of the two",
                                 "model.layers is given as well");
  for (int i = 0; i < layers->n; i++) {
    const char *kind = layers->items[i]->keys[0];
    bool input = strcmp(kind, "Input") == 0;
    bool shaped = !lsi_node_is_null(lsi_node_get(layers->items[i]->items[0], "input_shape"));
    char path[LSI_TREE_PATH];
    snprintf(path, sizeof path, "model.layers[%d].%s", i, kind);
    const lsi_node *shape = lsi_node_get(layers->items[i]->items[0], input ? "shape" : "input_shape");
    if (shape && shape->kind == LSI_NODE_LIST && shape->n == 0)
      return lsi_config_fail(config, path, "for 30 columns write [30], for images of 28 x 28 [28, 28]",
                             "the shape of a sample is empty");
    if (i == 0 && !input && !shaped)
      return lsi_config_fail(
          config, path,
          "for images of 28 x 28: input_shape: [28, 28]; for 30 columns: input_shape: [30]",
          "the first layer needs input_shape, the shape of one sample");
    if (i > 0 && (input || shaped))
      return lsi_config_fail(config, path, "leave it out: shapes follow from the layer before",
                             "only the first layer may %s",
                             input ? "be Input" : "have input_shape");
  }
  return layers->n ? LS_OK
                   : lsi_config_fail(config, "model.layers", NULL,
                                     "the list is empty; expected at least one layer");
}

static ls_status check_optimizer_name(const ls_config *config, const char *path, const char *name) {
  if (lsi_schema_optimizer(name))
    return LS_OK;
  int n;
  const char *const *names = lsi_schema_optimizer_names(&n), *nearest = lsi_nearest_name(name, names, n);
  char advice[256] = "known: ";
  size_t used = strlen(advice);
  for (int i = 0; i < n && used < sizeof advice; i++)
    used += (size_t)snprintf(advice + used, sizeof advice - used, "%s%s", i ? ", " : "", names[i]);
  return lsi_config_fail(config, path, advice, "unknown optimizer '%s'%s%s%s", name,
                         nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* Left at the default (as configs/reference.yaml has them), a foreign argument does no harm. */
static bool at_default(const lsi_node *value, const char *key) {
  const char *fallback = lsi_map_find(lsi_schema_find("compile.optimizer")->map, key)->fallback;
  return lsi_node_is_null(value) || (fallback && strcmp(value->text, fallback) == 0);
}

/* Arguments of one class given to another would be ignored in silence. */
static ls_status check_optimizer(const ls_config *config) {
  const lsi_node *node = lsi_node_get(lsi_node_get(config->root, "compile"), "optimizer");
  const lsi_node *name_node = lsi_node_get(node, "name");
  const char *name = lsi_node_is_null(name_node) ? "RMSprop" : name_node->text;
  bool call = strchr(name, '(') != NULL;
  if (!call)
    LSI_TRY(check_optimizer_name(config, "compile.optimizer.name", name));
  for (int i = 0; node && node->kind == LSI_NODE_MAP && i < node->n; i++) {
    if (node->items[i] == name_node || at_default(node->items[i], node->keys[i]))
      continue;
    char path[LSI_TREE_PATH];
    snprintf(path, sizeof path, "compile.optimizer.%s", node->keys[i]);
    if (call)
      return lsi_config_fail(config, path, "give the arguments as keys beside name: SGD",
                             "the name holds the arguments already: '%s'", name);
    if (!lsi_map_find(lsi_schema_optimizer(name), node->keys[i]))
      return lsi_config_fail(config, path, "remove it, or choose the optimizer that has it",
                             "%s has no such argument",
                             lsi_schema_optimizer(name)->keys[0].fallback);
  }
  return LS_OK;
}

/* Its slots have no shares: it measures whole tensors (the trainer refuses it as well, but knows no lines). */
static ls_status check_shards(const ls_config *config) {
  static const char *const whole[] = {"Lamb", "Adafactor", "Muon"};
  const lsi_node *compile = lsi_node_get(config->root, "compile");
  const lsi_node *name = lsi_node_get(lsi_node_get(compile, "optimizer"), "name");
  if (!lsi_get_bool(lsi_get_map(config->values, "parallel"), "shard_optimizer") ||
      lsi_node_is_null(name))
    return LS_OK;
  for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
    size_t n = strlen(whole[i]);
    if (strncasecmp(name->text, whole[i], n) == 0 && strchr("(", name->text[n]))
      return lsi_config_fail(config, "parallel.shard_optimizer",
                             "leave it out, or choose an optimizer that works element by element, "
                             "such as AdamW",
                             "%s measures whole tensors, and cannot be sharded", whole[i]);
  }
  return LS_OK;
}

static ls_status check_fit(const ls_config *config) {
  lsi_values fit = lsi_get_map(config->values, "fit"), data = lsi_get_map(config->values, "data");
  if (lsi_get_int(fit, "initial_epoch") >= lsi_get_int(fit, "epochs"))
    return lsi_config_fail(
        config, "fit.initial_epoch", NULL, "%lld; expected less than fit.epochs (%lld)",
        (long long)lsi_get_int(fit, "initial_epoch"), (long long)lsi_get_int(fit, "epochs"));
  if (lsi_is_given(data, "validation") && lsi_get_float(fit, "validation_split") > 0)
    return lsi_config_fail(config, "fit.validation_split", "keep one of the two",
                           "data.validation is given as well");
  return LS_OK;
}

/* ModelCheckpoint's save_freq is a word or a number, as Keras has it. */
static ls_status check_callbacks(const ls_config *config) {
  const lsi_node *callbacks = lsi_node_get(config->root, "callbacks");
  for (int i = 0; callbacks && callbacks->kind == LSI_NODE_LIST && i < callbacks->n; i++) {
    const char *kind = callbacks->items[i]->keys[0];
    const lsi_node *freq = lsi_node_get(callbacks->items[i]->items[0], "save_freq");
    int64_t steps;
    if (lsi_node_is_null(freq) || strcmp(freq->text, "epoch") == 0 ||
        (lsi_parse_int(freq->text, &steps) && steps >= 1))
      continue;
    char path[LSI_TREE_PATH];
    snprintf(path, sizeof path, "callbacks[%d].%s.save_freq", i, kind);
    return lsi_config_fail(config, path, NULL,
                           "found '%.100s'; expected epoch or a number of steps", freq->text);
  }
  return LS_OK;
}

ls_status lsi_config_check(const ls_config *config) {
  LSI_TRY(check_map(config, "", &lsi_schema, config->root));
  LSI_TRY(check_layers(config));
  LSI_TRY(check_optimizer(config));
  LSI_TRY(check_callbacks(config));
  LSI_TRY(check_shards(config));
  return check_fit(config);
}
