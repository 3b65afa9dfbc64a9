/* SPDX-License-Identifier: MIT */
/* A data set in HDF5 files: checked, then held in memory with its stored type, or streamed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "data/load.h"
#include "data/room.h"

static const int64_t usual_limit = INT64_C(2) << 30;

/* ---- who shares ---- */

/* What tells one file from another on a machine. */
typedef struct file_mark {
  uint64_t device, inode, size;
} file_mark;

static ls_status mark_files(char *const *paths, int n, file_mark **out) {
  LSI_TRY(LSI_ALLOC("data set: files", n, out));
  for (int i = 0; i < n; i++) {
    struct stat info;
    if (stat(paths[i], &info) == 0) (*out)[i] = (file_mark){(uint64_t)info.st_dev, (uint64_t)info.st_ino, (uint64_t)info.st_size};
  }
  return LS_OK;
}

/* Do all ranks of the node see the files of its first rank? Ranks may have working folders, and so files, of their own. */
static ls_status see_the_same(const lsi_comm *node, char *const *paths, int n, bool *same) {
  file_mark *mine = NULL, *first = NULL;
  ls_status status = mark_files(paths, n, &mine);
  if (status == LS_OK) status = LSI_ALLOC("data set: files", n, &first);
  status = lsi_agree(node, status);
  if (status == LS_OK) {
    memcpy(first, mine, (size_t)n * sizeof *mine);
    status = lsi_bcast(node, first, (size_t)n * sizeof *first);
  }
  int64_t equal = status == LS_OK && memcmp(first, mine, (size_t)n * sizeof *mine) == 0;
  if (status == LS_OK) status = lsi_least(node, &equal);
  *same = equal;
  lsi_free(mine);
  lsi_free(first);
  return status;
}

static ls_status choose_group(const lsi_comm *comm, char *const *paths, int n, lsi_group *group) {
  *group = (lsi_group){.comm = *comm, .size = 1};
  if (comm->node_size == 1) return LS_OK;
  lsi_comm node = lsi_comm_node_view(comm);
  bool same;
  LSI_TRY(see_the_same(&node, paths, n, &same));
  if (same) *group = (lsi_group){.comm = node, .rank = node.rank, .size = node.size};
  return LS_OK;
}

/* ---- in memory or streamed ---- */

static void set_fields(lsi_fields *f, const ls_dataset_info *info) {
  static const char *const names[LSI_N_FIELDS] = {"x", "y", "sample_weight"};
  const lsi_part *part = &f->files->parts[0];
  for (int i = 0; i < LSI_N_FIELDS; i++) {
    const lsi_h5_array *a = &part->arrays[i];
    if (!part->present[i]) continue;
    lsi_field *field = &f->field[i];
    *field = (lsi_field){.name = names[i], .dtype = lsi_part_dtype(a), .row_values = (int64_t)(a->count / a->dims[0])};
    field->row_bytes = (size_t)field->row_values * lsi_dtype_size(field->dtype);
    lsi_decoder_init(&field->decoder, field->dtype, i == 0 ? info->scale : 1, i == 0 ? info->offset : 0);
  }
  f->n_samples = info->n_samples;
  f->y_is_label = info->y_is_label;
}

/* The limit of the node: as given; else the usual one, or half of what there is. `own`: half of what this rank may take. */
static ls_status find_limit(lsi_fields *f, int64_t given, int64_t *own) {
  int64_t process = lsi_room_of_process(), node = lsi_room_of_node() / 2;
  *own = process == INT64_MAX ? process : process / 2;
  f->limit_given = given > 0;
  f->limit = given > 0 ? given : usual_limit < node ? usual_limit : node;
  if (f->group.size == 1) return LS_OK;
  LSI_TRY(lsi_least(&f->group.comm, &f->limit));
  return lsi_least(&f->group.comm, own);
}

static int64_t loaded_bytes(const lsi_fields *f, int field) {
  int64_t bytes;
  return __builtin_mul_overflow(f->n_samples, (int64_t)f->field[field].row_bytes, &bytes) ? INT64_MAX : bytes;
}

/* Rows of contiguous arrays that are in the page cache are decoded there. Not where address space is short, nor where the tables of
   its pages (a 512th of what is seen) would take more than an eighth of the buffers. */
