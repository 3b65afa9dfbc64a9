/* SPDX-License-Identifier: MIT */
/* The call notation: Name(value, argument=value, ...). Values are read by object_value.c. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "nn/object_value.h"

static const char notation[] = "Write a name alone, or a call such as SGD(0.1, momentum=0.9).";

/* Trimmed copy of [begin, end). */
static bool copy_trimmed(const char *begin, const char *end, char *out, size_t size) {
  while (begin < end && isspace((unsigned char)*begin))
    begin++;
  while (end > begin && isspace((unsigned char)end[-1]))
    end--;
  size_t n = (size_t)(end - begin);
  if (n >= size)
    return false;
  memcpy(out, begin, n);
  out[n] = '\0';
  return true;
}

/* End of the value that starts at `at`: the next comma or closing bracket outside quotes and
   brackets, or NULL when a quote or bracket stays open. */
static const char *value_end(const char *at) {
  char open[32];
  int depth = 0;
  for (; *at; at++) {
    if (*at == '\'' || *at == '"') {
      char quote = *at;
      for (at++; *at && *at != quote; at++)
        if (*at == '\\' && at[1])
          at++;
      if (!*at)
        return NULL;
    } else if (*at == '(' || *at == '[') {
      if (depth == (int)sizeof open)
        return NULL;
      open[depth++] = *at == '(' ? ')' : ']';
    } else if (*at == ')' || *at == ']') {
      if (depth == 0)
        return at;
      if (open[--depth] != *at)
        return NULL;
    } else if (*at == ',' && depth == 0) {
      return at;
    }
  }
  return depth == 0 ? at : NULL;
}

/* "key = value": the length of key, or 0 when the argument is given by its place. */
static size_t keyword_length(const char *text) {
  size_t n = 0;
  while (isalnum((unsigned char)text[n]) || text[n] == '_')
    n++;
  size_t equals = n + strspn(text + n, " \t");
  return n > 0 && text[equals] == '=' ? n : 0;
}

static ls_status unknown_argument(const lsi_family *family, const lsi_class_info *info,
                                  const char *name) {
  const char *names[LSI_MAX_PARAMS];
  char advice[400] = "It takes no arguments.";
  size_t used = 0;
  for (int i = 0; i < info->n_params; i++) {
    names[i] = info->params[i].name;
    if (used < sizeof advice)
      used += (size_t)snprintf(advice + used, sizeof advice - used, "%s%s",
                               i ? ", " : "Its arguments: ", names[i]);
  }
  const char *nearest = lsi_nearest_name(name, names, info->n_params);
  LSI_FAIL(LS_ERR_ARG, advice, "%s %s has no argument '%.100s'%s%s%s", family->what,
           info->class_name, name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
           nearest ? "'?" : "");
}

static ls_status find_argument(const lsi_family *family, const lsi_object *object, const char *name,
                               int *index) {
  *index = lsi_object_param_index(object->info, name);
  return *index < 0 ? unknown_argument(family, object->info, name) : LS_OK;
}

/* One "value" or "argument=value"; *place is the next positional argument, -1 after the first named
 * one. */
static ls_status parse_argument(const lsi_family *family, lsi_object *object, const char *text,
                                int *place) {
  const lsi_class_info *info = object->info;
  size_t key = keyword_length(text);
  int i = *place;
  if (key > 0) {
    char name[LSI_MAX_VALUE];
    copy_trimmed(text, text + key, name, sizeof name);
    LSI_TRY(find_argument(family, object, name, &i));
    text = strchr(text + key, '=') + 1;
    text += strspn(text, " \t\n");
    *place = -1;
  } else {
    LSI_CHECK(i >= 0, LS_ERR_ARG, "Put arguments without a name first.",
              "%s %s: '%.100s' has no name but follows a named argument", family->what,
              info->class_name, text);
    LSI_CHECK(i < info->n_params, LS_ERR_ARG, NULL,
              "%s %s takes at most %d arguments; '%.100s' is one more", family->what,
              info->class_name, info->n_params, text);
    *place = i + 1;
  }
  LSI_CHECK(*text != '\0', LS_ERR_ARG, notation, "%s %s: argument '%s' has no value", family->what,
            info->class_name, info->params[i].name);
  LSI_CHECK(!object->given[i], LS_ERR_ARG, NULL, "%s %s: argument '%s' is given twice",
            family->what, info->class_name, info->params[i].name);
  return lsi_object_set_value(family, object, i, text);
}

/* The list between the parentheses; `at` is past the opening one. */
static ls_status parse_arguments(const lsi_family *family, lsi_object *object, const char *at,
                                 const char *whole) {
  int place = 0;
  for (;;) {
    const char *end = value_end(at);
    LSI_CHECK(end && *end != '\0' && *end != ']', LS_ERR_ARG, notation,
              "%s: unbalanced brackets or quotes in '%.200s'", family->what, whole);
    char argument[LSI_MAX_VALUE];
    LSI_CHECK(copy_trimmed(at, end, argument, sizeof argument), LS_ERR_ARG, NULL,
              "%s: an argument of '%.100s...' is longer than %d characters", family->what, whole,
              LSI_MAX_VALUE - 1);
    bool last = *end == ')';
    if (argument[0] != '\0')
      LSI_TRY(parse_argument(family, object, argument, &place));
    else
      LSI_CHECK(last, LS_ERR_ARG, notation, "%s: empty argument in '%.200s'", family->what, whole);
    at = end + 1;
    if (last)
      break;
  }
  at += strspn(at, " \t\n");
  LSI_CHECK(*at == '\0', LS_ERR_ARG, notation,
            "%s: '%.100s' follows the closing parenthesis in '%.200s'", family->what, at, whole);
  return LS_OK;
}

ls_status lsi_object_parse(const lsi_family *family, const char *text, lsi_object *out) {
  const char *open = strchr(text, '(');
  char name[LSI_MAX_TEXT];
  bool fits = copy_trimmed(text, open ? open : text + strlen(text), name, sizeof name);
  LSI_CHECK(fits && name[0] != '\0', LS_ERR_ARG, notation,
            "%s: '%.100s' does not start with a name", family->what, text);
  const lsi_class_info *info;
  LSI_TRY(lsi_family_find(family, name, &info));
  lsi_object object;
  lsi_object_default(info, &object);
  if (open)
    LSI_TRY(parse_arguments(family, &object, open + 1, text));
  LSI_TRY(lsi_object_check(family, &object));
  *out = object;
  return LS_OK;
}

ls_status lsi_object_set(const lsi_family *family, lsi_object *object, const char *param,
                         const char *value) {
  int i;
  LSI_TRY(find_argument(family, object, param, &i));
  char trimmed[LSI_MAX_VALUE];
  LSI_CHECK(copy_trimmed(value, value + strlen(value), trimmed, sizeof trimmed), LS_ERR_ARG, NULL,
            "%s %s: the value of '%s' is longer than %d characters", family->what,
            object->info->class_name, param, LSI_MAX_VALUE - 1);
  return lsi_object_set_value(family, object, i, trimmed);
}
