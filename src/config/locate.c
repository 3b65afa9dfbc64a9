/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/document.h"

/* "FILE:12: fit.epochs", or "--set fit.epochs=x: fit.epochs" */
static void describe(const ls_config *config, const char *path, char *buffer, size_t size) {
  const lsi_node *node = lsi_tree_locate(config->root, path);
  const char *gap = *path ? ": " : "";
  if (node && node->origin > 0) {
    snprintf(buffer, size, "--set %s%s%s", config->overrides[node->origin - 1], gap, path);
  } else if (node) {
    snprintf(buffer, size, "%s:%d%s%s", config->path, node->line, gap, path);
  } else {
    snprintf(buffer, size, "%s%s%s", config->path, gap, path);
  }
}

ls_status lsi_config_fail(const ls_config *config, const char *path, const char *advice,
                          const char *format, ...) {
  char where[768], message[768];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  describe(config, path, where, sizeof where);
  return lsi_error_set(LS_ERR_CONFIG, advice, "%s: %s", where, message);
}

/* Does the message hold `text` between quotes, or in full when it is long enough to be no accident?
 */
static bool quotes(const char *message, const char *text) {
  size_t length = strlen(text);
  if (length == 0)
    return false;
  for (const char *p = strstr(message, text); p; p = strstr(p + 1, text)) {
    bool quoted = p > message && strchr("'\"", p[-1]) && p[length] && strchr("'\"", p[length]);
    if (quoted || length >= 12)
      return true;
  }
  return false;
}

/* Below `node`, the path of the first scalar whose value (or, `by_key`, whose key) the message
 * quotes. */
static bool find_quoted(const lsi_node *node, const char *key, bool by_key, const char *message,
                        char *path, size_t size) {
  if (node->kind == LSI_NODE_SCALAR)
    return quotes(message, by_key ? key : node->text);
  size_t used = strlen(path);
  for (int i = 0; i < node->n; i++) {
    bool map = node->kind == LSI_NODE_MAP;
    if (map)
      snprintf(path + used, size - used, ".%s", node->keys[i]);
    else if (node->n > 1 || node->items[i]->kind != LSI_NODE_SCALAR) /* the only one may stand without a list */
      snprintf(path + used, size - used, "[%d]", i);
    if (find_quoted(node->items[i], map ? node->keys[i] : "", by_key, message, path, size))
      return true;
    path[used] = 0;
  }
  return false;
}

void lsi_config_prefix(const ls_config *config, const char *path) {
  char full[LSI_TREE_PATH], where[768];
  snprintf(full, sizeof full, "%s", path);
  const lsi_node *node = lsi_tree_locate(config->root, path);
  const char *message = ls_last_error()->message;
  if (node && !find_quoted(node, "", false, message, full, sizeof full))
    find_quoted(node, "", true, message, full, sizeof full);
  describe(config, full, where, sizeof where);
  lsi_error_prefix("%s", where);
}
