/* SPDX-License-Identifier: MIT */
#include "config/tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/memory.h"

ls_status lsi_node_collection(lsi_node_kind kind, int line, int origin, lsi_node **out) {
  lsi_node *node;
  LSI_TRY(LSI_ALLOC("config node", 1, &node));
  node->kind = kind;
  node->line = line;
  node->origin = origin;
  *out = node;
  return LS_OK;
}

ls_status lsi_node_scalar(const char *text, int line, int origin, lsi_node **out) {
  lsi_node *node;
  LSI_TRY(lsi_node_collection(LSI_NODE_SCALAR, line, origin, &node));
  ls_status status = lsi_strdup(text, &node->text);
  if (status != LS_OK) {
    lsi_free(node);
    return status;
  }
  *out = node;
  return LS_OK;
}

void lsi_tree_free(lsi_node *node) {
  if (!node)
    return;
  for (int i = 0; i < node->n; i++) {
    lsi_tree_free(node->items[i]);
    if (node->keys)
      lsi_free(node->keys[i]);
  }
  lsi_free(node->items);
  lsi_free(node->keys);
  lsi_free(node->text);
  lsi_free(node);
}

/* Room for one more entry: capacities are the powers of two. */
static ls_status grow(int n, size_t size, void *array) {
  if (n & (n - 1))
    return LS_OK;
  void *old, *wider;
  memcpy(&old, array, sizeof old);
  LSI_TRY(lsi_alloc("config node", n ? 2 * (size_t)n : 1, size, &wider));
  if (old)
    memcpy(wider, old, (size_t)n * size);
  lsi_free(old);
  memcpy(array, &wider, sizeof wider);
  return LS_OK;
}

ls_status lsi_node_append(lsi_node *node, const char *key, lsi_node *item) {
  char *name = NULL;
  ls_status status = grow(node->n, sizeof *node->items, &node->items);
  if (status == LS_OK && node->kind == LSI_NODE_MAP) {
    status = grow(node->n, sizeof *node->keys, &node->keys);
    if (status == LS_OK)
      status = lsi_strdup(key, &name);
    if (status == LS_OK)
      node->keys[node->n] = name;
  }
  if (status != LS_OK) {
    lsi_tree_free(item);
    return status;
  }
  node->items[node->n++] = item;
  return LS_OK;
}

int lsi_node_index(const lsi_node *map, const char *key) {
  if (!map || map->kind != LSI_NODE_MAP)
    return -1;
  for (int i = 0; i < map->n; i++)
    if (strcmp(map->keys[i], key) == 0)
      return i;
  return -1;
}

lsi_node *lsi_node_get(const lsi_node *map, const char *key) {
  int i = lsi_node_index(map, key);
  return i < 0 ? NULL : map->items[i];
}

bool lsi_node_is_null(const lsi_node *node) {
  static const char *const words[] = {"", "~", "null", "Null", "NULL"};
  if (!node)
    return true;
  if (node->kind != LSI_NODE_SCALAR || node->quoted)
    return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(node->text, words[i]) == 0)
      return true;
  return false;
}

const lsi_node *lsi_tree_locate(const lsi_node *root, const char *path) {
  const lsi_node *node = root;
  while (node && *path) {
    const lsi_node *next = NULL;
    if (*path == '[') {
      char *end;
      long i = strtol(path + 1, &end, 10);
      if (node->kind == LSI_NODE_LIST && i >= 0 && i < node->n)
        next = node->items[i];
      path = *end == ']' ? end + 1 : end;
    } else {
      char key[LSI_TREE_PATH];
      size_t length = strcspn(path, ".[");
      if (length >= sizeof key)
        return node;
      memcpy(key, path, length);
      key[length] = 0;
      next = lsi_node_get(node, key);
      path += length;
    }
    if (!next)
      return node;
    node = next;
    if (*path == '.')
      path++;
  }
  return node;
}

/* ---- reading ---- */

typedef struct reader {
  yaml_parser_t parser;
  const char *name, *text;
  size_t length;
  int origin;
} reader;

