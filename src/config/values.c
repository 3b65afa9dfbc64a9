/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/document.h"

bool lsi_parse_float(const char *text, double *out) {
  char *end;
  if (strspn(text, "+-.0123456789eE") != strlen(text) || !*text)
    return false; /* no hex, inf, nan, blanks */
  double value = strtod(text, &end);
  if (*end || !isfinite(value))
    return false;
  *out = value;
  return true;
}

bool lsi_parse_int(const char *text, int64_t *out) {
  char *end;
  if (strspn(text, "+-0123456789") != strlen(text) || !*text)
    return false;
  const char *digits = text + strspn(text, "+-");
  if (digits[0] == '0' && digits[1])
    return false; /* 010 is 8 to YAML 1.1 and 10 to a reader */
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (*end || errno)
    return false;
  *out = value;
  return true;
}

static const lsi_slot *slot_of(lsi_values values, const char *key) {
  const lsi_key *row = lsi_map_find(values.map, key);
  return values.slots && row ? &values.slots[row - values.map->keys] : NULL;
}

static const void *data_of(lsi_values values, const char *key) {
  const lsi_slot *slot = slot_of(values, key);
  return slot ? slot->data : NULL;
}

bool lsi_is_given(lsi_values values, const char *key) {
  return data_of(values, key) != NULL;
}

int64_t lsi_get_int(lsi_values values, const char *key) {
  const int64_t *given = data_of(values, key);
  const char *fallback = lsi_map_find(values.map, key)->fallback;
  return given ? *given : fallback ? strtoll(fallback, NULL, 10) : 0;
}

double lsi_get_float(lsi_values values, const char *key) {
  const double *given = data_of(values, key);
  const char *fallback = lsi_map_find(values.map, key)->fallback;
  return given ? *given : fallback ? strtod(fallback, NULL) : 0;
}

bool lsi_get_bool(lsi_values values, const char *key) {
  const bool *given = data_of(values, key);
  const char *fallback = lsi_map_find(values.map, key)->fallback;
  return given ? *given : fallback && strcmp(fallback, "true") == 0;
}

const char *lsi_get_text(lsi_values values, const char *key) {
  const char *given = data_of(values, key);
  return given ? given : lsi_map_find(values.map, key)->fallback;
}

const void *lsi_get_list(lsi_values values, const char *key, int *n) {
  const lsi_slot *slot = slot_of(values, key);
  *n = slot && slot->data ? (int)slot->count : 0;
  return *n ? slot->data : NULL;
}

lsi_values lsi_get_map(lsi_values values, const char *key) {
  return (lsi_values){lsi_map_find(values.map, key)->map, data_of(values, key)};
}

lsi_values lsi_get_item(lsi_values values, const char *key, int index, const char **class_name) {
  const lsi_map *classes = lsi_map_find(values.map, key)->map;
  const lsi_slot *item =
      (const lsi_slot *)data_of(values, key) + (size_t)index * (size_t)classes->n;
  int i = 0; /* exactly one class is there: lsi_config_check has seen to it */
  while (i < classes->n - 1 && !item[i].data)
    i++;
  *class_name = classes->keys[i].name;
  return (lsi_values){classes->keys[i].map, item[i].data};
}

/* Shortest decimal text that reads back as the same double, and reads as a float: "2.0". */
static const char *format_float(double value, char *buffer, size_t size) {
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(buffer, size, "%.*g", digits, value);
    if (strtod(buffer, NULL) == value)
      break;
  }
  if (strchr(buffer, 'e') && fabs(value) < 1e9 && trunc(value) == value)
    snprintf(buffer, size, "%.0f", value); /* 120, not 1.2e+02 */
  size_t length = strlen(buffer);
  if (!strpbrk(buffer, ".e"))
    snprintf(buffer + length, size - length, ".0");
  return buffer;
}

static const char *format_ints(lsi_values values, const char *key, char *buffer, size_t size) {
  int n;
  const int64_t *items = lsi_get_list(values, key, &n);
  size_t used = (size_t)snprintf(buffer, size, "[");
  for (int i = 0; i < n && used < size; i++)
    used += (size_t)snprintf(buffer + used, size - used, "%s%lld", i ? ", " : "", (long long)items[i]);
  if (used < size)
    snprintf(buffer + used, size - used, "]");
  return buffer;
}

const char *lsi_get_as_text(lsi_values values, const lsi_key *key, char *buffer, size_t size) {
  if (!lsi_is_given(values, key->name))
    return key->fallback;
  switch (key->type) {
  case LSI_KEY_INT:
    snprintf(buffer, size, "%lld", (long long)lsi_get_int(values, key->name));
    return buffer;
  case LSI_KEY_FLOAT:
    return format_float(lsi_get_float(values, key->name), buffer, size);
  case LSI_KEY_INTS:
    return format_ints(values, key->name, buffer, size);
  case LSI_KEY_BOOL:
    return lsi_get_bool(values, key->name) ? "true" : "false";
  default:
    return lsi_get_text(values, key->name);
  }
}
