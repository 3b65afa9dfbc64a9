/* SPDX-License-Identifier: MIT */
#include "nn/object_value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

int lsi_object_slot(const lsi_class_info *info, int i) {
  int slot = 0;
  for (int k = 0; k < i; k++)
    slot += info->params[k].type == info->params[i].type;
  return slot;
}

/* ---- messages ---- */

/* A bound as the table means it: nextafter'd ones are open. Returns whether it is open. */
static bool bound_text(double bound, char *text, size_t size) {
  char rounded[40];
  snprintf(rounded, sizeof rounded, "%.12g", bound);
  double plain = 0;
  bool open =
      fabs(bound) < 1e-300 ? bound != 0 : lsi_read_double(rounded, &plain) && plain != bound;
  if (fabs(bound) < 1e-300)
    snprintf(rounded, sizeof rounded, "0");
  snprintf(text, size, "%s", rounded);
  return open;
}

static void range_text(const lsi_param_info *param, char *text, size_t size) {
  char low[40], high[40];
  bool open_low = bound_text(param->min, low, sizeof low),
       open_high = bound_text(param->max, high, sizeof high);
  bool has_low = param->min > -LSI_MAX_COUNT, has_high = param->max < LSI_MAX_COUNT;
  text[0] = '\0';
  if (has_low && has_high)
    snprintf(text, size, " in %c%s, %s%c", open_low ? '(' : '[', low, high, open_high ? ')' : ']');
  else if (has_low)
    snprintf(text, size, " %s %s", open_low ? ">" : ">=", low);
  else if (has_high)
    snprintf(text, size, " %s %s", open_high ? "<" : "<=", high);
}

static bool takes_number(const lsi_param_info *param) {
  return param->type == LSI_PARAM_LIST && param->default_text;
}

/* None is a value for arguments whose default it is, those that say so, and for lists (an empty one) and free texts such as name. */
static bool takes_none(const lsi_param_info *param) {
  if (param->type == LSI_PARAM_TEXT)
    return !param->default_text || !strchr(param->default_text, '|');
  return isnan(param->default_value) || (param->type == LSI_PARAM_FLOAT && param->default_text);
}

static void expected_text(const lsi_param_info *param, char *text, size_t size) {
  static const char *const what[] = {
      [LSI_PARAM_FLOAT] = "a number",
      [LSI_PARAM_INT] = "an integer",
      [LSI_PARAM_BOOL] = "true or false",
      [LSI_PARAM_LIST] = "a list of numbers, as in [1, 2],",
      [LSI_PARAM_TEXT] = "a text",
      [LSI_PARAM_SCHEDULE] = "a learning-rate schedule, or a number"};
  char range[100] = "";
  bool is_number = param->type != LSI_PARAM_BOOL && param->type != LSI_PARAM_TEXT;
  bool none = param->type == LSI_PARAM_TEXT ? !param->default_text : takes_none(param);
  if (is_number)
    range_text(param, range, sizeof range);
  if (param->type == LSI_PARAM_TEXT && param->default_text && strchr(param->default_text, '|'))
    snprintf(text, size, "one of %s", param->default_text);
  else
    snprintf(text, size, "%s%s%s%s", takes_number(param) ? "a number, or " : "", what[param->type], range, none ? ", or None" : "");
}

static ls_status unfit(const lsi_family *family, const lsi_object *object, int i,
                       const char *value) {
  const lsi_param_info *param = &object->info->params[i];
  char expected[300];
  expected_text(param, expected, sizeof expected);
  LSI_FAIL(LS_ERR_ARG, NULL, "%s %s: argument '%s' is %.200s; expected %s", family->what,
           object->info->class_name, param->name, value, expected);
}

/* ---- values ---- */

static bool is_none(const char *text) {
  return strcmp(text, "None") == 0 || strcmp(text, "null") == 0;
}

static bool read_bool(const char *text, double *value) {
  *value = strcmp(text, "True") == 0 || strcmp(text, "true") == 0;
  return *value != 0 || strcmp(text, "False") == 0 || strcmp(text, "false") == 0;
}

static bool read_number(const lsi_param_info *param, const char *text, double *value) {
  if (!lsi_read_double(text, value) || *value < param->min || *value > param->max)
    return false;
  return param->type != LSI_PARAM_INT || (*value == floor(*value) && fabs(*value) <= LSI_MAX_COUNT);
}

