/* SPDX-License-Identifier: MIT */
/* Objects back into the call notation that object_parse.c reads. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "nn/object.h"

typedef struct writer {
  char *buffer;
  size_t size, used;
} writer;

static void put(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(writer *w, const char *format, ...) {
  size_t room = w->used < w->size ? w->size - w->used : 0;
  va_list args;
  va_start(args, format);
  int n = vsnprintf(room ? w->buffer + w->used : NULL, room, format, args);
  va_end(args);
  if (n > 0)
    w->used += (size_t)n;
}

static void put_number(writer *w, double value, bool integer) {
  char text[40];
  lsi_format_double(value, text, sizeof text);
  if (integer && fabs(value) <= LSI_MAX_COUNT)
    put(w, "%.0f", value);
  else
    put(w, "%s", text);
}

static void put_text(writer *w, const char *text) {
  put(w, "'");
  for (; *text; text++)
    put(w, *text == '\'' || *text == '\\' ? "\\%c" : "%c", *text);
  put(w, "'");
}

static void put_list(writer *w, const double *list, int n) {
  put(w, "[");
  for (int i = 0; i < n; i++) {
    if (i)
      put(w, ", ");
    put_number(w, list[i], list[i] == floor(list[i]));
  }
  put(w, "]");
}

static bool same_value(double a, double b) {
  return a == b || (isnan(a) && isnan(b));
}

/* Does argument i hold what a new object holds? */
static bool is_default(const lsi_object *object, const lsi_object *fresh, int i) {
  double value = object->value[i];
  if (!same_value(value, fresh->value[i]))
    return false;
  switch (object->info->params[i].type) {
  case LSI_PARAM_LIST:
    return object->n_list[(int)value] == 0;
  case LSI_PARAM_TEXT:
    return isnan(value) || strcmp(object->text[(int)value], fresh->text[(int)value]) == 0;
  case LSI_PARAM_SCHEDULE:
    return object->nested == NULL;
  default:
    return true;
  }
}

static void put_object(writer *w, const lsi_object *object, bool all);

static void put_value(writer *w, const lsi_object *object, int i, bool all) {
  double value = object->value[i];
  lsi_param_type type = object->info->params[i].type;
  if (type == LSI_PARAM_SCHEDULE && object->nested) {
    lsi_object schedule;
    lsi_object_nested(object, &schedule);
    put_object(w, &schedule, all);
  } else if (isnan(value)) {
    put(w, "None");
  } else if (type == LSI_PARAM_BOOL) {
    put(w, value != 0 ? "True" : "False");
  } else if (type == LSI_PARAM_LIST) {
    const double *list = object->list[(int)value];
    int n = object->n_list[(int)value];
    if (n == 1 && object->info->params[i].default_text)
      put_number(w, list[0], false);
    else
      put_list(w, list, n);
  } else if (type == LSI_PARAM_TEXT) {
    put_text(w, object->text[(int)value]);
  } else {
    put_number(w, value, type == LSI_PARAM_INT);
  }
}

static void put_object(writer *w, const lsi_object *object, bool all) {
  lsi_object fresh;
  lsi_object_default(object->info, &fresh);
  put(w, "%s", object->info->class_name);
  int n = 0;
  for (int i = 0; i < object->info->n_params; i++) {
    if (!all && is_default(object, &fresh, i))
      continue;
    put(w, "%s%s=", n++ ? ", " : "(", object->info->params[i].name);
    put_value(w, object, i, all);
  }
  if (n)
    put(w, ")");
}

ls_status lsi_object_print(const lsi_object *object, bool all, char *buffer, size_t size) {
  writer w = {.buffer = buffer, .size = size};
  put_object(&w, object, all);
  LSI_CHECK(w.used < size, LS_ERR_ARG, NULL,
            "%s as text needs %zu characters; there is room for %zu", object->info->class_name,
            w.used + 1, size);
  return LS_OK;
}
