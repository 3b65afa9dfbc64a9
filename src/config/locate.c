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

/* Does the message begin with `text`, as one about a file does? */
static bool leads(const char *message, const char *text) {
  size_t length = strlen(text);
  return length > 0 && strncmp(message, text, length) == 0 && message[length] == ':';
}

typedef enum lookup { BY_BEGINNING, BY_VALUE, BY_KEY } lookup;

static bool is_meant(lookup how, const char *message, const char *key, const char *value) {
  return how == BY_BEGINNING ? leads(message, value) : quotes(message, how == BY_KEY ? key : value);
}

/* Below `node`, the path of the first scalar whose value or key the message begins with or quotes. */
static bool find_meant(const lsi_node *node, const char *key, lookup how, const char *message,
                       char *path, size_t size) {
  if (node->kind == LSI_NODE_SCALAR)
    return is_meant(how, message, key, node->text);
  size_t used = strlen(path);
  for (int i = 0; i < node->n; i++) {
    bool map = node->kind == LSI_NODE_MAP;
    if (map)
      snprintf(path + used, size - used, ".%s", node->keys[i]);
    else if (node->n > 1 || node->items[i]->kind != LSI_NODE_SCALAR) /* the only one may stand without a list */
      snprintf(path + used, size - used, "[%d]", i);
    if (find_meant(node->items[i], map ? node->keys[i] : "", how, message, path, size))
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
  for (lookup how = BY_BEGINNING; node && how <= BY_KEY; how++)
    if (find_meant(node, "", how, message, full, sizeof full))
      break;
  describe(config, full, where, sizeof where);
  lsi_error_prefix("%s", where);
}