/* A quoted text loses its quotes and backslashes; a bare one is taken as it is. */
static bool read_text(const char *text, char out[LSI_MAX_TEXT]) {
  char quote = *text == '\'' || *text == '"' ? *text++ : '\0';
  size_t n = 0;
  for (; *text && *text != quote; text++) {
    if (quote && *text == '\\' && text[1])
      text++;
    if (n + 1 >= LSI_MAX_TEXT)
      return false;
    out[n++] = *text;
  }
  out[n] = '\0';
  return quote ? *text == quote && text[1] == '\0' : true;
}

static bool is_choice(const lsi_param_info *param, const char *text) {
  const char *choice = param->default_text;
  if (!choice || !strchr(choice, '|'))
    return true;
  for (size_t n = strlen(text); choice; choice = strchr(choice, '|')) {
    if (*choice == '|')
      choice++;
    if (strncmp(choice, text, n) == 0 && (choice[n] == '|' || choice[n] == '\0'))
      return n > 0;
  }
  return false;
}

/* "[1, 2.5]" or "(1, 2.5)". */
static bool read_list(const lsi_param_info *param, const char *text, double list[LSI_MAX_LIST],
                      int *n) {
  size_t length = strlen(text);
  char close = *text == '[' ? ']' : ')';
  *n = 1;
  if (takes_number(param) && read_number(param, text, list))
    return true;
  if ((*text != '[' && *text != '(') || length < 2 || text[length - 1] != close)
    return false;
  *n = 0;
  for (const char *at = text + 1, *end = text + length - 1; at < end;) {
    size_t item = strcspn(at, ",])");
    while (item && isspace((unsigned char)*at))
      at++, item--;
    size_t used = item;
    while (used && isspace((unsigned char)at[used - 1]))
      used--;
    char number[64];
    if (used == 0 || used >= sizeof number || *n >= LSI_MAX_LIST)
      return false;
    memcpy(number, at, used);
    number[used] = '\0';
    if (!read_number(param, number, &list[(*n)++]))
      return false;
    at += item;
    if (at < end && *at != ',')
      return false;
    if (at < end)
      at++; /* a trailing comma is fine, as in Python */
  }
  return true;
}

static ls_status set_schedule(const lsi_family *family, lsi_object *object, int i,
                              const char *text) {
  const lsi_param_info *param = &object->info->params[i];
  double number;
  if (read_number(param, text, &number)) {
    object->value[i] = number;
    object->nested = NULL;
    return LS_OK;
  }
  if (!family->schedules || !(isalpha((unsigned char)*text) || *text == '_') || is_none(text))
    return unfit(family, object, i, text);
  lsi_object schedule;
  ls_status status = lsi_object_parse(family->schedules, text, &schedule);
  if (status != LS_OK) {
    lsi_error_prefix("%s %s: argument '%s'", family->what, object->info->class_name, param->name);
    return status;
  }
  object->nested = schedule.info;
  memcpy(object->nested_value, schedule.value, sizeof object->nested_value);
  memcpy(object->nested_list, schedule.list, sizeof object->nested_list);
  memcpy(object->n_nested_list, schedule.n_list, sizeof object->n_nested_list);
  return LS_OK;
}

static bool read_value(lsi_object *object, int i, const char *text) {
  const lsi_param_info *param = &object->info->params[i];
  int slot = lsi_object_slot(object->info, i);
  switch (param->type) {
  case LSI_PARAM_BOOL:
    return read_bool(text, &object->value[i]);
  case LSI_PARAM_LIST:
    object->value[i] = slot;
    return read_list(param, text, object->list[slot], &object->n_list[slot]);
  case LSI_PARAM_TEXT:
    object->value[i] = slot;
    return read_text(text, object->text[slot]) && is_choice(param, object->text[slot]);
  default:
    return read_number(param, text, &object->value[i]);
  }
}

static void set_none(lsi_object *object, int i) {
  const lsi_param_info *param = &object->info->params[i];
  if (param->type == LSI_PARAM_LIST)
    object->n_list[lsi_object_slot(object->info, i)] = 0;
  else
    object->value[i] = NAN;
  if (param->type == LSI_PARAM_SCHEDULE)
    object->nested = NULL;
}

ls_status lsi_object_set_value(const lsi_family *family, lsi_object *object, int i,
                               const char *text) {
  const lsi_param_info *param = &object->info->params[i];
  object->given[i] = true;
  if (is_none(text) && takes_none(param)) {
    set_none(object, i);
    return LS_OK;
  }
  if (param->type == LSI_PARAM_SCHEDULE)
    return set_schedule(family, object, i, text);
  lsi_object before = *object; /* a refused value leaves no trace */
  if (read_value(object, i, text))
    return LS_OK;
  *object = before;
  return unfit(family, object, i, text);
}