/* "FILE:LINE", or just the --set text. */
static const char *at(const reader *r, size_t line, char *buffer, size_t size) {
  if (r->origin)
    snprintf(buffer, size, "%s", r->name);
  else
    snprintf(buffer, size, "%s:%zu", r->name, line);
  return buffer;
}

static bool line_has_tab(const reader *r, size_t line) {
  const char *p = r->text, *end = r->text + r->length;
  for (size_t i = 1; i < line && p < end; i++) {
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    p = newline ? newline + 1 : end;
  }
  for (; p < end && *p != '\n'; p++)
    if (*p == '\t')
      return true;
  return false;
}

static size_t count_lines(const char *text, size_t length) {
  size_t n = 1;
  for (size_t i = 0; i < length; i++)
    n += text[i] == '\n';
  return n;
}

static ls_status syntax_error(const reader *r) {
  const yaml_parser_t *p = &r->parser;
  char where[512];
  if (p->error == YAML_MEMORY_ERROR)
    LSI_FAIL(LS_ERR_MEMORY, NULL, "%s: out of memory", r->name);
  const char *problem = p->problem ? p->problem : "unreadable";
  if (p->error == YAML_READER_ERROR) {
    size_t offset = p->problem_offset < r->length ? p->problem_offset : r->length;
    LSI_FAIL(LS_ERR_CONFIG, "save the file as UTF-8 text", "%s: not UTF-8 text: %s",
             at(r, count_lines(r->text, offset), where, sizeof where), problem);
  }
  size_t line = p->problem_mark.line + 1;
  const char *advice = line_has_tab(r, line)
                           ? "YAML is indented with spaces: replace the tab characters"
                           : "check the indentation, and put text with : # { } [ ] , in quotes";
  LSI_FAIL(LS_ERR_CONFIG, advice, "%s: not valid YAML: %s%s%s", at(r, line, where, sizeof where),
           problem, p->context ? " " : "", p->context ? p->context : "");
}

static ls_status next_event(reader *r, yaml_event_t *event) {
  if (!yaml_parser_parse(&r->parser, event))
    return syntax_error(r);
  const char *what = NULL;
  switch (event->type) {
  case YAML_ALIAS_EVENT:
    what = "an alias (*name)";
    break;
  case YAML_SCALAR_EVENT:
    if (event->data.scalar.anchor)
      what = "an anchor (&name)";
    else if (event->data.scalar.tag)
      what = "a tag (!name)";
    else if (memchr(event->data.scalar.value, 0, event->data.scalar.length))
      what = "a NUL character";
    break;
  case YAML_SEQUENCE_START_EVENT:
    if (event->data.sequence_start.anchor)
      what = "an anchor (&name)";
    else if (event->data.sequence_start.tag)
      what = "a tag (!name)";
    break;
  case YAML_MAPPING_START_EVENT:
    if (event->data.mapping_start.anchor)
      what = "an anchor (&name)";
    else if (event->data.mapping_start.tag)
      what = "a tag (!name)";
    break;
  default:
    break;
  }
  if (!what)
    return LS_OK;
  char where[512];
  at(r, event->start_mark.line + 1, where, sizeof where);
  yaml_event_delete(event);
  LSI_FAIL(LS_ERR_CONFIG, "write the value out", "%s: %s is not accepted in a config", where, what);
}

static ls_status read_node(reader *r, yaml_event_t *event, int depth, lsi_node **out);

