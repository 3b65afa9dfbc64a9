/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config/document.h"

enum { MAX_CLASSES = 100000 };

/* Replace *slot by a collection that holds it (list), or that has it under `key` (map). */
static ls_status wrap(lsi_node **slot, lsi_node_kind kind, const char *key) {
  lsi_node *outer, *inner = *slot;
  LSI_TRY(lsi_node_collection(kind, inner->line, inner->origin, &outer));
  *slot = outer;
  return lsi_node_append(outer, key, inner);
}

/* Replace *slot by an empty map. */
static ls_status empty_map(lsi_node **slot) {
  lsi_node *map;
  LSI_TRY(lsi_node_collection(LSI_NODE_MAP, (*slot)->line, (*slot)->origin, &map));
  lsi_tree_free(*slot);
  *slot = map;
  return LS_OK;
}

/* "- Flatten" and "- Flatten:" both become "- Flatten: {}" */
static ls_status normalize_item(lsi_node **slot) {
  if ((*slot)->kind == LSI_NODE_SCALAR && !lsi_node_is_null(*slot)) {
    lsi_node *map, *arguments;
    int line = (*slot)->line, origin = (*slot)->origin;
    LSI_TRY(lsi_node_collection(LSI_NODE_MAP, line, origin, &map));
    ls_status status = lsi_node_collection(LSI_NODE_MAP, line, origin, &arguments);
    if (status == LS_OK)
      status = lsi_node_append(map, (*slot)->text, arguments);
    if (status != LS_OK) {
      lsi_tree_free(map);
      return status;
    }
    lsi_tree_free(*slot);
    *slot = map;
  }
  if ((*slot)->kind == LSI_NODE_MAP && (*slot)->n == 1 && lsi_node_is_null((*slot)->items[0]))
    return empty_map(&(*slot)->items[0]);
  return LS_OK;
}

/* {0: 1.0, 2: 2.5} becomes [1.0, 1.0, 2.5] */
static ls_status weights_by_class(const ls_config *config, const char *path, lsi_node **slot) {
  const lsi_node *map = *slot;
  int64_t n = 0, label;
  for (int i = 0; i < map->n; i++) {
    if (!lsi_parse_int(map->keys[i], &label) || label < 0 || label >= MAX_CLASSES)
      return lsi_config_fail(config, path, NULL,
                             "'%s' is no class; expected {class number: weight, ...}",
                             map->keys[i]);
    if (label >= n)
      n = label + 1;
  }
  lsi_node *list;
  LSI_TRY(lsi_node_collection(LSI_NODE_LIST, map->line, map->origin, &list));
  for (int64_t k = 0; k < n; k++) {
    const lsi_node *weight = NULL;
    for (int i = 0; i < map->n; i++)
      if (lsi_parse_int(map->keys[i], &label) && label == k)
        weight = map->items[i];
    lsi_node *item;
    const char *text = weight && weight->kind == LSI_NODE_SCALAR ? weight->text
                       : weight                                  ? "?"
                                                                 : "1.0";
    ls_status status = lsi_node_scalar(text, weight ? weight->line : map->line, map->origin, &item);
    if (status == LS_OK)
      status = lsi_node_append(list, NULL, item);
    if (status != LS_OK) {
      lsi_tree_free(list);
      return status;
    }
  }
  lsi_tree_free(*slot);
  *slot = list;
  return LS_OK;
}

/* YAML's other words for true and false. */
static ls_status plain_bool(lsi_node **slot) {
  static const char *const words[] = {"True", "TRUE", "yes", "on", "False", "FALSE", "no", "off"};
  for (int i = 0; i < 8; i++) {
    if (strcmp((*slot)->text, words[i]) != 0)
      continue;
    lsi_node *word;
    LSI_TRY(lsi_node_scalar(i < 4 ? "true" : "false", (*slot)->line, (*slot)->origin, &word));
    lsi_tree_free(*slot);
    *slot = word;
    break;
  }
  return LS_OK;
}

static ls_status normalize_map(const ls_config *config, const lsi_map *map, lsi_node *node);

static ls_status normalize_value(const ls_config *config, const lsi_key *key, lsi_node **slot) {
  bool scalar = (*slot)->kind == LSI_NODE_SCALAR;
  if (lsi_node_is_null(*slot))
    return LS_OK;
  switch (key->type) {
  case LSI_KEY_INTS:
  case LSI_KEY_FLOATS:
  case LSI_KEY_TEXTS:
  case LSI_KEY_FILES:
    if (strcmp(key->name, "class_weight") == 0 && (*slot)->kind == LSI_NODE_MAP)
      return weights_by_class(config, "fit.class_weight", slot);
    return scalar ? wrap(slot, LSI_NODE_LIST, NULL) : LS_OK;
  case LSI_KEY_CHOICE:
    return scalar && strcmp(key->name, "shuffle") == 0 ? plain_bool(slot) : LS_OK;
  case LSI_KEY_MAP:
    if (scalar && strcmp(key->name, "optimizer") == 0)
      LSI_TRY(wrap(slot, LSI_NODE_MAP, "name"));
    return normalize_map(config, key->map, *slot);
  case LSI_KEY_ITEMS:
    if ((*slot)->kind != LSI_NODE_LIST)
      return LS_OK;
    for (int i = 0; i < (*slot)->n; i++) {
      LSI_TRY(normalize_item(&(*slot)->items[i]));
      LSI_TRY(normalize_map(config, key->map, (*slot)->items[i]));
    }
    return LS_OK;
  default:
    return LS_OK;
  }
}

static ls_status normalize_map(const ls_config *config, const lsi_map *map, lsi_node *node) {
  if (node->kind != LSI_NODE_MAP)
    return LS_OK;
  for (int i = 0; i < node->n; i++) {
    const lsi_key *key = lsi_map_find(map, node->keys[i]);
    if (key)
      LSI_TRY(normalize_value(config, key, &node->items[i]));
  }
  return LS_OK;
}

ls_status lsi_config_normalize(ls_config *config) {
  return normalize_map(config, &lsi_schema, config->root);
}
