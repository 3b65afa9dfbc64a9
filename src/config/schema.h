/* SPDX-License-Identifier: MIT */
#ifndef LSI_CONFIG_SCHEMA_H
#define LSI_CONFIG_SCHEMA_H
/*
 * Every key a config may hold: one table row each, with type, default, range and meaning. The
 * libcyaml schema, the range checks, the defaults, the resolved text, the suggestions for mistyped
 * keys, and the test of configs/reference.yaml all come from these rows.
 */
#include <stdbool.h>
#include <stddef.h>

typedef enum lsi_key_type {
  LSI_KEY_INT,
  LSI_KEY_FLOAT,
  LSI_KEY_BOOL,
  LSI_KEY_TEXT,
  LSI_KEY_CHOICE, /* one of the words in `limits` */
  LSI_KEY_RATE,   /* a number, or a schedule in Keras's call notation */
  LSI_KEY_INTS,
  LSI_KEY_FLOATS,
  LSI_KEY_TEXTS,
  LSI_KEY_FILES, /* one text or a list of them; none by default */
  LSI_KEY_MAP,  /* keys of `map` */
  LSI_KEY_ITEMS /* list; each entry is one key of `map` (a class) with its arguments behind it */
} lsi_key_type;

typedef struct lsi_key {
  const char *name;
  lsi_key_type type;
  const char *fallback; /* the default as YAML scalar; NULL: none ("null") */
  const char *limits;   /* numbers: "[1,inf)"; choices: "auto|shared|mpi"; NULL: any */
  const char *doc;
  bool required;
  const struct lsi_map *map;
} lsi_key;

/* A row: name, type, default, limits, meaning; then .required, .map. */
#define LSI_KEY_ROW(name_, type_, fallback_, limits_, doc_, ...)                                   \
  {                                                                                                \
    .name = (name_), .type = LSI_KEY_##type_, .fallback = (fallback_), .limits = (limits_),        \
    .doc = (doc_), __VA_ARGS__                                                                     \
  }

typedef struct lsi_map {
  const char *what; /* "key", "layer", "callback": for messages */
  const lsi_key *keys;
  int n;
} lsi_map;

extern const lsi_map lsi_schema; /* the document */
extern const lsi_map lsi_schema_layers;
extern const lsi_map lsi_schema_optimizers; /* the union of all classes' arguments */
extern const lsi_map lsi_schema_callbacks;

/* The arguments one optimizer class takes, with that class's defaults (lsi_schema's
   compile.optimizer holds the union of all classes). NULL: no such class; its name in any case. */
const lsi_map *lsi_schema_optimizer(const char *name);
/* Names of the classes; *n of them. */
const char *const *lsi_schema_optimizer_names(int *n);

/* The row of a key, or NULL. */
const lsi_key *lsi_map_find(const lsi_map *map, const char *name);
/* "; did you mean 'x'?" or "" */
const char *lsi_map_suggest(const lsi_map *map, const char *name, char *buffer, size_t size);
/* For a key that is not known where it was written: what Keras's name is called here, or the section it belongs to. */
bool lsi_schema_elsewhere(const char *name, char *advice, size_t size);
/* The row and map at "fit.epochs", "model.layers[1].Dense.units"; NULL when the path leaves the
 * schema. */
const lsi_key *lsi_schema_find(const char *path);

/* "an integer of at least 1": what a row accepts, for messages and docs. */
void lsi_key_expected(const lsi_key *key, char *buffer, size_t size);
/* Does `value` lie in `limits`? NaN never does. NULL limits: any finite value. */
bool lsi_limits_hold(const char *limits, double value);
#endif
