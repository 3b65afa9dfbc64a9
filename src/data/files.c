/* SPDX-License-Identifier: MIT */
#include "data/files.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/memory.h"
#include "data/decode.h"

/* ---- agreement between files ---- */

static void shape_text(const ls_dataset_info *info, char text[120]) {
  size_t used = (size_t)snprintf(text, 120, "[");
  for (int i = 0; i < info->x_rank && used < 100; i++)
    used += (size_t)snprintf(text + used, 120 - used, i ? ", %lld" : "%lld", (long long)info->x_shape[i]);
  snprintf(text + used, 120 - used, "]");
}

static ls_status differ(const char *path, const char *first, const char *what, const char *here, const char *there) {
  LSI_FAIL(LS_ERR_SHAPE, "the files of one data set must agree in shapes, types and scale", "%s: %s %s, but in %s %s", path, what, here,
           first, there);
}

static ls_status check_agreement(const lsi_part *first, const lsi_part *part) {
  const ls_dataset_info *a = &first->info, *b = &part->info;
  char here[120], there[120];
  if (a->x_rank != b->x_rank || memcmp(a->x_shape, b->x_shape, sizeof a->x_shape) != 0) {
    shape_text(b, here);
    shape_text(a, there);
    return differ(part->path, first->path, "a sample has shape", here, there);
  }
  for (int i = 0; i < LSI_N_FIELDS; i++) {
    char what[80];
    snprintf(what, sizeof what, "dataset '%s' %s", i == 0 ? "x" : i == 1 ? "y" : "sample_weight", "is");
    if (first->present[i] != part->present[i])
      return differ(part->path, first->path, what, part->present[i] ? "present" : "absent", first->present[i] ? "present" : "absent");
    if (!part->present[i]) continue;
    ls_dtype da = lsi_part_dtype(&first->arrays[i]), db = lsi_part_dtype(&part->arrays[i]);
    if (da != db) return differ(part->path, first->path, what, lsi_dtype_name(db), lsi_dtype_name(da));
  }
  if (a->n_targets != b->n_targets || a->y_rank != b->y_rank) {
    snprintf(here, sizeof here, "%lld targets in %d dimensions", (long long)b->n_targets, b->y_rank);
    snprintf(there, sizeof there, "%lld in %d", (long long)a->n_targets, a->y_rank);
    return differ(part->path, first->path, "a sample has", here, there);
  }
  snprintf(here, sizeof here, "%.17g and %.17g", b->scale, b->offset);
  snprintf(there, sizeof there, "%.17g and %.17g", a->scale, a->offset);
  if (a->scale != b->scale || a->offset != b->offset)
    return differ(part->path, first->path, "scale_factor and add_offset are", here, there);
  return LS_OK;
}

/* ---- the set ---- */

void lsi_files_close(lsi_files *f) {
  for (int i = 0; f->parts && i < f->n; i++) lsi_part_close(&f->parts[i]);
}

void lsi_files_destroy(lsi_files **files) {
  lsi_files *f = *files;
  if (!f) return;
  lsi_files_close(f);
  if (f->paths) lsi_names_free(&f->paths, f->n);
  pthread_mutex_destroy(&f->mutex);
  lsi_free((char *)f->spec.x);
  lsi_free((char *)f->spec.y);
  lsi_free((char *)f->spec.sample_weight);
  lsi_free(f->parts);
  lsi_free(f);
  *files = NULL;
}

static ls_status copy_text(const char *text, const char **out) {
  return text ? lsi_strdup(text, (char **)out) : LS_OK;
}

static ls_status fill(lsi_files *f, char *const *paths, int n, const ls_hdf5_spec *spec) {
  LSI_TRY(lsi_names_copy(paths, (size_t)n, &f->paths, &f->n));
  LSI_TRY(LSI_ALLOC("data set: files", n, &f->parts));
  for (int i = 0; i < n; i++) f->parts[i].file = -1;
  LSI_TRY(copy_text(spec->x, &f->spec.x));
  LSI_TRY(copy_text(spec->y, &f->spec.y));
  return copy_text(spec->sample_weight, &f->spec.sample_weight);
}

