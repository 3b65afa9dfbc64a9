/* SPDX-License-Identifier: MIT */
#ifndef LSI_NN_OBJECT_H
#define LSI_NN_OBJECT_H
/*
 * Keras objects with arguments: initialisers, regularisers, losses, metrics, optimizers, schedules
 * and callbacks. Each family is a const table of classes; a class lists its arguments with
 * defaults and ranges. One parser reads the call notation ("SGD(0.1, momentum=0.9)"), one printer
 * writes it back, and the Keras-JSON reader and writer walk the same tables.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

enum { LSI_MAX_PARAMS = 12, LSI_MAX_LIST = 64, LSI_MAX_TEXT = 192, LSI_MAX_LISTS = 2, LSI_MAX_TEXTS = 3 };

typedef enum lsi_param_type {
  LSI_PARAM_FLOAT,
  LSI_PARAM_INT,
  LSI_PARAM_BOOL,
  LSI_PARAM_LIST,    /* of numbers; value[i] = index into list[] */
  LSI_PARAM_TEXT,    /* value[i] = index into text[] */
  LSI_PARAM_SCHEDULE /* a number, or an object of the schedule family in *nested */
} lsi_param_type;

typedef struct lsi_param_info {
  const char *name;      /* Keras's argument */
  lsi_param_type type;
  double default_value;  /* NAN: None */
  double min, max;       /* inclusive; an open bound is nextafter'd by the table */
  const char *default_text;
} lsi_param_info;

typedef struct lsi_class_info {
  int kind;                /* the family's enum value */
  const char *class_name;  /* "GlorotUniform" */
  const char *name;        /* "glorot_uniform": what logs and JSON strings use */
  const char *aliases[4];  /* "mse", "acc", ...; unused ones NULL */
  int n_params;
  lsi_param_info params[LSI_MAX_PARAMS]; /* in Keras's positional order */
} lsi_class_info;

typedef struct lsi_family {
  const char *what; /* "initializer" for messages */
  const lsi_class_info *classes;
  int n_classes;
  const struct lsi_family *schedules; /* family of LSI_PARAM_SCHEDULE arguments, or NULL */
} lsi_family;

typedef struct lsi_object {
  const lsi_class_info *info; /* NULL: none */
  double value[LSI_MAX_PARAMS];
  bool given[LSI_MAX_PARAMS]; /* named by the user */
  double list[LSI_MAX_LISTS][LSI_MAX_LIST];
  int n_list[LSI_MAX_LISTS];
  char text[LSI_MAX_TEXTS][LSI_MAX_TEXT];
  const lsi_class_info *nested; /* class of the schedule; its arguments below */
  double nested_value[LSI_MAX_PARAMS];
  double nested_list[LSI_MAX_LISTS][LSI_MAX_LIST];
  int n_nested_list[LSI_MAX_LISTS];
} lsi_object;

/* Class by class name, name or alias (case-sensitive first, then folded); LS_ERR_ARG with the nearest name. */
ls_status lsi_family_find(const lsi_family *family, const char *name, const lsi_class_info **out);

/* All defaults. */
void lsi_object_default(const lsi_class_info *info, lsi_object *out);

/* Parse "name" or "name(positional, key=value, ...)". Values: numbers, true/false/True/False, None, 'text' "text" or bare words, [lists],
   and one nested call. Errors name the argument, what was expected, and the nearest argument name. */
ls_status lsi_object_parse(const lsi_family *family, const char *text, lsi_object *out);

/* Set one argument from text, as the parser would. */
ls_status lsi_object_set(const lsi_family *family, lsi_object *object, const char *param, const char *value);

/* "SGD(learning_rate=0.1, momentum=0.9)": class name and the arguments that differ from the default (all = true: every argument).
   Numbers are shortest round-trip doubles. */
ls_status lsi_object_print(const lsi_object *object, bool all, char *buffer, size_t size);

/* The value of argument `param`; the class must have it. For texts and lists see the fields. */
double lsi_object_get(const lsi_object *object, const char *param);
const char *lsi_object_text(const lsi_object *object, const char *param);
int lsi_object_param_index(const lsi_class_info *info, const char *param); /* -1: none */
/* The nested schedule as an object of its own; object->nested must not be NULL. */
void lsi_object_nested(const lsi_object *object, lsi_object *schedule);

/* Shortest decimal text that reads back as the same double ("0.1", "1e-07" as Python writes it). */
void lsi_format_double(double value, char *buffer, size_t size);
#endif