/* One "key: value" of a map; `event` is the key's and is consumed. */
static ls_status read_pair(reader *r, yaml_event_t *event, int depth, lsi_node *map) {
  char key[LSI_TREE_PATH], where[512];
  size_t line = event->start_mark.line + 1;
  at(r, line, where, sizeof where);
  bool scalar = event->type == YAML_SCALAR_EVENT && event->data.scalar.length < sizeof key;
  if (scalar)
    snprintf(key, sizeof key, "%s", (const char *)event->data.scalar.value);
  yaml_event_delete(event);
  LSI_CHECK(scalar, LS_ERR_CONFIG, "put text that holds { } [ ] in quotes",
            "%s: a key must be a short name", where);
  int twice = lsi_node_index(map, key);
  LSI_CHECK(twice < 0, LS_ERR_CONFIG, "keep one of the two",
            "%s: %s: given twice (first in line %d)", where, key, map->items[twice]->line);
  lsi_node *value;
  yaml_event_t next;
  LSI_TRY(next_event(r, &next));
  LSI_TRY(read_node(r, &next, depth + 1, &value));
  value->line = (int)line;
  return lsi_node_append(map, key, value);
}

static ls_status read_entries(reader *r, int depth, lsi_node *node) {
  for (;;) {
    yaml_event_t event;
    LSI_TRY(next_event(r, &event));
    if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
      yaml_event_delete(&event);
      return LS_OK;
    }
    if (node->kind == LSI_NODE_MAP) {
      LSI_TRY(read_pair(r, &event, depth, node));
    } else {
      lsi_node *item;
      LSI_TRY(read_node(r, &event, depth + 1, &item));
      LSI_TRY(lsi_node_append(node, NULL, item));
    }
  }
}

/* The node that begins with `event`, which is consumed. */
static ls_status read_node(reader *r, yaml_event_t *event, int depth, lsi_node **out) {
  int line = (int)event->start_mark.line + 1;
  ls_status status;
  if (event->type == YAML_SCALAR_EVENT) {
    status = lsi_node_scalar((const char *)event->data.scalar.value, line, r->origin, out);
    if (status == LS_OK)
      (*out)->quoted = event->data.scalar.style > YAML_PLAIN_SCALAR_STYLE;
    yaml_event_delete(event);
    return status;
  }
  lsi_node_kind kind = event->type == YAML_MAPPING_START_EVENT ? LSI_NODE_MAP : LSI_NODE_LIST;
  yaml_event_delete(event);
  char where[512];
  LSI_CHECK(depth < LSI_TREE_DEPTH, LS_ERR_CONFIG, NULL, "%s: nested deeper than %d levels",
            at(r, (size_t)line, where, sizeof where), LSI_TREE_DEPTH);
  lsi_node *node;
  LSI_TRY(lsi_node_collection(kind, line, r->origin, &node));
  status = read_entries(r, depth, node);
  if (status != LS_OK) {
    lsi_tree_free(node);
    return status;
  }
  *out = node;
  return LS_OK;
}

static ls_status read_document(reader *r, lsi_node **out) {
  yaml_event_t event;
  for (int i = 0; i < 2; i++) { /* stream start, document start (or the end of an empty stream) */
    LSI_TRY(next_event(r, &event));
    bool end = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
    if (end)
      return LS_OK;
  }
  LSI_TRY(next_event(r, &event));
  LSI_TRY(read_node(r, &event, 0, out));
  LSI_TRY(next_event(r, &event)); /* document end */
  yaml_event_delete(&event);
  LSI_TRY(next_event(r, &event));
  bool end = event.type == YAML_STREAM_END_EVENT;
  char where[512];
  at(r, event.start_mark.line + 1, where, sizeof where);
  yaml_event_delete(&event);
  LSI_CHECK(end, LS_ERR_CONFIG, "keep one document a file",
            "%s: a second YAML document begins here", where);
  return LS_OK;
}

ls_status lsi_tree_parse(const char *name, const char *text, size_t length, int origin,
                         lsi_node **out) {
  reader r = {.name = name, .text = text, .length = length, .origin = origin};
  lsi_node *root = NULL;
  LSI_CHECK(yaml_parser_initialize(&r.parser), LS_ERR_MEMORY, NULL, "%s: out of memory", name);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
  ls_status status = read_document(&r, &root);
  yaml_parser_delete(&r.parser);
  if (status != LS_OK) {
    lsi_tree_free(root);
    return status;
  }
  *out = root;
  return LS_OK;
}
