/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/document.h"

static const char advice[] = "write --set section.key=value, for example --set fit.epochs=3 "
                             "or --set 'model.layers[1].Dense.units=64'";

/* The value behind '=', parsed as YAML; an empty one is null. */
static ls_status parse_value(const char *text, int index, lsi_node **out) {
  char name[512];
  const char *value = strchr(text, '=') + 1;
  snprintf(name, sizeof name, "--set %s", text);
  *out = NULL;
  LSI_TRY(lsi_tree_parse(name, value, strlen(value), index, out));
  return *out ? LS_OK : lsi_node_scalar("null", 0, index, out);
}

/* The entry `key` of *slot, made when it is not there; a scalar or nothing on the way becomes a
 * map. */
static ls_status step_key(lsi_node **slot, const char *key, int index, lsi_node ***out) {
  if ((*slot)->kind == LSI_NODE_SCALAR) {
    lsi_node *map;
    LSI_TRY(lsi_node_collection(LSI_NODE_MAP, (*slot)->line, index, &map));
    lsi_tree_free(*slot);
    *slot = map;
  }
  lsi_node *map = *slot;
  int i = lsi_node_index(map, key);
  if (i < 0) {
    lsi_node *empty;
    LSI_TRY(lsi_node_scalar("null", 0, index, &empty));
    LSI_TRY(lsi_node_append(map, key, empty));
    i = map->n - 1;
  }
  *out = &map->items[i];
  return LS_OK;
}

static ls_status step_index(const char *text, const char *path, lsi_node *list, long i,
                            lsi_node ***out) {
  LSI_CHECK(list->kind == LSI_NODE_LIST, LS_ERR_CONFIG, advice, "--set %s: %s is not a list", text,
            path);
  LSI_CHECK(i >= 0 && i < list->n, LS_ERR_CONFIG, "entries are counted from 0",
            "--set %s: %s has %d entries; there is no [%ld]", text, path, list->n, i);
  *out = &list->items[i];
  return LS_OK;
}

/* "model.layers[1].units" means the argument of whatever layer that is. */
static lsi_node **skip_class(lsi_node **slot, const char *key, const char *path) {
  lsi_node *item = *slot;
  size_t length = strlen(path);
  bool in_list = length > 0 && path[length - 1] == ']';
  if (in_list && item->kind == LSI_NODE_MAP && item->n == 1 && strcmp(item->keys[0], key) != 0 &&
      item->items[0]->kind == LSI_NODE_MAP)
    return &item->items[0];
  return slot;
}

static ls_status find_slot(ls_config *config, const char *text, int index, lsi_node ***out) {
  lsi_node **slot = &config->root;
  char path[LSI_TREE_PATH] = "", key[LSI_TREE_PATH];
  const char *p = text, *end = strchr(text, '=');
  while (p < end) {
    if (*p == '[') {
      char *stop;
      long i = strtol(p + 1, &stop, 10);
      LSI_CHECK(stop > p + 1 && *stop == ']', LS_ERR_CONFIG, advice,
                "--set %s: expected a number between [ ]", text);
      LSI_TRY(step_index(text, path, *slot, i, &slot));
      p = stop + 1;
    } else {
      size_t length = strcspn(p, ".[=");
      LSI_CHECK(length > 0, LS_ERR_CONFIG, advice, "--set %s: a key is missing", text);
      snprintf(key, sizeof key, "%.*s", (int)length, p);
      slot = skip_class(slot, key, path);
      LSI_CHECK((*slot)->kind != LSI_NODE_LIST, LS_ERR_CONFIG, advice,
                "--set %s: %s is a list; name one entry, such as %s[0]", text, path, path);
      LSI_TRY(step_key(slot, key, index, &slot));
      p += length;
    }
    snprintf(path, sizeof path, "%.*s", (int)(p - text), text);
    if (*p == '.') {
      p++;
      LSI_CHECK(p < end, LS_ERR_CONFIG, advice, "--set %s: a key is missing", text);
    }
  }
  *out = slot;
  return LS_OK;
}

ls_status lsi_config_override(ls_config *config, int index) {
  const char *text = config->overrides[index - 1], *equals = strchr(text, '=');
  LSI_CHECK(equals && equals > text && (size_t)(equals - text) < LSI_TREE_PATH, LS_ERR_CONFIG,
            advice, "--set %s: expected key=value", text);
  lsi_node *value, **slot;
  LSI_TRY(parse_value(text, index, &value));
  ls_status status = find_slot(config, text, index, &slot);
  if (status != LS_OK) {
    lsi_tree_free(value);
    return status;
  }
  lsi_tree_free(*slot);
  *slot = value;
  return LS_OK;
}
