/* SPDX-License-Identifier: MIT */
#ifndef LSI_BASE_MEMORY_H
#define LSI_BASE_MEMORY_H
/* Aligned, zeroed, size-checked allocation. Free with lsi_free. Not for use inside the step. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

enum { LSI_ALIGN = 64 };

/* n * size bytes, zeroed, aligned to LSI_ALIGN, padded to a whole number of cache lines; NULL on failure.
   `what` names the thing in the error message. n = 0 gives a valid pointer. */
ls_status lsi_alloc(const char *what, size_t n, size_t size, void *out_pointer);
/* Give back what whole pages of [begin, begin + n_bytes) hold; they may be written again. */
void lsi_forget_pages(void *begin, size_t n_bytes);
/* Of this memory only pieces will be written: no huge pages around them. */
void lsi_small_pages(void *begin, size_t n_bytes);
void lsi_free(void *pointer); /* NULL is fine */

#define LSI_ALLOC(what, n, out) lsi_alloc((what), (size_t)(n), sizeof **(out), (out))

/* a * b in *out; false on overflow. */
bool lsi_mul_size(size_t a, size_t b, size_t *out);

static inline size_t lsi_ceil_div(size_t n, size_t by) {
  return (n + by - 1) / by;
}

/* Round up to a multiple of `unit` (a power of two). */
static inline size_t lsi_round_up(size_t n, size_t unit) {
  return (n + unit - 1) & ~(unit - 1);
}

/* malloc'd copy of a string; free with lsi_free. */
ls_status lsi_strdup(const char *text, char **out);
#endif
