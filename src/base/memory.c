/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

bool lsi_mul_size(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}

ls_status lsi_alloc(const char *what, size_t n, size_t size, void *out_pointer) {
  size_t bytes;
  *(void **)out_pointer = NULL;
  LSI_CHECK(lsi_mul_size(n, size, &bytes) && bytes <= SIZE_MAX / 2, LS_ERR_MEMORY, NULL,
            "%s: %zu x %zu bytes is more than can be addressed", what, n, size);
  size_t padded = lsi_round_up(bytes ? bytes : 1, LSI_ALIGN);
  void *pointer = aligned_alloc(LSI_ALIGN, padded);
  LSI_CHECK(pointer, LS_ERR_MEMORY, "free memory, or lower batch_size or the layers' units",
            "%s: cannot allocate %zu bytes", what, bytes);
  memset(pointer, 0, padded);
  *(void **)out_pointer = pointer;
  return LS_OK;
}

void lsi_free(void *pointer) {
  free(pointer);
}

ls_status lsi_strdup(const char *text, char **out) {
  size_t n = strlen(text) + 1;
  LSI_TRY(LSI_ALLOC("string", n, out));
  memcpy(*out, text, n);
  return LS_OK;
}
