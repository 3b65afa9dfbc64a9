/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <yaml.h>

#include "base/memory.h"
#include "config/tree.h"

typedef struct sink {
  char *data;
  size_t n, capacity;
} sink;

static int append(void *user, unsigned char *bytes, size_t n) {
  sink *s = user;
  if (s->n + n + 1 > s->capacity) {
    size_t capacity = 2 * (s->n + n + 1);
    char *data;
    if (lsi_alloc("config text", capacity, 1, &data) != LS_OK)
      return 0;
    if (s->n)
      memcpy(data, s->data, s->n);
    lsi_free(s->data);
    s->data = data;
    s->capacity = capacity;
  }
  memcpy(s->data + s->n, bytes, n);
  s->n += n;
  s->data[s->n] = 0;
  return 1;
}

static bool all_scalars(const lsi_node *node) {
  for (int i = 0; i < node->n; i++)
    if (node->items[i]->kind != LSI_NODE_SCALAR)
      return false;
  return true;
}

static int emit_scalar(yaml_emitter_t *emitter, const char *text, bool quoted) {
  yaml_event_t event;
  return yaml_scalar_event_initialize(
             &event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
             quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_ANY_SCALAR_STYLE) &&
         yaml_emitter_emit(emitter, &event);
}

static int emit(yaml_emitter_t *emitter, const lsi_node *node) {
  yaml_event_t event;
  if (node->kind == LSI_NODE_SCALAR)
    return emit_scalar(emitter, node->text, node->quoted);
  bool map = node->kind == LSI_NODE_MAP;
  int ok =
      map ? yaml_mapping_start_event_initialize(
                &event, NULL, NULL, 1, node->n ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE)
          : yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                 all_scalars(node) ? YAML_FLOW_SEQUENCE_STYLE
                                                                   : YAML_BLOCK_SEQUENCE_STYLE);
  ok = ok && yaml_emitter_emit(emitter, &event);
  for (int i = 0; ok && i < node->n; i++)
    ok = (!map || emit_scalar(emitter, node->keys[i], false)) && emit(emitter, node->items[i]);
  if (!ok)
    return 0;
  ok = map ? yaml_mapping_end_event_initialize(&event) : yaml_sequence_end_event_initialize(&event);
  return ok && yaml_emitter_emit(emitter, &event);
}

static int emit_document(yaml_emitter_t *emitter, const lsi_node *root) {
  yaml_event_t event;
  return yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
         yaml_emitter_emit(emitter, &event) &&
         yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
         yaml_emitter_emit(emitter, &event) && emit(emitter, root) &&
         yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(emitter, &event) &&
         yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

ls_status lsi_tree_write(const lsi_node *root, char **out) {
  yaml_emitter_t emitter;
  sink text = {0};
  LSI_CHECK(yaml_emitter_initialize(&emitter), LS_ERR_MEMORY, NULL,
            "out of memory writing a config");
  yaml_emitter_set_output(&emitter, append, &text);
  yaml_emitter_set_unicode(&emitter, 1);
  yaml_emitter_set_width(&emitter, -1);
  int ok = emit_document(&emitter, root);
  if (ok && text.data[text.n - 1] != '\n')
    ok = append(&text, (unsigned char *)"\n", 1);
  yaml_emitter_delete(&emitter);
  if (!ok) {
    lsi_free(text.data);
    LSI_FAIL(LS_ERR_MEMORY, NULL, "out of memory writing a config");
  }
  *out = text.data;
  return LS_OK;
}