static bool may_map(const lsi_fields *f) {
  struct rlimit space;
  int64_t bytes = 0;
  if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur != RLIM_INFINITY) return false;
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (lsi_field_is_streamed(f, i) && __builtin_add_overflow(bytes, loaded_bytes(f, i), &bytes)) return false;
  return bytes / 512 <= f->budget / 8;
}

/* Targets and weights stay in memory when x does not, if they are small beside the room there is. */
static ls_status place(lsi_fields *f, const ls_hdf5_spec *spec) {
  bool load[LSI_N_FIELDS];
  int64_t own, total = 0;
  LSI_TRY(find_limit(f, spec->memory_limit, &own));
  int64_t room = f->limit_given || own > f->limit ? f->limit : own;
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (f->field[i].name && __builtin_add_overflow(total, loaded_bytes(f, i), &total)) total = INT64_MAX;
  bool all = spec->load || total <= room;
  for (int i = 0; i < LSI_N_FIELDS; i++) load[i] = f->field[i].name && (all || (i > 0 && loaded_bytes(f, i) <= room / 4));
  LSI_TRY(lsi_fields_load(f, load, spec->load ? INT64_MAX : room));
  for (int i = 0; i < LSI_N_FIELDS; i++)
    if (f->field[i].values) room -= loaded_bytes(f, i);
  f->budget = (room > 0 ? room : 0) / f->n_sharers;
  if (!f->limit_given && own < f->budget) f->budget = own;
  f->files->map = may_map(f);
  return LS_OK;
}

/* ---- opening ---- */

static void label_of(char *const *paths, int n, char *label, size_t size) {
  if (n == 1) snprintf(label, size, "%s", paths[0]);
  else snprintf(label, size, "%.160s and %d more", paths[0], n - 1);
}

/* comm NULL: this process alone. Collective on the group that forms. */
static ls_status open_files(const lsi_comm *comm, char *const *paths, int n, const ls_hdf5_spec *spec, ls_dataset **out) {
  char label[256];
  lsi_fields *f = NULL;
  label_of(paths, n, label, sizeof label);
  ls_status status = lsi_fields_create(label, &f);
  if (comm) status = lsi_agree(comm, status);
  if (status != LS_OK) goto fail;
  if (comm) f->n_sharers = comm->node_size;
  if (comm) LSI_TRY_GOTO(status, fail, choose_group(comm, paths, n, &f->group));
  status = f->group.size > 1 ? lsi_files_describe_all(&f->group.comm, paths, n, spec, &f->files)
                             : lsi_files_describe(&f->group.comm, paths, n, spec, &f->files);
  if (status != LS_OK) goto fail;
  set_fields(f, &f->files->info);
  LSI_TRY_GOTO(status, fail, place(f, spec));
  ls_dataset_info info = f->files->info;
  if (!lsi_fields_is_streamed(f)) lsi_files_close(f->files);
  return lsi_fields_dataset(f, &info, out);
fail:
  lsi_fields_destroy(&f);
  return status;
}

ls_status lsi_dataset_open_local(const ls_hdf5_spec *spec, ls_dataset **out) {
  char **names;
  int n;
  LSI_CHECK(spec, LS_ERR_ARG, NULL, "data set: no path was given");
  LSI_TRY(lsi_names_expand(spec, &names, &n));
  ls_status status = open_files(NULL, names, n, spec, out);
  lsi_names_free(&names, n);
  return status;
}

ls_status ls_dataset_open(ls_context *context, const ls_hdf5_spec *spec, ls_dataset **out) {
  LSI_CHECK(context && spec && out, LS_ERR_ARG, NULL, "ls_dataset_open: context, spec and out must not be NULL");
  const lsi_comm *comm = lsi_context_comm(context);
  ls_dataset *dataset = NULL;
  char **names = NULL;
  int n = 0;
  LSI_TRY(lsi_names_expand_all(comm, spec, &names, &n));
  ls_status status = open_files(comm, names, n, spec, &dataset);
  lsi_names_free(&names, n);
  return lsi_dataset_agree(context, status, dataset, out);
}
