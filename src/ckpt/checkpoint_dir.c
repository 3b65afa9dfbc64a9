/* SPDX-License-Identifier: MIT */
#include "ckpt/checkpoint_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "ckpt/checkpoint_file.h"
#include "store/durable.h"

ls_status lsi_ckpt_dir_path(const char *dir, int64_t iteration, char path[LSI_CKPT_PATH]) {
  int n = snprintf(path, LSI_CKPT_PATH, "%s/ckpt-%012lld.h5", dir, (long long)iteration);
  LSI_CHECK(n < LSI_CKPT_PATH, LS_ERR_ARG, "use a shorter path",
            "the folder name \"%.100s...\" is too long", dir);
  return LS_OK;
}

/* The iteration of a file name, -1 for files that are not ours. */
static int64_t iteration_of(const char *name) {
  if (strncmp(name, "ckpt-", 5) != 0 || name[5] < '0' || name[5] > '9')
    return -1;
  char *end;
  long long iteration = strtoll(name + 5, &end, 10);
  char again[64];
  snprintf(again, sizeof again, "ckpt-%012lld.h5", iteration);
  return strcmp(name, again) == 0 ? (int64_t)iteration : -1;
}

static int newest_first(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x < y) - (x > y);
}

static ls_status append(int64_t **list, int n, int64_t value) {
  if ((n & (n - 1)) == 0) { /* full at powers of two */
    int64_t *larger = realloc(*list, (size_t)(n ? 2 * n : 1) * sizeof **list);
    LSI_CHECK(larger, LS_ERR_MEMORY, NULL, "list of checkpoints: cannot allocate");
    *list = larger;
  }
  (*list)[n] = value;
  return LS_OK;
}

ls_status lsi_ckpt_dir_list(const char *dir, int64_t **iterations, int *n) {
  *iterations = NULL;
  *n = 0;
  DIR *folder = opendir(dir);
  if (!folder && (errno == ENOENT || errno == ENOTDIR))
    return LS_OK;
  LSI_CHECK(folder, LS_ERR_IO, NULL, "%s: cannot read the folder: %s", dir, strerror(errno));
  ls_status status = LS_OK;
  for (struct dirent *entry; status == LS_OK && (entry = readdir(folder));) {
    int64_t iteration = iteration_of(entry->d_name);
    if (iteration < 0)
      continue;
    status = append(iterations, *n, iteration);
    if (status == LS_OK)
      ++*n;
  }
  closedir(folder);
  if (*n > 1)
    qsort(*iterations, (size_t)*n, sizeof **iterations, newest_first);
  if (status != LS_OK)
    lsi_free(*iterations);
  return status;
}

static ls_status prune(const char *dir, const int64_t *iterations, int n, int64_t written,
                       int keep) {
  int kept = 1;
  char path[LSI_CKPT_PATH];
  for (int i = 0; i < n; i++) {
    if (iterations[i] == written)
      continue;
    LSI_TRY(lsi_ckpt_dir_path(dir, iterations[i], path));
    if (kept >= keep) /* its name may come back if the power fails now, and goes the next time */
      LSI_CHECK(unlink(path) == 0 || errno == ENOENT, LS_ERR_IO, NULL, "%s: cannot remove: %s", path, strerror(errno));
    else if (lsi_ckpt_looks_whole(path))
      kept++;
  }
  return LS_OK;
}

void lsi_ckpt_dir_prune(const char *dir, int64_t written, int keep) {
  int64_t *iterations = NULL;
  int n = 0;
  ls_status status = lsi_ckpt_dir_list(dir, &iterations, &n);
  if (status == LS_OK) {
    status = prune(dir, iterations, n, written, keep);
    lsi_free(iterations);
  }
  if (status == LS_OK)
    return;
  lsi_log_warn("old checkpoints stay: %s", ls_last_error()->message);
  lsi_error_clear();
}

/* Damage is passed over; what an earlier file would not mend is not. */
static bool earlier_may_do(ls_status status) {
  return status == LS_ERR_CORRUPT || status == LS_ERR_FORMAT || status == LS_ERR_IO ||
         status == LS_ERR_NOT_FOUND;
}

ls_status lsi_checkpoint_read_newest(const char *dir, lsi_checkpoint **out) {
  int64_t *iterations = NULL;
  int n = 0;
  char path[LSI_CKPT_PATH];
  *out = NULL;
  LSI_TRY(lsi_ckpt_dir_list(dir, &iterations, &n));
  ls_status status = LS_OK;
  for (int i = 0; i < n && !*out; i++) {
    status = lsi_ckpt_dir_path(dir, iterations[i], path);
    if (status == LS_OK)
      status = lsi_checkpoint_read(path, out);
    if (status == LS_OK || !earlier_may_do(status))
      break;
    lsi_log_warn("%s; %s", ls_last_error()->message,
                 i + 1 < n ? "trying the checkpoint before it" : "there is no earlier checkpoint");
    lsi_error_clear();
    status = LS_OK;
  }
  lsi_free(iterations);
  LSI_CHECK(status != LS_OK || *out || n == 0, LS_ERR_CORRUPT,
            "bring back a good file, or start afresh with --resume never, which removes the damaged ones",
            "%s: none of the %d checkpoints is whole", dir, n);
  return status;
}
