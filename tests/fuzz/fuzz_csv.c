/* SPDX-License-Identifier: MIT */
/* Each input is read in all the ways a table can be: values, classes, features only, targets only,
 * columns by name. */
#include "data/csv.h"
#include "fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  static const lsi_csv_spec specs[] = {{0},
                                       {.y_is_label = true},
                                       {.no_y = true},
                                       {.only_y = true},
                                       {.only_y = true, .y_is_label = true},
                                       {.y_columns = "1,b"},
                                       {.y_columns = "2", .y_is_label = true}};
  char path[32];
  int fd = fuzz_file(data, n, path);
  for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
    lsi_bytes *bytes = NULL;
    lsi_source x = {0}, y = {0};
    if (lsi_bytes_open(path, &bytes) == LS_OK && lsi_csv_read(bytes, &specs[k], &x, &y) == LS_OK) {
      if (x.path) fuzz_read_rows(&x);
      if (y.path) fuzz_read_rows(&y);
    }
    lsi_source_close(&x);
    lsi_source_close(&y);
    lsi_bytes_close(&bytes);
  }
  close(fd);
  return 0;
}
