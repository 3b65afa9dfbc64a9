/* SPDX-License-Identifier: MIT */
/* Maps of arguments back to the call notation of the public API: "SGD(learning_rate=0.1,
 * momentum=0.9)". */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/document.h"

typedef struct writer {
  char *buffer;
  size_t size, used;
} writer;

static void put(writer *w, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(w->buffer + w->used, w->size - w->used, format, args);
  va_end(args);
  size_t left = w->size - w->used;
  w->used += (size_t)n < left ? (size_t)n : left - 1;
}

/* Equal to the default, as a value and not only as text ("0.10" is 0.1). */
static bool is_default(const lsi_key *key, const char *text) {
  double a, b;
  if (!key->fallback)
    return false;
  if (lsi_parse_float(text, &a) && lsi_parse_float(key->fallback, &b))
    return a == b;
  return strcmp(text, key->fallback) == 0;
}

/* A text argument stands in quotes, a nested call does not. */
static bool wants_quotes(const lsi_key *key) {
  return key->type == LSI_KEY_CHOICE ||
         (key->type == LSI_KEY_TEXT && strcmp(key->name, "schedule") != 0);
}

ls_status lsi_call_text(const char *class_name, lsi_values values, const char *skip, char *buffer,
                        size_t size) {
  writer w = {buffer, size, 0};
  bool first = true;
  put(&w, "%s", class_name);
  for (int i = 0; i < values.map->n; i++) {
    const lsi_key *key = &values.map->keys[i];
    char scratch[256]; /* a list of eight sizes fits */
    if (!lsi_is_given(values, key->name) || (skip && strcmp(key->name, skip) == 0))
      continue;
    const char *text = lsi_get_as_text(values, key, scratch, sizeof scratch);
    if (is_default(key, text))
      continue;
    const char *quote = !wants_quotes(key) ? "" : strchr(text, '\'') ? "\"" : "'";
    put(&w, "%s%s=%s%s%s", first ? "(" : ", ", key->name, quote, text, quote);
    first = false;
  }
  if (!first)
    put(&w, ")");
  LSI_CHECK(w.used + 1 < size, LS_ERR_CONFIG, NULL,
            "the arguments of %s are longer than %zu characters", class_name, size - 2);
  return LS_OK;
}

lsi_values lsi_optimizer_values(lsi_values optimizer, lsi_slot *slots) {
  const lsi_map *map = lsi_schema_optimizer(lsi_get_text(optimizer, "name"));
  for (int i = 0; i < map->n; i++) {
    const lsi_key *row = lsi_map_find(optimizer.map, map->keys[i].name);
    slots[i] = optimizer.slots ? optimizer.slots[row - optimizer.map->keys] : (lsi_slot){0};
  }
  return (lsi_values){map, slots};
}

ls_status lsi_optimizer_text(const ls_config *config, char *buffer, size_t size) {
  lsi_values optimizer = lsi_get_map(lsi_get_map(config->values, "compile"), "optimizer");
  const char *name = lsi_get_text(optimizer, "name");
  lsi_slot slots[32];
  if (!strchr(name, '('))
    return lsi_call_text(lsi_schema_optimizer(name)->keys[0].fallback,
                         lsi_optimizer_values(optimizer, slots), "name", buffer, size);
  int n = snprintf(buffer, size, "%s", name);
  LSI_CHECK(n >= 0 && (size_t)n < size, LS_ERR_CONFIG, NULL,
            "the optimizer is longer than %zu characters", size - 1);
  return LS_OK;
}