/* All may be open at once. Where the hard limit is too low, opening says so. */
static void allow_descriptors(int n) {
  enum { OTHERS = 512 }; /* files and sockets */
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  rlim_t wanted = limit.rlim_max < (rlim_t)n + OTHERS ? limit.rlim_max : (rlim_t)n + OTHERS;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static ls_status create(char *const *paths, int n, const ls_hdf5_spec *spec, lsi_files **out) {
  lsi_files *f;
  LSI_TRY(LSI_ALLOC("data set: files", 1, &f));
  pthread_mutex_init(&f->mutex, NULL);
  allow_descriptors(n);
  ls_status status = fill(f, paths, n, spec);
  if (status != LS_OK) {
    lsi_files_destroy(&f);
    return status;
  }
  *out = f;
  return LS_OK;
}

static ls_status describe_parts(void *self) {
  lsi_files *f = self;
  const lsi_part *first = NULL;
  for (int i = 0; i < f->n; i++) {
    lsi_part *part = &f->parts[i];
    LSI_TRY(lsi_part_describe(f->paths[i], &f->spec, part));
    lsi_reading_step(&f->reading);
    part->path = f->paths[i];
    if (part->n_rows == 0) continue;
    if (first) LSI_TRY(check_agreement(first, part));
    else first = part;
  }
  LSI_CHECK(first, LS_ERR_SHAPE, "give it at least one sample", "%s: dataset '%s' is empty (0 rows)", f->paths[0], lsi_part_array_name(&f->spec, 0));
  return LS_OK;
}

/* Whoever writes a set piece by piece may leave some pieces empty. */
static void leave_out_empty(lsi_files *f) {
  int kept = 0;
  for (int i = 0; i < f->n; i++) {
    if (f->parts[i].n_rows == 0) {
      lsi_free(f->paths[i]);
      continue;
    }
    f->paths[kept] = f->paths[i];
    f->parts[kept++] = f->parts[i];
  }
  f->n = kept;
}

/* Where each file's rows begin, the texts for messages, and the whole. */
static ls_status conclude(lsi_files *f) {
  int64_t rows = 0;
  leave_out_empty(f);
  for (int i = 0; i < f->n; i++) {
    lsi_part *part = &f->parts[i];
    LSI_TRY(lsi_part_name(part, f->paths[i], &f->spec));
    part->first = rows;
    LSI_CHECK(!__builtin_add_overflow(rows, part->n_rows, &rows), LS_ERR_SHAPE, NULL, "%s: too many rows", part->path);
  }
  f->info = f->parts[0].info;
  f->info.n_samples = rows;
  return LS_OK;
}

ls_status lsi_files_describe(const lsi_comm *comm, char *const *paths, int n, const ls_hdf5_spec *spec, lsi_files **out) {
  lsi_files *f;
  LSI_TRY(create(paths, n, spec, &f));
  ls_status status = lsi_files_aside(comm, &f->reading, describe_parts, f);
  if (status == LS_OK) status = conclude(f);
  if (status != LS_OK) {
    lsi_files_destroy(&f);
    return status;
  }
  *out = f;
  return LS_OK;
}

ls_status lsi_files_describe_all(const lsi_comm *comm, char *const *paths, int n, const ls_hdf5_spec *spec, lsi_files **out) {
  lsi_files *f = NULL;
  ls_status status = create(paths, n, spec, &f);
  if (status == LS_OK && comm->rank == 0) status = lsi_files_aside(comm, &f->reading, describe_parts, f);
  status = lsi_agree(comm, status);
  if (status == LS_OK) status = lsi_bcast(comm, f->parts, (size_t)n * sizeof *f->parts);
  for (int i = 0; f && f->parts && i < n; i++) { /* the first rank's pointers are not ours */
    f->parts[i].file = -1;
    f->parts[i].mapped = NULL;
    memset(f->parts[i].what, 0, sizeof f->parts[i].what);
  }
  if (status == LS_OK) status = lsi_agree(comm, conclude(f));
  if (status != LS_OK) {
    lsi_files_destroy(&f);
    return status;
  }
  *out = f;
  return LS_OK;
}

int lsi_files_find(const lsi_files *files, int64_t row) {
  int low = 0, high = files->n - 1;
  while (low < high) {
    int middle = (low + high + 1) / 2;
    if (files->parts[middle].first <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

ls_status lsi_files_at(lsi_files *files, int64_t row, lsi_part **part) {
  *part = &files->parts[lsi_files_find(files, row)];
  pthread_mutex_lock(&files->mutex);
  ls_status status = lsi_part_open(*part, &files->spec, files->map);
  pthread_mutex_unlock(&files->mutex);
  return status;
}

/* One row: in a file seen as memory; `probe`: and its first byte in the page cache. */
static bool row_at_hand(lsi_files *files, int field, int64_t row, size_t row_bytes, bool probe) {
  lsi_part *part = &files->parts[lsi_files_find(files, row)];
  if (lsi_part_open(part, &files->spec, files->map) != LS_OK) return false; /* who reads it says why */
  if (!lsi_part_mapped_row(part, field, row, row_bytes)) return false;
  return !probe || (!lsi_mapped_is_broken(part->mapped) &&
                    lsi_file_is_cached(part->descriptor, part->arrays[field].offset + (uint64_t)(row - part->first) * row_bytes));
}

bool lsi_files_at_hand(lsi_files *files, int field, const int64_t *rows, int64_t n, size_t row_bytes) {
  enum { PROBES = 16, MOST_BYTES = 16 << 10 }; /* of larger rows a call costs little */
  if (!files->map || row_bytes > MOST_BYTES) return false;
  bool all = true;
  int64_t step = n / PROBES + 1;
  pthread_mutex_lock(&files->mutex);
  for (int64_t i = 0; i < n && all; i++) all = row_at_hand(files, field, rows[i], row_bytes, i % step == 0);
  pthread_mutex_unlock(&files->mutex);
  return all;
}

void lsi_files_watch(lsi_files *files) {
  if (pthread_mutex_trylock(&files->mutex) != 0) return; /* a file is being opened, which may take its time */
  for (int i = 0; i < files->n; i++) {
    lsi_part *part = &files->parts[i];
    if (part->changed || !lsi_part_is_modified(part)) continue;
    part->changed = true;
    lsi_log_warn("%s: was modified while its samples were in use: if they are others now, the result cannot be repeated", part->path);
  }
  pthread_mutex_unlock(&files->mutex);
}

bool lsi_files_broken(lsi_files *files, const int64_t *rows, int64_t n) {
  files->looks++;
  for (int64_t i = 0; i < n; i++) {
    lsi_part *part = &files->parts[lsi_files_find(files, rows[i])];
    if (part->looked != files->looks && lsi_mapped_is_broken(part->mapped)) return true;
    part->looked = files->looks;
  }
  return false;
}
