/* SPDX-License-Identifier: MIT */
#include "nn/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { TENSOR_ALIGN = LSI_ALIGN / sizeof(float) };

ls_status lsi_layout_add(lsi_layout *layout, const lsi_tensor *tensor) {
  size_t count = 1;
  for (int d = 0; d < tensor->rank; d++)
    LSI_CHECK(tensor->dims[d] > 0 && lsi_mul_size(count, (size_t)tensor->dims[d], &count) &&
                  count <= SIZE_MAX / 64,
              LS_ERR_SHAPE, "use fewer units", "%s: dimension %lld does not fit in memory",
              tensor->name, (long long)tensor->dims[d]);
  lsi_tensor *grown = realloc(layout->tensors, (size_t)(layout->n + 1) * sizeof *grown);
  LSI_CHECK(grown, LS_ERR_MEMORY, NULL, "%s: no memory for its description", tensor->name);
  layout->tensors = grown;
  grown[layout->n] = *tensor;
  grown[layout->n].count = count;
  const char *slash = strrchr(grown[layout->n].name, '/');
  size_t variable = slash ? (size_t)(slash + 1 - grown[layout->n].name) : 0;
  grown[layout->n].variable = variable;
  layout->n++;
  return LS_OK;
}

/* Place all tensors with the given `trainable` one after the other from *end on. */
static ls_status place(lsi_layout *layout, bool trainable, size_t *end) {
  for (int i = 0; i < layout->n; i++) {
    lsi_tensor *t = &layout->tensors[i];
    if (t->trainable != trainable) continue;
    t->offset = *end;
    size_t next = *end + lsi_round_up(t->count, TENSOR_ALIGN);
    LSI_CHECK(next >= *end && next <= SIZE_MAX / sizeof(float) / 4, LS_ERR_MEMORY, "use fewer units",
              "%s: the model has too many parameters to address", t->name);
    *end = next;
  }
  return LS_OK;
}

ls_status lsi_layout_finish(lsi_layout *layout) {
  size_t end = 0;
  LSI_TRY(place(layout, true, &end));
  layout->n_trainable = end;
  LSI_TRY(place(layout, false, &end));
  layout->size = end;
  return LS_OK;
}

void lsi_layout_clear(lsi_layout *layout) {
  free(layout->tensors);
  memset(layout, 0, sizeof *layout);
}

const lsi_tensor *lsi_layout_find(const lsi_layout *layout, const char *name) {
  for (int i = 0; i < layout->n; i++)
    if (strcmp(layout->tensors[i].name, name) == 0) return &layout->tensors[i];
  return NULL;
}
