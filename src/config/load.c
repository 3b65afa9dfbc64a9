/* SPDX-License-Identifier: MIT */
/* libcyaml: its schema from our rows, its verdict in our words. */
#include <cyaml/cyaml.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "config/document.h"

enum { MAX_MAPS = 64, MAX_DEPTH = LSI_TREE_DEPTH + 2 };

struct lsi_loader {
  cyaml_schema_value_t root;
  cyaml_schema_value_t entry[MAX_MAPS];   /* of lists of classes */
  cyaml_schema_field_t *fields[MAX_MAPS]; /* owned */
  int n_maps, n_entries;
  void *data;
};

#define OPTIONAL ((enum cyaml_flag)(CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER_NULL_STR))

static const cyaml_strval_t bool_words[] = {{"true", 1}, {"True", 1},  {"TRUE", 1},  {"yes", 1},
                                            {"on", 1},   {"false", 0}, {"False", 0}, {"FALSE", 0},
                                            {"no", 0},   {"off", 0}};
static const cyaml_schema_value_t int_entry = {.type = CYAML_INT, .data_size = sizeof(int64_t)};
static const cyaml_schema_value_t float_entry = {.type = CYAML_FLOAT, .data_size = sizeof(double)};
static const cyaml_schema_value_t text_entry = {.type = CYAML_STRING,
                                                .flags = CYAML_FLAG_POINTER,
                                                .data_size = sizeof(char),
                                                .string = {0, CYAML_UNLIMITED}};

/* ---- rows to schema ---- */

static ls_status map_schema(lsi_loader *loader, const lsi_map *map, int flags,
                            cyaml_schema_value_t *out);

static cyaml_schema_value_t list_schema(const cyaml_schema_value_t *entry, size_t size) {
  return (cyaml_schema_value_t){.type = CYAML_SEQUENCE,
                                .flags = OPTIONAL,
                                .data_size = (uint32_t)size,
                                .sequence = {.entry = entry, .min = 0, .max = CYAML_UNLIMITED}};
}

static ls_status items_schema(lsi_loader *loader, const lsi_key *key, cyaml_schema_value_t *out) {
  cyaml_schema_value_t *entry = &loader->entry[loader->n_entries++];
  LSI_TRY(map_schema(loader, key->map, CYAML_FLAG_DEFAULT, entry));
  *out = list_schema(entry, entry->data_size);
  return LS_OK;
}

static ls_status value_schema(lsi_loader *loader, const lsi_key *key, cyaml_schema_value_t *out) {
  *out = (cyaml_schema_value_t){.flags = OPTIONAL};
  switch (key->type) {
  case LSI_KEY_INT:
    out->type = CYAML_INT;
    out->data_size = sizeof(int64_t);
    return LS_OK;
  case LSI_KEY_FLOAT:
    out->type = CYAML_FLOAT;
    out->data_size = sizeof(double);
    return LS_OK;
  case LSI_KEY_BOOL:
    out->type = CYAML_ENUM;
    out->flags = (enum cyaml_flag)(OPTIONAL | CYAML_FLAG_STRICT);
    out->data_size = sizeof(bool);
    out->enumeration.strings = bool_words;
    out->enumeration.count = CYAML_ARRAY_LEN(bool_words);
    return LS_OK;
  case LSI_KEY_INTS:
    *out = list_schema(&int_entry, sizeof(int64_t));
    return LS_OK;
  case LSI_KEY_FLOATS:
    *out = list_schema(&float_entry, sizeof(double));
    return LS_OK;
  case LSI_KEY_TEXTS:
  case LSI_KEY_FILES:
    *out = list_schema(&text_entry, sizeof(char *));
    return LS_OK;
  case LSI_KEY_MAP:
    return map_schema(loader, key->map, (int)OPTIONAL, out);
  case LSI_KEY_ITEMS:
    return items_schema(loader, key, out);
  default:
    out->type = CYAML_STRING;
    out->data_size = sizeof(char);
    out->string.max = CYAML_UNLIMITED;
    return LS_OK;
  }
}

