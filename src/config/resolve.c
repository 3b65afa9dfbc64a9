/* SPDX-License-Identifier: MIT */
/* The config as it will be used: what was given, and the default of everything else. */
#include <string.h>

#include "base/memory.h"
#include "config/document.h"

static ls_status add_text(lsi_node *map, const char *key, const char *text) {
  lsi_node *scalar;
  LSI_TRY(lsi_node_scalar(text, 0, 0, &scalar));
  return lsi_node_append(map, key, scalar);
}

static ls_status add_collection(lsi_node *node, const char *key, lsi_node_kind kind,
                                lsi_node **out) {
  LSI_TRY(lsi_node_collection(kind, 0, 0, out));
  return lsi_node_append(node, key, *out);
}

/* An entry of a list as the scalar rows print it. */
static const char *entry_text(const lsi_key *key, const void *list, int i, char *buffer,
                              size_t size) {
  static const lsi_key int_row = {.name = "n", .type = LSI_KEY_INT},
                       float_row = {.name = "n", .type = LSI_KEY_FLOAT};
  if (key->type == LSI_KEY_TEXTS || key->type == LSI_KEY_FILES)
    return ((char *const *)list)[i];
  bool integer = key->type == LSI_KEY_INTS;
  lsi_map map = {"", integer ? &int_row : &float_row, 1};
  lsi_slot slot = {integer ? (void *)((int64_t *)list + i) : (void *)((double *)list + i), 0};
  return lsi_get_as_text((lsi_values){&map, &slot}, map.keys, buffer, size);
}

static ls_status add_list(lsi_node *map, const lsi_key *key, lsi_values values) {
  int n;
  const void *list = lsi_get_list(values, key->name, &n);
  if (!list && key->type != LSI_KEY_TEXTS)
    return LS_OK;
  if (key->type == LSI_KEY_FILES && n == 1)
    return add_text(map, key->name, *(char *const *)list);
  lsi_node *node;
  LSI_TRY(add_collection(map, key->name, LSI_NODE_LIST, &node));
  for (int i = 0; i < n; i++) {
    char buffer[64];
    LSI_TRY(add_text(node, NULL, entry_text(key, list, i, buffer, sizeof buffer)));
  }
  return LS_OK;
}

static ls_status add_map(lsi_node *node, lsi_values values);

static ls_status add_items(lsi_node *map, const lsi_key *key, lsi_values values) {
  lsi_node *list, *item, *arguments;
  int n;
  lsi_get_list(values, key->name, &n);
  LSI_TRY(add_collection(map, key->name, LSI_NODE_LIST, &list));
  for (int i = 0; i < n; i++) {
    const char *class_name;
    lsi_values inner = lsi_get_item(values, key->name, i, &class_name);
    LSI_TRY(add_collection(list, NULL, LSI_NODE_MAP, &item));
    LSI_TRY(add_collection(item, class_name, LSI_NODE_MAP, &arguments));
    LSI_TRY(add_map(arguments, inner));
  }
  return LS_OK;
}

/* The optimizer's own arguments only; a call keeps its text. */
static ls_status add_optimizer(lsi_node *map, lsi_values optimizer) {
  lsi_slot slots[32];
  const char *name = lsi_get_text(optimizer, "name");
  lsi_node *node;
  LSI_TRY(add_collection(map, "optimizer", LSI_NODE_MAP, &node));
  if (strchr(name, '('))
    return add_text(node, "name", name);
  return add_map(node, lsi_optimizer_values(optimizer, slots));
}

/* What comes with the file of model.from has no defaults here. */
static bool comes_with_file(const lsi_key *key, lsi_values values) {
  if (strcmp(key->name, "layers") == 0)
    return !lsi_is_given(values, "layers");
  return strcmp(key->name, "compile") == 0 && !lsi_get_text(lsi_get_map(values, "compile"), "loss");
}

static ls_status add_value(lsi_node *map, const lsi_key *key, lsi_values values) {
  char buffer[64];
  lsi_node *inner;
  if (comes_with_file(key, values))
    return LS_OK;
  switch (key->type) {
  case LSI_KEY_INTS:
  case LSI_KEY_FLOATS:
  case LSI_KEY_TEXTS:
  case LSI_KEY_FILES:
    return add_list(map, key, values);
  case LSI_KEY_ITEMS:
    return add_items(map, key, values);
  case LSI_KEY_MAP:
    if (strcmp(key->name, "optimizer") == 0)
      return add_optimizer(map, lsi_get_map(values, key->name));
    LSI_TRY(add_collection(map, key->name, LSI_NODE_MAP, &inner));
    return add_map(inner, lsi_get_map(values, key->name));
  default:
    break;
  }
  const char *text = lsi_get_as_text(values, key, buffer, sizeof buffer);
  return text && *text ? add_text(map, key->name, text) : LS_OK; /* none has no text */
}

static ls_status add_map(lsi_node *node, lsi_values values) {
  for (int i = 0; i < values.map->n; i++)
    LSI_TRY(add_value(node, &values.map->keys[i], values));
  return LS_OK;
}

ls_status lsi_config_resolve(const ls_config *config, char **text) {
  lsi_node *root;
  LSI_TRY(lsi_node_collection(LSI_NODE_MAP, 0, 0, &root));
  ls_status status = add_map(root, config->values);
  if (status == LS_OK)
    status = lsi_tree_write(root, text);
  lsi_tree_free(root);
  return status;
}
