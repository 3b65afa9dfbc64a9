/* SPDX-License-Identifier: MIT */
/* Objects as data: look-up in a family, defaults, access. */
#include "nn/object.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_NAMES = 256 };

static bool same(const char *a, const char *b, bool fold) {
  return fold ? strcasecmp(a, b) == 0 : strcmp(a, b) == 0;
}

static bool has_name(const lsi_class_info *info, const char *name, bool fold) {
  if (same(info->class_name, name, fold) || same(info->name, name, fold))
    return true;
  for (int i = 0; i < 4 && info->aliases[i]; i++)
    if (same(info->aliases[i], name, fold))
      return true;
  return false;
}

/* Keras has it, we do not: that is no typing error. */
static ls_status check_refused(const lsi_family *family, const char *name) {
  for (const lsi_refusal *r = family->refused; r && r->name; r++)
    LSI_CHECK(strcasecmp(r->name, name) != 0, LS_ERR_UNSUPPORTED, r->advice,
              "%s '%s' is not supported", family->what, r->name);
  return LS_OK;
}

static ls_status unknown_class(const lsi_family *family, const char *name) {
  const char *names[MAX_NAMES];
  int n = 0;
  char advice[400] = "";
  size_t used = 0;
  for (int i = 0; i < family->n_classes && n + 6 <= MAX_NAMES; i++) {
    const lsi_class_info *info = &family->classes[i];
    bool camel =
        isupper((unsigned char)name[0]); /* of two equally near ones suggest the spelling in use */
    names[n++] = camel ? info->class_name : info->name;
    names[n++] = camel ? info->name : info->class_name;
    for (int k = 0; k < 4 && info->aliases[k]; k++)
      names[n++] = info->aliases[k];
    if (used < sizeof advice)
      used +=
          (size_t)snprintf(advice + used, sizeof advice - used, "%s%s", i ? ", " : "", info->name);
  }
  const char *nearest = lsi_nearest_name(name, names, n);
  if (nearest)
    LSI_FAIL(LS_ERR_ARG, NULL, "unknown %s '%s'; did you mean '%s'?", family->what, name, nearest);
  LSI_FAIL(LS_ERR_ARG, advice, "unknown %s '%s'", family->what, name);
}

ls_status lsi_family_find(const lsi_family *family, const char *name, const lsi_class_info **out) {
  for (int fold = 0; fold < 2; fold++)
    for (int i = 0; i < family->n_classes; i++)
      if (has_name(&family->classes[i], name, fold)) {
        *out = &family->classes[i];
        return LS_OK;
      }
  LSI_TRY(check_refused(family, name));
  return unknown_class(family, name);
}

/* The text a TEXT argument starts with: the first of its choices. */
static void default_text(const lsi_param_info *param, char text[LSI_MAX_TEXT]) {
  size_t n = param->default_text ? strcspn(param->default_text, "|") : 0;
  if (n >= LSI_MAX_TEXT)
    n = LSI_MAX_TEXT - 1;
  if (n)
    memcpy(text, param->default_text, n);
  text[n] = '\0';
}

void lsi_object_default(const lsi_class_info *info, lsi_object *out) {
  memset(out, 0, sizeof *out);
  out->info = info;
  int n_lists = 0, n_texts = 0;
  for (int i = 0; i < info->n_params; i++) {
    const lsi_param_info *param = &info->params[i];
    out->value[i] = param->default_value;
    if (param->type == LSI_PARAM_LIST && n_lists < LSI_MAX_LISTS)
      out->value[i] = n_lists++;
    if (param->type != LSI_PARAM_TEXT || n_texts >= LSI_MAX_TEXTS)
      continue;
    default_text(param, out->text[n_texts]);
    out->value[i] = n_texts++;
    if (!param->default_text && param->default_value != LSI_REQUIRED)
      out->value[i] = NAN;
  }
}

int lsi_object_param_index(const lsi_class_info *info, const char *param) {
  for (int i = 0; i < info->n_params; i++)
    if (strcmp(info->params[i].name, param) == 0)
      return i;
  return -1;
}

double lsi_object_get(const lsi_object *object, const char *param) {
  int i = object->info ? lsi_object_param_index(object->info, param) : -1;
  return i < 0 ? NAN : object->value[i];
}

int lsi_object_list(const lsi_object *object, const char *param, const double **list) {
  int i = object->info ? lsi_object_param_index(object->info, param) : -1;
  if (i < 0 || object->info->params[i].type != LSI_PARAM_LIST)
    return 0;
  *list = object->list[(int)object->value[i]];
  return object->n_list[(int)object->value[i]];
}

const char *lsi_object_text(const lsi_object *object, const char *param) {
  int i = object->info ? lsi_object_param_index(object->info, param) : -1;
  if (i < 0 || object->info->params[i].type != LSI_PARAM_TEXT || isnan(object->value[i]))
    return NULL;
  return object->text[(int)object->value[i]];
}

void lsi_object_nested(const lsi_object *object, lsi_object *schedule) {
  lsi_object_default(object->nested, schedule);
  for (int i = 0; i < object->nested->n_params; i++) {
    if (object->nested->params[i].type == LSI_PARAM_TEXT)
      continue;
    schedule->value[i] = object->nested_value[i];
    schedule->given[i] = true;
  }
  memcpy(schedule->list, object->nested_list, sizeof schedule->list);
  memcpy(schedule->n_list, object->n_nested_list, sizeof schedule->n_list);
}

static bool is_missing(const lsi_object *object, int i) {
  const lsi_param_info *param = &object->info->params[i];
  if (param->default_value != LSI_REQUIRED)
    return false;
  if (param->type == LSI_PARAM_LIST)
    return object->n_list[(int)object->value[i]] == 0;
  if (param->type == LSI_PARAM_TEXT)
    return !object->given[i];
  return !isfinite(object->value[i]) && !(param->type == LSI_PARAM_SCHEDULE && object->nested);
}

ls_status lsi_object_check(const lsi_family *family, const lsi_object *object) {
  for (int i = 0; i < object->info->n_params; i++)
    LSI_CHECK(!is_missing(object, i), LS_ERR_ARG,
              "Write it by place or by name, as in Name(argument=value).",
              "%s %s: argument '%s' is missing; it has no default", family->what,
              object->info->class_name, object->info->params[i].name);
  if (object->nested && family->schedules) {
    lsi_object schedule;
    lsi_object_nested(object, &schedule);
    LSI_TRY(lsi_object_check(family->schedules, &schedule));
  }
  return family->check ? family->check(object) : LS_OK;
}
