/* SPDX-License-Identifier: MIT */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* From here on pages of 2 MiB, where the system has them to give, waste little and spare walks through page tables. */
static const size_t WORTH_HUGE_PAGES = (size_t)16 << 20;

bool lsi_mul_size(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}

typedef struct whole_pages {
  char *begin;
  size_t n_bytes;
} whole_pages;

/* The whole pages of [begin, begin + n_bytes). */
static whole_pages pages_of(char *begin, size_t n_bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), into = (uintptr_t)begin % page;
  size_t lead = into ? page - into : 0;
  return n_bytes < lead ? (whole_pages){begin, 0} : (whole_pages){begin + lead, (n_bytes - lead) / page * page};
}

static bool advise(whole_pages pages, int advice) {
  return pages.n_bytes == 0 || madvise(pages.begin, pages.n_bytes, advice) == 0;
}

/* Pages given back read as zeros, and come when they are first wanted: by the thread that wants them, and not before the first step. */
static void zero_large(char *begin, size_t n_bytes) {
  whole_pages pages = pages_of(begin, n_bytes);
  advise(pages, MADV_HUGEPAGE);
  if (!advise(pages, MADV_DONTNEED)) { /* locked memory cannot be given back */
    memset(begin, 0, n_bytes);
    return;
  }
  char *end = pages.begin + pages.n_bytes;
  memset(begin, 0, (size_t)(pages.begin - begin));
  memset(end, 0, (size_t)(begin + n_bytes - end));
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
  if (padded >= WORTH_HUGE_PAGES)
    zero_large(pointer, padded);
  else
    memset(pointer, 0, padded);
  *(void **)out_pointer = pointer;
  return LS_OK;
}

void lsi_forget_pages(void *begin, size_t n_bytes) {
  advise(pages_of(begin, n_bytes), MADV_DONTNEED);
}

void lsi_small_pages(void *begin, size_t n_bytes) {
  advise(pages_of(begin, n_bytes), MADV_NOHUGEPAGE);
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
