/* SPDX-License-Identifier: MIT */
#ifndef LSI_CONFIG_DOCUMENT_H
#define LSI_CONFIG_DOCUMENT_H
/*
 * The way of a config: text -> tree (tree.h) -> short forms written out (normalize) -> --set
 * applied (override) -> libcyaml checks the structure and loads the values (load) -> ranges and
 * rules (check) -> ls_config. Every error names file, line and key, or the --set it comes from.
 */
#include <stdint.h>
#include <lockstep/config.h>
#include "config/schema.h"
#include "config/tree.h"

/* What libcyaml loads a key into: a pointer to the value, NULL when it was not given. */
typedef struct lsi_slot {
  void *data;
  uint64_t count; /* of lists */
} lsi_slot;

/* The values of one map: [map->n] slots, or NULL when the whole map was left out. */
typedef struct lsi_values {
  const lsi_map *map;
  const lsi_slot *slots;
} lsi_values;

typedef struct lsi_loader lsi_loader; /* the libcyaml schema and what it loaded */

struct ls_config {
  char *path;       /* as given */
  char *folder;     /* of the file, ending in '/'; "" for the working folder */
  char **overrides; /* [n_overrides] copies of the --set texts */
  int n_overrides;
  lsi_node *root;
  lsi_loader *loader;
  lsi_values values;
  char *text;       /* resolved */
  char **callbacks; /* [n_callbacks] in call notation */
  int n_callbacks;
};

/* ---- errors (locate.c) ---- */

/* LS_ERR_CONFIG "FILE:LINE: PATH: message", or "--set TEXT: PATH: message". */
ls_status lsi_config_fail(const ls_config *config, const char *path, const char *advice,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same in front of the error at hand. When the error quotes the value of a key below `path`,
 * that key is named. */
void lsi_config_prefix(const ls_config *config, const char *path);

/* ---- stages ---- */

/* Short forms: "- Flatten", "- Flatten:", "optimizer: adam", "metrics: accuracy", class_weight as a
 * mapping. */
ls_status lsi_config_normalize(ls_config *config);
/* One "a.b[2].c=value"; index counts from 1 and marks the nodes' origin. */
ls_status lsi_config_override(ls_config *config, int index);
ls_status lsi_config_load(ls_config *config);
void lsi_config_unload(ls_config *config);
ls_status lsi_config_check(const ls_config *config);
/* The config with its defaults, as text. */
ls_status lsi_config_resolve(const ls_config *config, char **text);

/* ---- values (values.c): the given value, else the default ---- */

int64_t lsi_get_int(lsi_values values, const char *key);
double lsi_get_float(lsi_values values, const char *key);
bool lsi_get_bool(lsi_values values, const char *key);
const char *lsi_get_text(lsi_values values, const char *key); /* NULL: none */
const void *lsi_get_list(lsi_values values, const char *key,
                         int *n); /* int64_t, double or char * [n]; NULL: none */
lsi_values lsi_get_map(lsi_values values, const char *key);
lsi_values lsi_get_item(lsi_values values, const char *key, int index, const char **class_name);
bool lsi_is_given(lsi_values values, const char *key);
/* The value of a scalar row as text ("0.1", "true"), NULL: none; `buffer` may hold it. */
const char *lsi_get_as_text(lsi_values values, const lsi_key *key, char *buffer, size_t size);
/* Strict decimal number, nothing behind it. */
bool lsi_parse_float(const char *text, double *out);
bool lsi_parse_int(const char *text, int64_t *out);

/* ---- files (collective.c) ---- */

enum { LSI_FILE_PATH = 4096 };
/* A file named by the key at `key_path`: from the working folder, else from the config's; rank 0
 * decides. LS_ERR_NOT_FOUND names both. Collective. */
ls_status lsi_find_file_all(ls_context *context, const ls_config *config, const char *key_path,
                            const char *name, char path[LSI_FILE_PATH]);

/* ---- Keras call notation (calls.c) ---- */

enum { LSI_CALL_TEXT = 1024 };
/* "Class(key=value, ...)" with the arguments that differ from the default; `skip` names a key left
 * out. */
ls_status lsi_call_text(const char *class_name, lsi_values values, const char *skip, char *buffer,
                        size_t size);
/* compile.optimizer */
ls_status lsi_optimizer_text(const ls_config *config, char *buffer, size_t size);
/* The arguments of the named class: compile.optimizer seen through its class's row table. */
lsi_values lsi_optimizer_values(lsi_values optimizer, lsi_slot *slots);
#endif
