/* SPDX-License-Identifier: MIT */
/* A data set in a damaged HDF5 file, loaded and streamed: opened and read, or refused. */
#include "base/memory.h"
#include "data/dataset.h"
#include "fuzz_input.h"

static void read_some_rows(const ls_dataset *d) {
  const ls_dataset_info *info = &d->info;
  size_t features = (size_t)lsi_dataset_features(d), targets = (size_t)info->n_targets;
  if (features > 1 << 20 || targets > 1 << 20) return;
  float *buffer;
  int64_t last = info->n_samples - 1, rows[4] = {last, 0, last / 2, 0};
  if (LSI_ALLOC("fuzz rows", 4 * (features + targets + 1), &buffer) != LS_OK) return;
  lsi_dataset_read(d, rows, 4, buffer, buffer + 4 * features, buffer + 4 * (features + targets));
  lsi_free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  char path[32];
  int fd = fuzz_file(data, n, path);
  for (int64_t limit = 1; limit <= 1 << 20; limit <<= 20) {
    ls_dataset *d = NULL;
    if (lsi_dataset_open_local(&(ls_hdf5_spec){.path = path, .memory_limit = limit}, &d) == LS_OK)
      read_some_rows(d);
    ls_dataset_destroy(&d);
  }
  close(fd);
  return 0;
}