static ls_status map_schema(lsi_loader *loader, const lsi_map *map, int flags,
                            cyaml_schema_value_t *out) {
  cyaml_schema_field_t *fields;
  LSI_CHECK(loader->n_maps < MAX_MAPS, LS_ERR_INTERNAL, NULL, "config schema has more than %d maps",
            MAX_MAPS);
  LSI_TRY(LSI_ALLOC("config schema", map->n + 1, &fields));
  loader->fields[loader->n_maps++] = fields;
  for (int i = 0; i < map->n; i++) {
    uint32_t offset = (uint32_t)((size_t)i * sizeof(lsi_slot));
    fields[i].key = map->keys[i].name;
    fields[i].data_offset = offset + (uint32_t)offsetof(lsi_slot, data);
    LSI_TRY(value_schema(loader, &map->keys[i], &fields[i].value));
    if (fields[i].value.type != CYAML_SEQUENCE)
      continue;
    fields[i].count_offset = offset + (uint32_t)offsetof(lsi_slot, count);
    fields[i].count_size = sizeof(uint64_t);
  }
  size_t n_slots = map->n ? (size_t)map->n : 1; /* an empty map still needs an address */
  *out = (cyaml_schema_value_t){.type = CYAML_MAPPING,
                                .flags = (enum cyaml_flag)flags,
                                .data_size = (uint32_t)(n_slots * sizeof(lsi_slot)),
                                .mapping = {fields}};
  return LS_OK;
}

/* ---- its messages ---- */

typedef struct verdict {
  char message[256];                    /* the first line: "Unexpected key: rate" */
  char steps[MAX_DEPTH][LSI_TREE_PATH]; /* innermost first: ".units" or "[1]" */
  int n_steps;
} verdict;

static void listen(cyaml_log_t level, void *context, const char *format, va_list args) {
  verdict *v = context;
  char line[512], *name;
  if (level < CYAML_LOG_ERROR)
    return;
  vsnprintf(line, sizeof line, format, args);
  line[strcspn(line, "\n")] = 0;
  bool field = strncmp(line, "  in mapping field '", 20) == 0;
  bool entry = strncmp(line, "  in sequence entry '", 21) == 0;
  if ((field || entry) && v->n_steps < MAX_DEPTH) {
    name = strchr(line, '\'') + 1;
    name[strcspn(name, "'")] = 0;
    long index = 0;
    if (entry)
      sscanf(name, "%ld", &index); /* counted from 1 */
    if (field)
      snprintf(v->steps[v->n_steps++], LSI_TREE_PATH, ".%.200s", name);
    else
      snprintf(v->steps[v->n_steps++], LSI_TREE_PATH, "[%ld]", index - 1);
  } else if (!v->message[0] && strncmp(line, "Load: ", 6) == 0 && !strstr(line, "Backtrace")) {
    snprintf(v->message, sizeof v->message, "%.250s", line + 6);
  }
}

static void path_of(const verdict *v, char *path, size_t size) {
  size_t used = 0;
  path[0] = 0;
  for (int i = v->n_steps - 1; i >= 0; i--) {
    const char *step = v->steps[i];
    if (used == 0 && step[0] == '.')
      step++;
    int n = snprintf(path + used, size - used, "%s", step);
    used += n < (int)(size - used) ? (size_t)n : size - used - 1;
  }
}

static const char *const kind_words[] = {"a single value", "a list", "a mapping"};

static void list_known(const lsi_map *map, char *advice, size_t size) {
  size_t used = (size_t)snprintf(advice, size, map->n ? "known: " : "it takes no arguments: write {}");
  for (int i = 0; i < map->n && used + 40 < size; i++)
    used += (size_t)snprintf(advice + used, size - used, "%s%s", i ? ", " : "", map->keys[i].name);
}

/* An optimizer's own arguments, when its name is known; else those of all. */
static const lsi_map *optimizer_map(const ls_config *config, const lsi_map *all) {
  const lsi_node *name = lsi_tree_locate(config->root, "compile.optimizer.name");
  const lsi_map *own = name->kind == LSI_NODE_SCALAR ? lsi_schema_optimizer(name->text) : NULL;
  return own ? own : all;
}

