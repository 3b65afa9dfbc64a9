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
#include <math.h> /* NAN and INFINITY of the tables */
#include "base/status.h"

struct lsi_object;

enum { LSI_MAX_PARAMS = 24, LSI_MAX_LIST = 64, LSI_MAX_TEXT = 192, LSI_MAX_LISTS = 2, LSI_MAX_TEXTS = 8 };

typedef enum lsi_param_type {
  LSI_PARAM_FLOAT,
  LSI_PARAM_INT,
  LSI_PARAM_BOOL,
  LSI_PARAM_LIST,    /* of numbers; value[i] = index into list[] */
  LSI_PARAM_TEXT,    /* value[i] = index into text[] */
  LSI_PARAM_SCHEDULE /* a number, or an object of the schedule family in *nested */
} lsi_param_type;

/* Tables: an argument without a default, and open bounds. */
#define LSI_REQUIRED INFINITY
#define LSI_ABOVE_0 0x1p-1074
#define LSI_BELOW_1 0x1.fffffffffffffp-1
#define LSI_MAX_COUNT 9007199254740992.0 /* 2^53: the largest integer argument */

#define LSI_OR_NUMBER "number"
#define LSI_OR_NONE "None"

typedef struct lsi_param_info {
  const char *name;      /* Keras's argument */
  lsi_param_type type;
  double default_value;  /* NAN: None; LSI_REQUIRED: must be given */
  double min, max;       /* inclusive, of numbers and list elements; an open bound is nextafter'd by the table */
  const char *default_text; /* of a TEXT; NULL: None. "auto|min|max": one of these, the first is the default.
                               Of a LIST: LSI_OR_NUMBER, when one number stands for a list of one. Of a FLOAT: LSI_OR_NONE, when None is
                               a value, but not the default */
} lsi_param_info;

typedef struct lsi_class_info {
  int kind;                /* the family's enum value */
  const char *class_name;  /* "GlorotUniform" */
  const char *name;        /* "glorot_uniform": what logs and JSON strings use */
  const char *aliases[4];  /* "mse", "acc", ...; unused ones NULL */
  int n_params;
  lsi_param_info params[LSI_MAX_PARAMS]; /* in Keras's positional order */
} lsi_class_info;

/* A class of Keras's that is not here, and why. */
typedef struct lsi_refusal {
  const char *name, *advice;
} lsi_refusal;

typedef struct lsi_family {
  const char *what; /* "initializer" for messages */
  const lsi_class_info *classes;
  int n_classes;
  const lsi_refusal *refused; /* ends with {NULL}; or NULL */
  const struct lsi_family *schedules; /* family of LSI_PARAM_SCHEDULE arguments, or NULL */
  ls_status (*check)(const struct lsi_object *object); /* OPTIONAL: rules between arguments */
} lsi_family;

typedef struct lsi_object {
  const lsi_class_info *info; /* NULL: none */
  double value[LSI_MAX_PARAMS];
                              /* by type: the number, 0 or 1, index into list[] or text[]; NAN: None */
  bool given[LSI_MAX_PARAMS]; /* named by the user */
  double list[LSI_MAX_LISTS][LSI_MAX_LIST];
  int n_list[LSI_MAX_LISTS];
  char text[LSI_MAX_TEXTS][LSI_MAX_TEXT];
  const lsi_class_info *nested; /* class of the schedule; its arguments below (a schedule's texts are not kept) */
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

/* Required arguments given, rules between arguments kept? lsi_object_parse has done this; who fills objects otherwise calls it last. */
ls_status lsi_object_check(const lsi_family *family, const lsi_object *object);

/* Set one argument from text, as the parser would. A value without quotes is taken whole. */
ls_status lsi_object_set(const lsi_family *family, lsi_object *object, const char *param, const char *value);

/* "SGD(learning_rate=0.1, momentum=0.9)": class name and the arguments that differ from the default (all = true: every argument);
   no parentheses around nothing. Numbers are shortest round-trip doubles. lsi_object_parse reads it back. */
ls_status lsi_object_print(const lsi_object *object, bool all, char *buffer, size_t size);

/* How many a LIST argument holds, and where; 0: None, or no such argument. */
int lsi_object_list(const lsi_object *object, const char *param, const double **list);
/* The value of argument `param`; NAN: None, or the class has none such. */
double lsi_object_get(const lsi_object *object, const char *param);
const char *lsi_object_text(const lsi_object *object, const char *param); /* NULL: None */
int lsi_object_param_index(const lsi_class_info *info, const char *param); /* -1: none */
/* The nested schedule as an object of its own; object->nested must not be NULL. */
void lsi_object_nested(const lsi_object *object, lsi_object *schedule);

/* Shortest decimal text that reads back as the same double ("0.1", "1e-07" as Python writes it). */
void lsi_format_double(double value, char *buffer, size_t size);
/* A finite decimal number and nothing else; false otherwise. Neither function minds the process's locale. */
bool lsi_read_double(const char *text, double *value);
#endif
