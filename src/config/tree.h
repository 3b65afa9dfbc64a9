/* SPDX-License-Identifier: MIT */
#ifndef LSI_CONFIG_TREE_H
#define LSI_CONFIG_TREE_H
/*
 * A YAML document as a tree that remembers where everything came from. libcyaml checks and loads
 * the values but forgets their positions; range errors, model errors and --set are answered from
 * here.
 *
 * Hostile text ends in an error: aliases and anchors (so no "billion laughs"), tags, several
 * documents, keys given twice, nesting deeper than LSI_TREE_DEPTH, NUL characters.
 */
#include <stdbool.h>
#include <stddef.h>
#include "base/status.h"

enum { LSI_TREE_DEPTH = 16, LSI_TREE_PATH = 256 };

typedef enum lsi_node_kind { LSI_NODE_SCALAR, LSI_NODE_LIST, LSI_NODE_MAP } lsi_node_kind;

typedef struct lsi_node {
  lsi_node_kind kind;
  char *text;              /* scalar */
  bool quoted;             /* scalar: written with quotes */
  int line;                /* 1-based: of the key where there is one, else of the value */
  int origin;              /* 0: the file; k: the k-th --set */
  int n;                   /* list, map: entries */
  char **keys;             /* map: [n] */
  struct lsi_node **items; /* list, map: [n] */
} lsi_node;

/* Parse. `name` (a file, or "--set ...") begins every message. An empty text gives *out = NULL. */
ls_status lsi_tree_parse(const char *name, const char *text, size_t length, int origin,
                         lsi_node **out);
void lsi_tree_free(lsi_node *node); /* NULL is fine */

ls_status lsi_node_scalar(const char *text, int line, int origin, lsi_node **out);
ls_status lsi_node_collection(lsi_node_kind kind, int line, int origin, lsi_node **out);
/* Append; takes the item over, also when it fails. `key` is copied; NULL for lists. */
ls_status lsi_node_append(lsi_node *node, const char *key, lsi_node *item);
/* Index of a key, -1 when absent. */
int lsi_node_index(const lsi_node *map, const char *key);
/* The entry, or NULL when absent or when `map` is no map. */
lsi_node *lsi_node_get(const lsi_node *map, const char *key);
/* An absent value: NULL, empty, ~ or null (not in quotes). */
bool lsi_node_is_null(const lsi_node *node);

/* The node at "fit.epochs" or "model.layers[1].Dense.units", or the deepest existing one on the
 * way. */
const lsi_node *lsi_tree_locate(const lsi_node *root, const char *path);

/* As YAML text, block style (lists of scalars in flow style); NUL-terminated, free with lsi_free.
 */
ls_status lsi_tree_write(const lsi_node *root, char **out);
#endif