/* "a key outside the table": where it belongs, or its nearest name and all names as advice. */
static ls_status unknown_key(const ls_config *config, const char *parent, const char *name) {
  const lsi_key *row = *parent ? lsi_schema_find(parent) : NULL;
  const lsi_map *map = row ? row->map : &lsi_schema;
  char nearest[128] = "", advice[480], path[2 * LSI_TREE_PATH];
  if (strcmp(parent, "compile.optimizer") == 0)
    map = optimizer_map(config, map);
  list_known(map, advice, sizeof advice);
  if (!lsi_schema_elsewhere(name, advice, sizeof advice))
    lsi_map_suggest(map, name, nearest, sizeof nearest);
  if (row && row->type == LSI_KEY_ITEMS && name[0] >= 'a' && name[0] <= 'z')
    snprintf(advice, sizeof advice,
             "is '%.60s' an argument? Arguments are indented deeper than the name of their %s",
             name, map->what);
  if (strpbrk(name, "()="))
    snprintf(advice, sizeof advice, "inside { }, put a call in quotes: 'Name(a, b=1)'");
  snprintf(path, sizeof path, "%s%s%s", parent, *parent ? "." : "", name);
  return lsi_config_fail(config, path, advice, "unknown %s%s", map->what, nearest);
}

static ls_status wrong_value(const ls_config *config, const char *path) {
  const lsi_node *node = lsi_tree_locate(config->root, path);
  const lsi_key *row = lsi_schema_find(path);
  char expected[160], found[160];
  if (!row)
    return lsi_config_fail(config, path, "see configs/reference.yaml",
                           "expected a mapping of keys to values");
  lsi_key_expected(row, expected, sizeof expected);
  if (node->kind == LSI_NODE_SCALAR)
    snprintf(found, sizeof found, "'%.100s'", node->text);
  else
    snprintf(found, sizeof found, "%s", kind_words[node->kind]);
  return lsi_config_fail(config, path, NULL, "found %s; expected %s", found, expected);
}

static ls_status explain(const ls_config *config, cyaml_err_t code, const verdict *v) {
  static const char unexpected[] = "Unexpected key: ";
  char path[LSI_TREE_PATH];
  path_of(v, path, sizeof path);
  if (code == CYAML_ERR_OOM)
    LSI_FAIL(LS_ERR_MEMORY, NULL, "%s: out of memory", config->path);
  if (code == CYAML_ERR_INVALID_KEY && strncmp(v->message, unexpected, sizeof unexpected - 1) == 0)
    return unknown_key(config, path, v->message + sizeof unexpected - 1);
  if (code == CYAML_ERR_INVALID_VALUE)
    return wrong_value(config, path);
  return lsi_config_fail(config, path, NULL, "%s",
                         v->message[0] ? v->message : cyaml_strerror(code));
}

/* ---- load ---- */

static cyaml_config_t loader_config(verdict *v) {
  return (cyaml_config_t){.log_fn = listen,
                          .log_ctx = v,
                          .mem_fn = cyaml_mem,
                          .log_level = CYAML_LOG_ERROR,
                          .flags = CYAML_CFG_NO_ALIAS};
}

ls_status lsi_config_load(ls_config *config) {
  lsi_loader *loader;
  LSI_TRY(LSI_ALLOC("config loader", 1, &loader));
  config->loader = loader;
  LSI_TRY(map_schema(loader, &lsi_schema, CYAML_FLAG_POINTER, &loader->root));
  char *text;
  LSI_TRY(lsi_tree_write(config->root, &text));
  verdict v = {0};
  cyaml_config_t settings = loader_config(&v);
  cyaml_err_t code = cyaml_load_data((const uint8_t *)text, strlen(text), &settings, &loader->root,
                                     &loader->data, NULL);
  lsi_free(text);
  if (code != CYAML_OK)
    return explain(config, code, &v);
  config->values = (lsi_values){&lsi_schema, loader->data};
  return LS_OK;
}

void lsi_config_unload(ls_config *config) {
  lsi_loader *loader = config->loader;
  if (!loader)
    return;
  verdict v = {0};
  cyaml_config_t settings = loader_config(&v);
  if (loader->data)
    cyaml_free(&settings, &loader->root, loader->data, 0);
  for (int i = 0; i < loader->n_maps; i++)
    lsi_free(loader->fields[i]);
  lsi_free(loader);
  config->loader = NULL;
}
