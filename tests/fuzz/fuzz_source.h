/* SPDX-License-Identifier: MIT */
#ifndef LST_FUZZ_SOURCE_H
#define LST_FUZZ_SOURCE_H
/* Reads a source of arrays to its end, row by row. */
#include "base/memory.h"
#include "data/source.h"
#include "fuzz_input.h"

static inline void fuzz_read_rows(lsi_source *source) {
  enum { MAX_ROWS = 1 << 16 };
  char *row;
  if (lsi_alloc("fuzz row", 1, source->row_bytes, &row) != LS_OK) return;
  for (int64_t i = 0; i < source->dims[0] && i < MAX_ROWS; i++)
    if (lsi_source_read(source, 1, row) != LS_OK) break;
  lsi_free(row);
}

static inline int fuzz_binary_source(const uint8_t *data, size_t n,
                                     ls_status (*open)(lsi_bytes *, lsi_source *)) {
  char path[32];
  int fd = fuzz_file(data, n, path);
  lsi_bytes *bytes = NULL;
  lsi_format format;
  lsi_source source = {0};
  if (lsi_bytes_open(path, &bytes) == LS_OK) {
    lsi_format_detect(bytes, &format); /* whatever it says, the parser must cope */
    if (open(bytes, &source) == LS_OK) bytes = NULL;
  }
  if (source.path) fuzz_read_rows(&source);
  lsi_source_close(&source);
  lsi_bytes_close(&bytes);
  close(fd);
  return 0;
}
#endif
